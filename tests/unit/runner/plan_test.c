/* The plan, row by row: what is, what is done, what is said. */
#include "rig.h"

/* --- from a fresh memory
 * ----------------------------------------------------------------------------------------- */

// clang-format off
static const struct {
	const char *policies, *images, *have;
	const char *actions, *status;
} fresh[] = {
	/* images */
	{"a",  "u",  "-",  "find image-a",		"Pending/PullingContainers"},
	{"a",  "U",  "-",  "",				"Pending/PullingContainers"},
	{"a",  "a",  "-",  "pull image-a",		"Pending/PullingContainers"},
	{"a",  "A",  "-",  "",				"Pending/PullingContainers"},
	{"aa", "uu", "-",  "find image-a, find image-b", "Pending/PullingContainers"},
	{"aa", "aa", "-",  "pull image-a, pull image-b", "Pending/PullingContainers"},
	{"aa", "pa", "-",  "pull image-b",		"Pending/PullingContainers"},
	{"aa", "pA", "-",  "",				"Pending/PullingContainers"},
	{"aa", "uA", "-",  "find image-a",		"Pending/PullingContainers"},
	/* create all, then start all */
	{"a",  "p",  "-",  "create",			"Pending/StartingContainers"},
	{"aa", "pp", "-",  "create",			"Pending/StartingContainers"},
	{"aa", "pp", "c-", "create",			"Pending/StartingContainers"},
	{"aa", "pa", "c-", "pull image-b",		"Pending/PullingContainers"},
	{"aa", "aa", "cc", "start a, start b",		"Pending/StartingContainers"},
	{"aa", "pp", "rc", "start b",			"Pending/StartingContainers"},
	{"aa", "pp", "rr", "",				"Running/Started+"},
	{"aa", "uu", "rr", "",				"Running/Started+"},
	/* what ran before is not kept waiting by what is missing */
	{"aa", "pa", "1-", "pull image-b, start a",	"Pending/PullingContainers"},
	{"aa", "pp", "r-", "create",			"Pending/StartingContainers"},
	{"aa", "pu", "r-", "find image-b",		"Pending/PullingContainers"},
	/* restart policies */
	{"a",  "p",  "0",  "start a",			"Pending/StartingContainers"},
	{"a",  "p",  "1",  "start a",			"Pending/StartingContainers"},
	{"f",  "p",  "0",  "",				"Succeeded/Completed"},
	{"f",  "p",  "1",  "start a",			"Pending/StartingContainers"},
	{"f",  "p",  "9",  "start a",			"Pending/StartingContainers"},
	{"n",  "p",  "0",  "",				"Succeeded/Completed"},
	{"n",  "p",  "1",  "",				"Failed/ContainerExited"},
	{"n",  "p",  "9",  "",				"Failed/ContainerExited"},
	{"n",  "p",  "c",  "start a",			"Pending/StartingContainers"},
	{"n",  "p",  "-",  "create",			"Pending/StartingContainers"},
	{"nf", "pp", "00", "",				"Succeeded/Completed"},
	{"nf", "pp", "0r", "",				"Running/Started+"},
	{"nf", "pp", "1r", "",				"Running/Started"},
	{"nf", "pp", "10", "",				"Failed/ContainerExited"},
	{"na", "pp", "00", "start b",			"Pending/StartingContainers"},
};
// clang-format on

TEST(rows_from_a_fresh_memory)
{
	for (size_t i = 0; i < ELEMENTS(fresh); i++) {
		struct rig r;
		rig_init(&r, fresh[i].policies);
		rig_images(&r, fresh[i].images);
		rig_have(&r, fresh[i].have);
		char where[256];
		(void)snprintf(where, sizeof(where), "row %zu: %s %s %s: ", i, fresh[i].policies,
		               fresh[i].images, fresh[i].have);
		char have[1400], want[1400];
		(void)snprintf(have, sizeof(have), "%s%s", where, rig_plan(&r));
		(void)snprintf(want, sizeof(want), "%s%s", where, fresh[i].actions);
		CHECK_STR(have, want);
		(void)snprintf(have, sizeof(have), "%s%s", where, rig_status(&r));
		(void)snprintf(want, sizeof(want), "%s%s", where, fresh[i].status);
		CHECK_STR(have, want);
		rig_done(&r);
	}
}

/* --- claims
 * ------------------------------------------------------------------------------------------------------ */

// clang-format off
static const struct {
	enum plan_claim claim;
	const char *have;
	bool want, busy, successor;
	const char *actions, *status;
	bool finished;
} claims[] = {
	{CLAIM_UNDECIDED, "-", true,  false, false, "",	      "", false},
	{CLAIM_UNDECIDED, "1", true,  false, false, "",	      "", false},
	{CLAIM_UNDECIDED, "r", false, false, false, "",	      "", false},
	{CLAIM_HELD,	  "r", true,  false, false, "",	      "", false},
	{CLAIM_HELD,	  "1", true,  false, false, "start a", "", false},
	{CLAIM_HELD,	  "1", false, false, false, "",	      "", false},
	{CLAIM_HELD,	  "-", true,  false, false, "",	      "", true},
	{CLAIM_HELD,	  "-", false, false, false, "",	      "", true},
	{CLAIM_REMOVED,	  "r", true,  false, false, "remove",  "Stopping/Removing", false},
	{CLAIM_REMOVED,	  "r", false, false, false, "remove",  "Stopping/Removing", false},
	{CLAIM_REMOVED,	  "1", true,  false, false, "remove",  "Stopping/Removing", false},
	{CLAIM_REMOVED,	  "r", true,  true,  false, "",	      "Stopping/Removing", false},
	{CLAIM_REMOVED,	  "-", true,  true,  false, "",	      "Stopping/Removing", false},
	{CLAIM_REMOVED,	  "-", true,  false, false, "",	      "", true},
	{CLAIM_REMOVED,	  "-", false, false, true,  "",	      "", true},
	/* the pod that takes its place has not all its images yet */
	{CLAIM_REMOVED,	  "r", true,  false, true,  "",	      "", false},
	{CLAIM_REMOVED,	  "1", true,  false, true,  "start a", "", false},
	{CLAIM_REMOVED,	  "r", false, false, true,  "",	      "", false},
};
// clang-format on

TEST(rows_of_claims)
{
	for (size_t i = 0; i < ELEMENTS(claims); i++) {
		struct rig r;
		rig_init(&r, "a");
		rig_have(&r, claims[i].have);
		r.in.claim = claims[i].claim;
		r.in.pod_busy = claims[i].busy;
		r.in.successor_pulling = claims[i].successor;
		if (!claims[i].want)
			r.in.want = NULL;
		char have[1400], want[1400];
		(void)snprintf(have, sizeof(have), "row %zu: %s | ", i, rig_plan(&r));
		(void)snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s | %d", rig_status(&r),
		               r.plan.finished);
		(void)snprintf(want, sizeof(want), "row %zu: %s | %s | %d", i, claims[i].actions,
		               claims[i].status, claims[i].finished);
		CHECK_STR(have, want);
		rig_done(&r);
	}
}

TEST(removal_takes_the_grace_of_the_pod_or_the_default)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	r.in.claim = CLAIM_REMOVED;
	PLANS(&r, "remove");
	CHECK_INT(r.plan.actions[0].grace_ms, 7000);
	r.in.want = NULL;
	PLANS(&r, "remove");
	CHECK_INT(r.plan.actions[0].grace_ms, PLAN_GRACE_MS);
	rig_done(&r);
}

TEST(a_removal_that_has_begun_is_finished)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	r.in.claim = CLAIM_REMOVED;
	PLANS(&r, "remove");
	r.in.pod_busy = true;
	r.in.claim = CLAIM_WANTED; /* the same name again */
	PLANS(&r, "");
	SAYS(&r, "Stopping/Removing");
	r.in.pod_busy = false;
	rig_result(&r, ACTION_REMOVE, -1, ENGINE_OK, NULL);
	rig_have(&r, "-");
	PLANS(&r, "create"); /* from the start */
	SAYS(&r, "Pending/StartingContainers");
	CHECK(!r.plan.finished);
	rig_done(&r);
}

TEST(a_failed_removal_is_repeated)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	r.in.claim = CLAIM_REMOVED;
	PLANS(&r, "remove");
	rig_result(&r, ACTION_REMOVE, -1, ENGINE_E_FAILED, "device busy");
	PLANS(&r, "");
	SAYS(&r, "Stopping/Removing");
	CHECK_STR(r.plan.status.message, "Failed removing: device busy");
	CHECK(r.plan.wake_at_ms > r.in.now_ms);
	rig_later(&r, r.plan.wake_at_ms - r.in.now_ms);
	PLANS(&r, "remove");
	rig_done(&r);
}

TEST(removal_is_not_delayed_by_an_earlier_back_off)
{
	struct rig r;
	rig_init(&r, "a");
	rig_images(&r, "a");
	PLANS(&r, "pull image-a");
	rig_result(&r, ACTION_PULL, 0, ENGINE_E_FAILED, "x");
	rig_have(&r, "c");
	r.in.claim = CLAIM_REMOVED;
	PLANS(&r, "remove");
	rig_done(&r);
}

/* --- images
 * ------------------------------------------------------------------------------------------------------ */

TEST(a_failed_pull_says_so_and_is_tried_again)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_images(&r, "pa");
	PLANS(&r, "pull image-b");
	rig_result(&r, ACTION_PULL, 1, ENGINE_E_NO_IMAGE, "manifest unknown");
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedPulling");
	CHECK_STR(r.plan.status.message, "Failed pulling image image-b: manifest unknown");
	CHECK_INT(r.plan.status.attempts, 1);
	int64_t delay = r.plan.wake_at_ms - r.in.now_ms;
	CHECK(delay >= 900 && delay <= 1100);
	CHECK_INT(r.plan.status.nextAttempt, r.in.wall_ms + delay);
	rig_later(&r, delay - 1);
	PLANS(&r, "");
	rig_later(&r, 1);
	PLANS(&r, "pull image-b");
	r.containers[1].image_busy = true;
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedPulling"); /* until it succeeds */
	CHECK_INT(r.plan.status.nextAttempt, 0);
	rig_images(&r, "pp");
	PLANS(&r, "create");
	SAYS(&r, "Pending/StartingContainers");
	CHECK_INT(r.plan.status.attempts, 0);
	rig_done(&r);
}

TEST(an_image_that_comes_in_another_way_heals_at_once)
{
	struct rig r;
	rig_init(&r, "a");
	rig_images(&r, "a");
	PLANS(&r, "pull image-a");
	for (int i = 0; i < 9; i++) {
		rig_result(&r, ACTION_PULL, 0, ENGINE_E_FAILED, "no route to host");
		PLANS(&r, "");
		rig_later(&r, r.plan.wake_at_ms - r.in.now_ms);
		PLANS(&r, "pull image-a");
	}
	rig_result(&r, ACTION_PULL, 0, ENGINE_E_FAILED, "no route to host");
	PLANS(&r, "");
	rig_images(&r, "p");
	PLANS(&r, "create");
	rig_done(&r);
}

TEST(two_failed_pulls_of_one_try_count_once)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_images(&r, "aa");
	PLANS(&r, "pull image-a, pull image-b");
	rig_result(&r, ACTION_PULL, 0, ENGINE_E_FAILED, "one");
	rig_result(&r, ACTION_PULL, 1, ENGINE_E_FAILED, "two");
	PLANS(&r, "");
	CHECK_INT(r.plan.status.attempts, 1);
	rig_done(&r);
}

TEST(containers_of_one_image_ask_for_it_once)
{
	struct rig r;
	rig_init(&r, "aaa");
	r.items[2].image = r.items[0].image;
	rig_images(&r, "aua");
	PLANS(&r, "pull image-a, find image-b");
	rig_done(&r);
}

/* --- creating and starting
 * --------------------------------------------------------------------------------------- */

TEST(nothing_is_asked_twice)
{
	struct rig r;
	rig_init(&r, "aa");
	PLANS(&r, "create");
	r.in.pod_busy = true;
	PLANS(&r, "");
	rig_have(&r, "cc"); /* reported before the operation ended */
	PLANS(&r, "");
	r.in.pod_busy = false;
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	PLANS(&r, "start a, start b");
	r.containers[0].busy = r.containers[1].busy = true;
	PLANS(&r, "");
	r.containers[0].busy = false;
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, ""); /* the report of the start has not come */
	SAYS(&r, "Pending/StartingContainers");
	rig_have(&r, "rc");
	PLANS(&r, "");
	r.containers[1].busy = false;
	rig_result(&r, ACTION_START, 1, ENGINE_OK, NULL);
	rig_have(&r, "rr");
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	rig_done(&r);
}

TEST(start_follows_create_without_waiting_for_a_report)
{
	struct rig r;
	rig_init(&r, "a");
	PLANS(&r, "create");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	PLANS(&r, "start a");
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	CHECK_INT(r.plan.wake_at_ms, r.in.now_ms + REPORT_MS);
	/* the engine never shows it: created again, but not in a hurry */
	rig_later(&r, REPORT_MS);
	PLANS(&r, "create");
	rig_done(&r);
}

TEST(a_very_short_life_is_counted)
{
	struct rig r;
	rig_init(&r, "a");
	PLANS(&r, "create");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	PLANS(&r, "start a");
	rig_have(&r, "1");
	r.engine[0].exits = 1; /* the first that is ever heard of it */
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "start a"); /* the first time at once */
	CHECK_INT(r.plan.status.attempts, 1);
	CHECK_INT(LIST_ITEMS(&r.plan.status.containers, struct container_status)[0].restarts, 1);
	rig_done(&r);
}

// clang-format off
static const struct {
	enum plan_action_kind kind;
	enum engine_result result;
	const char *text, *status, *message;
	int64_t least_ms, most_ms;
} failures[] = {
	{ACTION_CREATE, ENGINE_E_REFUSED, "bad limit", "Failed/ContainerFailedStarting",
		"Failed creating containers: bad limit", 27000, 33000},
	{ACTION_CREATE, ENGINE_E_BUSY, "address in use", "Failed/ContainerFailedStarting",
		"Failed creating containers: address in use", 900, 1100},
	{ACTION_CREATE, ENGINE_E_NAME_TAKEN, "somebody else's", "Failed/NameTaken",
		"Failed creating containers: somebody else's", 900, 1100},
	{ACTION_CREATE, ENGINE_E_NO_IMAGE, "no such image", "Failed/ContainerFailedStarting",
		"Failed creating containers: no such image", 900, 1100},
	{ACTION_CREATE, ENGINE_E_FAILED, NULL, "Failed/ContainerFailedStarting",
		"Failed creating containers", 900, 1100},
	{ACTION_START, ENGINE_E_REFUSED, "no such file", "Failed/ContainerFailedStarting",
		"Failed starting container a: no such file", 27000, 33000},
	{ACTION_START, ENGINE_E_BUSY, "port is already allocated", "Failed/ContainerFailedStarting",
		"Failed starting container a: port is already allocated", 900, 1100},
	{ACTION_START, ENGINE_E_GONE, "", "Failed/ContainerFailedStarting",
		"Failed starting container a", 900, 1100},
	{ACTION_START, ENGINE_E_FAILED, "shim", "Failed/ContainerFailedStarting",
		"Failed starting container a: shim", 900, 1100},
	/* the pod is not at fault */
	{ACTION_CREATE, ENGINE_E_UNKNOWN, "cut", "Pending/StartingContainers", "", 1000, 1000},
	{ACTION_CREATE, ENGINE_E_UNAVAILABLE, "cut", "Pending/StartingContainers", "", 1000, 1000},
	{ACTION_START, ENGINE_E_UNKNOWN, "cut", "Pending/StartingContainers", "", 1000, 1000},
};
// clang-format on

TEST(rows_of_failures)
{
	for (size_t i = 0; i < ELEMENTS(failures); i++) {
		struct rig r;
		rig_init(&r, "a");
		bool start = failures[i].kind == ACTION_START;
		rig_have(&r, start ? "c" : "-");
		PLANS(&r, start ? "start a" : "create");
		rig_result(&r, failures[i].kind, 0, failures[i].result, failures[i].text);
		PLANS(&r, "");
		SAYS(&r, failures[i].status);
		CHECK_STR(r.plan.status.message, failures[i].message);
		int64_t delay = r.plan.wake_at_ms - r.in.now_ms;
		CHECK(delay >= failures[i].least_ms && delay <= failures[i].most_ms);
		bool counted =
		        failures[i].result != ENGINE_E_UNKNOWN && failures[i].result != ENGINE_E_UNAVAILABLE;
		CHECK_INT(r.plan.status.attempts, counted);
		CHECK_INT(r.plan.status.nextAttempt, counted ? r.in.wall_ms + delay : 0);
		rig_later(&r, delay);
		PLANS(&r, start ? "start a" : "create");
		rig_done(&r);
	}
}

TEST(a_port_in_use_is_tried_every_half_minute)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "c");
	int64_t delay = 0;
	for (int i = 0; i < 12; i++) {
		PLANS(&r, "start a");
		rig_result(&r, ACTION_START, 0, ENGINE_E_BUSY, "taken");
		PLANS(&r, "");
		delay = r.plan.wake_at_ms - r.in.now_ms;
		CHECK(delay <= 33000);
		rig_later(&r, delay);
	}
	CHECK(delay >= 27000);
	PLANS(&r, "start a");
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	SAYS(&r, "Running/Started");
	rig_later(&r, READY_AFTER_MS);
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	rig_done(&r);
}

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

/* --- the shared network
 * ------------------------------------------------------------------------------------------ */

TEST(a_broken_network_is_repaired_once)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	r.have.broken = true;
	PLANS(&r, "repair");
	CHECK_INT(r.plan.actions[0].grace_ms, 7000);
	r.in.pod_busy = true;
	PLANS(&r, "");
	r.in.pod_busy = false;
	rig_result(&r, ACTION_REPAIR, -1, ENGINE_OK, NULL);
	PLANS(&r, ""); /* the report may come after the result */
	r.have.broken = false;
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	r.have.broken = true;
	rig_later(&r, PAUSE_MS);
	r.containers[0].busy = true;
	PLANS(&r, "");
	r.containers[0].busy = false;
	PLANS(&r, "repair");
	rig_result(&r, ACTION_REPAIR, -1, ENGINE_E_FAILED, "no");
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedStarting");
	CHECK_STR(r.plan.status.message, "Failed repairing the pod's network: no");
	rig_done(&r);
}

TEST(a_network_that_was_removed_has_the_pod_made_again)
{
	struct rig r;
	rig_init(&r, "aa");
	rig_have(&r, "rr");
	r.have.broken = true;
	PLANS(&r, "repair");
	rig_result(&r, ACTION_REPAIR, -1, ENGINE_E_GONE, "it was removed");
	PLANS(&r, "create");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_E_FAILED, "no");
	PLANS(&r, "");
	rig_later(&r, 2000);
	PLANS(&r, "create");
	rig_result(&r, ACTION_CREATE, -1, ENGINE_OK, NULL);
	rig_have(&r, "cc");
	r.have.broken = false;
	PLANS(&r, "start a, start b");
	/* the next time may be another case */
	rig_have(&r, "rr");
	r.have.broken = true;
	PLANS(&r, "repair");
	rig_done(&r);
}

/* --- one pod takes the place of another
 * --------------------------------------------------------------------------- */

TEST(the_new_pod_pulls_and_waits)
{
	struct rig r;
	rig_init(&r, "a");
	r.in.waits_for = "web-0-old";
	rig_images(&r, "a");
	PLANS(&r, "pull image-a");
	SAYS(&r, "Pending/PullingContainers");
	rig_images(&r, "p");
	PLANS(&r, "");
	SAYS(&r, "Pending/Waiting");
	CHECK_STR(r.plan.status.message, "Waiting until pod web-0-old, whose place it takes, is gone");
	r.in.waits_for = NULL;
	PLANS(&r, "create");
	rig_done(&r);
}

/* --- the engine away
 * --------------------------------------------------------------------------------------------- */

TEST(a_short_absence_of_the_engine_is_not_worth_a_word)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	int64_t since = r.plan.status.since;
	rig_later(&r, 50000);
	r.in.engine_up = false;
	r.in.engine_since_ms = r.in.now_ms;
	r.in.engine_text = "connection refused";
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	CHECK_INT(r.plan.wake_at_ms, r.in.now_ms + ENGINE_AWAY_MS);
	rig_later(&r, ENGINE_AWAY_MS - 1);
	PLANS(&r, "");
	SAYS(&r, "Running/Started+");
	rig_later(&r, 1);
	PLANS(&r, "");
	SAYS(&r, "Unknown/EngineUnavailable+"); /* most likely it runs on */
	CHECK_STR(r.plan.status.message, "The container engine does not answer: connection refused");
	CHECK(r.plan.status.since > since);
	rig_exit(&r, 0, 255);
	PLANS(&r, ""); /* nothing is asked of an engine that is away */
	r.in.engine_up = true;
	PLANS(&r, "start a");
	rig_done(&r);
}

TEST(nothing_is_said_before_the_engine_was_heard)
{
	struct rig r;
	rig_init(&r, "a");
	r.in.engine_up = false;
	r.in.engine_since_ms = r.in.now_ms;
	PLANS(&r, "");
	SAYS(&r, "");
	rig_later(&r, ENGINE_AWAY_MS);
	PLANS(&r, "");
	SAYS(&r, "Unknown/EngineUnavailable");
	rig_done(&r);
}

TEST(a_removal_waits_for_the_engine)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	r.in.engine_up = false;
	r.in.claim = CLAIM_REMOVED;
	PLANS(&r, "");
	CHECK(!r.plan.finished);
	rig_have(&r, "-");
	PLANS(&r, "");
	CHECK(!r.plan.finished); /* it does not know */
	r.in.engine_up = true;
	PLANS(&r, "");
	CHECK(r.plan.finished);
	rig_done(&r);
}

/* --- values that are no pod
 * -------------------------------------------------------------------------------------- */

TEST(an_invalid_pod_touches_nothing)
{
	struct rig r;
	rig_init(&r, "a");
	rig_have(&r, "r");
	PLANS(&r, "");
	r.in.invalid = "line 3: containers: required";
	rig_exit(&r, 0, 1);
	PLANS(&r, "start a"); /* the last good one */
	rig_start(&r, 0);
	rig_result(&r, ACTION_START, 0, ENGINE_OK, NULL);
	PLANS(&r, "");
	CHECK_HAS(r.plan.status.message, "line 3: containers: required");
	SAYS(&r, "Running/Started+");
	rig_exit(&r, 0, 1);
	r.in.want = NULL;
	PLANS(&r, "");
	SAYS(&r, "Failed/ContainerFailedStarting");
	CHECK_STR(r.plan.status.message, "The stored pod is not valid: line 3: containers: required");
	rig_done(&r);
}

/* --- status
 * ------------------------------------------------------------------------------------------------------ */

TEST(the_status_has_everything)
{
	struct rig r;
	rig_init(&r, "aa");
	struct pair ports[] = {{.key = (char *)(uintptr_t) "80/tcp", .value = (char *)(uintptr_t) "32768"}};
	struct pairs pairs = {.items = ports, .count = 1};
	rig_have(&r, "r-");
	r.engine[0].ports = &pairs;
	r.have.address = "172.17.0.2";
	PLANS(&r, "create");
	const struct pod_status *s = &r.plan.status;
	CHECK_STR(s->project, "default");
	CHECK_STR(s->name, "web-0-abc");
	CHECK_STR(s->node, "n1");
	CHECK_STR(s->service, "web");
	CHECK_STR(s->revision, "abc");
	CHECK_STR(s->engine, "sim 1");
	CHECK_STR(s->address, "172.17.0.2");
	CHECK_INT(s->containers.count, 2);
	const struct container_status *c = LIST_ITEMS(&s->containers, struct container_status);
	CHECK_STR(c[0].name, "a");
	CHECK_STR(c[0].state, "running");
	CHECK_STR(pairs_get(&c[0].ports, "80/tcp"), "32768");
	CHECK_INT(c[0].startedAt, r.in.wall_ms);
	CHECK_STR(c[1].name, "b");
	CHECK_STR(c[1].state, "missing");
	CHECK_INT(c[1].ports.count, 0);
	rig_done(&r);
}

TEST(since_moves_with_phase_and_reason_only)
{
	struct rig r;
	rig_init(&r, "a");
	PLANS(&r, "create");
	int64_t since = r.plan.status.since;
	CHECK_INT(since, r.in.wall_ms);
	rig_later(&r, 50);
	rig_have(&r, "c");
	PLANS(&r, "start a");
	CHECK_INT(r.plan.status.since, since);
	rig_later(&r, 50);
	rig_have(&r, "r");
	PLANS(&r, "");
	CHECK_INT(r.plan.status.since, since + 100);
	rig_done(&r);
}
