#include "controllers/api/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "controllers/api/frame.h"
#include "core/json.h"
#include "core/map.h"
#include "core/mem.h"
#include "kind/pod.h"
#include "kind/session.h"

#define SESSION_ID_BYTES     16
#define SESSION_SECRET_BYTES 32
#define SESSION_ERROR_MAX    4096 /* of an error's text that is kept */

struct relays {
	struct api *api;
	int64_t silence_ms;
	struct map by_id;          /* struct relay */
	struct store_lease *lease; /* while there are sessions */
	int64_t lease_id;          /* 0: not granted */
};

struct relay {
	struct relays *relays;
	char id[2 * SESSION_ID_BYTES + 1], secret[2 * SESSION_SECRET_BYTES + 1];
	char *node, *below, *key;
	struct str value;
	struct call *reader; /* NULL: left */
	struct call *runner; /* NULL: not connected */
	bool streams;        /* the reader takes frames */
	bool begun;          /* its answer */
	bool paused;         /* the runner: the reader takes nothing at present */
	bool written;        /* the key */
	struct frame_reader frames;
	struct str error; /* what came on the error stream */
	struct store_op *op;
	struct loop_timer timer;
};

static void random_hex(char *out, size_t n_bytes)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SESSION_SECRET_BYTES];
	assert(n_bytes <= sizeof(bytes));
	ssize_t got = getrandom(bytes, n_bytes, 0);
	assert(got == (ssize_t)n_bytes); /* cannot fail for up to 256 bytes (getrandom(2)) */
	for (size_t i = 0; i < n_bytes; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n_bytes] = '\0';
}

/* --- the key --- */

static void on_deleted(void *ctx _unused_, enum store_outcome outcome _unused_, int64_t rev _unused_,
                       const struct error *err _unused_)
{
	/* should it have failed, the lease ends the key */
}

static void delete_key(struct relay *s)
{
	struct store_then then = {.what = STORE_DELETE, .key = s->key};
	struct store_txn txn = {.thens = &then, .n_thens = 1};
	(void)store_txn(s->relays->api->store, &txn, on_deleted, NULL);
}

static void relay_free(struct relay *s)
{
	struct relays *all = s->relays;
	(void)map_remove(&all->by_id, s->id);
	store_cancel(all->api->store, s->op);
	loop_timer_stop(&s->timer);
	/* a key whose transaction was under way is deleted too: the store keeps the order of one client's
	 * writes */
	if (s->written || s->op)
		delete_key(s);
	if (all->by_id.count == 0) {
		all->lease = store_lease_free(all->api->store, all->lease, true);
		all->lease_id = 0;
	}
	free(s->node);
	free(s->below);
	free(s->key);
	str_done(&s->value);
	str_done(&s->error);
	free(s);
}

static void runner_end(struct relay *s, int status, const char *why)
{
	struct call *runner = s->runner;
	s->runner = NULL;
	if (!runner)
		return;
	runner->ops = NULL;
	if (status == 200)
		call_reply(runner, 200, "text/plain", "", 0);
	else
		call_error(runner, status, "%s", why);
}

/* "node n1 TEXT"; an answer that has begun is cut off, so that it is not taken for a whole one. */
static void reader_error(struct relay *s, int status, const char *text)
{
	struct call *reader = s->reader;
	s->reader = NULL;
	reader->ops = NULL;
	if (s->begun)
		call_abort(reader);
	else
		call_error(reader, status, "node %s %s", s->node, text);
}

static void on_put(void *ctx, enum store_outcome outcome, int64_t rev _unused_, const struct error *err)
{
	struct relay *s = ctx;
	s->op = NULL;
	s->written = outcome == STORE_OK || outcome == STORE_E_UNKNOWN;
	if (outcome == STORE_OK)
		return;
	struct call *reader = s->reader;
	reader->ops = NULL;
	runner_end(s, 410, "the session could not be made");
	relay_free(s);
	call_outcome(reader, outcome, err);
}

static void put_key(struct relay *s)
{
	struct store_if absent = {STORE_IF_MOD_REV, s->key, 0};
	struct store_then then = {.what = STORE_PUT,
	                          .key = s->key,
	                          .value = s->value.data,
	                          .value_len = s->value.len,
	                          .lease = s->relays->lease_id};
	struct store_txn txn = {
	        .ifs = &absent, .n_ifs = 1, .thens = &then, .n_thens = 1, .timeout_ms = SESSION_WAIT_MS};
	s->op = store_txn(s->relays->api->store, &txn, on_put, s);
}

static void on_granted(void *ctx, int64_t lease_id)
{
	struct relays *all = ctx;
	all->lease_id = lease_id;
	map_for_each (e, &all->by_id) {
		struct relay *s = e->value;
		if (!s->written && !s->op)
			put_key(s);
	}
}

/* Keys went with the lease: runners end those streams by themselves, new sessions wait for the next lease. */
static void on_lost(void *ctx)
{
	struct relays *all = ctx;
	all->lease_id = 0;
}

/* --- the reader --- */

static const char *answer_type(const struct relay *s)
{
	return s->streams ? "application/octet-stream" : "text/plain; charset=utf-8";
}

static void begin_answer(struct relay *s)
{
	if (s->begun)
		return;
	s->begun = true;
	loop_timer_in(&s->timer, s->relays->silence_ms);
	call_stream_begin(s->reader, 200, answer_type(s), false);
}

static void on_timer(void *ctx)
{
	struct relay *s = ctx;
	if (!s->runner && !s->written) { /* the node was never asked */
		struct call *reader = s->reader;
		reader->ops = NULL;
		call_outcome(reader, STORE_E_UNAVAILABLE, NULL);
	} else if (!s->runner) {
		reader_error(s, 504, "did not answer within 5 s; is its runner up?");
	} else if (!s->begun) {
		begin_answer(s);
		return;
	} else if (s->paused) {
		/* not silent, but not listened to */
		loop_timer_in(&s->timer, s->relays->silence_ms);
		return;
	} else {
		runner_end(s, 408, "nothing came for too long: an idle stream has to send empty frames");
		reader_error(s, 502, "has fallen silent");
	}
	relay_free(s);
}

static void reader_gone(struct call *c)
{
	struct relay *s = c->state;
	s->reader = NULL;
	runner_end(s, 410, "the reader left");
	relay_free(s);
}

static void reader_drained(struct call *c)
{
	struct relay *s = c->state;
	if (!s->paused || !s->runner)
		return;
	s->paused = false;
	loop_timer_in(&s->timer, s->relays->silence_ms);
	httpd_pause(s->runner->x, false);
}

static void reader_end(struct call *c)
{
	struct relay *s = c->state;
	runner_end(s, 410, "the server stops");
	reader_error(s, 503, "was asked, but the server stops");
	relay_free(s);
}

static const struct call_ops reader_ops = {
        .on_gone = reader_gone, .on_drained = reader_drained, .on_end = reader_end};

static void write_reader(struct relay *s, const void *data, size_t len)
{
	begin_answer(s);
	if (len && !httpd_stream_write(s->reader->x, data, len) && s->runner) {
		s->paused = true;
		httpd_pause(s->runner->x, true);
	}
}

/* Everything came. */
static void finish(struct relay *s)
{
	struct call *reader = s->reader;
	runner_end(s, 200, "");
	s->reader = NULL;
	reader->ops = NULL;
	if (s->begun)
		call_stream_end(reader);
	else if (s->error.len)
		call_error(reader, 502, "node %s: %s", s->node, str_get(&s->error));
	else
		call_reply(reader, 200, answer_type(s), "", 0);
	relay_free(s);
}

/* --- the runner --- */

static void runner_gone(struct call *c)
{
	struct relay *s = c->state;
	s->runner = NULL;
	reader_error(s, 502, "broke the stream off");
	relay_free(s);
}

static void runner_bad(struct relay *s)
{
	runner_end(s, 400, "this is no frame: 1 byte stream (1, 2, 3), 4 bytes length, data");
	reader_error(s, 502, "sent something else than a log");
	relay_free(s);
}

/* False: the session has ended. */
static bool take_piece(struct relay *s, const struct frame_piece *p)
{
	if (p->stream == FRAME_ERROR) {
		str_add(&s->error, p->data,
		        MIN(p->len, SESSION_ERROR_MAX - MIN(s->error.len, (size_t)SESSION_ERROR_MAX)));
		if (!p->last)
			return true;
		if (s->begun && s->streams) {
			unsigned char head[FRAME_HEAD] = {FRAME_ERROR, 0, 0,
			                                  (unsigned char)(s->error.len >> 8),
			                                  (unsigned char)s->error.len};
			write_reader(s, head, sizeof(head));
			write_reader(s, s->error.data, s->error.len);
		} else if (s->begun) {
			write_reader(s, "error: ", 7);
			write_reader(s, s->error.data, s->error.len);
			write_reader(s, "\n", 1);
		}
		finish(s);
		return false;
	}
	if (p->head && s->streams)
		write_reader(s, p->head, FRAME_HEAD);
	write_reader(s, p->data, p->len);
	return true;
}

static void runner_body(struct call *c, const char *data, size_t len)
{
	struct relay *s = c->state;
	if (len == 0) {
		if (frame_at_end(&s->frames))
			finish(s);
		else
			runner_bad(s);
		return;
	}
	if (s->begun)
		loop_timer_in(&s->timer, s->relays->silence_ms);
	for (;;) {
		struct frame_piece piece;
		int r = frame_next(&s->frames, &data, &len, &piece);
		if (r == FRAME_MORE)
			return;
		if (r < 0) {
			runner_bad(s);
			return;
		}
		if (!take_piece(s, &piece))
			return;
	}
}

static void runner_stop(struct call *c)
{
	reader_end(((struct relay *)c->state)->reader);
}

static const struct call_ops runner_ops = {
        .on_gone = runner_gone, .on_body = runner_body, .on_end = runner_stop};

/* 0, or the status that says why not. */
static int upload_status(const struct relays *all, const char *id, const struct httpd_request *http)
{
	const struct relay *s = map_get(&all->by_id, id);
	_cleanup_str_ struct str given = STR_INIT;
	if (!s)
		return 404;
	if (!request_password(http1_field(http->head, "Authorization"), NULL, &given) ||
	    !str_equal_secret(s->secret, str_get(&given), given.len))
		return 403;
	return s->runner ? 409 : 0;
}

bool relays_expect(const struct relays *all, const char *id, const struct httpd_request *http)
{
	return upload_status(all, id, http) == 0;
}

void relay_upload(struct call *c)
{
	struct relays *all = c->api->relays;
	int status = upload_status(all, c->at.name, c->http);
	if (status == 404) {
		call_error(c, 404, "there is no such session (any more)");
	} else if (status == 403) {
		call_error(c, 403, "this is not the session's secret");
	} else if (status == 409) {
		call_error(c, 409, "somebody is connected to this session already");
	} else if (c->http->body) {
		call_error(c, 400, "a chunked body of frames is wanted");
	} else {
		struct relay *s = map_get(&all->by_id, c->at.name);
		s->runner = c;
		c->ops = &runner_ops;
		c->state = s;
		loop_timer_in(&s->timer, SESSION_QUIET_MS);
	}
}

/* --- beginning --- */

void relay_begin(struct call *c, const struct pod *pod, const char *container, const struct value *options,
                 bool streams)
{
	struct relays *all = c->api->relays;
	struct relay *s = NEW(struct relay);
	s->relays = all;
	s->reader = c;
	s->streams = streams;
	s->node = mem_strdup(pod->node);
	random_hex(s->id, SESSION_ID_BYTES);
	random_hex(s->secret, SESSION_SECRET_BYTES);
	s->below = key_make(&kind_session, s->node, s->id);
	s->key = api_key(c->api, s->below);
	_cleanup_value_ struct value *v = value_new_object();
	const char *address = streq(s->node, c->api->node) ? c->api->address_local : c->api->address_remote;
	value_set(v, "kind", value_new_string(kind_session.name));
	value_set(v, "node", value_new_string(s->node));
	value_set(v, "name", value_new_string(s->id));
	value_set(v, "what", value_new_string("logs"));
	value_set(v, "project", value_new_string(pod->project));
	value_set(v, "pod", value_new_string(pod->name));
	value_set(v, "container", value_new_string(container));
	value_set(v, "address", value_new_string(address));
	value_set(v, "secret", value_new_string(s->secret));
	value_for_each (it, options)
		value_set(v, value_iter_name(it), value_ref(value_iter_value(it)));
	json_print(v, JSON_COMPACT, &s->value);

	c->ops = &reader_ops;
	c->state = s;
	loop_timer_init(c->api->loop, &s->timer, on_timer, s);
	loop_timer_in(&s->timer, SESSION_WAIT_MS);
	(void)map_put(&all->by_id, s->id, s);
	static const struct store_lease_callbacks cbs = {.on_granted = on_granted, .on_lost = on_lost};
	if (!all->lease)
		all->lease = store_lease(c->api->store, SESSION_LEASE_MS, true, &cbs, all);
	else if (all->lease_id)
		put_key(s);
}

/* --- all sessions --- */

struct relays *relays_new(struct api *a, int64_t silence_ms)
{
	struct relays *s = NEW(struct relays);
	s->api = a;
	s->silence_ms = silence_ms ? silence_ms : SESSION_SILENCE_MS;
	s->by_id = MAP_INIT;
	return s;
}

struct relays *relays_free(struct relays *s)
{
	if (!s)
		return NULL;
	assert(s->by_id.count == 0);
	map_done(&s->by_id, NULL);
	free(s);
	return NULL;
}

unsigned relays_count(const struct relays *s)
{
	return (unsigned)s->by_id.count;
}
