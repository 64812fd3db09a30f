/*
 * Supervision of children that end, refuse to end and are killed as the bytes say: the invariants of the plan, and
 * once everybody does as told, all run or all have stopped within the time that the plan's wake-ups give.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controllers/up/plan.h"

#define CHILDREN 5

struct world {
	struct child_view children[CHILDREN];
	size_t n;
	enum up_goal goal;
	int64_t now_ms;
	struct up_plan plan;
	struct arena arena;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void move(struct world *w, struct child_view *c, enum child_state to)
{
	if (to == CHILD_DOWN)
		c->failures = up_failures(c, w->now_ms);
	c->state = to;
	c->since_ms = w->now_ms;
}

static void check_action(const struct world *w, const struct up_action *a)
{
	must(a->child < w->n && a->why && *a->why);
	const struct child_view *c = &w->children[a->child];
	switch (a->verb) {
	case UP_START:
		must(w->goal == UP_RUN && c->state == CHILD_DOWN);
		must(c->since_ms + up_backoff_ms(c->failures) <= w->now_ms);
		break;
	case UP_TERM:
		must(w->goal != UP_RUN && c->state == CHILD_RUNNING);
		break;
	case UP_KILL:
		must(w->goal != UP_RUN && c->state == CHILD_TERMINATING);
		must(c->since_ms + UP_STOP_KILL_MS <= w->now_ms);
		break;
	}
	if (a->verb == UP_START)
		return;
	must(c->stage > 0 || w->goal == UP_STOP_ALL);
	for (size_t i = 0; i < w->n; i++)
		must(w->children[i].stage <= c->stage || w->children[i].state == CHILD_DOWN);
}

static bool runs_though_it_should_stop(const struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->children[i].state != CHILD_DOWN &&
		    (w->goal == UP_STOP_ALL || w->children[i].stage > 0))
			return true;
	return false;
}

static void plan(struct world *w)
{
	struct up_plan again;
	arena_reset(&w->arena);
	up_plan(w->children, w->n, w->goal, w->now_ms, &w->arena, &w->plan);
	up_plan(w->children, w->n, w->goal, w->now_ms, &w->arena, &again);
	must(w->plan.n_actions == again.n_actions && w->plan.wake_at_ms == again.wake_at_ms);
	must(w->plan.n_actions <= w->n);
	must(w->plan.n_actions == 0 ||
	     memcmp(w->plan.actions, again.actions, w->plan.n_actions * sizeof(*again.actions)) == 0);
	must(w->plan.wake_at_ms == 0 || w->plan.wake_at_ms > w->now_ms);
	must(w->plan.done == (w->goal != UP_RUN && !runs_though_it_should_stop(w)));
	for (size_t i = 0; i < w->plan.n_actions; i++)
		check_action(w, &w->plan.actions[i]);
}

static void execute(struct world *w)
{
	static const enum child_state to[] = {
	        [UP_START] = CHILD_RUNNING, [UP_TERM] = CHILD_TERMINATING, [UP_KILL] = CHILD_KILLED};
	for (size_t i = 0; i < w->plan.n_actions; i++)
		move(w, &w->children[w->plan.actions[i].child], to[w->plan.actions[i].verb]);
	/* nothing more is asked until something happens */
	plan(w);
	must(w->plan.n_actions == 0);
}

static void trouble(struct world *w, uint8_t byte)
{
	struct child_view *c = &w->children[(byte >> 3) % w->n];
	switch (byte & 7) {
	case 0: /* it ends */
	case 1:
		if (c->state != CHILD_DOWN)
			move(w, c, CHILD_DOWN);
		break;
	case 2:
		w->now_ms += byte;
		break;
	case 3:
		w->now_ms += (int64_t)byte * 200;
		break;
	case 4: /* down is for ever */
		w->goal = w->goal == UP_RUN ? UP_STOP_ROLES : UP_STOP_ALL;
		break;
	default:
		if (w->plan.wake_at_ms > w->now_ms)
			w->now_ms = w->plan.wake_at_ms;
		break;
	}
}

/* Everybody ends when killed, and nobody by himself: only wake-ups move time on. */
static void rest(struct world *w)
{
	for (unsigned steps = 0;; steps++) {
		must(steps < 100);
		plan(w);
		execute(w);
		bool killed = false;
		for (size_t i = 0; i < w->n; i++)
			if (w->children[i].state == CHILD_KILLED) {
				move(w, &w->children[i], CHILD_DOWN);
				killed = true;
			}
		if (killed)
			continue;
		if (w->plan.wake_at_ms == 0)
			break;
		w->now_ms = w->plan.wake_at_ms;
	}
	for (size_t i = 0; w->goal == UP_RUN && i < w->n; i++)
		must(w->children[i].state == CHILD_RUNNING || w->children[i].state == CHILD_TERMINATING);
	must(w->goal == UP_RUN || w->plan.done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[CHILDREN] = {"etcd", "api", "scheduler", "runner", "health"};
	if (size == 0)
		return 0;
	struct world w = {.n = 1 + data[0] % CHILDREN, .now_ms = 1000};
	for (size_t i = 0; i < w.n; i++)
		w.children[i] =
		        (struct child_view){.name = names[i], .stage = i > 0 ? 1 + (data[0] >> i) % 2U : 0};
	for (size_t i = 1; i < size; i++) {
		plan(&w);
		execute(&w);
		trouble(&w, data[i]);
	}
	rest(&w);
	arena_done(&w.arena);
	return 0;
}
