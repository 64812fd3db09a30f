/*
 * Supervision over random lives: children that end whenever they like, and a stop at any moment. The invariants of
 * plan.h are looked at after every plan.
 */
#include "controllers/up/plan.h"

#include "lib/test.h"

enum { CHILDREN = 5, STEPS = 400, SEEDS = 300 };

static uint64_t dice_state;

static unsigned roll(unsigned sides)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice_state >> 33) % sides;
}

struct life {
	struct child_view children[CHILDREN];
	int64_t now_ms;
	enum up_goal goal;
	struct arena arena;
};

static void carry_out(struct life *l, const struct up_plan *p)
{
	for (size_t i = 0; i < p->n_actions; i++) {
		const struct up_action *a = &p->actions[i];
		struct child_view *c = &l->children[a->child];
		CHECK(a->why && *a->why);
		for (size_t k = 0; k < i; k++)
			CHECK(p->actions[k].child != a->child);
		switch (a->verb) {
		case UP_START:
			CHECK_INT(c->state, CHILD_DOWN);
			CHECK_INT(l->goal, UP_RUN);
			CHECK(l->now_ms - c->since_ms >= up_backoff_ms(c->failures));
			c->state = CHILD_RUNNING;
			break;
		case UP_TERM:
			CHECK_INT(c->state, CHILD_RUNNING);
			CHECK(l->goal != UP_RUN);
			c->state = CHILD_TERMINATING;
			break;
		case UP_KILL:
			CHECK_INT(c->state, CHILD_TERMINATING);
			CHECK(l->now_ms - c->since_ms >= UP_STOP_KILL_MS);
			c->state = CHILD_KILLED;
			break;
		}
		/* etcd goes last: the roles have something to say */
		if (a->verb != UP_START && c->stage == 0) {
			CHECK_INT(l->goal, UP_STOP_ALL);
			for (size_t k = 0; k < CHILDREN; k++)
				CHECK(l->children[k].stage == 0 || l->children[k].state == CHILD_DOWN);
		}
		c->since_ms = l->now_ms;
	}
}

static struct up_plan plan(struct life *l)
{
	struct up_plan p, again;
	arena_reset(&l->arena);
	up_plan(l->children, CHILDREN, l->goal, l->now_ms, &l->arena, &p);
	up_plan(l->children, CHILDREN, l->goal, l->now_ms, &l->arena, &again);
	CHECK_INT(p.n_actions, again.n_actions);
	CHECK_INT(p.wake_at_ms, again.wake_at_ms);
	CHECK(p.wake_at_ms == 0 || p.wake_at_ms > l->now_ms);
	bool any = false;
	for (size_t i = 0; i < CHILDREN; i++)
		any |= l->children[i].state != CHILD_DOWN &&
		       (l->goal == UP_STOP_ALL || l->children[i].stage > 0);
	CHECK_INT(p.done, l->goal != UP_RUN && !any);
	carry_out(l, &p);
	return p;
}

static void child_ends(struct life *l, size_t i)
{
	struct child_view *c = &l->children[i];
	if (c->state == CHILD_DOWN)
		return;
	c->failures = up_failures(c, l->now_ms);
	c->state = CHILD_DOWN;
	c->since_ms = l->now_ms;
}

static void begin(struct life *l, unsigned seed)
{
	static const char *const names[CHILDREN] = {"etcd", "api", "scheduler", "runner", "health"};
	dice_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	*l = (struct life){.now_ms = 1000000};
	for (size_t i = 0; i < CHILDREN; i++)
		l->children[i] = (struct child_view){.name = names[i], .stage = i > 0};
}

TEST(random_lives_keep_the_invariants)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct life l;
		begin(&l, seed);
		for (unsigned step = 0; step < STEPS; step++) {
			if (roll(3) == 0)
				child_ends(&l, roll(CHILDREN));
			if (l.goal == UP_RUN && roll(200) == 0)
				l.goal = roll(2) ? UP_STOP_ROLES : UP_STOP_ALL;
			struct up_plan p = plan(&l);
			if (p.done)
				break;
			l.now_ms += roll(2) ? roll(50) : roll(12000);
		}
		arena_done(&l.arena);
	}
}

/* Only woken by ends and at the times that plans ask for: a child that is down does not stay so for longer than its
 * back-off, and a stop ends even when nobody listens to SIGTERM. */
TEST(wake_ups_are_enough)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct life l;
		begin(&l, seed);
		for (unsigned step = 0; step < STEPS; step++) {
			struct up_plan p = plan(&l);
			if (p.n_actions)
				continue;
			for (size_t i = 0; i < CHILDREN; i++)
				CHECK(l.children[i].state == CHILD_RUNNING || p.wake_at_ms);
			if (p.wake_at_ms && roll(2))
				l.now_ms = p.wake_at_ms;
			else
				child_ends(&l, roll(CHILDREN));
		}
		l.goal = UP_STOP_ALL;
		int64_t limit = l.now_ms + 2 * UP_STOP_KILL_MS;
		for (;;) {
			struct up_plan p = plan(&l);
			if (p.done)
				break;
			if (p.n_actions) {
				for (size_t i = 0; i < CHILDREN; i++) /* only SIGKILL is heard */
					if (l.children[i].state == CHILD_KILLED)
						child_ends(&l, i);
				continue;
			}
			CHECK(p.wake_at_ms);
			l.now_ms = p.wake_at_ms;
			CHECK(l.now_ms <= limit);
		}
		arena_done(&l.arena);
	}
}
