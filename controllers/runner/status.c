#include "controllers/runner/turn.h"

#include <inttypes.h>

#include "core/str.h"

/* --- the step --- */

/* The container whose failure the status speaks of; -1: none. A first end is no failure, it is started again
 * at once. */
static int failing(const struct turn *t)
{
	for (size_t i = 0; i < t->n_want; i++) {
		const struct container_memory *c = &t->m->containers[i];
		const struct backoff *b = &c->backoff;
		if (c->ended || t->states[i] == CONTAINER_RUNNING || b->failure == FAILURE_NONE)
			continue;
		if (b->failure != FAILURE_CRASH || b->attempts > 1)
			return (int)i;
	}
	return -1;
}

static enum reason reason_of(const struct backoff *b)
{
	switch (b->failure) {
	case FAILURE_PULL:
		return REASON_FAILED_PULLING;
	case FAILURE_NAME_TAKEN:
		return REASON_NAME_TAKEN;
	case FAILURE_CRASH:
		return b->attempts >= CRASHES_MANY ? REASON_KEEPS_CRASHING : REASON_EXITED;
	case FAILURE_NONE:
	case FAILURE_REFUSED:
	case FAILURE_BUSY:
	case FAILURE_ENGINE:
	case FAILURE_REMOVE:
	case FAILURE_MAX:
		break;
	}
	return REASON_FAILED_STARTING;
}

void turn_judge(struct turn *t)
{
	struct plan_memory *m = t->m;
	int64_t wall = t->in->wall_ms;
	int bad = failing(t);
	size_t to_come = t->missing + t->fresh + t->stopped;

	if (m->backoff.failure != FAILURE_NONE)
		memory_move(m, STEP_FAILED, reason_of(&m->backoff), wall);
	else if (bad >= 0)
		memory_move(m, STEP_FAILED, reason_of(&m->containers[bad].backoff), wall);
	else if (to_come == 0 && t->running > 0)
		memory_move(m, STEP_RUNNING, REASON_STARTED, wall);
	else if (to_come == 0 && t->ended_badly > 0)
		memory_move(m, STEP_FAILED, REASON_EXITED, wall);
	else if (to_come == 0)
		memory_move(m, STEP_COMPLETED, REASON_COMPLETED, wall);
	else if (t->missing > 0 && !t->images)
		memory_move(m, STEP_PULLING, REASON_PULLING_CONTAINERS, wall);
	else if (t->in->waits_for && t->missing > 0)
		memory_move(m, STEP_WAITING, REASON_WAITING, wall);
	else
		memory_move(m, STEP_STARTING, REASON_STARTING_CONTAINERS, wall);
}

/* --- words --- */

/* How a container ended, as a sentence. */
static const char *end_text(const struct turn *t, size_t i)
{
	const struct container_memory *c = &t->m->containers[i];
	const struct engine_container *e = turn_reported(t, t->want[i].name);
	const char *name = t->want[i].name, *text;
	if (c->removed)
		text = arena_printf(t->a, "Container %s was removed", name);
	else if (c->oom)
		text = arena_printf(t->a, "Container %s ran out of memory (exit code %" PRId64 ")", name,
		                    c->exit_code);
	else if (c->exit_code < 0)
		text = arena_printf(t->a, "Container %s ended, its exit code is not known", name);
	else
		text = arena_printf(t->a, "Container %s exited with code %" PRId64, name, c->exit_code);
	if (!c->ended && c->backoff.attempts > 1)
		text = arena_printf(t->a, "%s, %u times in a row", text, c->backoff.attempts);
	return e && e->error && *e->error ? arena_printf(t->a, "%s: %s", text, e->error) : text;
}

static const char *ended_text(const struct turn *t)
{
	for (size_t i = 0; i < t->n_want; i++) {
		const struct container_memory *c = &t->m->containers[i];
		bool restarting =
		        !c->ended && t->states[i] != CONTAINER_RUNNING && c->backoff.failure == FAILURE_CRASH;
		if ((c->ended && c->exit_code != 0) || restarting)
			return end_text(t, i);
	}
	return "";
}

static const char *message(const struct turn *t)
{
	const struct plan_in *in = t->in;
	const struct plan_memory *m = t->m;
	int bad = failing(t);
	switch (m->step) {
	case STEP_WAITING:
		return arena_printf(t->a, "Waiting until pod %s, whose place it takes, is gone",
		                    in->waits_for);
	case STEP_UNKNOWN:
		return arena_printf(t->a, "The container engine does not answer%s%s",
		                    in->engine_text ? ": " : "", in->engine_text ? in->engine_text : "");
	case STEP_REMOVING:
		return m->backoff.failure == FAILURE_REMOVE ? m->text : "";
	case STEP_FAILED:
		if (!in->want)
			return arena_printf(t->a, "The stored pod is not valid: %s",
			                    in->invalid ? in->invalid : "");
		if (m->backoff.failure != FAILURE_NONE)
			return m->text;
		if (bad >= 0 && m->containers[bad].backoff.failure != FAILURE_CRASH)
			return m->text;
		return bad >= 0 ? end_text(t, (size_t)bad) : ended_text(t);
	case STEP_STARTING:
		return ended_text(t);
	case STEP_RUNNING:
	case STEP_COMPLETED:
		if (in->invalid)
			return arena_printf(t->a,
			                    "The stored pod is not valid, the last good one is kept: %s",
			                    in->invalid);
		return ended_text(t);
	case STEP_NEW:
	case STEP_PULLING:
	case STEP_GONE:
	case STEP_MAX:
		break;
	}
	return "";
}

/* --- the status --- */

static const char *state_word(enum engine_state s)
{
	switch (s) {
	case CONTAINER_MISSING:
		break;
	case CONTAINER_CREATED:
		return "created";
	case CONTAINER_RUNNING:
		return "running";
	case CONTAINER_EXITED:
		return "exited";
	}
	return "missing";
}

/* Rows for which absent is not zero. */
static uint64_t exit_code_given(void)
{
	return schema_bit(schema_find(&pod_status_schema, "containers")->item, "exitCode");
}

static void fill_container(struct container_status *s, const char *name, enum engine_state state,
                           const struct engine_container *e, struct arena *a)
{
	s->name = arena_strdup(a, name);
	s->state = arena_strdup(a, state_word(state));
	if (!e)
		return;
	s->startedAt = e->started_at;
	if (e->ports)
		s->ports = *e->ports;
}

static void fill_wanted(struct turn *t, struct container_status *items)
{
	for (size_t i = 0; i < t->n_want; i++) {
		const struct container_memory *c = &t->m->containers[i];
		fill_container(&items[i], t->want[i].name, t->states[i], turn_reported(t, t->want[i].name),
		               t->a);
		if (c->ended || c->restarts > 0 || t->states[i] == CONTAINER_EXITED)
			items[i].present = exit_code_given();
		items[i].exitCode = c->exit_code;
		items[i].oom = c->oom;
		items[i].restarts = c->restarts;
	}
}

static void fill_containers(struct turn *t, struct pod_status *s)
{
	const struct engine_pod *have = t->in->have;
	s->containers.count = t->want ? t->n_want : have ? have->n_containers : 0;
	struct container_status *items = ARENA_ARRAY(t->a, struct container_status, s->containers.count);
	s->containers.items = items;
	if (t->want) {
		fill_wanted(t, items);
		return;
	}
	for (size_t i = 0; i < s->containers.count; i++) {
		const struct engine_container *e = &have->containers[i];
		fill_container(&items[i], e->name, e->state, e, t->a);
		items[i].present = e->state == CONTAINER_EXITED ? exit_code_given() : 0;
		items[i].exitCode = e->state == CONTAINER_EXITED ? e->exit_code : 0;
		items[i].oom = e->oom;
	}
}

/* The next try, of the pod or of a container that does not run; 0: none is due. */
static int64_t next_attempt(const struct turn *t)
{
	int64_t now = t->in->now_ms;
	int64_t next = t->m->backoff.next_ms > now ? t->m->backoff.next_wall : 0;
	for (size_t i = 0; i < t->n_want; i++) {
		const struct container_memory *c = &t->m->containers[i];
		if (c->ended || t->states[i] == CONTAINER_RUNNING || c->backoff.next_ms <= now)
			continue;
		if (next == 0 || c->backoff.next_wall < next)
			next = c->backoff.next_wall;
	}
	return next;
}

static int64_t attempts(const struct turn *t)
{
	unsigned most = t->m->backoff.attempts;
	for (size_t i = 0; i < t->n_want; i++)
		if (!t->m->containers[i].ended)
			most = MAX(most, t->m->containers[i].backoff.attempts);
	return most;
}

/* After many crashes a container has to run for a while before anybody is sent to it. */
static bool is_ready(struct turn *t)
{
	bool ready = t->ended_badly == 0;
	for (size_t i = 0; i < t->n_want; i++) {
		const struct container_memory *c = &t->m->containers[i];
		int64_t from = c->running_since_ms + READY_AFTER_MS;
		if (c->ended || c->backoff.attempts < CRASHES_MANY || from <= t->in->now_ms)
			continue;
		turn_wake(t, from);
		ready = false;
	}
	return ready;
}

void turn_status(struct turn *t)
{
	const struct plan_in *in = t->in;
	const struct pod *want = in->want;
	const struct engine_pod *have = in->have;
	struct plan_memory *m = t->m;
	struct pod_status *s = &t->plan->status;

	if (m->step == STEP_RUNNING)
		m->ready = is_ready(t);
	else if (m->step != STEP_UNKNOWN)
		m->ready = false; /* without the engine nobody knows better than it was */

	s->project = arena_strdup(t->a, want ? want->project : have ? have->project : NULL);
	s->name = arena_strdup(t->a, in->name);
	s->node = arena_strdup(t->a, in->node);
	s->service = arena_strdup(t->a, want ? want->service : have ? have->service : NULL);
	s->revision = arena_strdup(t->a, want ? want->revision : have ? have->revision : NULL);
	s->phase = (int)m->phase;
	s->reason = arena_strdup(t->a, reason_words[m->reason]);
	s->message = arena_strdup(t->a, message(t));
	s->ready = m->ready;
	s->since = m->since;
	s->nextAttempt = next_attempt(t);
	if (s->nextAttempt)
		s->present = schema_bit(&pod_status_schema, "nextAttempt");
	s->attempts = attempts(t);
	s->address = arena_strdup(t->a, have ? have->address : NULL);
	s->engine = arena_strdup(t->a, in->engine_name);
	fill_containers(t, s);
}
