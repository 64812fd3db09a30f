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
