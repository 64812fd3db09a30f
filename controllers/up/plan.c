#include "controllers/up/plan.h"

int64_t up_backoff_ms(unsigned failures)
{
	if (failures <= 1)
		return 0;
	int64_t ms = UP_BACKOFF_FIRST_MS;
	for (unsigned i = 2; i < failures && ms < UP_BACKOFF_MAX_MS; i++)
		ms *= 2;
	return MIN(ms, (int64_t)UP_BACKOFF_MAX_MS);
}

unsigned up_failures(const struct child_view *child, int64_t now_ms)
{
	return now_ms - child->since_ms >= UP_FORGIVEN_MS ? 1 : child->failures + 1;
}

static void act(struct up_plan *p, enum up_verb verb, size_t child, const char *why)
{
	p->actions[p->n_actions++] = (struct up_action){.verb = verb, .child = child, .why = why};
}

static void wake(struct up_plan *p, int64_t at_ms)
{
	if (p->wake_at_ms == 0 || at_ms < p->wake_at_ms)
		p->wake_at_ms = at_ms;
}

static void plan_running(const struct child_view *children, size_t n, int64_t now_ms, struct up_plan *p)
{
	for (size_t i = 0; i < n; i++) {
		if (children[i].state != CHILD_DOWN)
			continue;
		int64_t due = children[i].since_ms + up_backoff_ms(children[i].failures);
		if (due <= now_ms)
			act(p, UP_START, i, children[i].failures ? "it ended" : "first start");
		else
			wake(p, due);
	}
}

static void plan_stopping(const struct child_view *children, size_t n, unsigned lowest, int64_t now_ms,
                          struct up_plan *p)
{
	/* the highest stage that still runs goes first; the ones below wait for it */
	unsigned stage = lowest;
	p->done = true;
	for (size_t i = 0; i < n; i++) {
		if (children[i].state == CHILD_DOWN || children[i].stage < lowest)
			continue;
		p->done = false;
		stage = MAX(stage, children[i].stage);
	}
	for (size_t i = 0; i < n; i++) {
		if (children[i].stage != stage)
			continue;
		int64_t kill_at = children[i].since_ms + UP_STOP_KILL_MS;
		switch (children[i].state) {
		case CHILD_DOWN:
		case CHILD_KILLED:
			break;
		case CHILD_RUNNING:
			act(p, UP_TERM, i, "stopping");
			break;
		case CHILD_TERMINATING:
			if (kill_at <= now_ms)
				act(p, UP_KILL, i, "it did not end in time");
			else
				wake(p, kill_at);
			break;
		}
	}
}

void up_plan(const struct child_view *children, size_t n, enum up_goal goal, int64_t now_ms,
             struct arena *arena, struct up_plan *ret)
{
	*ret = (struct up_plan){.actions = ARENA_ARRAY(arena, struct up_action, n)};
	switch (goal) {
	case UP_RUN:
		plan_running(children, n, now_ms, ret);
		break;
	case UP_STOP_ROLES:
		plan_stopping(children, n, 1, now_ms, ret);
		break;
	case UP_STOP_ALL:
		plan_stopping(children, n, 0, now_ms, ret);
		break;
	}
}
