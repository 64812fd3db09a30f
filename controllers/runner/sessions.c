#include "controllers/runner/sessions.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/http/client.h"
#include "core/log.h"
#include "core/map.h"
#include "core/mem.h"

enum { STREAM_ERROR = 3 };

struct stream {
	struct sessions *owner;
	char *id;
	char *pod, *container;
	bool follow, timestamps;
	struct http_client *client; /* NULL: it is over, and its key is still there */
	struct http_call *call;     /* NULL: answered */
	struct engine_op *op;       /* NULL: the log has ended */
	int64_t run;                /* when the run of the container began whose log this is; 0: not known */
	bool waits;                 /* for the container's next run */
	int64_t waits_since;        /* wall clock ms: the log of the last run had ended */
	bool paused;                /* the reader is slow */
	bool over;                  /* to be closed in the next turn */
	struct loop_timer idle;
};

struct sessions {
	struct loop *loop;
	struct engine *engine;
	struct sessions_host host;
	struct map streams; /* id -> struct stream */
	size_t count;       /* with a connection */
	struct loop_task reap;
};

/* --- the connection --- */

static void stream_close(struct stream *t)
{
	if (t->op)
		t->owner->engine->ops->cancel(t->owner->engine, t->op);
	t->op = NULL;
	t->waits = false;
	loop_timer_stop(&t->idle);
	if (!t->client)
		return;
	http_cancel(t->call);
	t->call = NULL;
	t->client = http_client_free(t->client);
	t->owner->count--;
}

static void stream_free(void *p)
{
	struct stream *t = p;
	stream_close(t);
	free(t->id);
	free(t->pod);
	free(t->container);
	free(t);
}

/* A call's own callback must not take its connection down. */
static void on_reap(void *ctx)
{
	struct sessions *s = ctx;
	map_for_each (e, &s->streams) {
		struct stream *t = e->value;
		if (t->over)
			stream_close(t);
	}
}

/* False: no more for now. */
static bool send_frame(struct stream *t, int number, const char *data, size_t len)
{
	if (!t->call)
		return true;
	const unsigned char head[5] = {(unsigned char)number, (unsigned char)(len >> 24),
	                               (unsigned char)(len >> 16), (unsigned char)(len >> 8),
	                               (unsigned char)len};
	_cleanup_str_ struct str frame = STR_INIT;
	str_reserve(&frame, sizeof(head) + len);
	str_add(&frame, head, sizeof(head));
	str_add(&frame, data, len);
	loop_timer_in(&t->idle, SESSION_IDLE_MS);
	return http_call_send(t->call, frame.data, frame.len);
}

static void on_idle(void *ctx)
{
	struct stream *t = ctx;
	(void)send_frame(t, 1, "", 0);
}

static void on_sent(void *ctx)
{
	struct stream *t = ctx;
	if (!t->paused || !t->op)
		return;
	t->paused = false;
	t->owner->engine->ops->logs_resume(t->owner->engine, t->op);
}

static void on_answer(void *ctx, const struct http_response *response)
{
	struct stream *t = ctx;
	t->call = NULL;
	t->over = true;
	if (response->result != HTTP_OK)
		log_event(LOG_WARN, "session.cut", t->id, "why=%s", log_quote(response->text));
	else
		log_event(LOG_DEBUG, "session.end", t->id, "status=%d", response->status);
	loop_task_schedule(&t->owner->reap);
}

/* --- the log --- */

static bool on_data(void *ctx, int stream, const char *data, size_t len)
{
	struct stream *t = ctx;
	bool more = true;
	while (len > 0) {
		size_t n = MIN(len, (size_t)SESSION_FRAME_MAX);
		more = send_frame(t, stream == 2 ? 2 : 1, data, n);
		data += n;
		len -= n;
	}
	t->paused = !more;
	return more;
}

static void stream_end(struct stream *t)
{
	t->waits = false;
	loop_timer_stop(&t->idle);
	http_call_end(t->call);
}

static void on_log_end(void *ctx, enum engine_result result, const struct error *err)
{
	struct stream *t = ctx;
	t->op = NULL;
	if (!t->call)
		return;
	if (result == ENGINE_OK && t->follow) {
		t->waits = true;
		t->waits_since = clock_wall_ms();
		t->owner->host.look(t->owner->host.ctx, t->pod);
		return;
	}
	if (result != ENGINE_OK) {
		const char *text = err && *err->text ? err->text : engine_result_name(result);
		(void)send_frame(t, STREAM_ERROR, text, strlen(text));
	}
	stream_end(t);
}

static const struct engine_container *engine_container_of(const struct stream *t, const struct slot *slot)
{
	for (size_t i = 0; slot && slot->have && i < slot->have->n_containers; i++)
		if (streq(slot->have->containers[i].name, t->container))
			return &slot->have->containers[i];
	return NULL;
}

/* tail: lines; -1: all. since_ms: 0: from the beginning. */
static void log_open(struct stream *t, int64_t tail, int64_t since_ms)
{
	struct sessions *owner = t->owner;
	const struct engine_container *c = engine_container_of(t, owner->host.slot(owner->host.ctx, t->pod));
	const struct engine_logs_request req = {
	        .pod = t->pod,
	        .container = t->container,
	        .follow = t->follow,
	        .timestamps = t->timestamps,
	        .tail = tail,
	        .since_ms = since_ms,
	        .on_data = on_data,
	        .done = on_log_end,
	        .ctx = t,
	};
	t->waits = false;
	t->run = c ? c->started_at : 0;
	t->op = owner->engine->ops->logs(owner->engine, &req);
}

/* There will be no other run of the container. */
static bool ended_for_good(const struct stream *t, const struct slot *slot)
{
	for (size_t i = 0; slot && slot->want && i < slot->want->containers.count; i++)
		if (streq(LIST_ITEMS(&slot->want->containers, struct container)[i].name, t->container))
			return slot->memory.containers[i].ended;
	return !slot;
}

static void log_go_on(struct stream *t)
{
	const struct slot *slot = t->owner->host.slot(t->owner->host.ctx, t->pod);
	const struct engine_container *c = engine_container_of(t, slot);
	bool ran = c && (c->state == CONTAINER_RUNNING || c->state == CONTAINER_EXITED);
	if (ran && c->started_at != t->run)
		/* what the last run wrote was written before its log ended, of which a slow reader hears late */
		log_open(t, -1, MIN(t->waits_since, c->started_at));
	else if (ended_for_good(t, slot))
		stream_end(t);
}

/* --- sessions --- */

static void refuse(const struct stream *t, const char *why)
{
	log_event(LOG_WARN, "session.refused", t->id, "why=%s", log_quote(why));
}

static void stream_begin(struct stream *t, const struct session *s)
{
	struct sessions *owner = t->owner;
	struct error err = {0};
	if (!s->what || !streq(s->what, "logs") || !s->pod || !s->container) {
		refuse(t, "it asks for something that this runner does not know");
		return;
	}
	if (owner->count >= SESSIONS_MAX) {
		refuse(t, "too many sessions at once");
		return;
	}
	t->client = http_client_new(owner->loop, s->address, 1, &err);
	if (!t->client) {
		refuse(t, err.text);
		return;
	}
	owner->count++;
	_cleanup_free_ char *target = mem_printf("/v1/sessions/%s", t->id);
	_cleanup_free_ char *bearer = mem_printf("Authorization: Bearer %s", s->secret);
	const char *const fields[] = {bearer, "Content-Type: application/octet-stream", NULL};
	t->call = http_call(t->client, &(struct http_request){.method = "POST",
	                                                      .target = target,
	                                                      .fields = fields,
	                                                      .upload = true,
	                                                      .on_done = on_answer,
	                                                      .ctx = t});
	http_call_on_sent(t->call, on_sent);
	loop_timer_in(&t->idle, SESSION_IDLE_MS);
	bool since = schema_has(&session_schema, s, "since"), tail = schema_has(&session_schema, s, "tail");
	t->pod = mem_strdup(s->pod);
	t->container = mem_strdup(s->container);
	t->follow = s->follow;
	t->timestamps = s->timestamps;
	log_open(t, tail ? s->tail : -1, since ? s->since : 0);
}

void sessions_turn(struct sessions *s, const char *pod)
{
	map_for_each (e, &s->streams) {
		struct stream *t = e->value;
		if (t->waits && streq(t->pod, pod))
			log_go_on(t);
	}
}

void sessions_change(struct sessions *s, const char *id, const struct session *now)
{
	struct stream *t = map_get(&s->streams, id);
	if (!now) {
		if (t) {
			(void)map_remove(&s->streams, id);
			stream_free(t);
		}
		return;
	}
	if (t)
		return;
	t = NEW(struct stream);
	t->owner = s;
	t->id = mem_strdup(id);
	loop_timer_init(s->loop, &t->idle, on_idle, t);
	(void)map_put(&s->streams, id, t);
	stream_begin(t, now);
}

size_t sessions_count(const struct sessions *s)
{
	return s->count;
}

struct sessions *sessions_new(struct loop *loop, struct engine *e, const struct sessions_host *host)
{
	struct sessions *s = NEW(struct sessions);
	s->loop = loop;
	s->engine = e;
	s->host = *host;
	loop_task_init(loop, &s->reap, on_reap, s);
	return s;
}

struct sessions *sessions_free(struct sessions *s)
{
	if (!s)
		return NULL;
	map_done(&s->streams, stream_free);
	loop_task_cancel(&s->reap);
	free(s);
	return NULL;
}
