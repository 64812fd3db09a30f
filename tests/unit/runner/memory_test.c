/* The memory of a pod: steps, back-off, and what a new runner takes over from the status in the store. */
#include "rig.h"

TEST(steps)
{
	for (enum step s = STEP_NEW; s < STEP_MAX; s++) {
		CHECK(*step_name(s));
		CHECK(step_allowed(s, s));
		CHECK(s == STEP_NEW || s == STEP_GONE || !step_allowed(s, STEP_NEW));
		CHECK(!step_allowed(STEP_REMOVING, s) || s == STEP_REMOVING || s == STEP_GONE);
	}
	CHECK(!step_allowed(STEP_COMPLETED, STEP_PULLING));
	CHECK(step_allowed(STEP_GONE, STEP_NEW));
	for (enum reason r = REASON_NONE; r < REASON_MAX; r++)
		CHECK(reason_words[r]);
}

TEST(back_off_doubles_to_its_cap_with_a_little_jitter)
{
	for (enum failure f = FAILURE_PULL; f < FAILURE_MAX; f++) {
		int64_t last = 0;
		for (unsigned n = 1; n < 100; n++) {
			int64_t ms = backoff_delay_ms(f, n, "web-0-abc", 1);
			CHECK_INT(ms, backoff_delay_ms(f, n, "web-0-abc", 1));
			CHECK(ms <= 330000);
			CHECK(ms >= last * 3 / 4);
			last = ms;
		}
	}
	CHECK_INT(backoff_delay_ms(FAILURE_CRASH, 1, "x", 0), 0);
	for (unsigned n = 2; n < 11; n++) {
		int64_t want = MIN(INT64_C(1000) << (n - 2), 300000),
		        ms = backoff_delay_ms(FAILURE_CRASH, n, "x", 0);
		CHECK(ms >= want * 9 / 10 && ms <= want * 11 / 10);
	}
	/* pods that failed together do not come back together */
	int64_t least = INT64_MAX, most = 0;
	for (int i = 0; i < 50; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "web-%d-abc", i);
		int64_t ms = backoff_delay_ms(FAILURE_PULL, 9, name, 0);
		least = MIN(least, ms);
		most = MAX(most, ms);
	}
	CHECK(most - least > 20000);
}

static const struct {
	int policy;
	int64_t code;
	bool restart;
} policies[] = {
        {RESTART_ALWAYS, 0, true},      {RESTART_ALWAYS, 1, true},     {RESTART_ALWAYS, -1, true},
        {RESTART_ON_FAILURE, 0, false}, {RESTART_ON_FAILURE, 1, true}, {RESTART_ON_FAILURE, -1, true},
        {RESTART_NEVER, 0, false},      {RESTART_NEVER, 1, false},     {RESTART_NEVER, -1, false},
};

TEST(restart_policies)
{
	for (size_t i = 0; i < ELEMENTS(policies); i++)
		CHECK_INT(restart_wanted(policies[i].policy, policies[i].code), policies[i].restart);
}

/* A new process knows the last status only. */
static void restart_runner(struct rig *r)
{
	struct plan_memory m = {0};
	memory_restore(&m, &r->pod, &r->plan.status, r->in.now_ms, r->in.wall_ms);
	r->memory = m;
	for (size_t i = 0; i < RIG_MAX; i++)
		r->engine[i].exits = 0; /* counts since it was adopted */
}

TEST(a_crash_loop_goes_on_where_it_was)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	PLANS(&r, "");
	for (int i = 0; i < 6; i++) {
		rig_exit(&r, 0, 3);
		(void)rig_plan(&r);
		if (r.plan.status.nextAttempt)
			rig_later(&r, r.plan.status.nextAttempt - r.in.wall_ms);
		PLANS(&r, "start a");
		rig_start(&r, 0);
		rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
		PLANS(&r, "");
	}
	rig_exit(&r, 0, 3);
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerKeepsCrashing");
	CHECK_INT(r.plan.status.attempts, 7);
	int64_t next = r.plan.status.nextAttempt, since = r.plan.status.since;

	rig_later(&r, 5000);
	restart_runner(&r);
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerKeepsCrashing");
	CHECK_INT(r.plan.status.attempts, 7);
	CHECK_INT(r.plan.status.nextAttempt, next);
	CHECK_INT(r.plan.status.since, since);
	CHECK_INT(LIST_ITEMS(&r.plan.status.containers, struct container_status)[0].restarts, 7);
	rig_later(&r, next - r.in.wall_ms - 1);
	PLANS(&r, "");
	rig_later(&r, 1);
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	rig_exit(&r, 0, 3);
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 8);
	CHECK(r.plan.status.nextAttempt - r.in.wall_ms > 50000);
	/* also when it is killed while the container runs */
	rig_later(&r, r.plan.status.nextAttempt - r.in.wall_ms);
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	restart_runner(&r);
	PLANS(&r, "");
	SAYS(&r, "Running/Started");
	rig_exit(&r, 0, 3);
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 9);
	rig_done(&r);
}

TEST(a_failed_pull_goes_on_where_it_was)
{
	struct rig r;
	rig_init(&r, "a");
	rig_images(&r, "a");
	PLANS(&r, "pull image-a");
	for (int i = 0; i < 5; i++) {
		rig_later(&r, r.plan.wake_at_ms ? r.plan.wake_at_ms - r.in.now_ms : 0);
		rig_result(&r, ACTION_PULL, 0, ENGINE_E_NO_IMAGE, "no such image");
		PLANS(&r, "");
	}
	CHECK_INT(r.plan.status.attempts, 5);
	int64_t next = r.plan.status.nextAttempt;
	restart_runner(&r);
	rig_images(&r, "u");
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedPulling");
	CHECK_STR(r.plan.status.message, "Failed pulling image image-a: no such image");
	CHECK_INT(r.plan.status.attempts, 5);
	CHECK_INT(r.plan.status.nextAttempt, next);
	rig_later(&r, next - r.in.wall_ms);
	PLANS(&r, "find image-a");
	rig_done(&r);
}

TEST(a_failed_start_goes_on_where_it_was)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "cr");
	PLANS(&r, "start a");
	rig_result(&r, ACTION_START, 0, ENGINE_E_BUSY, "port 80 is taken");
	PLANS(&r, "");
	restart_runner(&r);
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedStarting");
	CHECK_STR(r.plan.status.message, "Failed starting container a: port 80 is taken");
	rig_later(&r, r.plan.status.nextAttempt - r.in.wall_ms);
	PLANS(&r, "start a");
	rig_done(&r);
}

TEST(a_clock_that_jumped_delays_no_longer_than_the_longest_delay)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_exit(&r, 0, 1);
	PLANS(&r, "start a");
	struct pod_status s = r.plan.status;
	s.attempts = 9;
	s.nextAttempt = r.in.wall_ms + INT64_C(100000000000);
	s.reason = (char *)(uintptr_t) "ContainerKeepsCrashing";
	s.phase = POD_FAILED;
	r.memory = (struct plan_memory){0};
	memory_restore(&r.memory, &r.pod, &s, r.in.now_ms, r.in.wall_ms);
	PLANS(&r, "");
	CHECK(r.plan.wake_at_ms - r.in.now_ms <= 330000);
	rig_later(&r, 330000);
	PLANS(&r, "start a");
	rig_done(&r);
}

TEST(what_ended_for_good_stays_so)
{
	struct rig r;
	rig_init(&r, "nf");
	rig_have(&r, "rr");
	PLANS(&r, "");
	rig_exit(&r, 0, 0);
	rig_exit(&r, 1, 0);
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	restart_runner(&r);
	rig_have(&r, "--");
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	rig_done(&r);
}

TEST(a_foreign_status_is_harmless)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	struct container_status items[] = {
	        {.name = NULL, .state = NULL, .restarts = -5},
	        {.name = (char *)(uintptr_t) "b", .state = NULL, .exitCode = INT64_MIN}};
	struct pod_status s = {.phase = POD_UNKNOWN,
	                       .reason = (char *)(uintptr_t) "Whatever",
	                       .attempts = INT64_MIN,
	                       .nextAttempt = INT64_MIN,
	                       .containers = {.items = items, .count = 2}};
	memory_restore(&r.memory, &r.pod, &s, r.in.now_ms, r.in.wall_ms);
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	s = (struct pod_status){.attempts = INT64_MAX, .nextAttempt = INT64_MAX};
	r.memory = (struct plan_memory){0};
	memory_restore(&r.memory, &r.pod, &s, r.in.now_ms, 0);
	PLANS(&r, "");
	rig_done(&r);
}
