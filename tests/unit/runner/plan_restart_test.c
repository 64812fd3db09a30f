/* The runner's plan where containers end or are removed: restart policies, counting, back-off. */
#include "rig.h"

/* --- ends and restarts
 * ------------------------------------------------------------------------------------------- */

static void run_for(struct rig *r, int64_t ms)
{
	rig_later(r, ms);
	PLANS(r, "");
}

TEST(killed_by_hand_it_is_back_at_once)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	PLANS(&r, "");
	run_for(&r, 100000);
	rig_exit(&r, 1, 137);
	PLANS(&r, "start b");
	SAYS(&r, "Pending/StartingContainers");
	CHECK_STR(r.plan.status.message, "Container b exited with code 137");
	rig_start(&r, 1);
	rig_result(&r, ACTION_START, 1, ENGINE_OK, NULL);
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	CHECK_STR(r.plan.status.message, "");
	CHECK_INT(LIST_ITEMS(&r.plan.status.containers, struct container_status)[1].restarts, 1);
	CHECK_INT(LIST_ITEMS(&r.plan.status.containers, struct container_status)[0].restarts, 0);
	/* and its failure is forgotten after a healthy minute */
	CHECK_INT(r.plan.status.attempts, 1);
	CHECK_INT(r.plan.wake_at_ms, r.in.now_ms + HEALTHY_MS);
	run_for(&r, HEALTHY_MS);
	CHECK_INT(r.plan.status.attempts, 0);
	CHECK_INT(r.plan.wake_at_ms, 0);
	rig_done(&r);
}

TEST(removed_by_hand_it_is_back_at_once)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	PLANS(&r, "");
	rig_have(&r, "r-");
	PLANS(&r, "create");
	CHECK_STR(r.plan.status.message, "Container b was removed");
	rig_have(&r, "rc");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	PLANS(&r, "start b");
	rig_have(&r, "rr");
	rig_result(&r, ACTION_START, 1, ENGINE_OK, NULL);
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	/* all of it */
	rig_later(&r, HEALTHY_MS);
	PLANS(&r, "");
	rig_have(&r, "-");
	PLANS(&r, "create");
	rig_done(&r);
}

TEST(removed_by_hand_again_and_again_it_is_slowed_down)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_have(&r, "-");
	PLANS(&r, "create");
	rig_have(&r, "c");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	PLANS(&r, "start a");
	rig_have(&r, "-");
	PLANS(&r, "");
	CHECK(r.plan.wake_at_ms > r.in.now_ms + 800);
	rig_later(&r, r.plan.wake_at_ms - r.in.now_ms);
	PLANS(&r, "create");
	rig_done(&r);
}

TEST(a_crash_loop)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	PLANS(&r, "");
	int64_t last = 0;
	for (int i = 1; i <= 12; i++) {
		rig_later(&r, 300);
		rig_exit(&r, 0, 3);
		const char *actions = rig_plan(&r);
		CHECK_STR(actions, i == 1 ? "start a" : "");
		SAYS(&r, i == 1   ? "Pending/StartingContainers"
		         : i == 2 ? "Failed/ContainerExited"
		                  : "Failed/ContainerKeepsCrashing");
		CHECK_INT(r.plan.status.attempts, i);
		if (i > 1) {
			char want[100];
			(void)snprintf(want, sizeof(want),
			               "Container a exited with code 3, %d times in a row", i);
			CHECK_STR(r.plan.status.message, want);
			int64_t delay = r.plan.wake_at_ms - r.in.now_ms;
			/* b is watched too, so that the wake-up may be earlier */
			CHECK(r.plan.status.nextAttempt >= r.in.wall_ms + delay);
			delay = r.plan.status.nextAttempt - r.in.wall_ms;
			CHECK(delay <= 330000);
			CHECK(delay > last || delay >= 270000);
			last = delay;
			rig_later(&r, delay);
			PLANS(&r, "start a");
			SAYS(&r, i == 2 ? "Failed/ContainerExited" : "Failed/ContainerKeepsCrashing");
		}
		rig_start(&r, 0);
		rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
		PLANS(&r, "");
		SAYS(&r, i < CRASHES_MANY ? "Running/Started+" : "Running/Started");
	}
	CHECK(last >= 270000);
	/* b was never touched */
	CHECK_INT(LIST_ITEMS(&r.plan.status.containers, struct container_status)[1].restarts, 0);
	run_for(&r, READY_AFTER_MS);
	SAYS(&r, "Running/Started+");
	run_for(&r, HEALTHY_MS - READY_AFTER_MS);
	CHECK_INT(r.plan.status.attempts, 0);
	rig_exit(&r, 0, 3);
	PLANS(&r, "start a");
	rig_done(&r);
}

TEST(out_of_memory_and_the_words_of_the_engine_are_told)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_exit(&r, 0, 137);
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	rig_exit(&r, 0, 137);
	r.engine[0].oom = true;
	r.engine[0].error = "killed by the kernel";
	PLANS(&r, "");
	CHECK_STR(r.plan.status.message,
	          "Container a ran out of memory (exit code 137), 2 times in a row: killed by the kernel");
	CHECK(LIST_ITEMS(&r.plan.status.containers, struct container_status)[0].oom);
	rig_done(&r);
}

TEST(an_end_is_counted_once)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_exit(&r, 0, 1);
	PLANS(&r, "start a");
	PLANS(&r, "start a"); /* nothing was done about it: the same plan */
	CHECK_INT(r.plan.status.attempts, 1);
	/* started by somebody else, ended again, both between two looks */
	rig_exit(&r, 0, 1);
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 2);
	/* a stale report after the start is no second end */
	rig_later(&r, 1100);
	PLANS(&r, "start a");
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 2);
	SAYS(&r, "Running/Started+");
	rig_exit(&r, 0, 1);
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 3);
	rig_done(&r);
}

TEST(an_end_during_the_start_is_not_lost)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "c");
	PLANS(&r, "start a");
	r.containers[0].busy = true;
	rig_exit(&r, 0, 1);
	PLANS(&r, "");
	r.containers[0].busy = false;
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "start a");
	rig_done(&r);
}

TEST(what_ended_for_good_is_not_created_again)
{
	struct rig r;
	rig_init(&r, "n");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_exit(&r, 0, 0);
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	rig_have(&r, "-"); /* tidied up */
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	CHECK(!r.plan.finished);
	rig_done(&r);
}

TEST(never_means_never_also_when_it_was_removed)
{
	struct rig r;
	rig_init(&r, "n");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_have(&r, "-");
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerExited");
	CHECK_STR(r.plan.status.message, "Container a was removed");
	rig_done(&r);
}

TEST(on_failure_runs_until_it_succeeds)
{
	struct rig r;
	rig_init(&r, "f");
	rig_have(&r, "r");
	PLANS(&r, "");
	rig_exit(&r, 0, 1);
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	rig_exit(&r, 0, 0);
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	CHECK_INT(r.plan.status.attempts, 0);
	/* started by hand and failed: its policy holds again */
	rig_exit(&r, 0, 1);
	(void)rig_plan(&r);
	CHECK(!r.memory.containers[0].ended);
	rig_done(&r);
}

TEST(what_an_earlier_pod_of_the_name_left_is_run_again)
{
	struct rig r;
	rig_init(&r, "n");
	rig_have(&r, "0");
	r.in.older = true;
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	rig_exit(&r, 0, 0);
	PLANS(&r, "");
	SAYS(&r, "Succeeded/Completed");
	rig_done(&r);
}
