/* The replies to starts, stops and removals, and the looks that follow them. */
#include "controllers/runner/engine_docker/action.h"

#include <errno.h>

#include "controllers/runner/engine_docker/container.h"
#include "core/json.h"
#include "core/mem.h"

#define REMOVE_POLL_MS 100
#define REMOVE_POLLS   300

/* --- a look at what came of it --- */

static void on_looked(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	struct docker_container *c = map_get(&a->d->containers, a->looked);
	_cleanup_value_ struct value *v = NULL;
	if (c && r->result == HTTP_OK && r->status == 404) {
		state_removed(a->d, c);
	} else if (c && c->seq == a->seq && r->result == HTTP_OK && r->status == 200 &&
	           json_parse(r->body, r->body_len, &v, NULL) == 0 && container_of_inspect(c, v, false)) {
		c->seq++;
		state_changed(a->d, c->pod);
	}
	action_end(a, a->then);
}

/* The port promises that who started or stopped a container knows how it is then: looks at it, or at what it joins, and
 * ends with the result `then`. */
static void action_look(struct docker_action *a, const struct docker_container *c, enum engine_result then)
{
	memcpy(a->looked, c->id, ID_SIZE);
	a->then = then;
	a->seq = c->seq;
	a->call = docker_call(a->d, a->d->quick, "GET", mem_printf("/containers/%s/json", c->id), NULL,
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

void action_started(void *ctx, const struct http_response *r)
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
			action_look(a, c, ENGINE_OK);
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
	if (c && hint == HINT_JOINED_GONE && c->pod->infra)
		action_look(a, c->pod->infra, result); /* it fell, and its event is still on its way */
	else
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
	action_look(a, c, ENGINE_OK);
}

void action_killed(void *ctx, const struct http_response *r)
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

void action_unpause(struct docker_action *a)
{
	a->unpaused = true;
	a->call = docker_call(a->d, a->d->works, "POST", mem_printf("/containers/%s/unpause", a->id), NULL,
	                      DEADLINE_KILL, on_unpaused, a);
}

void action_stopped(void *ctx, const struct http_response *r)
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
		action_unpause(a);
	else if (hint == HINT_DONE)
		stop_landed(a);
	else
		action_end(a, result);
}

/* --- remove --- */

static void on_polled(void *ctx, const struct http_response *r);

void action_poll(void *ctx)
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

void action_removed(void *ctx, const struct http_response *r)
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
