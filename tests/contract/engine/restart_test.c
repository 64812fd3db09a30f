/*
 * The runner goes and comes back, the engine ends and comes back, hard or softly: everything is found again as it is
 * then, exits are counted once, and nothing is started by itself. Here containers end with their engine (Docker without
 * live-restore); live_test.c is about the other kind.
 */
#include "contract/engine/drive.h"

#define POD "web-0-abc123"
#define TWO "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}, 'side': {'image': '" STUBBORN "'}}"

TEST_ENGINES(a_runner_that_comes_back_finds_everything, true)
{
	run_pod(w, POD, TWO);
	run_pod(w, "done", "{'app': {'image': '" EXIT_7 "'}}");
	wait_exited(w, "done", "app", 1);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	struct pod *p = pod_make(w, "made", "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	pod_drop(p);
	struct seen_container was = *seen_container(w, POD, "app"), end = *seen_container(w, "done", "app");
	unsigned port = seen_port(w, POD, "app", "80/tcp");
	char address[64];
	memcpy(address, seen(w, POD)->address, sizeof(address));
	world_disconnect(w);
	world_connect(w);
	const struct seen_pod *s = seen(w, POD);
	CHECK_STR(s->project, "shop");
	CHECK_STR(s->service, "web");
	CHECK_STR(s->revision, "abc123");
	CHECK_STR(s->address, address);
	CHECK_INT(s->cluster, 77);
	CHECK_INT(s->rev, 5);
	CHECK(!s->broken);
	const struct seen_container *c = seen_container(w, POD, "app");
	CHECK_INT(c->state, CONTAINER_RUNNING);
	CHECK(c->started_at <= was.started_at + 1 && c->started_at > was.started_at - 3000);
	CHECK_INT(c->exits, 0);
	CHECK_INT(seen_port(w, POD, "app", "80/tcp"), port);
	c = seen_container(w, "done", "app");
	CHECK_INT(c->exit_code, 7);
	CHECK_INT(c->exits, 1);
	CHECK(c->finished_at > 0 && c->finished_at <= end.finished_at + 1);
	CHECK(is_state(w, "made", "app", CONTAINER_CREATED));
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
}

TEST_ENGINES(what_happened_while_the_runner_was_away, true)
{
	run_pod(w, POD, TWO);
	run_pod(w, "other", "{'app': {'image': '" HELLO "'}}");
	world_disconnect(w);
	w->maker->crash(w, POD, "side");
	w->maker->rm(w, "other", "app");
	world_connect(w);
	CHECK(!seen(w, "other"));
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK(is_state(w, POD, "side", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "side")->exit_code, 137);
	CHECK_INT(seen_container(w, POD, "side")->exits, 1);
}

/* The runner is killed at any moment of making and starting; the next one says the same again. */
static void killed_after(struct world *w, int64_t ms)
{
	struct pod *p = pod_make(w, POD, TWO);
	w->pending = 3;
	(void)w->e->ops->pod_create(w->e, p, 77, 5, on_done, w);
	(void)w->e->ops->container_start(w->e, POD, "app", on_done, w);
	(void)w->e->ops->container_start(w->e, POD, "side", on_done, w);
	for (int64_t end = clock_monotonic_ms() + ms; clock_monotonic_ms() < end && w->pending;)
		loop_step(w->loop, 1);
	world_disconnect(w);
	w->pending = 0;
	world_connect(w);
	create_until_ok(w, p);
	start_until_ok(w, POD, "app");
	start_until_ok(w, POD, "side");
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING) && is_state(w, POD, "side", CONTAINER_RUNNING));
	CHECK(!seen(w, POD)->broken);
	CHECK_INT(w->maker->count(w), 3);
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	CHECK_INT(w->maker->starts(w, POD, "side"), 1);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
}

TEST_ENGINES(a_runner_that_is_killed_at_any_moment_makes_nothing_twice, true)
{
	static const int64_t moments_ms[] = {0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 100, 150, 200, 300, 500};
	for (size_t i = 0; i < ELEMENTS(moments_ms); i++)
		killed_after(w, moments_ms[i]);
}

static void engine_ends(struct world *w, bool hard)
{
	unsigned ups = w->ups, downs = w->downs;
	run_pod(w, POD, TWO);
	run_pod(w, "done", "{'app': {'image': '" EXIT_7 "'}}");
	wait_exited(w, "done", "app", 1);
	w->maker->down(w, hard);
	WAIT(w, !w->up);
	CHECK(w->down_text[0]);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_UNAVAILABLE);
	CHECK_INT(do_find(w, HELLO), ENGINE_E_UNAVAILABLE);
	CHECK_INT(do_pull(w, HELLO), ENGINE_E_UNAVAILABLE);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_E_UNAVAILABLE);
	w->maker->up(w);
	WAIT(w, w->up);
	CHECK_INT(w->ups, ups + 1);
	CHECK(w->downs > downs);
	/* they ended with their engine: each once */
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED) && is_state(w, POD, "side", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
	CHECK_INT(seen_container(w, POD, "side")->exits, 1);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 0);
	CHECK_INT(seen_container(w, POD, "side")->exit_code, 137);
	CHECK_INT(seen_container(w, "done", "app")->exits, 1);
	CHECK_INT(seen_container(w, "done", "app")->exit_code, 7);
	CHECK_INT(w->maker->count(w), 4);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "side"), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING) && !seen(w, POD)->broken);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	/* and what happens from now on is heard of */
	w->maker->crash(w, POD, "side");
	wait_exited(w, POD, "side", 2);
}

TEST_ENGINES(an_engine_that_ends_softly_stops_its_containers, true)
{
	engine_ends(w, false);
}

TEST_ENGINES(an_engine_that_is_killed_stops_them_when_it_returns, true)
{
	engine_ends(w, true);
}
