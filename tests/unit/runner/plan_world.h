/*
 * The plan against a random engine on virtual time. The plan runs only when something changed or at the
 * wake-up that it asked for, as the runner does; operations take time, fail, have unknown outcomes;
 * containers are killed and removed by hand, images go, the engine goes away, the runner is restarted, the
 * pod is deleted, wanted again, held. After that the world is left in peace and the pod must come to rest in
 * time. Driven by a seed in the property test, by bytes in the fuzz target.
 */
#pragma once

#include "plan_check.h"
#include "rig.h"

struct op {
	bool active;
	enum plan_action_kind kind;
	int container;
	int64_t ends_ms;
};

struct world {
	struct rig rig;
	uint64_t dice;
	const uint8_t *data; /* what the dice show, to the end of it; NULL: `dice` goes on by itself */
	size_t size;
	bool peace;
	/* the engine's own truth, by container; 'r', 'c', '0', '1' or '-' */
	char state[RIG_MAX];
	uint64_t exits[RIG_MAX];
	int64_t started_at[RIG_MAX];
	bool image[RIG_MAX]; /* present */
	bool broken;
	bool crashes; /* container a ends by itself soon after each start */
	int64_t crash_at_ms;
	struct op pod_op, start[RIG_MAX], get[RIG_MAX];
	bool changed;
	int64_t wake_ms;
	struct pod_status last; /* in the store; memory: keep */
	bool have_last;
	struct arena keep;
	size_t n;
	unsigned starts, removes;
};

static inline uint64_t dice(struct world *w, uint64_t sides)
{
	if (w->data) {
		uint64_t shown = 0;
		for (uint64_t left = sides - 1; left; left >>= 8, w->size -= w->size > 0)
			shown = shown << 8 | (w->size ? *w->data++ : 0);
		return shown % sides;
	}
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 7;
	w->dice ^= w->dice << 17;
	return (w->dice >> 11) % sides;
}

static inline void show(struct world *w)
{
	char states[RIG_MAX + 1] = {0};
	for (size_t i = 0; i < w->n; i++)
		states[i] = w->state[i];
	rig_have(&w->rig, states);
	size_t k = 0;
	for (size_t i = 0; i < w->n; i++)
		if (states[i] != '-') {
			w->rig.engine[k].started_at = w->started_at[i];
			w->rig.engine[k++].exits = w->exits[i];
		}
	w->rig.have.broken = w->broken;
	for (size_t i = 0; i < w->n; i++) {
		if (w->rig.containers[i].image != IMAGE_UNKNOWN)
			w->rig.containers[i].image = w->image[i] ? IMAGE_PRESENT : IMAGE_ABSENT;
		w->rig.containers[i].image_busy = w->get[i].active;
		w->rig.containers[i].busy = w->start[i].active;
	}
	w->rig.in.pod_busy = w->pod_op.active;
}

static inline void end_container(struct world *w, size_t i, char code)
{
	if (w->state[i] != 'r')
		return;
	w->state[i] = code;
	w->exits[i]++;
	w->changed = true;
}

static inline enum engine_result fate(struct world *w)
{
	static const enum engine_result all[] = {ENGINE_E_NO_IMAGE,   ENGINE_E_REFUSED, ENGINE_E_BUSY,
	                                         ENGINE_E_NAME_TAKEN, ENGINE_E_GONE,    ENGINE_E_UNKNOWN,
	                                         ENGINE_E_FAILED};
	if (w->peace || dice(w, 4))
		return ENGINE_OK;
	return all[dice(w, ELEMENTS(all))];
}

/* Carries out what the operation asks for; a failure may have done its work all the same. */
static inline enum engine_result carry_out(struct world *w, struct op *op)
{
	enum engine_result result = fate(w);
	if (!w->rig.in.engine_up)
		result = ENGINE_E_UNAVAILABLE;
	bool done = result == ENGINE_OK || (result == ENGINE_E_UNKNOWN && dice(w, 2));
	size_t i = op->container < 0 ? 0 : (size_t)op->container;
	switch (op->kind) {
	case ACTION_FIND:
		w->rig.containers[i].image = IMAGE_ABSENT; /* known now; show() says which */
		return w->image[i] ? ENGINE_OK : ENGINE_E_NO_IMAGE;
	case ACTION_PULL:
		w->image[i] |= done;
		break;
	case ACTION_CREATE:
		for (size_t k = 0; done && k < w->n; k++)
			if (w->state[k] == '-') {
				w->state[k] = 'c';
				w->exits[k] = 0;
				w->started_at[k] = 0;
			}
		break;
	case ACTION_START:
		if (w->state[i] == '-')
			return ENGINE_E_GONE;
		if (done && w->state[i] != 'r') {
			w->state[i] = 'r';
			w->started_at[i] = w->rig.in.wall_ms;
			w->starts++;
			if (w->crashes && i == 0)
				w->crash_at_ms = w->rig.in.now_ms + 300;
		}
		break;
	case ACTION_REPAIR:
		w->broken &= !done;
		break;
	case ACTION_REMOVE:
		w->removes++;
		for (size_t k = 0; done && k < w->n; k++)
			w->state[k] = '-';
		w->broken &= !done;
		break;
	case ACTION_MAX:
		break;
	}
	return result;
}

static inline void finish(struct world *w, struct op *op)
{
	struct rig *r = &w->rig;
	enum engine_result result = carry_out(w, op);
	op->active = false;
	memory_result(&r->memory, &r->pod, r->in.name, op->kind, op->container, "image", result, "words",
	              r->in.now_ms, r->in.wall_ms);
	w->changed = true;
}

static inline void plan(struct world *w)
{
	struct rig *r = &w->rig;
	show(w);
	w->changed = false;
	arena_reset(&r->arena);
	plan_checked(&r->in, &r->memory, &r->arena, &r->plan);
	w->wake_ms = r->plan.wake_at_ms;
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct plan_action *a = &r->plan.actions[i];
		struct op *op = a->kind == ACTION_START ? &w->start[a->container]
		                : a->image              ? &w->get[a->container]
		                                        : &w->pod_op;
		MUST(!op->active, "two operations at once");
		*op = (struct op){.active = true,
		                  .kind = a->kind,
		                  .container = a->container,
		                  .ends_ms = r->in.now_ms + 1 + (int64_t)dice(w, w->peace ? 300 : 3000)};
	}
	if (r->plan.report) {
		arena_reset(&w->keep);
		w->last = r->plan.status;
		struct container_status *c = arena_dup(&w->keep, w->last.containers.items,
		                                       w->last.containers.count * sizeof(*c) + 1);
		for (size_t i = 0; i < w->last.containers.count; i++) {
			c[i].name = arena_strdup(&w->keep, c[i].name);
			c[i].state = arena_strdup(&w->keep, c[i].state);
			c[i].ports = (struct pairs){0};
		}
		w->last.containers.items = c;
		w->last.reason = arena_strdup(&w->keep, w->last.reason);
		w->last.message = arena_strdup(&w->keep, w->last.message);
		w->have_last = true;
	}
	if (r->plan.finished)
		w->have_last = false;
}

static inline void restart_runner(struct world *w)
{
	struct rig *r = &w->rig;
	r->memory = (struct plan_memory){0};
	if (w->have_last && r->in.want)
		memory_restore(&r->memory, &r->pod, &w->last, r->in.now_ms, r->in.wall_ms);
	/* operations of the old process are carried out, nobody hears of it */
	struct op *ops[1 + 2 * RIG_MAX] = {&w->pod_op};
	for (size_t i = 0; i < w->n; i++) {
		ops[1 + 2 * i] = &w->start[i];
		ops[2 + 2 * i] = &w->get[i];
		w->exits[i] = 0; /* counted since adopted */
		r->containers[i].image = IMAGE_UNKNOWN;
	}
	for (size_t i = 0; i < 1 + 2 * w->n; i++) {
		if (ops[i]->active)
			(void)carry_out(w, ops[i]);
		ops[i]->active = false;
	}
	for (size_t i = 0; i < w->n; i++)
		r->containers[i].image = IMAGE_UNKNOWN;
	w->changed = true;
}

static inline void mischief(struct world *w)
{
	struct rig *r = &w->rig;
	size_t i = dice(w, w->n);
	switch (dice(w, 12)) {
	case 0:
		end_container(w, i, dice(w, 2) ? '1' : '0');
		break;
	case 1:
		w->state[i] = '-';
		break;
	case 2:
		for (size_t k = 0; k < w->n; k++)
			w->state[k] = '-';
		break;
	case 3:
		w->image[i] = !w->image[i];
		break;
	case 4:
		r->in.engine_up = !r->in.engine_up;
		r->in.engine_since_ms = r->in.now_ms;
		break;
	case 5:
		restart_runner(w);
		break;
	case 6:
		w->broken = w->state[i] != '-';
		break;
	case 7:
		/* what the shell may do: removed stays removed until the name is wanted again */
		if (r->in.claim == CLAIM_WANTED)
			r->in.claim = dice(w, 2) ? CLAIM_REMOVED : CLAIM_HELD;
		else
			r->in.claim = CLAIM_WANTED;
		break;
	case 8:
		r->in.waits_for = r->in.waits_for ? NULL : "old";
		break;
	case 9:
		r->in.successor_pulling = !r->in.successor_pulling;
		break;
	case 10:
		if (w->state[i] == 'c' || w->state[i] == '0' || w->state[i] == '1') {
			w->state[i] = 'r'; /* started by hand */
			w->started_at[i] = r->in.wall_ms;
		}
		break;
	default:
		for (size_t k = 0; k < w->n; k++)
			end_container(w, k, '1');
		break;
	}
	w->changed = true;
}

/* To the next thing that happens, at most until_ms. */
static inline void step(struct world *w, int64_t until_ms)
{
	struct rig *r = &w->rig;
	int64_t next = w->changed ? r->in.now_ms : until_ms;
	struct op *ops[1 + 2 * RIG_MAX] = {&w->pod_op};
	size_t n = 1;
	for (size_t i = 0; i < w->n; i++) {
		ops[n++] = &w->start[i];
		ops[n++] = &w->get[i];
	}
	for (size_t i = 0; i < n; i++)
		if (ops[i]->active)
			next = MIN(next, ops[i]->ends_ms);
	if (w->wake_ms)
		next = MIN(next, w->wake_ms);
	if (w->crashes && w->crash_at_ms > r->in.now_ms)
		next = MIN(next, w->crash_at_ms);
	rig_later(r, MAX(next - r->in.now_ms, 0));
	if (w->crashes && w->crash_at_ms && w->crash_at_ms <= r->in.now_ms) {
		w->crash_at_ms = 0;
		end_container(w, 0, '1');
	}
	for (size_t i = 0; i < n; i++)
		if (ops[i]->active && ops[i]->ends_ms <= r->in.now_ms)
			finish(w, ops[i]);
	if (w->changed || (w->wake_ms && w->wake_ms <= r->in.now_ms))
		plan(w);
}

static inline void world_fill(struct world *w)
{
	static const char *const policies[] = {"a", "aa", "fa", "n", "af", "nfa", "aaaa"};
	const char *p = policies[dice(w, ELEMENTS(policies))];
	rig_init(&w->rig, p);
	w->n = strlen(p);
	for (size_t i = 0; i < w->n; i++) {
		w->state[i] = dice(w, 2) ? '-' : 'r';
		w->image[i] = dice(w, 2);
		w->started_at[i] = w->state[i] == 'r' ? w->rig.in.wall_ms : 0;
		w->rig.containers[i].image = IMAGE_UNKNOWN;
	}
}

static inline void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){.dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .changed = true};
	for (int i = 0; i < 8; i++)
		(void)dice(w, 2);
	world_fill(w);
}

static inline void world_init_bytes(struct world *w, const uint8_t *data, size_t size)
{
	*w = (struct world){.data = data, .size = size, .changed = true};
	world_fill(w);
}

static inline void world_done(struct world *w)
{
	rig_done(&w->rig);
	arena_done(&w->keep);
}

static inline void peace(struct world *w)
{
	struct rig *r = &w->rig;
	w->peace = true;
	w->crashes = false;
	r->in.waits_for = NULL;
	r->in.successor_pulling = false;
	if (!r->in.engine_up)
		r->in.engine_since_ms = r->in.now_ms;
	r->in.engine_up = true;
	w->changed = true;
}

static inline void check_rest(struct world *w, uint64_t seed)
{
	struct rig *r = &w->rig;
	show(w);
	if (r->in.claim == CLAIM_REMOVED) {
		MUST(r->memory.step == STEP_GONE, "seed %llu: %s", (unsigned long long)seed,
		     step_name(r->memory.step));
		for (size_t i = 0; i < w->n; i++)
			MUST(w->state[i] == '-', "seed %llu", (unsigned long long)seed);
		return;
	}
	if (r->in.claim == CLAIM_HELD && !r->in.have)
		return;
	for (size_t i = 0; i < w->n; i++) {
		bool ended = r->memory.containers[i].ended && r->items[i].restart != RESTART_ALWAYS;
		MUST(w->state[i] == 'r' || ended, "seed %llu: container %zu is %c", (unsigned long long)seed,
		     i, w->state[i]);
	}
	MUST(r->memory.step == STEP_RUNNING || r->memory.step == STEP_COMPLETED ||
	             r->memory.step == STEP_FAILED,
	     "seed %llu: %s", (unsigned long long)seed, step_name(r->memory.step));
}

/* Trouble of any kind, n times. */
static inline void world_trouble(struct world *w, int n)
{
	for (int i = 0; i < n; i++) {
		int64_t until = w->rig.in.now_ms + 1 + (int64_t)dice(w, dice(w, 3) ? 400 : 100000);
		while (w->rig.in.now_ms < until)
			step(w, until);
		mischief(w);
		if (w->rig.plan.finished && w->rig.in.claim == CLAIM_HELD)
			w->rig.memory = (struct plan_memory){0};
		step(w, w->rig.in.now_ms);
	}
}

/* Left in peace it comes to rest in time, as wanted; then nothing is asked and nobody is woken up. */
static inline void world_rests(struct world *w, uint64_t seed)
{
	peace(w);
	/* the longest back-off and its jitter, the operations, and the healthy minute */
	int64_t end = w->rig.in.now_ms + 2 * 330000 + HEALTHY_MS;
	unsigned steps = 0;
	while (w->rig.in.now_ms < end) {
		step(w, end);
		MUST(++steps < 2000, "seed %llu does not come to rest", (unsigned long long)seed);
	}
	check_rest(w, seed);
	MUST(w->rig.plan.n == 0 && w->rig.plan.wake_at_ms == 0, "seed %llu is not at rest",
	     (unsigned long long)seed);
}
