/*
 * One connection. Every event leads to one turn: send what is queued, read once, deal with it, send again,
 * then choose what to wait for and how long. Calls from outside only queue and ask for a turn.
 */
#include "core/httpd/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "core/mem.h"

static void on_ready(void *ctx, unsigned events);

/* --- states --- */

#define BIT(state) (1U << (state))
static const unsigned allowed[] = {
        [CONN_HANDSHAKE] = BIT(CONN_HEAD) | BIT(CONN_LINGER),
        [CONN_HEAD] = BIT(CONN_BODY) | BIT(CONN_BUSY) | BIT(CONN_LINGER),
        [CONN_BODY] = BIT(CONN_BUSY) | BIT(CONN_STREAM) | BIT(CONN_LINGER),
        [CONN_BUSY] = BIT(CONN_HEAD) | BIT(CONN_STREAM) | BIT(CONN_LINGER),
        [CONN_STREAM] = BIT(CONN_HEAD) | BIT(CONN_LINGER),
        [CONN_LINGER] = 0,
};

void conn_move(struct conn *c, enum conn_state to)
{
	assert(allowed[c->state] & BIT(to));
	c->state = (uint8_t)to;
}

/* --- writing --- */

/* Bytes, 0 when it would block, negative when the connection is broken. */
static ssize_t transport_write(struct conn *c, const char *data, size_t len)
{
	if (!c->tls) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
	}
	ssize_t n = tls_write(c->tls, data, len);
	c->write_wants_read = n == TLS_WANT_READ;
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
		return 0;
	c->no_notify |= n < 0;
	return n;
}

/* Our side is done: the peer learns it, while what it still sends is read and thrown away. */
static void shut(struct conn *c)
{
	if (c->tls && !c->no_notify)
		tls_shutdown(c->tls);
	(void)shutdown(c->fd, SHUT_WR);
	c->shut = true;
	if (c->eof)
		c->doomed = true;
}

void conn_flush(struct conn *c)
{
	while (conn_unsent(c) > 0) {
		ssize_t n = transport_write(c, c->out.data + c->sent, conn_unsent(c));
		if (n < 0) {
			c->doomed = true;
			str_done(&c->out);
			c->sent = 0;
			return;
		}
		if (n == 0)
			return;
		c->moved = true;
		c->sent += (size_t)n;
	}
	/* who waits owns no buffer */
	str_done(&c->out);
	c->sent = 0;
	if (c->state == CONN_LINGER && !c->shut)
		shut(c);
}

/* --- reading --- */

/* Bytes, 0 when there are none yet, -1 at the end or when the connection is broken. */
static ssize_t transport_read(struct conn *c, char *buf, size_t len)
{
	/* what lingers is only thrown away: the peer's records are not opened for that */
	if (!c->tls || c->state == CONN_LINGER) {
		ssize_t n = recv(c->fd, buf, len, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		return n > 0 ? n : -1;
	}
	ssize_t n = tls_read(c->tls, buf, len);
	c->read_wants_write = n == TLS_WANT_WRITE;
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
		return 0;
	c->no_notify |= n == TLS_FAILED;
	return n > 0 ? n : -1;
}

static void on_eof(struct conn *c)
{
	c->eof = true;
	/* a client that has said all may still want its answers; one with an open exchange has left */
	if (c->state == CONN_HEAD && conn_unsent(c) > 0)
		conn_move(c, CONN_LINGER);
	else if (c->state != CONN_LINGER || c->shut)
		c->doomed = true;
}

/* Deals with what was read; what cannot be dealt with yet is kept. */
static void take(struct conn *c, char *data, size_t len)
{
	size_t n = request_take(c, data, len);
	if (n < len)
		str_add(&c->in, data + n, len - n);
}

/* What was kept, when there is reason to look at it again. */
static void take_kept(struct conn *c)
{
	while (c->in.len > 0 && !c->doomed) {
		size_t n = request_take(c, c->in.data, c->in.len);
		if (n == 0)
			break;
		if (n < c->in.len)
			str_consume(&c->in, n);
		else
			str_done(&c->in);
		if (conn_unsent(c) > 0)
			conn_flush(c);
	}
}

static bool wants_input(const struct conn *c)
{
	if (c->eof || c->doomed)
		return false;
	switch ((enum conn_state)c->state) {
	case CONN_HANDSHAKE:
		return true;
	case CONN_LINGER:
		/* who pushes on is held up, not reset: a reset would eat the answer before it was read */
		return c->discarded < HTTPD_LINGER;
	case CONN_HEAD:
		return conn_unsent(c) == 0;
	case CONN_BODY:
		return conn_unsent(c) < HTTPD_HIGH_MARK && !(c->exchange && c->exchange->paused);
	case CONN_BUSY:
	case CONN_STREAM:
		return c->in.len < HTTPD_BUFFER; /* only to notice that the peer leaves */
	}
	return false;
}

static void read_once(struct conn *c)
{
	struct httpd *s = c->server;
	bool waiting = c->state == CONN_BUSY || c->state == CONN_STREAM;
	ssize_t n = transport_read(c, s->buffer, waiting ? HTTPD_BUFFER - c->in.len : HTTPD_BUFFER);
	if (n < 0) {
		on_eof(c);
	} else if (n > 0 && c->in.len > 0) {
		str_add(&c->in, s->buffer, (size_t)n);
		take_kept(c);
	} else if (n > 0) {
		take(c, s->buffer, (size_t)n);
	}
}

/* --- the turn --- */

static void shake(struct conn *c)
{
	int r = tls_handshake(c->tls);
	c->read_wants_write = r == TLS_WANT_WRITE;
	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
		return;
	if (r < 0) {
		/* the alert that says why is on its way: a close with unread bytes would eat it */
		c->no_notify = true;
		conn_move(c, CONN_LINGER);
		return;
	}
	/* without tickets nothing is sent now, and a client that uses Nagle would wait for its delayed ACK */
	int on = 1;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	c->moved = true; /* a head that came along has its own time */
	conn_move(c, CONN_HEAD);
}

static bool has_drained(const struct conn *c)
{
	return c->exchange && c->exchange->full && !c->doomed &&
	       conn_unsent(c) <= exchange_mark(c->exchange) / 2;
}

/* Tells a relay that there is room again. */
static void drain(struct conn *c)
{
	struct httpd *s = c->server;
	struct httpd_exchange *x = c->exchange;
	if (!has_drained(c))
		return;
	x->full = false;
	if (s->handler.on_drained)
		s->handler.on_drained(s->ctx, x);
	conn_flush(c);
}

static void turn(struct conn *c, unsigned events)
{
	if (c->state == CONN_HANDSHAKE)
		shake(c);
	if (c->state == CONN_HANDSHAKE)
		return;
	conn_flush(c);
	take_kept(c);
	bool readable = events & LOOP_READ || (c->read_wants_write && events & LOOP_WRITE);
	if (readable && wants_input(c))
		read_once(c);
	conn_flush(c);
	drain(c);
	take_kept(c);
}

/* A head has begun; a lone line end, which is skipped before a request, is none. */
static bool has_begun(const struct conn *c)
{
	return c->in.len > 2 || (c->in.len > 0 && c->in.data[0] != '\r');
}

static enum deadline choose_deadline(const struct conn *c)
{
	const struct httpd_exchange *x = c->exchange;
	if (c->state == CONN_HANDSHAKE)
		return DEADLINE_HEAD;
	if (conn_unsent(c) > 0)
		return x && x->begun && !x->sse ? DEADLINE_RELAY : DEADLINE_WRITE;
	switch ((enum conn_state)c->state) {
	case CONN_HANDSHAKE:
	case CONN_HEAD:
		return has_begun(c) ? DEADLINE_HEAD : DEADLINE_IDLE;
	case CONN_BODY:
		return c->body->streamed ? DEADLINE_NONE : DEADLINE_BODY;
	case CONN_BUSY:
	case CONN_STREAM:
		return DEADLINE_NONE;
	case CONN_LINGER:
		return DEADLINE_LINGER;
	}
	return DEADLINE_NONE;
}

/* What to wait for, and how long. */
static void settle(struct conn *c)
{
	enum deadline kind = choose_deadline(c);
	if (kind != c->kind || (c->moved && kind != DEADLINE_NONE))
		server_set_deadline(c, kind);
	c->moved = false;

	unsigned events = 0;
	bool reads = wants_input(c);
	if (reads)
		events |= c->read_wants_write ? LOOP_WRITE : LOOP_READ;
	if (conn_unsent(c) > 0)
		events |= c->write_wants_read ? LOOP_READ : LOOP_WRITE;
	loop_fd_events(&c->io, events);
	/* epoll knows nothing of what OpenSSL has read already */
	if (reads && c->tls && c->state != CONN_HANDSHAKE && c->state != CONN_LINGER && tls_pending(c->tls))
		loop_fd_feed(&c->io, LOOP_READ);
	/* what the relay wrote in this turn was sent at once: others have their turn before it goes on */
	if (has_drained(c))
		loop_fd_feed(&c->io, LOOP_WRITE);
}

static void on_ready(void *ctx, unsigned events)
{
	struct conn *c = ctx;
	struct httpd *s = c->server;
	s->now_ms = loop_now(s->loop);
	s->turning = c;
	turn(c, events);
	s->turning = NULL;
	if (c->doomed)
		conn_close(c);
	else
		settle(c);
}

void conn_feed(struct conn *c)
{
	if (c->server->turning != c)
		loop_fd_feed(&c->io, LOOP_WRITE);
}

/* --- ends --- */

void conn_expire(struct conn *c)
{
	bool begun = c->exchange && c->exchange->begun;
	bool unsent = conn_unsent(c) > 0;
	if (!unsent && c->state == CONN_HEAD && has_begun(c)) {
		request_refuse(c, 408, "the head of the request did not come in time");
		conn_feed(c);
	} else if (!unsent && c->state == CONN_BODY && !begun) {
		request_refuse(c, 408, "the body of the request did not come in time");
		conn_feed(c);
	} else {
		conn_close(c);
	}
}

void conn_stop(struct conn *c)
{
	struct httpd_exchange *x = c->exchange;
	c->close = true;
	if (c->state == CONN_HANDSHAKE || (c->state == CONN_HEAD && !has_begun(c) && conn_unsent(c) == 0)) {
		conn_close(c);
	} else if (c->state == CONN_HEAD && !has_begun(c)) {
		conn_move(c, CONN_LINGER);
	} else if (x && x->sse) {
		struct httpd *s = c->server;
		if (s->handler.on_gone)
			s->handler.on_gone(s->ctx, x);
		httpd_stream_end(x);
	}
}

struct conn *conn_new(struct httpd *s, const struct listener *l, int fd)
{
	struct conn *c = NEW(struct conn);
	c->server = s;
	c->listener = l;
	c->fd = fd;
	c->tls = l && l->tls ? tls_accept(l->tls, fd) : NULL;
	c->state = c->tls ? CONN_HANDSHAKE : CONN_HEAD;
	c->close = s->stopping;
	list_init(&c->deadline);
	list_append(&s->conns, &c->link);
	s->n_conns++;
	server_set_deadline(c, c->tls ? DEADLINE_HEAD : DEADLINE_IDLE);
	loop_fd_start(s->loop, &c->io, fd, LOOP_READ, on_ready, c);
	return c;
}

void conn_close(struct conn *c)
{
	struct httpd *s = c->server;
	assert(s->turning != c);
	loop_fd_stop(&c->io);
	server_set_deadline(c, DEADLINE_NONE);
	list_remove(&c->link);
	exchange_gone(c);
	(void)body_free(c);
	if (c->tls && !c->no_notify && !c->shut)
		tls_shutdown(c->tls);
	(void)tls_free(c->tls);
	(void)close(c->fd);
	if (c->peer)
		listener_peer_left(s, c->peer);
	free(c->peer_text);
	str_done(&c->in);
	str_done(&c->out);
	free(c);
	if (--s->n_conns == 0 && s->stopping)
		loop_task_schedule(&s->stop_task);
}
