#include "controllers/up/plan.h"

#include "lib/test.h"

static struct arena arena;

static struct up_plan plan(const struct child_view *children, size_t n, enum up_goal goal, int64_t now_ms)
{
	struct up_plan p;
	arena_reset(&arena);
	up_plan(children, n, goal, now_ms, &arena, &p);
	return p;
}

TEST(back_off_doubles_to_its_bound)
{
	static const int64_t want[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	for (unsigned i = 0; i < ELEMENTS(want); i++)
		CHECK_INT(up_backoff_ms(i), want[i]);
	CHECK_INT(up_backoff_ms(4000000000U), 10000);
}

TEST(a_child_that_ran_long_enough_is_forgiven)
{
	struct child_view c = {.state = CHILD_RUNNING, .failures = 7, .since_ms = 1000};
	CHECK_INT(up_failures(&c, 1000 + UP_FORGIVEN_MS - 1), 8);
	CHECK_INT(up_failures(&c, 1000 + UP_FORGIVEN_MS), 1);
}

TEST(starts_what_is_down_and_waits_for_what_backs_off)
{
	const struct child_view c[] = {
	        {.name = "etcd", .stage = 0, .state = CHILD_DOWN},
	        {.name = "api", .stage = 1, .state = CHILD_RUNNING, .since_ms = 10},
	        {.name = "runner", .stage = 1, .state = CHILD_DOWN, .failures = 3, .since_ms = 1000},
	        {.name = "health", .stage = 1, .state = CHILD_DOWN, .failures = 2, .since_ms = 1050},
	};
	struct up_plan p = plan(c, 4, UP_RUN, 1100);
	CHECK_INT(p.n_actions, 1);
	CHECK_INT(p.actions[0].verb, UP_START);
	CHECK_INT(p.actions[0].child, 0);
	CHECK_STR(p.actions[0].why, "first start");
	CHECK_INT(p.wake_at_ms, 1150);
	CHECK(!p.done);

	p = plan(c, 4, UP_RUN, 1200);
	CHECK_INT(p.n_actions, 3);
	CHECK_STR(p.actions[1].why, "it ended");
	CHECK_INT(p.wake_at_ms, 0);
}

TEST(roles_stop_before_etcd)
{
	struct child_view c[] = {
	        {.name = "etcd", .stage = 0, .state = CHILD_RUNNING},
	        {.name = "api", .stage = 1, .state = CHILD_RUNNING},
	        {.name = "runner", .stage = 1, .state = CHILD_TERMINATING, .since_ms = 100},
	        {.name = "health", .stage = 1, .state = CHILD_DOWN},
	};
	struct up_plan p = plan(c, 4, UP_STOP_ALL, 200);
	CHECK_INT(p.n_actions, 1);
	CHECK_INT(p.actions[0].verb, UP_TERM);
	CHECK_INT(p.actions[0].child, 1);
	CHECK_INT(p.wake_at_ms, 100 + UP_STOP_KILL_MS);

	/* the one that does not end is killed; killed once is enough */
	c[1].state = CHILD_DOWN;
	p = plan(c, 4, UP_STOP_ALL, 100 + UP_STOP_KILL_MS);
	CHECK_INT(p.n_actions, 1);
	CHECK_INT(p.actions[0].verb, UP_KILL);
	CHECK_INT(p.actions[0].child, 2);
	c[2].state = CHILD_KILLED;
	p = plan(c, 4, UP_STOP_ALL, 1000000);
	CHECK_INT(p.n_actions, 0);
	CHECK(!p.done);

	c[2].state = CHILD_DOWN;
	p = plan(c, 4, UP_STOP_ALL, 1000000);
	CHECK_INT(p.n_actions, 1);
	CHECK_INT(p.actions[0].child, 0);
	c[0].state = CHILD_DOWN;
	CHECK(plan(c, 4, UP_STOP_ALL, 1000000).done);
}

TEST(stopping_the_roles_leaves_etcd)
{
	struct child_view c[] = {
	        {.name = "etcd", .stage = 0, .state = CHILD_RUNNING},
	        {.name = "api", .stage = 1, .state = CHILD_DOWN},
	};
	struct up_plan p = plan(c, 2, UP_STOP_ROLES, 5);
	CHECK(p.done);
	CHECK_INT(p.n_actions, 0);
	/* what is down stays down */
	c[0].state = CHILD_DOWN;
	p = plan(c, 2, UP_STOP_ALL, 5);
	CHECK(p.done);
	CHECK_INT(p.n_actions, 0);
}
