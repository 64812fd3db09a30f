/*
 * The whole connection over a socket pair: any bytes, whole and in pieces, against a handler that answers in
 * every way there is. What comes back has to be well-formed answers, the same for the same bytes however they
 * were cut, none of them 500, never more than were asked for; and nothing is left when the client is gone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/httpd/httpd.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPEN_MAX 4

struct world {
	struct loop *loop;
	struct httpd *httpd;
	struct httpd_exchange *open[OPEN_MAX];
	unsigned n_open, requests;
	int fd;
	bool eof;
	struct str in;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void forget(struct world *w, const struct httpd_exchange *x)
{
	for (unsigned i = 0; i < w->n_open; i++)
		if (w->open[i] == x) {
			w->open[i] = w->open[--w->n_open];
			return;
		}
	must(false);
}

static void keep(struct world *w, struct httpd_exchange *x)
{
	must(w->n_open < OPEN_MAX);
	w->open[w->n_open++] = x;
}

static enum httpd_body on_head(_unused_ void *ctx, const struct httpd_request *req, size_t *ret_bound)
{
	*ret_bound = 100;
	switch (req->path.len % 4) {
	case 1:
		return HTTPD_BODY_STREAM;
	case 2:
		return HTTPD_BODY_REFUSED;
	default:
		return HTTPD_BODY_WHOLE;
	}
}

static bool plain(struct http1_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] == '\r' || s.data[i] == '\n' || s.data[i] == '\0')
			return false;
	return true;
}

static void check_head(const struct http1_head *h)
{
	must(!(h->chunked && h->content_length >= 0));
	must(h->minor == 0 || h->host.data);
	must(plain(h->method) && plain(h->target));
	for (size_t i = 0; i < h->n_fields; i++)
		must(h->fields[i].name.len && plain(h->fields[i].name) && plain(h->fields[i].value));
}

static void on_request(void *ctx, struct httpd_exchange *x, const struct httpd_request *req)
{
	struct world *w = ctx;
	w->requests++;
	check_head(req->head);
	must(!req->body || req->body[req->body_len] == '\0');
	/* "/" streams its body and is answered at its end */
	if (!req->body) {
		keep(w, x);
		return;
	}
	switch (req->method.len % 4) {
	case 0: /* POST, HEAD */
		httpd_reply(x, 200, "text/plain", req->body,
		            http1_slice_is(req->method, "HEAD") ? 0 : req->body_len);
		return;
	case 1: /* PATCH */
		keep(w, x);
		httpd_set_data(x, w); /* it has begun */
		httpd_stream_begin(x, 200, NULL, req->query.len == 0);
		(void)httpd_stream_write(x, "some", 4);
		return;
	case 2: /* DELETE */
		httpd_stream_begin(x, 200, "text/plain", false);
		(void)httpd_stream_write(x, req->path.data, req->path.len);
		if (req->query.len == 1)
			httpd_abort(x);
		else
			httpd_stream_end(x);
		return;
	default: /* GET, PUT */
		keep(w, x);
		return;
	}
}

static void on_body(void *ctx, struct httpd_exchange *x, _unused_ const char *data, size_t len)
{
	struct world *w = ctx;
	if (len)
		return;
	forget(w, x);
	httpd_reply(x, 202, NULL, "", 0);
}

static void on_gone(void *ctx, struct httpd_exchange *x)
{
	forget(ctx, x);
}

static void take(struct world *w)
{
	char buf[65536];
	for (ssize_t n = 1; n != 0 && !w->eof;) {
		n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			str_add(&w->in, buf, (size_t)n);
		else if (n == 0)
			w->eof = true;
		else
			break;
	}
}

/* Everything happens that needs no time to pass; late answers are given. */
static void settle(struct world *w)
{
	for (unsigned quiet = 0; quiet < 4; quiet++) {
		size_t before = w->in.len;
		loop_step(w->loop, 0);
		take(w);
		if (w->in.len != before)
			quiet = 0;
	}
}

static void answer_late(struct world *w)
{
	settle(w);
	while (w->n_open) {
		struct httpd_exchange *x = w->open[--w->n_open];
		if (httpd_data(x))
			httpd_stream_end(x);
		else
			httpd_reply(x, 203, NULL, "", 0); /* no body: it may be to a HEAD */
		settle(w);
	}
}

/* The statuses of all answers; none of them is malformed. */
static void read_answers(struct world *w, struct str *out)
{
	const char *at = str_get(&w->in);
	size_t left = w->in.len;
	while (left) {
		struct http1_head head;
		struct http1_slice piece;
		struct http1_chunked chunks = {0};
		size_t scan = 0;
		int n = http1_head_find(at, left, &scan), r = HTTP1_CHUNK_DATA;
		must(n > 0 && http1_response_parse(at, (size_t)n, &head, NULL) == 0);
		must(head.status != 500);
		/* nobody waits for a 100 whose body came along */
		if (head.status != 100)
			str_printf(out, "%d ", head.status);
		at += n;
		left -= (size_t)n;
		while (head.chunked && r == HTTP1_CHUNK_DATA)
			r = http1_chunked_next(&chunks, &at, &left, &piece);
		must(r >= 0);
		if (head.content_length < 0 && !head.chunked && head.status != 100)
			return; /* until the end */
		size_t len = head.content_length > 0 ? (size_t)head.content_length : 0;
		if (left == 0 && head.close && head.status >= 400)
			return; /* a HEAD was refused */
		must(len <= left);
		at += len;
		left -= len;
	}
}

static void send_all(struct world *w, const uint8_t *data, size_t len)
{
	while (len && !w->eof) {
		ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		loop_step(w->loop, 0);
		take(w);
		if (n < 0)
			answer_late(w); /* what came is not read on while an answer is out */
		len -= n > 0 ? (size_t)n : 0;
		data += n > 0 ? n : 0;
	}
}

static void converse(const uint8_t *data, size_t size, size_t piece, struct str *ret_statuses)
{
	static const struct httpd_handler handler = {
	        .on_head = on_head, .on_request = on_request, .on_body = on_body, .on_gone = on_gone};
	struct world w = {.loop = loop_new()};
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	w.httpd = httpd_new(w.loop, &(struct httpd_limits){.linger_ms = 1}, &handler, &w);
	httpd_accept_fd(w.httpd, fds[0]);
	w.fd = fds[1];
	for (size_t at = 0; at < size; at += MIN(piece, size - at))
		send_all(&w, data + at, MIN(piece, size - at));
	answer_late(&w);
	read_answers(&w, ret_statuses);
	(void)close(w.fd);
	for (int i = 0; i < 1000 && httpd_connections(w.httpd); i++)
		loop_step(w.loop, 1);
	must(httpd_connections(w.httpd) == 0 && w.n_open == 0);
	(void)httpd_free(w.httpd);
	(void)loop_free(w.loop);
	str_done(&w.in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 64 * 1024)
		return 0;
	_cleanup_str_ struct str whole = STR_INIT, pieces = STR_INIT;
	converse(data + 1, size - 1, size, &whole);
	converse(data + 1, size - 1, (size_t)data[0] % 37 + 1, &pieces);
	must(strcmp(str_get(&whole), str_get(&pieces)) == 0);
	return 0;
}
