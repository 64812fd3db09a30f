/* An engine that hangs, as a whole or in a part: every operation ends, and nothing is doubled when it goes on. */
#include <signal.h>

#include "contract/engine/on_docker.h"

#define POD     "web-0-abc123"
#define LONG_MS 90000

struct answer {
	bool done;
	enum engine_result result;
};

static void on_answer(void *ctx, enum engine_result result, const struct error *err)
{
	struct answer *a = ctx;
	CHECK(!a->done);
	CHECK(result == ENGINE_OK || err->text[0]);
	*a = (struct answer){.done = true, .result = result};
}

static bool unknown(const struct answer *a)
{
	return a->result == ENGINE_E_UNKNOWN || a->result == ENGINE_E_UNAVAILABLE;
}

/* What the engine was asked for while it hung is carried out when it goes on. */
TEST_ENGINES(an_engine_that_hangs_does_nothing_twice, true)
{
	struct answer create = {0}, start = {0};
	run_pod(w, "other", "{'app': {'image': '" HELLO "'}}");
	struct pod *a = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	struct pod *b = pod_make(w, "web-1-abc123", "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, a), ENGINE_OK);
	w->maker->hang(w);
	(void)w->e->ops->container_start(w->e, POD, "app", on_answer, &start);
	(void)w->e->ops->pod_create(w->e, b, 77, 5, on_answer, &create);
	WAIT_LONG(w, LONG_MS, create.done && start.done);
	CHECK(unknown(&create) && unknown(&start));
	WAIT(w, !w->up);
	CHECK(w->down_text[0]);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_UNAVAILABLE);
	CHECK(is_state(w, "other", "app", CONTAINER_RUNNING)); /* as far as anybody knows */
	w->maker->wake(w);
	WAIT(w, w->up);
	CHECK_INT(do_create(w, b), ENGINE_OK);
	CHECK_INT(do_start(w, "web-1-abc123", "app"), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING) &&
	      is_state(w, "web-1-abc123", "app", CONTAINER_RUNNING));
	CHECK_INT(w->maker->count(w), 3);
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	CHECK_INT(w->maker->starts(w, "web-1-abc123", "app"), 1);
	CHECK_INT(w->maker->starts(w, "other", "app"), 1);
	CHECK_INT(seen_container(w, "other", "app")->exits, 0);
	pod_drop(a);
	pod_drop(b);
}

TEST_ENGINES(a_short_hang_is_not_noticed, true)
{
	unsigned downs = w->downs;
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	struct answer stop = {0};
	w->maker->hang(w);
	(void)w->e->ops->container_stop(w->e, POD, "app", 3000, on_answer, &stop);
	for (int64_t end = clock_monotonic_ms() + 300; clock_monotonic_ms() < end;)
		loop_step(w->loop, 20);
	CHECK(!stop.done);
	w->maker->wake(w);
	WAIT(w, stop.done);
	CHECK_INT(stop.result, ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK_INT(w->downs, downs);
}

/* containerd hangs: starts wait, everything that dockerd does by itself goes on. */
TEST_ENGINES(a_hanging_start_keeps_nothing_else_waiting, m->real)
{
	pid_t containerd = dockerd_containerd(docker_server());
	CHECK(containerd > 1);
	struct answer start = {0};
	run_pod(w, "other", "{'app': {'image': '" HELLO "'}}");
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	struct pod *more = pod_make(w, "web-1-abc123", "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK(kill(containerd, SIGSTOP) == 0);
	(void)w->e->ops->container_start(w->e, POD, "app", on_answer, &start);
	CHECK_INT(do_create(w, more), ENGINE_OK);
	CHECK_INT(do_find(w, HELLO), ENGINE_OK);
	CHECK_INT(w->maker->count(w), 3);
	CHECK(!start.done && w->up);
	CHECK(kill(containerd, SIGCONT) == 0);
	WAIT(w, start.done);
	CHECK_INT(start.result, ENGINE_OK);
	CHECK_INT(do_start(w, "web-1-abc123", "app"), ENGINE_OK);
	CHECK_INT(w->maker->starts(w, POD, "app"), 1);
	pod_drop(p);
	pod_drop(more);
}

/* One shim hangs: only its own container is affected, and a look at it does not take the engine for dead. */
TEST_ENGINES(one_hanging_container_keeps_no_other_waiting, m->real)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	char path[64];
	int shim = 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", w->maker->mark(w, POD, "app"));
	FILE *f = fopen(path, "r");
	CHECK(f && fscanf(f, "%*d (%*[^)]) %*c %d", &shim) == 1 && shim > 1);
	(void)fclose(f);
	struct answer stop = {0};
	CHECK(kill(shim, SIGSTOP) == 0);
	(void)w->e->ops->container_stop(w->e, POD, "app", 1000, on_answer, &stop);
	run_pod(w, "other", "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_stop(w, "other", "app", 3000), ENGINE_OK);
	CHECK_INT(do_remove(w, "other", 3000), ENGINE_OK);
	CHECK(!stop.done && w->up);
	CHECK(kill(shim, SIGCONT) == 0);
	WAIT(w, stop.done);
	CHECK_INT(stop.result, ENGINE_OK);
	CHECK(is_state(w, POD, "app", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, POD, "app")->exits, 1);
}

/* Events are taken in however many there are: 300 that wait while the runner does something else. */
TEST_ENGINES(events_that_pile_up_are_all_taken_in, true)
{
	unsigned downs = w->downs;
	run_pod(w, POD,
	        "{'app': {'image': '" HELLO "'}, 'other': {'image': '" HELLO "', 'env': {'PORT': '81'}}}");
	for (int i = 0; i < 150; i++) {
		w->maker->pause(w, POD, "app", true);
		w->maker->pause(w, POD, "app", false);
	}
	w->maker->pause(w, POD, "app", true);
	w->maker->crash(w, POD, "other");
	wait_exited(w, POD, "other", 1);
	WAIT(w, seen_container(w, POD, "app")->paused);
	w->maker->pause(w, POD, "app", false);
	WAIT(w, !seen_container(w, POD, "app")->paused);
	CHECK_INT(w->downs, downs);
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
}
