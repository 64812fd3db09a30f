/*
 * One create, start, stop or removal of one container. Each has a deadline; when its outcome is not known
 * (cut, or no reply in time) the engine is asked for the containers of the pod, and what is seen decides: it
 * happened, it is repeated once where a repetition is safe, or nobody knows.
 *
 * Why a repetition is safe: create is under a name that only one container can have; start, stop and remove
 * say "already so" when the first one landed. A start that timed out is not repeated: it may still be under
 * way, and the second one would only queue behind it.
 */
#include "controllers/runner/engine_docker/action.h"

#include <errno.h>
#include <inttypes.h>

#include "controllers/runner/engine_docker/container.h"
#include "core/json.h"
#include "core/mem.h"

#define TRIES 2

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

void action_end(struct docker_action *a, enum engine_result result)
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

struct docker_container *action_container(const struct docker_action *a)
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

void action_repeat(struct docker_action *a)
{
	if (a->tries < TRIES)
		action_send(a);
	else
		action_end(a, ENGINE_E_UNKNOWN);
}

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
			                      DEADLINE_KILL, action_killed, a);
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
void action_unknown(struct docker_action *a, const struct http_response *r)
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
enum engine_result action_refused(struct docker_action *a, enum dialect_call call,
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

/* --- sending --- */

void action_send(struct docker_action *a)
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
		                      action_created, a);
		return;
	case ACTION_START:
		a->runs = c ? c->runs : 0;
		a->call = docker_call(d, d->works, "POST", mem_printf("/containers/%s/start", a->id), NULL,
		                      DEADLINE_START, action_started, a);
		return;
	case ACTION_STOP:
		if (c && c->paused && d->dialect->unpause_to_stop && !a->unpaused) {
			action_unpause(a);
			return;
		}
		a->call = docker_call(
		        d, d->works, "POST",
		        mem_printf("/containers/%s/stop?t=%" PRId64, a->id, (a->grace_ms + 999) / 1000), NULL,
		        a->grace_ms + DEADLINE_STOP, action_stopped, a);
		return;
	case ACTION_REMOVE:
		a->call = docker_call(d, d->works, "DELETE",
		                      mem_printf("/containers/%s?v=1%s", a->id, a->force ? "&force=1" : ""),
		                      NULL, DEADLINE_REMOVE, action_removed, a);
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
	loop_timer_init(d->base.loop, &a->timer, action_poll, a);
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
