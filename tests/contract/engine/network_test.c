/* Pods of several containers: one network for all of them, and what happens when what holds it is gone. */
#include "contract/engine/drive.h"

#define POD "web-0-abc123"
#define TWO "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}, 'side': {'image': '" GET_80 "'}}"

TEST_ENGINES(containers_of_a_pod_share_its_network, true)
{
	run_pod(w, POD, TWO);
	CHECK_INT(w->maker->count(w), 3);
	wait_exited(w, POD, "side", 1);
	CHECK_INT(seen_container(w, POD, "side")->exit_code, 0);
	CHECK_INT(seen(w, POD)->n, 2); /* what holds the network is nobody's business */
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	CHECK_INT(seen_port(w, POD, "side", "80/tcp"), 0);
	CHECK(seen(w, POD)->address[0]);
	CHECK(!seen(w, POD)->broken);
}

TEST_ENGINES(a_pod_with_one_container_is_that_container, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(w->maker->count(w), 1);
	w->maker->crash(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	CHECK(!seen(w, POD)->broken);
	CHECK_INT(do_repair(w, POD), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
}

/* The containers see each other again, and the port leads to the one that serves. */
static void check_whole(struct world *w, uint64_t side_exits)
{
	CHECK(!seen(w, POD)->broken);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(do_start(w, POD, "side"), ENGINE_OK);
	wait_exited(w, POD, "side", side_exits);
	CHECK_INT(seen_container(w, POD, "side")->exit_code, 0);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
}

TEST_ENGINES(a_network_that_fell_is_repaired, true)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	w->maker->crash(w, POD, NULL);
	CHECK_INT(do_start(w, POD, "side"), ENGINE_E_FAILED); /* though nobody has heard of it yet */
	CHECK_HAS(w->text, "has to be repaired");
	WAIT(w, seen(w, POD)->broken);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING)); /* on its own */
	CHECK_INT(do_start(w, POD, "side"), ENGINE_E_FAILED);
	CHECK_HAS(w->text, "has to be repaired");
	CHECK_INT(do_repair(w, POD), ENGINE_OK);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1); /* stopped, and started after the network */
	check_whole(w, 2);
	CHECK_INT(do_repair(w, POD), ENGINE_OK); /* nothing is left to do */
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
	CHECK_INT(w->maker->count(w), 3);
}

TEST_ENGINES(a_network_that_was_restarted_left_its_members_behind, true)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	w->maker->crash(w, POD, NULL);
	WAIT(w, seen(w, POD)->broken);
	w->maker->start(w, POD, NULL);
	for (int i = 0; i < 2; i++) { /* seen by events, and by whoever looks at it for the first time */
		WAIT(w, seen(w, POD)->reports > 0 && seen(w, POD)->broken);
		world_disconnect(w);
		world_connect(w);
	}
	CHECK(seen(w, POD)->broken);
	CHECK_INT(do_repair(w, POD), ENGINE_OK);
	check_whole(w, 2);
}

TEST_ENGINES(a_member_that_is_restarted_by_hand_joins_the_new_network, true)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	w->maker->crash(w, POD, NULL);
	WAIT(w, seen(w, POD)->broken);
	w->maker->start(w, POD, NULL);
	w->maker->crash(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	w->maker->start(w, POD, "app");
	WAIT(w, is_state(w, POD, "app", CONTAINER_RUNNING) && !seen(w, POD)->broken);
	check_whole(w, 2);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
}

TEST_ENGINES(a_network_that_was_removed_needs_the_pod_made_again, true)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	w->maker->rm(w, POD, NULL);
	WAIT(w, seen(w, POD)->broken);
	CHECK_INT(do_start(w, POD, "side"), ENGINE_E_FAILED);
	CHECK_HAS(w->text, "has to be made again");
	CHECK_INT(do_repair(w, POD), ENGINE_E_GONE);
	struct pod *p = pod_make(w, POD, TWO);
	CHECK_INT(do_create(w, p), ENGINE_OK);
	pod_drop(p);
	CHECK_INT(w->maker->count(w), 3);
	CHECK(is_state(w, POD, "app", CONTAINER_CREATED));
	CHECK(is_state(w, POD, "side", CONTAINER_CREATED));
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	check_whole(w, 1);
}

TEST_ENGINES(a_pod_whose_containers_all_stopped_starts_with_its_network, true)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	w->maker->crash(w, POD, NULL);
	/* nobody runs in it: nothing is broken, and the next start brings it back */
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	check_whole(w, 2);
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	w->maker->crash(w, POD, NULL);
	w->oks = 0;
	w->pending = 2; /* both at once: the network is started once */
	(void)w->e->ops->container_start(w->e, POD, "app", on_done, w);
	(void)w->e->ops->container_start(w->e, POD, "side", on_done, w);
	WAIT(w, w->pending == 0);
	CHECK_INT(w->oks, 2);
	CHECK(!seen(w, POD)->broken);
}
