/* Bytes into requests: heads, then bodies as the handler wants them. */
#include "core/httpd/conn.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/mem.h"

/* --- refusing --- */

struct body *body_free(struct conn *c)
{
	struct body *b = c->body;
	c->body = NULL;
	if (!b)
		return NULL;
	c->server->body_bytes -= b->data.len;
	str_done(&b->head);
	str_done(&b->data);
	free(b);
	return NULL;
}

static void refuse_large(struct conn *c, uint64_t bound)
{
	char text[100];
	(void)snprintf(text, sizeof(text), "the body is too large: this path takes at most %" PRIu64 " bytes",
	               bound);
	request_refuse(c, 413, text);
}

void request_refuse(struct conn *c, int status, const char *text)
{
	bool begun = c->exchange && c->exchange->begun;
	exchange_gone(c);
	(void)body_free(c);
	c->close = true;
	/* in the midst of an answer there is no place for another */
	if (begun) {
		c->doomed = true;
		return;
	}
	exchange_error(c, status, text);
	conn_move(c, CONN_LINGER);
}

/* --- handing over --- */

static void describe(const struct conn *c, const struct http1_head *head, struct httpd_request *ret)
{
	const char *query = head->target.len ? memchr(head->target.data, '?', head->target.len) : NULL;
	ret->method = head->method;
	ret->path = head->target;
	ret->query = (struct http1_slice){NULL, 0};
	if (query) {
		ret->path.len = (size_t)(query - head->target.data);
		ret->query = (struct http1_slice){query + 1, head->target.len - ret->path.len - 1};
	}
	ret->head = head;
	ret->body = "";
	ret->body_len = 0;
	ret->local = c->local;
	ret->tls = c->tls != NULL;
	ret->subject = c->tls ? tls_peer_name(c->tls) : NULL;
	size_t n = strnlen(c->peer_text, sizeof(ret->peer) - 1);
	memcpy(ret->peer, c->peer_text, n);
	ret->peer[n] = '\0';
}

static void hand_over(struct conn *c, const struct httpd_request *req, enum conn_state state)
{
	struct httpd *s = c->server;
	c->moved = true;
	conn_move(c, state);
	struct httpd_exchange *x = exchange_new(c, req->head);
	s->handler.on_request(s->ctx, x, req);
}

/* --- bodies --- */

static void body_piece(struct conn *c, const char *data, size_t len)
{
	struct httpd *s = c->server;
	struct body *b = c->body;
	b->got += len;
	if (b->got > b->bound) {
		refuse_large(c, b->bound);
	} else if (b->streamed) {
		c->moved = true;
		if (s->handler.on_body)
			s->handler.on_body(s->ctx, c->exchange, data, len);
	} else if (s->body_bytes + len > s->limits.bodies) {
		request_refuse(c, 503, "the server is receiving too much at a time, try later");
	} else {
		s->body_bytes += len;
		str_add(&b->data, data, len);
	}
}

static void body_end(struct conn *c)
{
	struct httpd *s = c->server;
	struct body *b = c->body;
	if (b->streamed) {
		struct httpd_exchange *x = c->exchange;
		(void)body_free(c);
		conn_move(c, x->begun ? CONN_STREAM : CONN_BUSY);
		if (s->handler.on_body)
			s->handler.on_body(s->ctx, x, "", 0);
		return;
	}
	struct http1_head head;
	struct httpd_request req;
	int r = http1_request_parse(b->head.data, b->head.len, &head, NULL);
	assert(r == 0); /* it was parsed before */
	describe(c, &head, &req);
	req.body = str_get(&b->data);
	req.body_len = b->data.len;
	/* the request is valid during the call, whatever the handler does with the connection */
	c->body = NULL;
	hand_over(c, &req, CONN_BUSY);
	c->body = b;
	(void)body_free(c);
}

/* Whether the present body goes on: the handler may have answered, or paused it. */
static bool goes_on(const struct conn *c)
{
	return c->body && !c->doomed && !(c->exchange && c->exchange->paused);
}

static size_t take_chunks(struct conn *c, const char *data, size_t len)
{
	const char *at = data;
	size_t left = len;
	while (goes_on(c)) {
		struct http1_slice piece;
		int r = http1_chunked_next(&c->body->chunks, &at, &left, &piece);
		if (r < 0)
			request_refuse(c, 400, "the chunks of the body are malformed");
		else if (r == HTTP1_CHUNK_DATA)
			body_piece(c, piece.data, piece.len);
		else if (r == HTTP1_CHUNK_END)
			body_end(c);
		if (r != HTTP1_CHUNK_DATA)
			break;
	}
	return len - left;
}

static size_t take_body(struct conn *c, const char *data, size_t len)
{
	struct body *b = c->body;
	if (b->chunked)
		return take_chunks(c, data, len);
	size_t n = b->left < len ? (size_t)b->left : len;
	b->left -= n;
	bool last = b->left == 0;
	if (n)
		body_piece(c, data, n);
	/* a pause in the last piece does not hold its end back: there is nothing left to hold */
	if (last && c->body && !c->doomed)
		body_end(c);
	return n;
}

/* --- heads --- */

static bool has_body(const struct http1_head *head)
{
	return head->chunked || head->content_length > 0;
}

/* Sets up a body of which nothing, or not all, is at hand. */
static void expect_body(struct conn *c, const struct httpd_request *req, const char *head, size_t head_len,
                        bool streamed, size_t bound)
{
	struct body *b = NEW(struct body);
	b->chunked = req->head->chunked;
	b->left = req->head->content_length > 0 ? (uint64_t)req->head->content_length : 0;
	b->bound = bound;
	b->streamed = streamed;
	c->body = b;
	c->moved = true;
	if (streamed) {
		struct httpd_request open = *req;
		open.body = NULL;
		hand_over(c, &open, CONN_BODY);
	} else {
		str_add(&b->head, head, head_len);
		conn_move(c, CONN_BODY);
	}
	/* only now, and only when it will be taken */
	if (req->head->expect_continue && c->state == CONN_BODY && !(c->exchange && c->exchange->begun))
		str_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* The body is at hand: no copy is made. Returns its length. */
static size_t hand_over_with_body(struct conn *c, struct httpd_request *req, char *body)
{
	size_t len = (size_t)req->head->content_length;
	char behind = body[len];
	body[len] = '\0';
	req->body = body;
	req->body_len = len;
	hand_over(c, req, CONN_BUSY);
	body[len] = behind;
	return len;
}

/* Everything behind the head of a request that is well-formed. Returns the bytes taken behind it. */
static size_t begin(struct conn *c, const struct http1_head *head, char *data, size_t head_len, size_t len)
{
	struct httpd *s = c->server;
	struct httpd_request req;
	describe(c, head, &req);
	size_t bound = 0;
	enum httpd_body how =
	        s->handler.on_head ? s->handler.on_head(s->ctx, &req, &bound) : HTTPD_BODY_WHOLE;
	if (how == HTTPD_BODY_STREAM) {
		expect_body(c, &req, data, head_len, true, bound ? bound : SIZE_MAX);
		/* no length and no chunks: the end is here */
		if (!has_body(head) && c->body)
			body_end(c);
		return 0;
	}
	if (!has_body(head) || how == HTTPD_BODY_REFUSED) {
		/* what follows would be the body, which nobody reads */
		c->close |= has_body(head);
		hand_over(c, &req, CONN_BUSY);
		return 0;
	}
	bound = bound ? bound : s->limits.body;
	if (head->content_length > 0 && (uint64_t)head->content_length > bound) {
		refuse_large(c, bound);
		return 0;
	}
	if (!head->chunked && (uint64_t)head->content_length <= len - head_len)
		return hand_over_with_body(c, &req, data + head_len);
	expect_body(c, &req, data, head_len, false, bound);
	return 0;
}

static size_t take_head(struct conn *c, char *data, size_t len)
{
	size_t scan = c->scan;
	int n = http1_head_find(data, len, &scan);
	c->scan = (unsigned)scan;
	if (n == 0)
		return 0;
	c->scan = 0;
	c->head_only = false;
	if (n < 0) {
		if (n == -E2BIG)
			request_refuse(c, 431, "the head of the request is too large");
		else if (n == -ENAMETOOLONG)
			request_refuse(c, 414, "the target of the request is too long");
		else
			request_refuse(
			        c, 400,
			        "the head of the request holds a control character or a bare line end");
		return len;
	}
	struct http1_head head;
	struct error err;
	int status = http1_request_parse(data, (size_t)n, &head, &err);
	if (status) {
		request_refuse(c, status, err.text);
		return (size_t)n;
	}
	c->close |= head.close;
	c->head_only = http1_slice_is(head.method, "HEAD");
	if ((head.minor > 0 || head.host.data) && !listener_serves(c->listener, head.host)) {
		request_refuse(c, 421, "the Host field names what this server is not called");
		return (size_t)n;
	}
	return (size_t)n + begin(c, &head, data, (size_t)n, len);
}

size_t request_take(struct conn *c, char *data, size_t len)
{
	size_t taken = 0;
	while (taken < len && !c->doomed) {
		size_t n = 0;
		switch ((enum conn_state)c->state) {
		case CONN_HEAD:
			if (conn_unsent(c) < HTTPD_HIGH_MARK)
				n = take_head(c, data + taken, len - taken);
			break;
		case CONN_BODY:
			if (goes_on(c))
				n = take_body(c, data + taken, len - taken);
			break;
		case CONN_LINGER:
			n = len - taken;
			c->discarded += (unsigned)n;
			break;
		case CONN_HANDSHAKE:
		case CONN_BUSY:
		case CONN_STREAM:
			break;
		}
		if (n == 0)
			break;
		taken += n;
	}
	return taken;
}
