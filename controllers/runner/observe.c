#include "controllers/runner/turn.h"

#include "core/str.h"

void turn_wake(struct turn *t, int64_t at_ms)
{
	if (at_ms > t->in->now_ms && (t->plan->wake_at_ms == 0 || at_ms < t->plan->wake_at_ms))
		t->plan->wake_at_ms = at_ms;
}

const struct engine_container *turn_reported(const struct turn *t, const char *name)
{
	const struct engine_pod *have = t->in->have;
	for (size_t i = 0; have && i < have->n_containers; i++)
		if (streq(have->containers[i].name, name))
			return &have->containers[i];
	return NULL;
}

/* The state to plan with: what an operation brought about counts until the engine reports it. */
static enum engine_state believed(struct turn *t, struct container_memory *c,
                                  const struct engine_container *e)
{
	enum engine_state state = e ? e->state : CONTAINER_MISSING;
	bool news = true;
	switch (c->expected) {
	case CONTAINER_MISSING:
	case CONTAINER_EXITED:
		return state;
	case CONTAINER_CREATED:
		news = e != NULL;
		break;
	case CONTAINER_RUNNING:
		news = e ? state == CONTAINER_RUNNING || e->exits > c->expected_exits : c->reported;
		break;
	}
	if (news || c->expected_until_ms <= t->in->now_ms) {
		c->expected = CONTAINER_MISSING;
		return state;
	}
	turn_wake(t, c->expected_until_ms);
	return c->expected;
}

/* Did it end since we last looked? Takes over the engine's counter. */
static bool take_exits(struct container_memory *c, const struct engine_container *e, enum engine_state state)
{
	bool ended = false;
	if (e) {
		/* what was before us is not counted; a smaller counter is that of a new container of the name */
		if (c->seen && e->exits != c->exits)
			ended = e->exits > 0;
		c->exits = e->exits;
		c->seen = c->reported = true;
		c->removed = false;
	} else if (c->seen && state == CONTAINER_MISSING) {
		ended = true; /* somebody removed it */
		c->seen = c->reported = false;
		c->exits = 0;
		c->removed = true;
	}
	return ended;
}

/* It runs: healthy for long enough, its failures are forgotten. */
static void note_running(struct turn *t, struct container_memory *c, const struct engine_container *e,
                         bool first)
{
	int64_t now = t->in->now_ms;
	c->ended = false;
	if (c->running_since_ms == 0) {
		/* one that ran before this process began has its age from the engine */
		bool known = first && e->state == CONTAINER_RUNNING && e->started_at > 0;
		int64_t age = known ? t->in->wall_ms - e->started_at : 0;
		c->running_since_ms = MAX(now - CLAMP(age, 0, HEALTHY_MS), 1);
	}
	if (c->backoff.attempts == 0)
		return;
	if (now - c->running_since_ms >= HEALTHY_MS)
		c->backoff = (struct backoff){0};
	else
		turn_wake(t, c->running_since_ms + HEALTHY_MS);
}

/* It does not run and it did before. first: seen for the first time by this process; ended: that is new. */
static void note_ended(struct turn *t, size_t i, bool first, bool ended)
{
	struct container_memory *c = &t->m->containers[i];
	int policy = t->want[i].restart;
	if (c->removed) {
		if (ended && !c->ended) {
			c->exit_code = -1;
			c->oom = false;
			c->ended = !restart_wanted(policy, -1);
		}
	} else if (ended || (first && !t->in->older)) {
		c->ended = !restart_wanted(policy, c->exit_code);
	}
	if (ended && !c->ended) {
		c->restarts++;
		memory_fail(t->m, t->in->name, (int)i, FAILURE_CRASH, t->in->now_ms, t->in->wall_ms);
	}
}

static void observe_container(struct turn *t, size_t i)
{
	struct container_memory *c = &t->m->containers[i];
	const struct engine_container *e = turn_reported(t, t->want[i].name);
	enum engine_state state = believed(t, c, e);
	bool first = e && !c->seen;
	bool ended = take_exits(c, e, state);

	t->states[i] = state;
	if (e && (e->state == CONTAINER_EXITED || e->state == CONTAINER_RUNNING))
		c->started = true;
	if (e && e->state == CONTAINER_EXITED) {
		c->exit_code = e->exit_code;
		c->oom = e->oom;
	}
	if (state == CONTAINER_RUNNING) {
		note_running(t, c, e, first);
		if (ended)
			c->restarts++; /* by somebody else, between two looks */
		return;
	}
	c->running_since_ms = 0;
	if (state == CONTAINER_EXITED || (state == CONTAINER_MISSING && c->started))
		note_ended(t, i, first, ended);
}

void turn_observe(struct turn *t)
{
	t->images = true;
	for (size_t i = 0; i < t->n_want; i++) {
		observe_container(t, i);
		const struct container_memory *c = &t->m->containers[i];
		if (c->ended) {
			t->ended++;
			t->ended_badly += c->exit_code != 0;
			continue;
		}
		switch (t->states[i]) {
		case CONTAINER_MISSING:
			t->missing++;
			t->images &= t->in->containers[i].image == IMAGE_PRESENT;
			break;
		case CONTAINER_CREATED:
			t->fresh++;
			break;
		case CONTAINER_RUNNING:
			t->running++;
			break;
		case CONTAINER_EXITED:
			t->stopped++;
			break;
		}
	}
	/* what stood in the way is gone, in whatever way */
	struct backoff *b = &t->m->backoff;
	bool broken = t->in->have && t->in->have->broken;
	if ((b->failure == FAILURE_PULL && t->images) ||
	    (b->failure != FAILURE_NONE && t->missing == 0 && !broken))
		*b = (struct backoff){0};
}
