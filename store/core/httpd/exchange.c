/* Answers: what the handler says, into the queue of its connection. */
#include "core/httpd/conn.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "core/mem.h"

/* --- life --- */

struct httpd_exchange *exchange_new(struct conn *c, const struct http1_head *head)
{
	assert(!c->exchange);
	struct httpd_exchange *x = NEW(struct httpd_exchange);
	x->conn = c;
	x->minor0 = head->minor == 0;
	x->head_only = c->head_only;
	list_init(&x->stream);
	c->exchange = x;
	return x;
}

void exchange_drop(struct conn *c)
{
	struct httpd_exchange *x = c->exchange;
	c->exchange = NULL;
	if (!x)
		return;
	list_remove(&x->stream);
	str_done(&x->fields);
	free(x);
}

void exchange_gone(struct conn *c)
{
	struct httpd *s = c->server;
	if (c->exchange && s->handler.on_gone)
		s->handler.on_gone(s->ctx, c->exchange);
	exchange_drop(c);
}

/* The answer is complete: on to the next request, or to the end. */
static void finish(struct httpd_exchange *x)
{
	struct conn *c = x->conn;
	/* an upload that goes on after its answer is not read: the connection cannot be kept */
	bool cut = c->state == CONN_BODY;
	exchange_drop(c);
	if (cut)
		(void)body_free(c);
	conn_move(c, c->close || cut ? CONN_LINGER : CONN_HEAD);
	conn_feed(c);
}

void httpd_set_data(struct httpd_exchange *x, void *data)
{
	x->data = data;
}

void *httpd_data(const struct httpd_exchange *x)
{
	return x->data;
}

/* --- heads --- */

static const char *reason(int status)
{
	/* clang-format off */
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 422: return "Unprocessable Content";
	case 425: return "Too Early";
	case 426: return "Upgrade Required";
	case 428: return "Precondition Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	case 507: return "Insufficient Storage";
	default: return "Unknown"; /* clients go by the number */
	}
	/* clang-format on */
}

static void put_number(struct str *s, uint64_t n, unsigned base)
{
	char digits[24], *p = digits + sizeof(digits);
	do {
		*--p = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	str_add(s, p, (size_t)(digits + sizeof(digits) - p));
}

static bool has_no_body(int status)
{
	return status == 204 || status == 304;
}

/* Status line and the fields that every answer has. */
static void put_head(struct conn *c, bool minor0, int status, const char *type)
{
	struct str *out = &c->out;
	assert(status >= 200 && status <= 599);
	str_puts(out, "HTTP/1.1 ");
	put_number(out, (uint64_t)status, 10);
	str_putc(out, ' ');
	str_puts(out, reason(status));
	str_puts(out, "\r\nDate: ");
	str_puts(out, server_date(c->server));
	if (!has_no_body(status)) {
		str_puts(out, "\r\nContent-Type: ");
		str_puts(out, type);
	}
	if (c->close)
		str_puts(out, "\r\nConnection: close");
	else if (minor0)
		str_puts(out, "\r\nConnection: keep-alive");
	str_puts(out, "\r\n");
}

static void put_length(struct str *out, size_t len)
{
	str_puts(out, "Content-Length: ");
	put_number(out, len, 10);
	str_puts(out, "\r\n");
}

void httpd_header(struct httpd_exchange *x, const char *name, const char *value)
{
	assert(!x->begun);
	str_puts(&x->fields, name);
	str_puts(&x->fields, ": ");
	for (const char *p = value; *p; p++)
		str_putc(&x->fields, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	str_puts(&x->fields, "\r\n");
}

/* --- whole answers --- */

void httpd_reply(struct httpd_exchange *x, int status, const char *type, const char *body, size_t len)
{
	struct conn *c = x->conn;
	assert(!x->begun);
	if (c->state == CONN_BODY)
		c->close = true; /* the rest of the upload is in the way of a further request */
	if (has_no_body(status))
		len = 0;
	str_reserve(&c->out, 256 + x->fields.len + len);
	put_head(c, x->minor0, status, type ? type : "application/json");
	str_add(&c->out, x->fields.data, x->fields.len);
	if (!has_no_body(status))
		put_length(&c->out, len);
	str_puts(&c->out, "\r\n");
	if (!x->head_only)
		str_add(&c->out, body, len);
	finish(x);
}

void exchange_error(struct conn *c, int status, const char *text)
{
	char body[640];
	int n = snprintf(body, sizeof(body), "{\"message\":\"%.500s\",\"status\":%d}\n", text, status);
	put_head(c, false, status, "application/json");
	put_length(&c->out, (size_t)n);
	if (status == 503)
		str_puts(&c->out, "Retry-After: 5\r\n");
	str_puts(&c->out, "\r\n");
	if (!c->head_only)
		str_add(&c->out, body, (size_t)n);
}

/* --- streams --- */

/* How long the kernel waits for a reader that takes nothing: as long as we do. */
static void set_patience(struct conn *c, int64_t ms)
{
	unsigned value = (unsigned)MIN(ms, INT32_MAX);
	if (c->listener && c->listener->address.any.sa_family != AF_UNIX)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof(value));
}

void httpd_stream_begin(struct httpd_exchange *x, int status, const char *type, bool sse)
{
	struct conn *c = x->conn;
	struct httpd *s = c->server;
	assert(!x->begun && !has_no_body(status));
	if (c->state == CONN_BODY || x->minor0)
		c->close = true; /* HTTP/1.0 knows no other end of a stream */
	put_head(c, x->minor0, status, type ? type : sse ? "text/event-stream" : "application/json");
	str_add(&c->out, x->fields.data, x->fields.len);
	if (sse)
		str_puts(&c->out, "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n");
	x->chunked = !x->minor0;
	if (x->chunked)
		str_puts(&c->out, "Transfer-Encoding: chunked\r\n");
	str_puts(&c->out, "\r\n");
	str_done(&x->fields);
	x->begun = true;
	x->sse = sse;
	if (sse) {
		list_append(&s->streams, &x->stream);
		if (!loop_timer_active(&s->comment_timer))
			loop_timer_in(&s->comment_timer, s->limits.comment_ms);
	} else {
		set_patience(c, s->limits.relay_ms);
	}
	if (c->state == CONN_BUSY)
		conn_move(c, CONN_STREAM);
	conn_feed(c);
}

size_t exchange_mark(const struct httpd_exchange *x)
{
	return MIN(x->conn->server->limits.stream_queue, x->sse ? (size_t)HTTPD_HIGH_MARK : HTTPD_RELAY_MARK);
}

bool httpd_stream_write(struct httpd_exchange *x, const char *data, size_t len)
{
	struct conn *c = x->conn;
	size_t bound = c->server->limits.stream_queue;
	assert(x->begun);
	if (c->doomed || x->head_only || len == 0)
		return !c->doomed;
	if (x->sse && conn_unsent(c) + len > bound) {
		/* it resumes with what it saw last; holding events for it would have no end */
		c->doomed = true;
		conn_feed(c);
		return false;
	}
	str_reserve(&c->out, len + 16);
	if (x->chunked) {
		put_number(&c->out, len, 16);
		str_puts(&c->out, "\r\n");
	}
	str_add(&c->out, data, len);
	if (x->chunked)
		str_puts(&c->out, "\r\n");
	conn_feed(c);
	x->full = conn_unsent(c) > exchange_mark(x);
	return !x->full;
}

void httpd_stream_end(struct httpd_exchange *x)
{
	struct conn *c = x->conn;
	assert(x->begun);
	if (x->chunked && !x->head_only)
		str_puts(&c->out, "0\r\n\r\n");
	if (!x->sse && !c->close)
		set_patience(c, c->server->limits.write_ms);
	finish(x);
}

void httpd_abort(struct httpd_exchange *x)
{
	struct conn *c = x->conn;
	/* without chunks an ordinary close would look like the end of the body */
	if (x->begun && !x->chunked) {
		struct linger reset = {.l_onoff = 1, .l_linger = 0};
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	exchange_drop(c);
	c->doomed = true;
	conn_feed(c);
}

void httpd_pause(struct httpd_exchange *x, bool pause)
{
	if (x->paused == pause)
		return;
	x->paused = pause;
	conn_feed(x->conn);
}
