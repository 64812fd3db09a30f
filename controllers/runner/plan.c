#include "controllers/runner/plan.h"

#include <assert.h>
#include <inttypes.h>

#include "controllers/runner/turn.h"
#include "core/str.h"

static struct plan_action *act(struct turn *t, enum plan_action_kind kind, int container, const char *why)
{
	assert(t->plan->n < PLAN_ACTIONS);
	struct plan_action *action = &t->plan->actions[t->plan->n++];
	*action = (struct plan_action){.kind = kind, .container = container, .why = why};
	return action;
}

/* Is a try due? Otherwise the plan wakes up when it is. */
static bool due(struct turn *t, const struct backoff *b)
{
	turn_wake(t, b->next_ms);
	return b->next_ms <= t->in->now_ms;
}

static bool paused(struct turn *t)
{
	turn_wake(t, t->m->pause_until_ms);
	return t->m->pause_until_ms > t->in->now_ms;
}

/* --- a pod that is to run
 * ---------------------------------------------------------------------------------------- */

static bool is_missing(const struct turn *t, size_t i)
{
	return !t->m->containers[i].ended && t->states[i] == CONTAINER_MISSING;
}

/* Containers of one image ask for it once. */
static bool asked_before(const struct turn *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_missing(t, k) && streq(t->want[k].image, t->want[i].image))
			return true;
	return false;
}

static void get_images(struct turn *t)
{
	for (size_t i = 0; i < t->n_want; i++) {
		const struct plan_container *c = &t->in->containers[i];
		if (!is_missing(t, i) || c->image == IMAGE_PRESENT || c->image_busy || asked_before(t, i))
			continue;
		if (paused(t) || !due(t, &t->m->backoff))
			continue;
		bool unknown = c->image == IMAGE_UNKNOWN;
		act(t, unknown ? ACTION_FIND : ACTION_PULL, (int)i,
		    unknown ? "is the image here?" : "the image is not here")
		        ->image = t->want[i].image;
	}
}

/* Creating waits for the back-off of the pod, and of what was removed by hand again and again. */
static bool may_create(struct turn *t)
{
	if (t->missing == 0 || !t->images || t->in->waits_for || !due(t, &t->m->backoff))
		return false;
	bool some = false;
	for (size_t i = 0; i < t->n_want; i++)
		if (is_missing(t, i))
			some |= due(t, &t->m->containers[i].backoff);
	return some;
}

static void start_container(struct turn *t, size_t i)
{
	struct container_memory *c = &t->m->containers[i];
	const char *why = NULL;
	if (c->ended || t->in->containers[i].busy)
		return;
	switch (t->states[i]) {
	case CONTAINER_MISSING:
	case CONTAINER_RUNNING:
		return;
	case CONTAINER_CREATED:
		if (t->missing > 0)
			return; /* first all are created */
		why = "created, not started";
		break;
	case CONTAINER_EXITED:
		why = arena_printf(t->a, "exit code %" PRId64 ", restart %s", c->exit_code,
		                   restart_words[t->want[i].restart]);
		break;
	}
	if (!due(t, &c->backoff))
		return;
	c->expected_exits = c->exits;
	act(t, ACTION_START, (int)i, why);
}

/* The namespace that the containers share is gone. */
static void mend(struct turn *t)
{
	if (!due(t, &t->m->backoff) || t->busy)
		return;
	if (!t->m->remake)
		act(t, ACTION_REPAIR, -1, "the network that its containers share is gone")->grace_ms =
		        t->in->want->stopGrace;
	else if (t->missing > 0 ? may_create(t) : !t->in->waits_for)
		act(t, ACTION_CREATE, -1, "the network that its containers share was removed");
}

static void keep_running(struct turn *t)
{
	const struct plan_in *in = t->in;
	bool broken = in->have && in->have->broken && t->running + t->stopped + t->fresh > 0;
	if (t->missing > 0)
		get_images(t);
	if (in->pod_busy || paused(t))
		return;
	t->m->remake &= broken;
	if (broken) {
		mend(t);
		return;
	}
	if (may_create(t)) {
		if (!t->busy)
			act(t, ACTION_CREATE, -1,
			    in->have ? "a part of it is missing" : "it is wanted and not here");
		return;
	}
	for (size_t i = 0; i < t->n_want; i++)
		start_container(t, i);
}

static void run(struct turn *t)
{
	turn_observe(t);
	keep_running(t);
	turn_judge(t);
}

/* --- a pod that is to go
 * ----------------------------------------------------------------------------------------- */

static void end(struct turn *t)
{
	memory_move(t->m, STEP_GONE, REASON_REMOVING, t->in->wall_ms);
	t->plan->finished = true;
}

static void take_away(struct turn *t)
{
	const struct plan_in *in = t->in;
	struct plan_memory *m = t->m;
	if (!in->have && !t->busy) {
		end(t);
		return;
	}
	if (m->step != STEP_REMOVING) {
		m->backoff = (struct backoff){0}; /* whatever failed before has no say in this */
		memory_move(m, STEP_REMOVING, REASON_REMOVING, in->wall_ms);
	}
	if (!in->have || t->busy || paused(t) || !due(t, &m->backoff))
		return;
	act(t, ACTION_REMOVE, -1, "it is not wanted any more")->grace_ms =
	        in->want ? in->want->stopGrace : PLAN_GRACE_MS;
}

/* --- the cases
 * --------------------------------------------------------------------------------------------------- */

static void plan_wanted(struct turn *t)
{
	const struct plan_in *in = t->in;
	struct plan_memory *m = t->m;
	if (m->step == STEP_REMOVING) {
		take_away(t);
		t->plan->finished = false;
	}
	if (m->step == STEP_REMOVING)
		return;
	if (m->step == STEP_GONE)
		memory_reborn(m); /* removed to the end, wanted again */
	if (in->want)
		run(t);
	else
		memory_move(m, STEP_FAILED, REASON_FAILED_STARTING, in->wall_ms);
}

static void plan_removed(struct turn *t)
{
	bool begun = t->m->step == STEP_REMOVING || t->m->step == STEP_GONE;
	if (!t->in->successor_pulling || !t->in->have || begun)
		take_away(t);
	else if (t->in->want)
		run(t); /* a failed pull leaves the old one running */
}

static void plan_held(struct turn *t)
{
	if (!t->in->have && !t->busy)
		end(t);
	else if (t->in->want && t->m->step != STEP_REMOVING)
		run(t);
}

/* The engine does not answer: nothing can be asked of it. */
static void plan_away(struct turn *t)
{
	struct plan_memory *m = t->m;
	int64_t from = t->in->engine_since_ms + ENGINE_AWAY_MS;
	for (size_t i = 0; i < t->n_want; i++) {
		const struct engine_container *e = turn_reported(t, t->want[i].name);
		t->states[i] = e ? e->state : CONTAINER_MISSING;
	}
	if (m->step == STEP_REMOVING || m->step == STEP_GONE)
		return;
	turn_wake(t, from);
	if (from <= t->in->now_ms)
		memory_move(m, STEP_UNKNOWN, REASON_ENGINE_UNAVAILABLE, t->in->wall_ms);
}

void plan_pod(const struct plan_in *in, struct plan_memory *m, struct arena *a, struct plan *ret)
{
	assert(!in->want || in->want->containers.count <= LIMIT_CONTAINERS);
	*ret = (struct plan){.actions = ARENA_ARRAY(a, struct plan_action, PLAN_ACTIONS)};
	struct turn t = {.in = in, .m = m, .a = a, .plan = ret, .busy = in->pod_busy};
	if (in->want) {
		t.want = LIST_ITEMS(&in->want->containers, struct container);
		t.n_want = in->want->containers.count;
		for (size_t i = 0; i < t.n_want; i++)
			t.busy |= in->containers[i].busy;
	}

	if (in->claim == CLAIM_UNDECIDED)
		return;
	if (m->step == STEP_GONE && (in->have || t.busy))
		memory_reborn(m);
	if (!in->engine_up) {
		plan_away(&t);
	} else {
		switch (in->claim) {
		case CLAIM_UNDECIDED:
			break;
		case CLAIM_WANTED:
			plan_wanted(&t);
			break;
		case CLAIM_REMOVED:
			plan_removed(&t);
			break;
		case CLAIM_HELD:
			plan_held(&t);
			break;
		}
	}
	ret->report = m->step != STEP_NEW && m->step != STEP_GONE &&
	              (in->claim == CLAIM_WANTED || (in->claim == CLAIM_REMOVED && m->step == STEP_REMOVING));
	if (ret->report)
		turn_status(&t);
}
