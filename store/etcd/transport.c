#include "etcd/transport.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/mem.h"
#include "core/str.h"
#include "etcd/channel.h"
#include "etcd/wire.h"

#define STREAM_WINDOW     (4 * 1024 * 1024) /* what a server may send unasked on one call; only a number here */
#define CONNECTION_WINDOW (16 * 1024 * 1024)
#define WRITE_AT_ONCE     (64 * 1024) /* frames are gathered up to this before they are written */
#define READ_AT_ONCE      (16 * 1024) /* one TLS record */
#define READ_ROUNDS       32          /* then the loop's other watchers get their turn */
#define KEEP_BUFFER       4096        /* buffers beyond this are given back when they are empty */

struct transport {
	struct loop *loop;
	struct channel channel;
	nghttp2_session *session;
	struct str out; /* frames that wait for the socket; the first out_pos bytes are written */
	size_t out_pos;
	struct list calls;
	size_t n_open; /* those that have not ended */
	struct loop_task flush, down;
	struct loop_timer gathered;
	bool up, leaving, dropped;
	bool receiving; /* nghttp2 is at work: it must not be freed or made to send */
	char why[200];
	char authority[160];
	const char *scheme;
	const struct transport_events *events;
	void *ctx;
};

struct call {
	struct list link; /* in the transport's list until nghttp2 has closed the stream */
	struct transport *transport;
	int32_t stream;
	const struct call_events *events; /* NULL: nobody listens (any more) */
	void *ctx;
	const uint8_t *request; /* unary: borrowed; stream: of queue */
	size_t request_len, request_pos;
	struct str queue;
	bool unary;
	bool committed; /* the last byte was given to HTTP/2 */
	bool deferred;  /* HTTP/2 waits for call_send() */
	bool ended;
	int status;
	char text[200];
	struct wire_reader reader;
};

/* --- ending --- */

static void call_count(struct call *c)
{
	if (c->ended)
		return;
	c->ended = true;
	struct transport *t = c->transport;
	if (--t->n_open == 0 && !t->dropped)
		t->events->on_calls(t->ctx);
}

static void call_end(struct call *c, int status, const char *text, bool unsent)
{
	const struct call_events *events = c->events;
	c->events = NULL;
	call_count(c);
	if (events)
		events->on_end(c->ctx, &(struct call_end){.status = status, .text = text, .unsent = unsent});
}

static void call_free(struct call *c)
{
	list_remove(&c->link);
	wire_reader_done(&c->reader);
	str_done(&c->queue);
	free(c);
}

void transport_drop(struct transport *t, const char *why)
{
	if (t->dropped)
		return;
	t->dropped = true;
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	loop_task_schedule(&t->down);
}

static void on_down_turn(void *ctx)
{
	struct transport *t = ctx;
	loop_task_cancel(&t->flush);
	loop_timer_stop(&t->gathered);
	channel_close(&t->channel);
	/* a callback may cancel any other call: the list is taken from its head each time */
	for (;;) {
		struct call *open = NULL;
		list_for_each (node, &t->calls) {
			struct call *c = list_entry(node, struct call, link);
			if (!c->ended) {
				open = c;
				break;
			}
		}
		if (!open)
			break;
		call_end(open, WIRE_BROKEN, t->why, !open->committed);
	}
	t->events->on_down(t->ctx, t->why);
}

/* --- writing --- */

static bool gather(struct transport *t)
{
	while (t->out.len - t->out_pos < WRITE_AT_ONCE) {
		const uint8_t *frame;
		ssize_t n = nghttp2_session_mem_send(t->session, &frame);
		if (n < 0) {
			transport_drop(t, nghttp2_strerror((int)n));
			return false;
		}
		if (n == 0)
			break;
		str_add(&t->out, frame, (size_t)n);
	}
	return t->out.len > t->out_pos;
}

static void transport_flush(struct transport *t)
{
	if (t->dropped || t->receiving || !t->channel.established)
		return;
	t->channel.blocked = false;
	while (gather(t)) {
		ssize_t n = channel_write(&t->channel, t->out.data + t->out_pos, t->out.len - t->out_pos);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			transport_drop(t, t->channel.text);
			return;
		}
		t->out_pos += (size_t)n;
		if (t->out_pos < t->out.len)
			continue;
		t->out_pos = 0;
		str_clear(&t->out);
	}
	if (!t->out.len && t->out.cap > KEEP_BUFFER)
		str_done(&t->out);
	if (!t->dropped && !nghttp2_session_want_read(t->session) && !nghttp2_session_want_write(t->session))
		transport_drop(t, "the server ended the connection");
	channel_wait(&t->channel);
}

static void on_flush_turn(void *ctx)
{
	transport_flush(ctx);
}

static ssize_t on_data_wanted(nghttp2_session *session _unused_, int32_t stream _unused_, uint8_t *buf,
                              size_t len, uint32_t *flags, nghttp2_data_source *source, void *ctx _unused_)
{
	struct call *c = source->ptr;
	if (c->ended)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* a cancelled call's request may be gone */
	if (!c->unary)
		c->request = (const uint8_t *)c->queue.data;
	size_t n = MIN(len, c->request_len - c->request_pos);
	if (n)
		memcpy(buf, c->request + c->request_pos, n);
	c->request_pos += n;
	if (c->request_pos < c->request_len)
		return (ssize_t)n;
	if (!c->unary) {
		str_clear(&c->queue);
		c->request_len = c->request_pos = 0;
	}
	if (c->unary) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		c->committed = true;
	} else if (n == 0) {
		c->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)n;
}

/* --- reading --- */

static struct call *call_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags _unused_,
                     void *ctx _unused_)
{
	struct call *c = call_of(session, frame->hd.stream_id);
	if (!c)
		return 0;
	char text[16];
	(void)snprintf(text, sizeof(text), "%.*s", (int)MIN(value_len, sizeof(text) - 1),
	               (const char *)value);
	int64_t number;
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
		c->status =
		        str_parse_i64(text, &number) == 0 && number >= 0 && number <= 16 ? (int)number : 2;
	} else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0) {
		wire_status_text(value, value_len, c->text, sizeof(c->text));
	} else if (name_len == 7 && memcmp(name, ":status", 7) == 0 && strcmp(text, "200") != 0) {
		(void)snprintf(c->text, sizeof(c->text), "HTTP status %s: not an etcd, or a proxy before it",
		               text);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags _unused_, int32_t stream, const uint8_t *data,
                   size_t len, void *ctx _unused_)
{
	struct call *c = call_of(session, stream);
	if (!c)
		return 0;
	const uint8_t *message;
	size_t message_len;
	int r;
	while ((r = wire_next(&c->reader, &data, &len, &message, &message_len)) == 1)
		if (c->events)
			c->events->on_message(c->ctx, message, message_len);
	if (r < 0 && !c->ended) {
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
		call_end(c, 8, r == -EMSGSIZE ? "the reply is larger than max" : "the reply is compressed",
		         false);
	}
	return 0;
}

/* The reply is complete when the server closes its side, whatever is left of the request. */
static void on_reply_complete(struct transport *t, struct call *c)
{
	if (nghttp2_session_get_stream_local_close(t->session, c->stream) == 0)
		(void)nghttp2_submit_rst_stream(t->session, NGHTTP2_FLAG_NONE, c->stream, NGHTTP2_NO_ERROR);
	if (c->ended)
		return;
	if (c->status == WIRE_BROKEN && !c->text[0])
		(void)snprintf(c->text, sizeof(c->text), "the server ended the call without a status");
	call_end(c, c->status, c->text, false);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct transport *t = ctx;
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK) && !t->up &&
	    !t->dropped) {
		t->up = true;
		t->events->on_up(t->ctx);
	} else if (frame->hd.type == NGHTTP2_GOAWAY) {
		t->leaving = true;
		t->events->on_calls(t->ctx);
	} else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	           (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		struct call *c = call_of(session, frame->hd.stream_id);
		if (c)
			on_reply_complete(t, c);
	}
	return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t stream, uint32_t error_code, void *ctx _unused_)
{
	struct call *c = call_of(session, stream);
	if (!c)
		return 0;
	if (!c->ended) {
		/* a status that came before the reset says more than the reset (etcd ends too large requests
		 * so) */
		if (c->status == WIRE_BROKEN && !c->text[0])
			(void)snprintf(c->text, sizeof(c->text), "the stream was reset (%s)",
			               nghttp2_http2_strerror(error_code));
		call_end(c, c->status, c->text, error_code == NGHTTP2_REFUSED_STREAM || !c->committed);
	}
	call_free(c);
	return 0;
}

static void receive(struct transport *t)
{
	uint8_t buf[READ_AT_ONCE];
	bool any = false;
	for (unsigned i = 0; i < READ_ROUNDS && !t->dropped; i++) {
		ssize_t n = channel_read(&t->channel, buf, sizeof(buf));
		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			transport_drop(t, n == 0 ? "the server closed the connection" : t->channel.text);
			break;
		}
		any = true;
		t->receiving = true;
		ssize_t r = nghttp2_session_mem_recv(t->session, buf, (size_t)n);
		t->receiving = false;
		if (r < 0)
			transport_drop(t, nghttp2_strerror((int)r));
		if ((size_t)n < sizeof(buf) && !t->channel.tls)
			break; /* the socket is empty: spare the call that would say so */
	}
	if (any && !t->dropped)
		t->events->on_received(t->ctx);
}

static void on_gathered(void *ctx)
{
	struct transport *t = ctx;
	if (t->dropped)
		return;
	channel_gather(&t->channel, false);
	receive(t);
	transport_flush(t);
}

void transport_gather(struct transport *t, int64_t ms)
{
	if (t->dropped || !t->channel.established)
		return;
	channel_gather(&t->channel, true);
	loop_timer_in(&t->gathered, ms);
}

static void on_ready(void *ctx, unsigned events _unused_)
{
	struct transport *t = ctx;
	if (t->dropped)
		return;
	if (!t->channel.established) {
		int r = channel_establish(&t->channel);
		if (r == -EAGAIN) {
			channel_wait(&t->channel);
			return;
		}
		if (r < 0) {
			transport_drop(t, t->channel.text);
			return;
		}
	} else {
		receive(t);
	}
	transport_flush(t);
}

/* --- the connection --- */

static nghttp2_session *session_new(struct transport *t)
{
	nghttp2_session_callbacks *callbacks;
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		abort();
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
	nghttp2_session *session;
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	                                           {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	                                           {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384}};
	/* what can fail here is memory only */
	if (nghttp2_session_client_new(&session, callbacks, t) != 0 ||
	    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ELEMENTS(settings)) != 0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0)
		abort();
	nghttp2_session_callbacks_del(callbacks);
	return session;
}

struct transport *transport_open(struct loop *l, const struct net_address *a, struct tls_context *tls,
                                 const struct transport_events *events, void *ctx)
{
	struct transport *t = NEW(struct transport);
	t->loop = l;
	t->events = events;
	t->ctx = ctx;
	t->scheme = tls ? "https" : "http";
	list_init(&t->calls);
	loop_task_init(l, &t->flush, on_flush_turn, t);
	loop_task_init(l, &t->down, on_down_turn, t);
	loop_timer_init(l, &t->gathered, on_gathered, t);
	t->session = session_new(t);
	if (a->any.sa_family == AF_UNIX)
		(void)snprintf(t->authority, sizeof(t->authority), "localhost");
	else
		(void)net_address_format(a, t->authority, sizeof(t->authority));
	if (channel_open(&t->channel, l, a, tls, on_ready, t) < 0)
		transport_drop(t, t->channel.text);
	return t;
}

struct transport *transport_free(struct transport *t)
{
	if (!t)
		return NULL;
	if (t->receiving)
		abort(); /* the store was freed from inside one of its callbacks */
	t->dropped = true;
	loop_task_cancel(&t->flush);
	loop_task_cancel(&t->down);
	loop_timer_stop(&t->gathered);
	channel_close(&t->channel);
	list_for_each (node, &t->calls)
		list_entry(node, struct call, link)->ended = true;
	nghttp2_session_del(t->session);
	while (!list_empty(&t->calls))
		call_free(list_first(&t->calls, struct call, link));
	str_done(&t->out);
	free(t);
	return NULL;
}

void transport_ping(struct transport *t)
{
	(void)nghttp2_submit_ping(t->session, NGHTTP2_FLAG_NONE, NULL);
	loop_task_schedule(&t->flush);
}

bool transport_usable(const struct transport *t)
{
	return t->up && !t->dropped && !t->leaving;
}

bool transport_leaving(const struct transport *t)
{
	return t->leaving;
}

size_t transport_calls(const struct transport *t)
{
	return t->n_open;
}

/* --- calls --- */

static nghttp2_nv header(const char *name, const char *value)
{
	/* names are literals and values outlive the call of nghttp2, which copies values only */
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
	                    .value = (uint8_t *)(uintptr_t)value,
	                    .namelen = strlen(name),
	                    .valuelen = strlen(value),
	                    .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

static struct call *call_new(struct transport *t, const char *path, const char *token, bool unary,
                             const struct call_events *events, void *ctx)
{
	struct call *c = NEW(struct call);
	c->transport = t;
	c->events = events;
	c->ctx = ctx;
	c->unary = unary;
	c->status = WIRE_BROKEN;
	nghttp2_nv headers[9] = {
	        header(":method", "POST"),
	        header(":scheme", t->scheme),
	        header(":path", path),
	        header(":authority", t->authority),
	        header("content-type", "application/grpc"),
	        header("user-agent", "tug/" TUG_VERSION),
	        header("te", "trailers"),
	        /* a server cut off from its leader refuses at once instead of keeping us waiting */
	        header("hasleader", "true"),
	};
	size_t n = 8;
	if (token) {
		headers[n] = header("token", token);
		headers[n++].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
	}
	nghttp2_data_provider body = {.source = {.ptr = c}, .read_callback = on_data_wanted};
	c->stream = nghttp2_submit_request(t->session, NULL, headers, n, &body, c);
	list_append(&t->calls, &c->link);
	t->n_open++;
	if (c->stream < 0) /* the ids of this connection are used up; on_end comes with the rest */
		transport_drop(t, nghttp2_strerror(c->stream));
	else if (t->n_open == 1)
		t->events->on_calls(t->ctx);
	loop_task_schedule(&t->flush);
	return c;
}

struct call *call_unary(struct transport *t, const char *path, const char *token, const void *request,
                        size_t len, const struct call_events *events, void *ctx)
{
	struct call *c = call_new(t, path, token, true, events, ctx);
	c->request = request;
	c->request_len = len;
	return c;
}

struct call *call_stream(struct transport *t, const char *path, const char *token,
                         const struct call_events *events, void *ctx)
{
	return call_new(t, path, token, false, events, ctx);
}

static void resume(struct call *c)
{
	struct transport *t = c->transport;
	if (c->deferred)
		(void)nghttp2_session_resume_data(t->session, c->stream);
	c->deferred = false;
	loop_task_schedule(&t->flush);
}

void call_send(struct call *c, const void *message, size_t len)
{
	str_add(&c->queue, message, len);
	c->request_len = c->queue.len;
	resume(c);
}

void call_cancel(struct call *c)
{
	if (!c)
		return;
	struct transport *t = c->transport;
	c->events = NULL;
	call_count(c);
	if (t->dropped || c->stream < 0)
		return;
	(void)nghttp2_submit_rst_stream(t->session, NGHTTP2_FLAG_NONE, c->stream, NGHTTP2_CANCEL);
	loop_task_schedule(&t->flush);
}

void call_forget(struct call *c)
{
	if (c)
		c->events = NULL;
}
