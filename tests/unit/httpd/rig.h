/*
 * A server with a handler that answers by path, in this process and on this loop, on three listeners (clear
 * text, TLS, a unix socket); and a client that drives the loop while it waits.
 *
 *   /hello      "hello\n"                    /echo       the body, whole
 *   /small      as /echo, at most 10 bytes   /refused    403 without reading the body
 *   /later      when the test answers        /big?N      N bytes
 *   /events     an event stream              /relay      another stream
 *   /upload     streams the body, answers with its length
 */
#pragma once

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/httpd/httpd.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/tls.h"
#include "lib/certs.h"
#include "lib/test.h"

enum { RIG_OPEN = 8192, RIG_WAIT_MS = 20000 };
enum rig_way { RIG_PLAIN, RIG_TLS, RIG_UNIX, RIG_WAYS };

struct rig {
	struct loop *loop;
	struct httpd *httpd;
	char folder[64], address[RIG_WAYS][128];
	struct tls_context *client_tls;
	struct httpd_exchange *open[RIG_OPEN]; /* /later, /events, /relay, /upload: not answered */
	unsigned n_open;
	unsigned requests, gone, drained; /* calls of the handler */
	size_t uploaded, body_bytes;
	size_t source; /* bytes that are written whenever there is room */
	bool pause_uploads;
	char subject[128], peer[64], upgrade[32];
	bool local, tls, stopped;
};

/* --- the server's side --- */

static inline void rig_keep(struct rig *r, struct httpd_exchange *x)
{
	CHECK(r->n_open < RIG_OPEN);
	r->open[r->n_open++] = x;
}

static inline void rig_forget(struct rig *r, const struct httpd_exchange *x)
{
	for (unsigned i = 0; i < r->n_open; i++) {
		if (r->open[i] != x)
			continue;
		r->open[i] = r->open[--r->n_open];
		return;
	}
	test_fail(__FILE__, __LINE__, "an exchange ended that was not open");
}

/* The oldest open exchange that the test is to end: forgotten here. */
static inline struct httpd_exchange *rig_take(struct rig *r)
{
	CHECK(r->n_open > 0);
	struct httpd_exchange *x = r->open[0];
	r->n_open--;
	for (unsigned i = 0; i < r->n_open; i++)
		r->open[i] = r->open[i + 1];
	return x;
}

static inline bool rig_is(const struct httpd_request *req, const char *path)
{
	return http1_slice_is(req->path, path);
}

static inline enum httpd_body rig_on_head(void *ctx _unused_, const struct httpd_request *req,
                                          size_t *ret_bound)
{
	if (rig_is(req, "/small"))
		*ret_bound = 10;
	if (rig_is(req, "/refused"))
		return HTTPD_BODY_REFUSED;
	return rig_is(req, "/upload") ? HTTPD_BODY_STREAM : HTTPD_BODY_WHOLE;
}

static inline void rig_reply(struct httpd_exchange *x, int status, const char *text)
{
	httpd_reply(x, status, "text/plain", text, strlen(text));
}

static inline void rig_big(struct httpd_exchange *x, const struct httpd_request *req)
{
	char text[24] = "";
	int64_t n = 0;
	CHECK(req->query.len < sizeof(text));
	for (size_t i = 0; i < req->query.len; i++)
		text[i] = req->query.data[i];
	CHECK_INT(str_parse_i64(text, &n), 0);
	char *data = mem_zalloc((size_t)n + 1);
	memset(data, 'x', (size_t)n);
	httpd_reply(x, 200, "text/plain", data, (size_t)n);
	free(data);
}

static inline void rig_note(struct rig *r, const struct httpd_request *req)
{
	r->requests++;
	r->body_bytes += req->body_len;
	r->local = req->local;
	r->tls = req->tls;
	(void)snprintf(r->subject, sizeof(r->subject), "%s", req->subject ? req->subject : "");
	(void)snprintf(r->peer, sizeof(r->peer), "%s", req->peer);
	(void)snprintf(r->upgrade, sizeof(r->upgrade), "%.*s", (int)req->head->upgrade.len,
	               req->head->upgrade.len ? req->head->upgrade.data : "");
	/* what another reader of the same bytes could take for a line end or for a further length */
	CHECK(!(req->head->chunked && req->head->content_length >= 0));
	for (size_t i = 0; i < req->head->n_fields; i++) {
		struct http1_slice v = req->head->fields[i].value;
		for (size_t k = 0; k < v.len; k++)
			CHECK(v.data[k] != '\r' && v.data[k] != '\n' && v.data[k] != '\0');
	}
}

static inline void rig_on_request(void *ctx, struct httpd_exchange *x, const struct httpd_request *req)
{
	struct rig *r = ctx;
	rig_note(r, req);
	if (rig_is(req, "/hello")) {
		rig_reply(x, 200, "hello\n");
	} else if (rig_is(req, "/echo") || rig_is(req, "/small")) {
		CHECK(req->body && req->body[req->body_len] == '\0');
		httpd_reply(x, 200, "text/plain", req->body, req->body_len);
	} else if (rig_is(req, "/refused")) {
		rig_reply(x, 403, "no\n");
	} else if (rig_is(req, "/big")) {
		rig_big(x, req);
	} else if (rig_is(req, "/later")) {
		rig_keep(r, x);
	} else if (rig_is(req, "/events") || rig_is(req, "/relay")) {
		rig_keep(r, x);
		httpd_stream_begin(x, 200, rig_is(req, "/events") ? NULL : "text/plain",
		                   rig_is(req, "/events"));
	} else if (rig_is(req, "/upload")) {
		CHECK(req->body == NULL);
		rig_keep(r, x);
		r->uploaded = 0;
		if (r->pause_uploads)
			httpd_pause(x, true);
	} else {
		rig_reply(x, 404, "nothing here\n");
	}
}

static inline void rig_on_body(void *ctx, struct httpd_exchange *x, const char *data _unused_, size_t len)
{
	struct rig *r = ctx;
	char text[32];
	r->uploaded += len;
	if (len)
		return;
	(void)snprintf(text, sizeof(text), "%zu\n", r->uploaded);
	rig_forget(r, x);
	rig_reply(x, 200, text);
}

static inline void rig_on_gone(void *ctx, struct httpd_exchange *x)
{
	struct rig *r = ctx;
	r->gone++;
	rig_forget(r, x);
}

static inline void rig_pump(struct rig *r, struct httpd_exchange *x)
{
	static const char block[4096];
	for (bool room = true; room && r->source; r->source -= sizeof(block))
		room = httpd_stream_write(x, block, sizeof(block));
}

static inline void rig_on_drained(void *ctx, struct httpd_exchange *x)
{
	struct rig *r = ctx;
	r->drained++;
	rig_pump(r, x);
}

static inline void rig_listen(struct rig *r, const char *address, const struct httpd_tls *tls,
                              const char *const *hosts)
{
	struct error err = {0};
	if (httpd_listen(r->httpd, address, tls, hosts, &err) != 0)
		test_fail(__FILE__, __LINE__, "%s: %s", address, err.text);
}

/* The server without listeners. */
static inline void rig_begin(struct rig *r, const struct httpd_limits *limits)
{
	static const struct httpd_handler handler = {.on_head = rig_on_head,
	                                             .on_request = rig_on_request,
	                                             .on_body = rig_on_body,
	                                             .on_gone = rig_on_gone,
	                                             .on_drained = rig_on_drained};
	memset(r, 0, sizeof(*r));
	(void)snprintf(r->folder, sizeof(r->folder), "/tmp/tug-httpd-XXXXXX");
	CHECK(mkdtemp(r->folder) != NULL);
	r->loop = loop_new();
	r->httpd = httpd_new(r->loop, limits, &handler, r);
}

static inline void rig_addresses(struct rig *r)
{
	(void)snprintf(r->address[RIG_PLAIN], sizeof(r->address[0]), "127.0.0.1:%u", httpd_port(r->httpd, 0));
	(void)snprintf(r->address[RIG_TLS], sizeof(r->address[0]), "127.0.0.1:%u", httpd_port(r->httpd, 1));
}

static inline void rig_init(struct rig *r, const struct httpd_limits *limits)
{
	struct httpd_tls tls = {.cert_file = certs_cert("server"),
	                        .key_file = certs_key("server"),
	                        .client_ca_file = certs_cert("ca")};
	rig_begin(r, limits);
	(void)snprintf(r->address[RIG_UNIX], sizeof(r->address[0]), "unix://%s/s", r->folder);
	rig_listen(r, "127.0.0.1:0", NULL, NULL);
	rig_listen(r, "127.0.0.1:0", &tls, NULL);
	rig_listen(r, r->address[RIG_UNIX], NULL, NULL);
	rig_addresses(r);
	struct error err;
	CHECK_INT(tls_client_new(certs_cert("ca"), NULL, NULL, NULL, false, &r->client_tls, &err), 0);
}

static inline void rig_done(struct rig *r)
{
	r->httpd = httpd_free(r->httpd);
	CHECK_INT(r->n_open, 0);
	r->client_tls = tls_context_unref(r->client_tls);
	r->loop = loop_free(r->loop);
	CHECK_INT(rmdir(r->folder), 0); /* the socket went with its listener */
}

/* Rounds that do not wait come first: their tasks may be what the condition is about. */
#define UNTIL(r, cond)                                                                         \
	do {                                                                                   \
		int64_t deadline_ = clock_monotonic_ms() + RIG_WAIT_MS;                        \
		for (unsigned round_ = 0; !(cond); round_++) {                                 \
			if (clock_monotonic_ms() > deadline_)                                  \
				test_fail(__FILE__, __LINE__, "never became true: %s", #cond); \
			loop_step((r)->loop, round_ % 4 == 3 ? 5 : 0);                         \
		}                                                                              \
	} while (0)

/* Nothing to do means no work: how often the process wakes up within that time. */
static inline uint64_t rig_rounds(struct rig *r, int64_t ms)
{
	int64_t end = clock_monotonic_ms() + ms;
	uint64_t before = loop_wakeups(r->loop);
	for (int64_t now = clock_monotonic_ms(); now < end; now = clock_monotonic_ms())
		loop_step(r->loop, end - now);
	return loop_wakeups(r->loop) - before;
}

static inline void rig_settle(struct rig *r)
{
	for (int i = 0; i < 20; i++)
		loop_step(r->loop, 0);
}

/* --- the client's side --- */

struct peer {
	struct rig *rig;
	int fd;
	struct tls *tls;
	bool eof;   /* the server said its last, or broke off */
	bool reset; /* ... the latter */
	struct str in;
};

static inline void peer_close(struct peer *p)
{
	p->tls = tls_free(p->tls);
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
	str_done(&p->in);
}

static inline void peer_reset(struct peer *p)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	CHECK_INT(setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	peer_close(p);
}

/* Connected, without a handshake. */
static inline void peer_connect(struct peer *p, struct rig *r, const char *address)
{
	struct net_address a;
	*p = (struct peer){.rig = r};
	CHECK_INT(net_address_parse(address, &a, NULL), 0);
	p->fd = net_connect(&a);
	CHECK(p->fd >= 0);
}

/* 0, or what the handshake ended with. */
static inline int peer_shake(struct peer *p, struct tls_context *context)
{
	int result = TLS_WANT_READ;
	p->tls = tls_connect(context, p->fd, "127.0.0.1");
	UNTIL(p->rig, (result = tls_handshake(p->tls)) != TLS_WANT_READ && result != TLS_WANT_WRITE);
	return result;
}

static inline void peer_open(struct peer *p, struct rig *r, enum rig_way way)
{
	peer_connect(p, r, r->address[way]);
	if (way == RIG_TLS)
		CHECK_INT(peer_shake(p, r->client_tls), 0);
}

/* Bytes, 0: not now, -1: refused. */
static inline ssize_t peer_write(struct peer *p, const char *data, size_t len)
{
	if (p->tls) {
		ssize_t n = tls_write(p->tls, data, len);
		return n == TLS_WANT_READ || n == TLS_WANT_WRITE ? 0 : n < 0 ? -1 : n;
	}
	ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 && (errno == EAGAIN || errno == ENOTCONN) ? 0 : n;
}

/* Takes what is there. */
static inline void peer_read(struct peer *p)
{
	static char buf[65536];
	for (;;) {
		ssize_t n;
		if (p->tls) {
			n = tls_read(p->tls, buf, sizeof(buf));
			if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
				return;
			p->reset |= n == TLS_FAILED;
		} else {
			n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (n < 0 && errno == EAGAIN)
				return;
			p->reset |= n < 0;
		}
		if (n <= 0) {
			p->eof = true;
			return;
		}
		str_add(&p->in, buf, (size_t)n);
	}
}

/* All of it, or until the server refuses more. Answers are read meanwhile when `reading`. */
static inline void peer_send(struct peer *p, const char *data, size_t len, bool reading)
{
	int64_t deadline = clock_monotonic_ms() + RIG_WAIT_MS;
	while (len) {
		ssize_t n = peer_write(p, data, len);
		if (n < 0)
			return;
		data += n;
		len -= (size_t)n;
		if (reading)
			peer_read(p);
		CHECK(clock_monotonic_ms() < deadline);
		loop_step(p->rig->loop, 0);
	}
}

static inline void peer_puts(struct peer *p, const char *text)
{
	peer_send(p, text, strlen(text), false);
}

/* No more will come from here. */
static inline void peer_shut(struct peer *p)
{
	if (p->tls)
		tls_shutdown(p->tls);
	(void)shutdown(p->fd, SHUT_WR);
}

static inline bool peer_ended(struct peer *p)
{
	if (!p->eof)
		peer_read(p);
	return p->eof;
}

static inline bool peer_has(struct peer *p, const char *text)
{
	if (!p->eof)
		peer_read(p);
	return p->in.len && memmem(p->in.data, p->in.len, text, strlen(text)) != NULL;
}

static inline unsigned peer_count(const struct peer *p, const char *part)
{
	unsigned n = 0;
	const char *at = str_get(&p->in), *end = at + p->in.len;
	for (; (at = memmem(at, (size_t)(end - at), part, strlen(part))); at += strlen(part))
		n++;
	return n;
}

#define PEER_UNTIL(p, text)                                                                                \
	do {                                                                                               \
		int64_t deadline_ = clock_monotonic_ms() + RIG_WAIT_MS;                                    \
		while (!peer_has(p, text)) {                                                               \
			if ((p)->eof || clock_monotonic_ms() > deadline_)                                  \
				test_fail(__FILE__, __LINE__, "%s never came, but %zu bytes:\n%.500s",     \
				          text, (p)->in.len, str_get(&(p)->in));                           \
			loop_step((p)->rig->loop, 1);                                                      \
		}                                                                                          \
	} while (0)

/* The statuses of all whole answers in what came, as "200 400 ". */
static inline void peer_statuses(const struct peer *p, char *out, size_t size)
{
	const char *data = str_get(&p->in);
	size_t left = p->in.len, used = 0;
	out[0] = '\0';
	while (left) {
		struct http1_head head;
		struct error err = {0};
		size_t scan = 0;
		int n = http1_head_find(data, left, &scan);
		if (n <= 0)
			test_fail(__FILE__, __LINE__, "this is no answer: %.*s", (int)left, data);
		if (http1_response_parse(data, (size_t)n, &head, &err) != 0)
			test_fail(__FILE__, __LINE__, "%s: %.*s", err.text, n, data);
		used += (size_t)snprintf(out + used, size - used, "%d ", head.status);
		CHECK(used < size);
		data += n;
		left -= (size_t)n;
		struct http1_chunked chunks = {0};
		struct http1_slice piece;
		while (head.chunked && http1_chunked_next(&chunks, &data, &left, &piece) == HTTP1_CHUNK_DATA)
			;
		if (head.content_length > 0) {
			if ((size_t)head.content_length > left)
				return; /* a HEAD's, or cut */
			data += head.content_length;
			left -= (size_t)head.content_length;
		}
	}
}

#define CHECK_STATUSES(p, want)                                 \
	do {                                                    \
		char statuses_[4096];                           \
		peer_statuses(p, statuses_, sizeof(statuses_)); \
		CHECK_STR(statuses_, want);                     \
	} while (0)

/* A stranger comes, asks and is answered: the server is well. */
static inline void rig_is_well(struct rig *r)
{
	struct peer p;
	peer_open(&p, r, RIG_UNIX);
	peer_puts(&p, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	UNTIL(r, peer_ended(&p));
	CHECK_STATUSES(&p, "200 ");
	peer_close(&p);
}

static inline void rig_is_empty(struct rig *r)
{
	UNTIL(r, httpd_connections(r->httpd) == 0);
	CHECK_INT(r->n_open, 0);
}

/* A request, sent whole; what came until the server closed is in p->in. */
static inline void peer_ask(struct peer *p, struct rig *r, enum rig_way way, const char *text)
{
	peer_open(p, r, way);
	peer_puts(p, text);
	UNTIL(r, peer_ended(p));
}
