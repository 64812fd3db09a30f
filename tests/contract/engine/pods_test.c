/* Pods: made, started, stopped, removed, reported; how programs end, and what can not work. */
#include "contract/engine/drive.h"

#define POD "web-0-abc123"

TEST_ENGINES(a_pod_runs_and_goes, true)
{
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_CREATED));
	const struct seen_pod *s = seen(w, POD);
	CHECK_STR(s->project, "shop");
	CHECK_STR(s->service, "web");
	CHECK_STR(s->revision, "abc123");
	CHECK_INT(s->cluster, 77);
	CHECK_INT(s->rev, 5);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	CHECK(seen(w, POD)->address[0]);
	CHECK(seen_container(w, POD, "app")->started_at > 0);
	CHECK_INT(seen_container(w, POD, "app")->finished_at, 0);
	CHECK_INT(do_stop(w, POD, "app", 5000), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 0);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
	CHECK(seen_container(w, POD, "app")->finished_at > 0);
	CHECK_INT(do_remove(w, POD, 5000), ENGINE_OK);
	CHECK(!seen(w, POD));
	CHECK_INT(w->gone, 1);
	pod_drop(p);
}

TEST_ENGINES(the_code_of_a_program_is_reported_for_each_run, true)
{
	run_pod(w, POD, "{'app': {'image': '" EXIT_7 "'}}");
	wait_exited(w, POD, "app", 1);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 7);
	CHECK(!seen_container(w, POD, "app")->oom);
	int64_t first = seen_container(w, POD, "app")->started_at;
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	wait_exited(w, POD, "app", 2);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 7);
	CHECK(seen_container(w, POD, "app")->started_at > first);
	CHECK_INT(w->maker->starts(w, POD, "app"), 2);
}

TEST_ENGINES(a_killed_program_ends_with_137_and_starts_again, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	w->maker->crash(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 137);
	CHECK(!seen_container(w, POD, "app")->oom);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 0);
}

TEST_ENGINES(a_lack_of_memory_is_told_from_a_kill, true)
{
	run_pod(w, POD, "{'app': {'image': '" GLUTTON "', 'memLimit': 16000000}}");
	w->maker->oom(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 137);
	CHECK(seen_container(w, POD, "app")->oom);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK(!seen_container(w, POD, "app")->oom);
}

TEST_ENGINES(what_does_not_hear_the_signal_is_killed_after_the_grace, true)
{
	run_pod(w, POD, "{'app': {'image': '" STUBBORN "'}}");
	int64_t begin = clock_monotonic_ms();
	CHECK_INT(do_stop(w, POD, "app", 1000), ENGINE_OK);
	CHECK(clock_monotonic_ms() - begin >= 1000);
	CHECK(clock_monotonic_ms() - begin < 30000);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "app")->exit_code, 137);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
}

TEST_ENGINES(the_containers_of_a_pod_are_stopped_side_by_side, true)
{
	run_pod(w, POD,
	        "{'a': {'image': '" STUBBORN "'}, 'b': {'image': '" STUBBORN "'}, 'c': {'image': '" STUBBORN
	        "'}}");
	int64_t begin = clock_monotonic_ms();
	CHECK_INT(do_remove(w, POD, 4000), ENGINE_OK);
	CHECK(clock_monotonic_ms() - begin >= 4000);
	CHECK(clock_monotonic_ms() - begin < 12000); /* one after the other they would need as long */
	CHECK_INT(w->maker->count(w), 0);
}

TEST_ENGINES(what_is_so_already_is_well, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
	CHECK_INT(do_stop(w, POD, "nobody", 3000), ENGINE_OK);
	CHECK_INT(do_stop(w, "nobody", "app", 3000), ENGINE_OK);
	CHECK_INT(do_remove(w, "nobody", 3000), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 3000), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 3000), ENGINE_OK);
	CHECK_INT(w->gone, 1);
}

TEST_ENGINES(what_does_not_exist_can_not_be_started_or_repaired, true)
{
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_GONE);
	CHECK_INT(do_repair(w, POD), ENGINE_E_GONE);
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_start(w, POD, "other"), ENGINE_E_GONE);
	CHECK_INT(do_repair(w, POD), ENGINE_OK); /* there is nothing to repair */
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
}

static void refused(struct world *w, const char *image)
{
	_cleanup_free_ char *containers = mem_printf("{'app': {'image': '%s'}}", image);
	struct pod *p = pod_make(w, POD, containers);
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_REFUSED);
	CHECK(w->text[0]);
	WAIT(w, seen_container(w, POD, "app")->error[0]);
	CHECK(is_state(w, POD, "app", CONTAINER_CREATED)); /* no exit: it never ran */
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
	world_disconnect(w);
	world_connect(w);
	CHECK(is_state(w, POD, "app", CONTAINER_CREATED));
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	pod_drop(p);
}

TEST_ENGINES(a_command_that_can_not_run_is_refused_at_its_start, true)
{
	refused(w, ABSENT);
	refused(w, DENIED);
}

TEST_ENGINES(a_missing_image_stops_the_making_and_leaves_nothing_in_the_way, true)
{
	struct pod *p = pod_make(w, POD, "{'app': {'image': 'nowhere:test'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NO_IMAGE);
	CHECK_HAS(w->text, "nowhere:test");
	CHECK(!seen(w, POD));
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
	p = pod_make(w, POD, "{'a': {'image': '" HELLO "'}, 'b': {'image': 'nowhere:test'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NO_IMAGE);
	w->maker->tag(w, HELLO, "nowhere:test");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(w->maker->count(w), 3);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 3000), ENGINE_OK);
	w->maker->untag(w, "nowhere:test");
	pod_drop(p);
}

TEST_ENGINES(a_half_made_pod_can_be_removed, true)
{
	struct pod *p = pod_make(w, POD, "{'a': {'image': 'nowhere:test'}, 'b': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NO_IMAGE);
	unsigned left = w->maker->count(w);
	CHECK_INT(left, 1); /* what holds its network: the next attempt goes on from there */
	CHECK(seen(w, POD) != NULL);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	CHECK(!seen(w, POD));
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
}

TEST_ENGINES(making_again_adopts_what_fits_and_replaces_what_does_not, true)
{
	run_pod(w, POD, "{'a': {'image': '" HELLO "'}, 'b': {'image': '" HELLO "', 'env': {'PORT': '81'}}}");
	struct pod *p = pod_make(
	        w, POD, "{'a': {'image': '" HELLO "'}, 'b': {'image': '" HELLO "', 'env': {'PORT': '81'}}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK(is_state(w, POD, "a", CONTAINER_RUNNING) && is_state(w, POD, "b", CONTAINER_RUNNING));
	pod_drop(p);
	p = pod_make(w, POD,
	             "{'a': {'image': '" HELLO "'}, 'b': {'image': '" HELLO "', 'env': {'PORT': '82'}}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK(is_state(w, POD, "a", CONTAINER_RUNNING) && is_state(w, POD, "b", CONTAINER_CREATED));
	CHECK_INT(w->maker->starts(w, POD, "a"), 1);
	CHECK_INT(w->maker->count(w), 3);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_OK);
	pod_drop(p);
}

TEST_ENGINES(limits_are_checked_in_the_same_words, true)
{
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "', 'memLimit': 6291456}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	struct container *c = LIST_ITEMS(&p->containers, struct container);
	c->memLimit = 5 << 20;
	CHECK_INT(do_create(w, p), ENGINE_E_REFUSED);
	CHECK_HAS(w->text, "memLimit is 5242880 bytes; the least is 6 MiB");
	c->memLimit = 8 << 20;
	c->cpus = w->e->info.cpus + 1000;
	CHECK_INT(do_create(w, p), ENGINE_E_REFUSED);
	CHECK_HAS(w->text, "on this node it has to be between 0.01 and");
	c->cpus = w->e->info.cpus;
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	pod_drop(p);
}

TEST_ENGINES(what_is_removed_by_hand_is_reported_as_gone, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	w->maker->rm(w, POD, "app");
	WAIT(w, !seen(w, POD));
	CHECK_INT(w->gone, 1);
	run_pod(w, POD, "{'a': {'image': '" HELLO "'}, 'b': {'image': '" STUBBORN "'}}");
	w->maker->rm(w, POD, "b");
	WAIT(w, is_state(w, POD, "b", CONTAINER_MISSING));
	CHECK(is_state(w, POD, "a", CONTAINER_RUNNING));
	CHECK(!seen(w, POD)->broken);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_E_GONE);
}

TEST_ENGINES(a_paused_container_runs_and_can_be_stopped, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	w->maker->pause(w, POD, "app", true);
	WAIT(w, seen_container(w, POD, "app")->paused);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK); /* nothing to start */
	w->maker->pause(w, POD, "app", false);
	WAIT(w, !seen_container(w, POD, "app")->paused);
	w->maker->pause(w, POD, "app", true);
	WAIT(w, seen_container(w, POD, "app")->paused);
	CHECK_INT(do_stop(w, POD, "app", 1000), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK(!seen_container(w, POD, "app")->paused);
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
}

#define MANY 12

TEST_ENGINES(many_pods_at_once, true)
{
	for (int i = 0; i < MANY; i++) {
		_cleanup_free_ char *name = mem_printf("web-%d-abc123", i);
		struct pod *p = pod_make(w, name, "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}}");
		w->pending++;
		(void)w->e->ops->pod_create(w->e, p, 1, 2, on_done, w);
		w->pending++; /* in order after it */
		(void)w->e->ops->container_start(w->e, name, "app", on_done, w);
		pod_drop(p);
	}
	WAIT(w, w->pending == 0);
	CHECK_INT(w->oks, 2 * MANY);
	CHECK_INT(w->maker->count(w), MANY);
	CHECK_INT(w->pods.count, MANY);
	for (int i = 0; i < MANY; i++) {
		_cleanup_free_ char *name = mem_printf("web-%d-abc123", i);
		CHECK(is_state(w, name, "app", CONTAINER_RUNNING));
		WAIT(w, seen_port(w, name, "app", "80/tcp") != 0);
		for (int k = 0; k < i; k++) {
			_cleanup_free_ char *other = mem_printf("web-%d-abc123", k);
			CHECK(seen_port(w, name, "app", "80/tcp") != seen_port(w, other, "app", "80/tcp"));
		}
		w->pending++;
		(void)w->e->ops->pod_remove(w->e, name, 3000, on_done, w);
	}
	WAIT(w, w->pending == 0);
	CHECK_INT(w->maker->count(w), 0);
}

static void never(void *ctx _unused_, enum engine_result result _unused_, const struct error *err _unused_)
{
	test_fail(__FILE__, __LINE__, "called back after it was cancelled");
}

TEST_ENGINES(a_cancelled_operation_is_silent, true)
{
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	struct engine_op *first = w->e->ops->container_start(w->e, POD, "app", never, w);
	struct engine_op *second = w->e->ops->pod_remove(w->e, POD, 1000, never, w); /* waits for the first */
	w->e->ops->cancel(w->e, second);
	loop_step(w->loop, 1);
	w->e->ops->cancel(w->e, first);
	w->e->ops->cancel(w->e, NULL);
	/* what was under way may have happened: what is asked for next comes after it */
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	pod_drop(p);
}
