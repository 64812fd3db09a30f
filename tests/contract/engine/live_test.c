/* Engines whose containers outlive them (Docker with live-restore): nothing ends, and what ended meanwhile is known. */
#define ENGINES &maker_docker_live, &maker_sim_live
#include "contract/engine/drive.h"

#define POD "web-0-abc123"
#define TWO "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}, 'side': {'image': '" GET_80 "'}}"

static void engine_ends(struct world *w, bool hard)
{
	run_pod(w, POD, TWO);
	wait_exited(w, POD, "side", 1);
	run_pod(w, "other", "{'app': {'image': '" STUBBORN "'}}");
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	unsigned port = seen_port(w, POD, "app", "80/tcp");
	int64_t started = seen_container(w, POD, "app")->started_at;
	long mark = w->maker->mark(w, "other", "app");
	w->maker->down(w, hard);
	WAIT(w, !w->up);
	w->maker->crash_away(w, mark, "other", "app");
	w->maker->up(w);
	WAIT(w, w->up);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
	CHECK(seen_container(w, POD, "app")->started_at <= started + 1);
	CHECK_INT(seen_port(w, POD, "app", "80/tcp"), port);
	CHECK(!seen(w, POD)->broken);
	/* the one that ended meanwhile: known once, with its code, though no event told of it */
	wait_exited(w, "other", "app", 1);
	CHECK_INT(seen_container(w, "other", "app")->exit_code, 137);
	/* the network is still one */
	CHECK_INT(do_start(w, POD, "side"), ENGINE_OK);
	wait_exited(w, POD, "side", 2);
	CHECK_INT(seen_container(w, POD, "side")->exit_code, 0);
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 0);
}

TEST_ENGINES(containers_outlive_an_engine_that_ends_softly, true)
{
	engine_ends(w, false);
}

TEST_ENGINES(containers_outlive_an_engine_that_is_killed, true)
{
	engine_ends(w, true);
}
