/* The runner's plan with a broken network, a pod that takes another's place, an engine that is away, a value that is no
 * pod; and what its status says. */
#include "rig.h"

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
