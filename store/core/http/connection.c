/* One connection of the client: bytes out, replies in. Whoever calls back holds a reference first, since a
 * callback may cancel the call or free the whole client. */
#include "core/http/internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/mem.h"

#define READ_SIZE   16384
#define READ_ROUNDS 8 /* reads in one event before others get their turn */

static void conn_unref(struct http_connection *conn)
{
	if (--conn->refs)
		return;
	str_done(&conn->in);
	free(conn);
}

void http_connection_close(struct http_connection *conn)
{
	if (conn->fd < 0)
		return;
	loop_fd_stop(&conn->watch);
	loop_task_cancel(&conn->resume);
	(void)close(conn->fd);
	conn->fd = -1;
	list_remove(&conn->idle);
	list_remove(&conn->link);
	if (conn->counted)
		conn->client->open--;
	conn->client = NULL;
	conn->call = NULL;
	conn_unref(conn);
}

/* --- sending --- */

static void conn_write(struct http_connection *conn)
{
	struct http_call *call = conn->call;
	while (call->sent < call->out.len && !conn->write_dead) {
		ssize_t n = send(conn->fd, call->out.data + call->sent, call->out.len - call->sent,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) { /* the peer reads no more, but it may have answered: reading tells */
			conn->write_dead = true;
			break;
		}
		call->sent += (size_t)n;
		call->touched = true;
	}
	if (call->upload && (call->sent > READ_SIZE || call->sent == call->out.len)) {
		str_consume(&call->out, call->sent);
		call->sent = 0;
	}
}

void http_connection_turn(struct http_connection *conn)
{
	struct http_call *call = conn->call;
	if (!conn->connecting)
		conn_write(conn);
	bool more = conn->connecting || (call->sent < call->out.len && !conn->write_dead);
	loop_fd_events(&conn->watch, (call->paused ? 0U : LOOP_READ) | (more ? LOOP_WRITE : 0U));
}

/* --- the reply --- */

/* The reply is complete: keep the connection where that is sound, and tell. Nothing may be touched
 * afterwards. */
static void conn_complete(struct http_connection *conn, bool extra)
{
	struct http_call *call = conn->call;
	struct http_client *c = conn->client;
	bool keep = !extra && !call->head->close && call->mode != HTTP_BODY_EOF && !call->own &&
	            call->sent == call->out.len && !conn->write_dead;
	list_remove(&call->link);
	if (keep) {
		conn->call = NULL;
		conn->kept = true;
		conn->heard = false;
		str_done(&conn->in);
		list_insert(c->idle.next, &conn->idle);
		loop_fd_events(&conn->watch, LOOP_READ);
	} else {
		http_connection_close(conn);
	}
	http_client_dispatch(c);
	http_call_finish(call, HTTP_OK, "");
}

static void conn_failed(struct http_connection *conn, enum http_result result, const char *text)
{
	struct http_call *call = conn->call;
	struct http_client *c = conn->client;
	list_remove(&call->link);
	http_connection_close(conn);
	http_client_dispatch(c);
	http_call_finish(call, result, text);
}

/* False: the call has ended or was cancelled. */
static bool body_give(struct http_connection *conn, const char *data, size_t len)
{
	struct http_call *call = conn->call;
	if (call->streamed) {
		call->on_data(call->ctx, data, len);
		return conn->call != NULL;
	}
	if (call->body.len + len > LIMIT_HTTP_REPLY) {
		conn_failed(conn, HTTP_E_TOO_LARGE, "the reply is larger than 64 MiB");
		return false;
	}
	str_add(&call->body, data, len);
	return true;
}

static bool chunked_take(struct http_connection *conn, const char **data, size_t *len)
{
	struct http1_slice piece;
	int r = http1_chunked_next(&conn->call->chunked, data, len, &piece);
	if (r < 0) {
		conn_failed(conn, HTTP_E_PROTOCOL, "the chunked body is malformed");
		return false;
	}
	if (r == HTTP1_CHUNK_END) {
		conn_complete(conn, *len > 0);
		return false;
	}
	return r == HTTP1_CHUNK_MORE || body_give(conn, piece.data, piece.len);
}

static void body_take(struct http_connection *conn, const char *data, size_t len)
{
	struct http_call *call = conn->call;
	for (;;) {
		if (call->paused) {
			str_add(&conn->in, data, len);
			return;
		}
		if (call->mode == HTTP_BODY_LENGTH && call->left == 0) {
			conn_complete(conn, len > 0);
			return;
		}
		if (len == 0)
			return;
		if (call->mode == HTTP_BODY_CHUNKED) {
			if (!chunked_take(conn, &data, &len))
				return;
			continue;
		}
		size_t n = call->mode == HTTP_BODY_LENGTH && call->left < len ? (size_t)call->left : len;
		if (call->mode == HTTP_BODY_LENGTH)
			call->left -= n;
		data += n;
		len -= n;
		if (!body_give(conn, data - n, n))
			return;
	}
}

/* The head is whole: how the body ends. False: the call has ended. */
static bool head_take(struct http_connection *conn)
{
	struct http_call *call = conn->call;
	const struct http1_head *h = call->head;
	if (h->status == 101) {
		conn_failed(conn, HTTP_E_PROTOCOL, "the peer switched to a protocol that was not asked for");
		return false;
	}
	if (call->no_body || h->status == 204 || h->status == 304)
		call->left = 0;
	else if (h->chunked)
		call->mode = HTTP_BODY_CHUNKED;
	else if (h->content_length >= 0)
		call->left = (uint64_t)h->content_length;
	else
		call->mode = HTTP_BODY_EOF;
	if (!call->on_head)
		return true;
	call->on_head(call->ctx, h);
	return conn->call != NULL;
}

/* Bytes of a head: joined until it is whole. False: more is needed, or the call has ended. */
static bool head_join(struct http_connection *conn)
{
	struct http_call *call = conn->call;
	for (;;) {
		size_t scan = 0;
		struct error err = {0};
		int n = http1_head_find(str_get(&conn->in), conn->in.len, &scan);
		if (n == 0)
			return false;
		if (n > 0) {
			str_add(&call->head_text, conn->in.data, (size_t)n);
			call->head = NEW(struct http1_head);
		}
		if (n < 0 || http1_response_parse(call->head_text.data, (size_t)n, call->head, &err) < 0) {
			free(call->head);
			call->head = NULL;
			conn_failed(conn, HTTP_E_PROTOCOL,
			            n < 0 ? "the head of the reply is too large" : err.text);
			return false;
		}
		str_consume(&conn->in, (size_t)n);
		if (call->head->status >= 200 || call->head->status == 101)
			return head_take(conn);
		free(call->head); /* an interim reply: the real one follows */
		call->head = NULL;
		str_clear(&call->head_text);
	}
}

/* The bytes that were put aside are the next ones of the body. */
static void body_take_held(struct http_connection *conn)
{
	struct str held = conn->in;
	conn->in = STR_INIT;
	body_take(conn, str_get(&held), held.len);
	str_done(&held);
}

static void conn_take(struct http_connection *conn, const char *data, size_t len)
{
	conn->heard = true;
	http_call_heard(conn->call);
	if (conn->call->head && conn->in.len == 0) {
		body_take(conn, data, len);
		return;
	}
	str_add(&conn->in, data, len);
	if (conn->call->head || head_join(conn))
		body_take_held(conn);
}

/* No more bytes will come. */
static void conn_ended(struct http_connection *conn)
{
	struct http_call *call = conn->call;
	if (call->head && call->mode == HTTP_BODY_EOF) {
		conn_complete(conn, false);
		return;
	}
	if (conn->kept && !conn->heard && !call->repeated && !call->upload &&
	    (call->safe || !call->touched)) {
		http_connection_close(conn);
		http_call_repeat(call);
		return;
	}
	conn_failed(conn, HTTP_E_CUT, "the connection ended before the reply was complete");
}

static void conn_read(struct http_connection *conn)
{
	char buf[READ_SIZE];
	for (unsigned i = 0; i < READ_ROUNDS && conn->call && !conn->call->paused; i++) {
		ssize_t n = recv(conn->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			conn_ended(conn);
			return;
		}
		struct http_call *call = conn->call;
		conn_take(conn, buf, (size_t)n);
		/* a short read is the end of what there is; another call's reply needs another event */
		if ((size_t)n < sizeof(buf) || conn->call != call)
			return;
	}
}

static void on_ready(void *ctx, unsigned events)
{
	struct http_connection *conn = ctx;
	if (!conn->call) { /* an idle one: closed by the peer, or it says what nobody asked for */
		struct http_client *c = conn->client;
		http_connection_close(conn);
		http_client_dispatch(c);
		return;
	}
	if (conn->connecting) {
		int r = net_connect_result(conn->fd);
		conn->connecting = false;
		if (r < 0) {
			_cleanup_free_ char *text =
			        mem_printf("connect to %s: %s", conn->client->name, strerror(-r));
			conn_failed(conn, HTTP_E_CONNECT, text);
			return;
		}
		events &= ~(unsigned)LOOP_READ;
	}
	conn->refs++;
	if (events & LOOP_READ)
		conn_read(conn);
	if (conn->call)
		http_connection_turn(conn);
	struct http_call *call = conn->call;
	if (call && call->full && call->out.len - call->sent <= HTTP_UPLOAD_HIGH) {
		call->full = false;
		if (call->on_sent)
			call->on_sent(call->ctx);
	}
	conn_unref(conn);
}

void http_connection_resume(struct http_connection *conn)
{
	http_connection_turn(conn);
	/* what was held back, or an end that was already read, is handled from the loop */
	loop_task_schedule(&conn->resume);
}

static void on_resume(void *ctx)
{
	struct http_connection *conn = ctx;
	struct http_call *call = conn->call;
	if (!call || call->paused || !call->head)
		return;
	conn->refs++;
	body_take_held(conn);
	conn_unref(conn);
}

/* --- opening --- */

static void conn_give(struct http_connection *conn, struct http_call *call)
{
	conn->call = call;
	call->conn = conn;
	list_remove(&call->link);
	list_append(&conn->client->active, &call->link);
	http_connection_turn(conn);
}

int http_connection_open(struct http_client *c, struct http_call *call)
{
	int fd = net_connect(&c->address);
	if (fd < 0)
		return fd;
	struct http_connection *conn = NEW(struct http_connection);
	list_init(&conn->link);
	list_init(&conn->idle);
	list_append(&c->connections, &conn->link);
	conn->client = c;
	conn->refs = 1;
	conn->fd = fd;
	conn->connecting =
	        c->address.any.sa_family != AF_UNIX; /* a unix socket is connected at once or not at all */
	conn->counted = !call->own;
	if (conn->counted)
		c->open++;
	loop_task_init(c->loop, &conn->resume, on_resume, conn);
	loop_fd_start(c->loop, &conn->watch, fd, LOOP_READ, on_ready, conn);
	conn_give(conn, call);
	return 0;
}

bool http_connection_reuse(struct http_connection *conn, struct http_call *call)
{
	char c;
	ssize_t n = recv(conn->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		http_connection_close(conn);
		return false;
	}
	list_remove(&conn->idle);
	conn_give(conn, call);
	return true;
}
