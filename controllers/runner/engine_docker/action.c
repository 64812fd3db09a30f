/*
 * One create, start, stop or removal of one container. Each has a deadline; when its outcome is not known
 * (cut, or no reply in time) the engine is asked for the containers of the pod, and what is seen decides: it
 * happened, it is repeated once where a repetition is safe, or nobody knows.
 *
 * Why a repetition is safe: create is under a name that only one container can have; start, stop and remove
 * say "already so" when the first one landed. A start that timed out is not repeated: it may still be under
 * way, and the second one would only queue behind it.
 */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <inttypes.h>

#include "controllers/runner/engine_docker/container.h"
#include "core/json.h"
#include "core/mem.h"

#define TRIES          2
#define REMOVE_POLL_MS 100
#define REMOVE_POLLS   300

enum action_kind { ACTION_CREATE, ACTION_START, ACTION_STOP, ACTION_REMOVE };

struct docker_action {
	struct list link; /* docker->actions */
	struct list slot; /* docker->waiting */
	struct docker *d;
	enum action_kind kind;
	bool has_slot;
	struct http_call *call;
	struct loop_timer timer; /* between two looks at a removal */
	char id[ID_SIZE];
	char *pod;
	const struct docker_target *target; /* create */
	char *body;
	int64_t grace_ms;
	bool force;    /* remove */
	bool killed;   /* stop */
	bool unpaused; /* stop */
	bool timed_out;
	unsigned tries, polls;
	uint64_t runs; /* of the container when start was sent */
	uint64_t seq;  /* of the container when it was looked at in the end */
	docker_action_fn *on_end;
	void *ctx;
	struct error err;
};

static void action_send(struct docker_action *a);

/* --- beginning and end --- */

static void action_free(struct docker_action *a)
{
	http_cancel(a->call);
	loop_timer_stop(&a->timer);
	list_remove(&a->link);
	list_remove(&a->slot);
	free(a->pod);
	free(a->body);
	free(a);
}

void actions_done(struct docker *d)
{
	while (!list_empty(&d->actions))
		action_free(list_first(&d->actions, struct docker_action, link));
	d->busy = 0;
}

static void slot_release(struct docker *d)
{
	d->busy--;
	if (list_empty(&d->waiting))
		return;
	struct docker_action *next = list_first(&d->waiting, struct docker_action, slot);
	list_remove(&next->slot);
	d->busy++;
	next->has_slot = true;
	action_send(next);
}

static void action_end(struct docker_action *a, enum engine_result result)
{
	if (a->has_slot)
		slot_release(a->d);
	a->has_slot = false;
	list_remove(&a->link);
	a->on_end(a->ctx, result, &a->err);
	action_free(a);
}

static struct docker_action *action_new(struct docker *d, enum action_kind kind, const char *pod,
                                        docker_action_fn *on_end, void *ctx)
{
	struct docker_action *a = NEW(struct docker_action);
	a->d = d;
	a->kind = kind;
	a->pod = mem_strdup(pod);
	a->on_end = on_end;
	a->ctx = ctx;
	list_init(&a->slot);
	list_append(&d->actions, &a->link);
	return a;
}

static void action_begin(struct docker_action *a)
{
	struct docker *d = a->d;
	if (a->kind == ACTION_CREATE) { /* short, and it runs nothing */
		action_send(a);
	} else if (d->busy < d->parallel) {
		d->busy++;
		a->has_slot = true;
		action_send(a);
	} else {
		list_append(&d->waiting, &a->slot);
	}
}

static struct docker_container *action_container(const struct docker_action *a)
{
	return map_get(&a->d->containers, a->id);
}

/* --- unknown outcomes --- */

static const struct value *lookup_find(const struct docker_action *a, const struct value *items)
{
	value_for_each_item (i, item, items) {
		if (a->kind != ACTION_CREATE && str_equal(value_get_string(item, "Id"), a->id))
			return item;
		const struct value *labels = value_get(item, "Labels");
		const char *name = value_get_string(labels, "tug.container");
		if (a->kind == ACTION_CREATE && name && streq(name, a->target->name ? a->target->name : ""))
			return item;
	}
	return NULL;
}

static void action_repeat(struct docker_action *a)
{
	if (a->tries < TRIES)
		action_send(a);
	else
		action_end(a, ENGINE_E_UNKNOWN);
}

static void on_killed(void *ctx, const struct http_response *r);

/* The engine answered the list: what became of it? */
static void lookup_decide(struct docker_action *a, const struct value *item)
{
	struct docker *d = a->d;
	bool paused;
	bool runs = item && state_of_word(value_get_string(item, "State"), &paused) == CONTAINER_RUNNING;
	struct docker_container *c = action_container(a);
	switch (a->kind) {
	case ACTION_CREATE:
		if (!item)
			action_repeat(a);
		else if (str_equal(value_get_string(value_get(item, "Labels"), "tug.spec"), a->target->spec))
			action_end(a, ENGINE_OK);
		else
			action_end(a, ENGINE_E_FAILED);
		return;
	case ACTION_START:
		if (runs)
			action_end(a, ENGINE_OK);
		else if (!item)
			action_end(a, ENGINE_E_GONE);
		else if (a->timed_out)
			action_end(a, ENGINE_E_UNKNOWN);
		else
			action_repeat(a);
		return;
	case ACTION_STOP:
		if (!runs) {
			action_end(a, ENGINE_OK);
		} else if (a->killed) {
			action_end(a, ENGINE_E_UNKNOWN);
		} else {
			a->killed = true;
			a->call = docker_call(d, d->works, "POST",
			                      mem_printf("/containers/%s/kill?signal=KILL", a->id), NULL,
			                      DEADLINE_KILL, on_killed, a);
		}
		return;
	case ACTION_REMOVE:
		if (item) {
			action_repeat(a);
			return;
		}
		if (c)
			state_removed(d, c);
		action_end(a, ENGINE_OK);
		return;
	}
}

static void on_lookup(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	_cleanup_value_ struct value *items = NULL;
	if (r->result != HTTP_OK || r->status != 200 || json_parse(r->body, r->body_len, &items, NULL) < 0) {
		session_doubt(a->d);
		action_end(a, ENGINE_E_UNKNOWN);
		return;
	}
	const struct value *item = lookup_find(a, items);
	if (item)
		state_list_item(a->d, item, true);
	lookup_decide(a, item);
}

/* A reply did not come. */
static void action_unknown(struct docker_action *a, const struct http_response *r)
{
	struct docker *d = a->d;
	(void)error_set(&a->err, -EIO, "", "the engine: %s", r->text);
	if (r->result == HTTP_E_CONNECT && a->tries == 1 && !a->killed) {
		session_doubt(d);
		action_end(a, ENGINE_E_UNAVAILABLE);
		return;
	}
	a->timed_out = r->result == HTTP_E_TIMEOUT;
	struct str target = STR_INIT;
	str_puts(&target, "/containers/json?all=1&filters=");
	_cleanup_free_ char *filter =
	        mem_printf("{\"label\":[\"tug.node=%s\",\"tug.pod=%s\"]}", d->node, a->pod);
	http_escape(&target, filter);
	a->call = docker_call(d, d->quick, "GET", str_take(&target), NULL, DEADLINE_LIST, on_lookup, a);
}

/* A refusal: its text into a->err, its meaning. */
static enum engine_result action_refused(struct docker_action *a, enum dialect_call call,
                                         const struct http_response *r, enum dialect_hint *ret_hint)
{
	_cleanup_value_ struct value *body = NULL;
	const char *message = NULL;
	if (json_parse(r->body, r->body_len, &body, NULL) == 0)
		message = value_get_string(body, "message");
	if (!message)
		message = r->body;
	(void)error_set(&a->err, r->status, "", "%s",
	                *message ? message : "the engine refused without a word");
	return dialect_error(a->d->dialect, call, r->status, value_get_string(body, "cause"), message, a->id,
	                     ret_hint);
}

/* --- create --- */

/* Takes over the container that was made or found. False: its labels are not ours. */
static bool create_learn(struct docker_action *a, const char *id, const struct value *labels,
                         const char *mode)
{
	struct docker_container *c = state_learn(a->d, id, labels);
	if (!c)
		return false;
	const char *joined = mode ? str_after(mode, "container:") : NULL;
	free(c->joined);
	c->joined = mem_strdup(joined);
	if (c->state == CONTAINER_MISSING)
		c->state = CONTAINER_CREATED;
	state_changed(a->d, c->pod);
	return true;
}

static void on_stale_removed(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result == HTTP_OK && (r->status == 204 || r->status == 404)) {
		action_repeat(a);
		return;
	}
	action_end(a, docker_reply_error(a->d, CALL_REMOVE, r, &a->err));
}

/* Somebody has the name: one of ours that fits is what was wanted, one that does not goes, a foreign one
 * stays. */
static void on_holder(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	struct docker *d = a->d;
	const struct docker_target *t = a->target;
	a->call = NULL;
	_cleanup_value_ struct value *v = NULL, *body = NULL;
	if (r->result == HTTP_OK && r->status == 404) {
		action_repeat(a);
		return;
	}
	if (r->result != HTTP_OK || r->status != 200 || json_parse(r->body, r->body_len, &v, NULL) < 0 ||
	    json_parse(a->body, strlen(a->body), &body, NULL) < 0) {
		enum engine_result result = docker_reply_error(d, CALL_INSPECT, r, &a->err);
		action_end(a, result ? result : ENGINE_E_FAILED);
		return;
	}
	const struct value *labels = value_get(value_get(v, "Config"), "Labels");
	const char *id = value_get_string(v, "Id"), *name = value_get_string(v, "Name");
	const char *mode = value_get_string(value_get(v, "HostConfig"), "NetworkMode");
	const char *want = value_get_string(value_get(body, "HostConfig"), "NetworkMode");
	bool ours = id && strlen(id) == ID_SIZE - 1 && name &&
	            streq(*name == '/' ? name + 1 : name, t->full_name) &&
	            str_equal(value_get_string(labels, "tug.node"), d->node) &&
	            str_equal(value_get_string(labels, "tug.pod"), a->pod) &&
	            str_equal(value_get_string(labels, "tug.container"), t->name ? t->name : "");
	if (!ours) {
		(void)error_set(
		        &a->err, -EEXIST, "",
		        "the container name %s is taken by %.12s, which is not tug's: remove or rename it",
		        t->full_name, id ? id : "another container");
		action_end(a, ENGINE_E_NAME_TAKEN);
		return;
	}
	bool fits =
	        str_equal(value_get_string(labels, "tug.spec"), t->spec) && (!want || str_equal(mode, want));
	if (!fits) {
		a->call = docker_call(d, d->creates, "DELETE", mem_printf("/containers/%s?v=1&force=1", id),
		                      NULL, DEADLINE_REMOVE, on_stale_removed, a);
		return;
	}
	bool learned = create_learn(a, id, labels, mode);
	if (learned)
		(void)container_of_inspect(map_get(&d->containers, id), v, false);
	action_end(a, learned ? ENGINE_OK : ENGINE_E_FAILED);
}

static void on_created(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	struct docker *d = a->d;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	if (r->status != 201) {
		enum dialect_hint hint;
		enum engine_result result = action_refused(a, CALL_CREATE, r, &hint);
		if (hint == HINT_NAME_IN_USE)
			/* the name holds letters that no id has, so it is no prefix of one */
			a->call = docker_call(d, d->quick, "GET",
			                      mem_printf("/containers/%s/json", a->target->full_name), NULL,
			                      DEADLINE_INSPECT, on_holder, a);
		else
			action_end(a, result ? result : ENGINE_E_FAILED);
		return;
	}
	_cleanup_value_ struct value *reply = NULL, *body = NULL;
	bool learned = json_parse(r->body, r->body_len, &reply, NULL) == 0 &&
	               json_parse(a->body, strlen(a->body), &body, NULL) == 0 &&
	               create_learn(a, value_get_string(reply, "Id"), value_get(body, "Labels"),
	                            value_get_string(value_get(body, "HostConfig"), "NetworkMode"));
	if (!learned)
		(void)error_set(&a->err, -EPROTO, "",
		                "the engine's reply to create names no new container: %.200s", r->body);
	action_end(a, learned ? ENGINE_OK : ENGINE_E_FAILED);
}

/* --- a look at what came of it --- */

/* The port promises that who started or stopped a container knows how it is then. */
static void on_looked(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	struct docker_container *c = action_container(a);
	_cleanup_value_ struct value *v = NULL;
	if (c && c->seq == a->seq && r->result == HTTP_OK && r->status == 200 &&
	    json_parse(r->body, r->body_len, &v, NULL) == 0 && container_of_inspect(c, v, false)) {
		c->seq++;
		state_changed(a->d, c->pod);
	}
	action_end(a, ENGINE_OK);
}

static void action_look(struct docker_action *a, const struct docker_container *c)
{
	a->seq = c->seq;
	a->call = docker_call(a->d, a->d->quick, "GET", mem_printf("/containers/%s/json", a->id), NULL,
	                      DEADLINE_INSPECT, on_looked, a);
}

/* --- start --- */

static void on_stale_gone(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	struct docker_container *c = action_container(a);
	bool gone = r->result == HTTP_OK && (r->status == 204 || r->status == 404);
	if (gone && c)
		state_removed(a->d, c);
	action_end(a, gone ? ENGINE_E_GONE : ENGINE_E_FAILED);
}

static void on_started(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	struct docker_container *c = action_container(a);
	if (r->status == 204 || r->status == 304) {
		if (c && r->status == 204)
			state_started(a->d, c, a->runs);
		/* it runs already, or its event could not tell whether it is a new run */
		if (c && c->state != CONTAINER_RUNNING && (r->status == 304 || c->inspect))
			action_look(a, c);
		else
			action_end(a, ENGINE_OK);
		return;
	}
	enum dialect_hint hint;
	enum engine_result result = action_refused(a, CALL_START, r, &hint);
	if (hint == HINT_STALE) {
		a->call = docker_call(a->d, a->d->works, "DELETE",
		                      mem_printf("/containers/%s?v=1&force=1", a->id), NULL, DEADLINE_REMOVE,
		                      on_stale_gone, a);
		return;
	}
	if (c && hint == HINT_GONE)
		state_removed(a->d, c);
	else if (c)
		state_start_failed(a->d, c, a->err.text);
	action_end(a, result);
}

/* --- stop --- */

static void stop_landed(struct docker_action *a)
{
	struct docker_container *c = action_container(a);
	if (!c || c->state != CONTAINER_RUNNING) { /* its event was faster than the reply, as usual */
		action_end(a, ENGINE_OK);
		return;
	}
	action_look(a, c);
}

static void on_killed(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	enum dialect_hint hint;
	enum engine_result result = r->status == 204 ? ENGINE_OK : action_refused(a, CALL_STOP, r, &hint);
	if (result)
		action_end(a, result);
	else
		stop_landed(a);
}

static void on_unpaused(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result == HTTP_OK)
		action_send(a); /* whatever it said: stop tells */
	else
		action_unknown(a, r);
}

static void stop_unpause(struct docker_action *a)
{
	a->unpaused = true;
	a->call = docker_call(a->d, a->d->works, "POST", mem_printf("/containers/%s/unpause", a->id), NULL,
	                      DEADLINE_KILL, on_unpaused, a);
}

static void on_stopped(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	if (r->status == 204 || r->status == 304) {
		stop_landed(a);
		return;
	}
	enum dialect_hint hint;
	enum engine_result result = action_refused(a, CALL_STOP, r, &hint);
	struct docker_container *c = action_container(a);
	if (hint == HINT_GONE && c)
		state_removed(a->d, c);
	if (hint == HINT_PAUSED && !a->unpaused)
		stop_unpause(a);
	else if (hint == HINT_DONE)
		stop_landed(a);
	else
		action_end(a, result);
}

/* --- remove --- */

static void on_polled(void *ctx, const struct http_response *r);

static void on_poll(void *ctx)
{
	struct docker_action *a = ctx;
	a->call = docker_call(a->d, a->d->quick, "GET", mem_printf("/containers/%s/json", a->id), NULL,
	                      DEADLINE_INSPECT, on_polled, a);
}

static void remove_landed(struct docker_action *a)
{
	struct docker_container *c = action_container(a);
	if (c)
		state_removed(a->d, c);
	action_end(a, ENGINE_OK);
}

/* Somebody else's removal is under way: it is ours when it is through. */
static void on_polled(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result == HTTP_OK && r->status == 404) {
		remove_landed(a);
		return;
	}
	if (++a->polls > REMOVE_POLLS) {
		(void)error_set(&a->err, -EBUSY, "",
		                "a removal of this container is under way and does not end");
		action_end(a, ENGINE_E_FAILED);
		return;
	}
	loop_timer_in(&a->timer, REMOVE_POLL_MS);
}

static void on_removed(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	if (r->status == 204) {
		remove_landed(a);
		return;
	}
	enum dialect_hint hint;
	enum engine_result result = action_refused(a, CALL_REMOVE, r, &hint);
	if (hint == HINT_GONE) {
		remove_landed(a);
	} else if (hint == HINT_IN_PROGRESS) {
		loop_timer_in(&a->timer, REMOVE_POLL_MS);
	} else if (hint == HINT_RUNNING && !a->force) { /* somebody started it again */
		a->force = true;
		action_send(a);
	} else {
		action_end(a, result ? result : ENGINE_E_FAILED);
	}
}

/* --- sending --- */

static void action_send(struct docker_action *a)
{
	struct docker *d = a->d;
	struct docker_container *c = action_container(a);
	struct str target = STR_INIT;
	a->tries++;
	switch (a->kind) {
	case ACTION_CREATE:
		str_puts(&target, "/containers/create?name=");
		http_escape(&target, a->target->full_name);
		a->call = docker_call(d, d->creates, "POST", str_take(&target), a->body, DEADLINE_CREATE,
		                      on_created, a);
		return;
	case ACTION_START:
		a->runs = c ? c->runs : 0;
		a->call = docker_call(d, d->works, "POST", mem_printf("/containers/%s/start", a->id), NULL,
		                      DEADLINE_START, on_started, a);
		return;
	case ACTION_STOP:
		if (c && c->paused && d->dialect->unpause_to_stop && !a->unpaused) {
			stop_unpause(a);
			return;
		}
		a->call = docker_call(
		        d, d->works, "POST",
		        mem_printf("/containers/%s/stop?t=%" PRId64, a->id, (a->grace_ms + 999) / 1000), NULL,
		        a->grace_ms + DEADLINE_STOP, on_stopped, a);
		return;
	case ACTION_REMOVE:
		a->call = docker_call(d, d->works, "DELETE",
		                      mem_printf("/containers/%s?v=1%s", a->id, a->force ? "&force=1" : ""),
		                      NULL, DEADLINE_REMOVE, on_removed, a);
		return;
	}
}

void action_create(struct docker *d, const char *pod, const struct docker_target *t, char *body,
                   docker_action_fn *on_end, void *ctx)
{
	struct docker_action *a = action_new(d, ACTION_CREATE, pod, on_end, ctx);
	a->target = t;
	a->body = body;
	action_begin(a);
}

static struct docker_action *action_on(struct docker *d, enum action_kind kind,
                                       const struct docker_container *c, docker_action_fn *on_end, void *ctx)
{
	struct docker_action *a = action_new(d, kind, c->pod->name, on_end, ctx);
	memcpy(a->id, c->id, ID_SIZE);
	loop_timer_init(d->base.loop, &a->timer, on_poll, a);
	return a;
}

void action_start(struct docker *d, const struct docker_container *c, docker_action_fn *on_end, void *ctx)
{
	action_begin(action_on(d, ACTION_START, c, on_end, ctx));
}

void action_stop(struct docker *d, const struct docker_container *c, int64_t grace_ms,
                 docker_action_fn *on_end, void *ctx)
{
	struct docker_action *a = action_on(d, ACTION_STOP, c, on_end, ctx);
	a->grace_ms = grace_ms;
	action_begin(a);
}

void action_remove(struct docker *d, const struct docker_container *c, bool force, docker_action_fn *on_end,
                   void *ctx)
{
	struct docker_action *a = action_on(d, ACTION_REMOVE, c, on_end, ctx);
	a->force = force;
	action_begin(a);
}
