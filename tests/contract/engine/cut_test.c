/* Connections that are cut at any moment: nothing is made or started twice, and nothing is missed. */
#define ENGINES &maker_docker_wired, &maker_sim
#include "contract/engine/drive.h"

#define POD "web-0-abc123"

static void cut_at(struct world *w, const char *call, int ms)
{
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	if (streq(call, "create"))
		w->maker->cut_next(w, call, ms);
	create_until_ok(w, p);
	CHECK_INT(w->maker->count(w), 1);
	if (streq(call, "start"))
		w->maker->cut_next(w, call, ms);
	start_until_ok(w, POD, "app");
	WAIT(w, is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(w->maker->count(w), 1);
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	pod_drop(p);
}

TEST_ENGINES(a_create_that_is_cut_makes_one_container, true)
{
	cut_at(w, "create", -1);
	cut_at(w, "create", 0);
	cut_at(w, "create", 5);
}

TEST_ENGINES(a_start_that_is_cut_starts_it_once, true)
{
	static const int moments_ms[] = {-1, 0, 20, 60, 120, 250};
	for (size_t i = 0; i < ELEMENTS(moments_ms); i++)
		cut_at(w, "start", moments_ms[i]);
}

TEST_ENGINES(streams_that_are_cut_come_back_with_what_was_missed, true)
{
	unsigned ups = w->ups;
	run_pod(w, POD,
	        "{'a': {'image': '" HELLO "'}, 'b': {'image': '" STUBBORN "'}, 'c': {'image': '" STUBBORN
	        "'}}");
	w->maker->cut(w, true);
	WAIT(w, !w->up);
	CHECK(w->down_text[0]);
	for (int i = 0; i < 100; i++) { /* far more events than an engine remembers */
		w->maker->crash(w, POD, "b");
		w->maker->start(w, POD, "b");
	}
	w->maker->crash(w, POD, "b");
	w->maker->rm(w, POD, "c");
	CHECK(is_state(w, POD, "b", CONTAINER_RUNNING));
	w->maker->cut(w, false);
	WAIT(w, w->up);
	CHECK_INT(w->ups, ups + 1);
	CHECK(is_state(w, POD, "a", CONTAINER_RUNNING));
	CHECK(is_state(w, POD, "b", CONTAINER_EXITED));
	CHECK(is_state(w, POD, "c", CONTAINER_MISSING));
	CHECK(seen_container(w, POD, "b")->exits >= 1);
	CHECK_INT(seen_container(w, POD, "b")->exit_code, 137);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_OK);
	uint64_t exits = seen_container(w, POD, "b")->exits;
	w->maker->crash(w, POD, "b");
	wait_exited(w, POD, "b", exits + 1);
}

TEST_ENGINES(a_cut_in_mid_operation_ends_it, true)
{
	run_pod(w, POD, "{'app': {'image': '" STUBBORN "'}}");
	w->pending = 1;
	(void)w->e->ops->container_stop(w->e, POD, "app", 1000, on_done, w);
	for (int i = 0; i < 5; i++)
		loop_step(w->loop, 20);
	w->maker->cut(w, true);
	WAIT(w, w->pending == 0);
	CHECK(w->result == ENGINE_E_UNKNOWN || w->result == ENGINE_E_UNAVAILABLE);
	w->maker->cut(w, false);
	WAIT(w, w->up);
	CHECK_INT(do_stop(w, POD, "app", 1000), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
}
