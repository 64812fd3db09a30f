/* What must never make a runner stop containers, and what must not stop it from working: stores and engines in trouble. */
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/file.h"
#include "crash/cluster.h"

static void put_pod(struct cluster *c, const char *name, const char *image, const char *more)
{
	char key[128], text[512];
	(void)snprintf(key, sizeof(key), "pods/n1/%s", name);
	(void)snprintf(
	        text, sizeof(text),
	        "{\"kind\":\"pod\",\"project\":\"default\",\"name\":\"%s\",\"node\":\"n1\",\"service\":"
	        "\"web\","
	        "\"revision\":\"0123456789\",\"ordinal\":0,\"containers\":{\"app\":{\"image\":\"%s\"%s}}}",
	        name, image, more);
	cluster_put(c, key, text);
}

static void begin(struct cluster *c)
{
	cluster_init(c, 1, false);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		sim_registry_set(c->nodes[i].machine, "app:1", ENGINE_OK, NULL);
}

static bool says(const struct cluster *c, const char *pod, enum pod_phase phase, const char *reason)
{
	const struct pod_status *s = cluster_status(c, pod);
	return s && s->phase == (int)phase && strcmp(s->reason, reason) == 0;
}

static bool runs(const struct cluster *c, const char *pod)
{
	return says(c, pod, POD_RUNNING, "Started") && cluster_starts(c, pod, "app") > 0;
}

static bool snapshot_has(const struct cluster_node *n, const char *words)
{
	char path[96];
	_cleanup_str_ struct str text = STR_INIT;
	(void)snprintf(path, sizeof(path), "%s/runner/pods.json", n->dir);
	return file_read(path, 1 << 20, &text) == 0 && strstr(str_get(&text), words);
}

/* The snapshot is written by a thread, in real time. */
static void wait_for_snapshot(struct cluster *c, const char *words)
{
	for (int tries = 0; !snapshot_has(&c->nodes[0], words); tries++) {
		CHECK(tries < 5000);
		cluster_step(c, 1);
		(void)poll(NULL, 0, 1);
	}
}

/* A pod that runs and is in the snapshot. */
static void begin_with_a_pod(struct cluster *c)
{
	begin(c);
	put_pod(c, "web-0-a", "app:1", "");
	WITHIN(c, 5000, runs(c, "web-0-a"));
	wait_for_snapshot(c, "web-0-a");
	CHECK_INT(cluster_containers(c), 1);
}

static void check_undisturbed(struct cluster *c)
{
	cluster_pass(c, 120000);
	CHECK_INT(cluster_containers(c), 1);
	CHECK_INT(cluster_starts(c, "web-0-a", "app"), 1);
}

static ino_t snapshot_inode(const struct cluster_node *n)
{
	char path[96];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/runner/pods.json", n->dir);
	CHECK_INT(stat(path, &st), 0);
	return st.st_ino;
}

TEST(a_stop_writes_the_snapshot_only_when_it_is_not_there_yet)
{
	struct cluster c;
	begin_with_a_pod(&c);
	/* a write that a slow thread has under way counts as one that is still to be made */
	bool same = false;
	for (int tries = 0; !same; tries++) {
		CHECK(tries < 1000);
		cluster_pass(&c, 1000);
		(void)poll(NULL, 0, 1);
		ino_t before = snapshot_inode(&c.nodes[0]);
		cluster_restart_runner(&c.nodes[0]);
		same = snapshot_inode(&c.nodes[0]) == before;
	}
	cluster_pass(&c, 1000);
	put_pod(&c, "web-1-a", "app:1", "");
	WITHIN(&c, 5000, runs(&c, "web-1-a"));
	cluster_restart_runner(&c.nodes[0]);
	CHECK(snapshot_has(&c.nodes[0], "web-1-a"));
	cluster_done(&c);
}

TEST(an_empty_store_of_another_cluster_stops_nothing)
{
	struct cluster c;
	begin_with_a_pod(&c);
	memory_store_replace(c.store);
	check_undisturbed(&c);
	cluster_restart_runner(&c.nodes[0]);
	check_undisturbed(&c);
	cluster_kill_runner(&c.nodes[0]);
	check_undisturbed(&c);
	cluster_done(&c);
}

TEST(an_empty_store_that_the_runner_meets_at_its_start_stops_nothing)
{
	struct cluster c;
	begin_with_a_pod(&c);
	cluster_kill_runner(&c.nodes[0]);
	memory_store_replace(c.store);
	check_undisturbed(&c);
	cluster_done(&c);
}

TEST(not_even_when_the_snapshot_is_gone)
{
	struct cluster c;
	char path[96];
	begin_with_a_pod(&c);
	cluster_kill_runner(&c.nodes[0]);
	(void)snprintf(path, sizeof(path), "%s/runner/pods.json", c.nodes[0].dir);
	CHECK_INT(remove(path), 0);
	memory_store_replace(c.store);
	check_undisturbed(&c);
	cluster_done(&c);
}

TEST(a_store_that_went_back_stops_nothing)
{
	struct cluster c;
	begin(&c);
	WITHIN(&c, 1000, c.nodes[0].runner);
	int64_t before = memory_store_revision(c.store);
	put_pod(&c, "web-0-a", "app:1", "");
	WITHIN(&c, 5000, runs(&c, "web-0-a"));
	memory_store_restore(c.store, before);
	check_undisturbed(&c);
	wait_for_snapshot(&c, "\"held\"");
	/* the old history goes on in another way, beyond the revision at which the pod was made */
	for (int i = 0; i < 20; i++)
		cluster_put(&c, "nodes/n9",
		            i % 2 ? "{\"kind\":\"node\",\"name\":\"n9\",\"zone\":\"a\"}"
		                  : "{\"kind\":\"node\",\"name\":\"n9\",\"zone\":\"b\"}");
	check_undisturbed(&c);
	cluster_kill_runner(&c.nodes[0]);
	check_undisturbed(&c);
	cluster_done(&c);
}

TEST(a_held_pod_that_is_written_again_is_adopted_and_can_be_removed)
{
	struct cluster c;
	begin_with_a_pod(&c);
	memory_store_replace(c.store);
	check_undisturbed(&c);
	put_pod(&c, "web-0-a", "app:1", "");
	WITHIN(&c, 5000, runs(&c, "web-0-a"));
	check_undisturbed(&c);
	cluster_delete(&c, "pods/n1/web-0-a");
	WITHIN(&c, 60000, cluster_containers(&c) == 0 && c.statuses_now == 0);
	cluster_done(&c);
}

TEST(a_pod_deleted_while_the_runner_was_away_is_removed)
{
	struct cluster c;
	begin_with_a_pod(&c);
	cluster_kill_runner(&c.nodes[0]);
	cluster_delete(
	        &c, "pods/n1/web-0-a"); /* gone before the runner, which comes back meanwhile, has listed */
	WITHIN(&c, 60000, cluster_containers(&c) == 0 && c.statuses_now == 0);
	cluster_done(&c);
}

TEST(without_the_store_what_ran_last_is_run)
{
	struct cluster c;
	begin_with_a_pod(&c);
	/* the machine boots: containers have ended, the store is not there yet */
	sim_down(c.nodes[0].machine, false, false);
	cluster_kill_runner(&c.nodes[0]);
	sim_up(c.nodes[0].machine);
	cluster_step(&c, 1);
	memory_store_cut(c.nodes[0].gate->real, true);
	WITHIN(&c, 20000, cluster_starts(&c, "web-0-a", "app") == 2);
	cluster_pass(&c, 10000);
	memory_store_cut(c.nodes[0].gate->real, false);
	WITHIN(&c, 20000, runs(&c, "web-0-a"));
	cluster_pass(&c, 60000);
	CHECK_INT(cluster_starts(&c, "web-0-a", "app"), 2);
	cluster_done(&c);
}

TEST(while_the_store_is_away_everything_runs_on_and_is_said_afterwards)
{
	struct cluster c;
	begin_with_a_pod(&c);
	memory_store_cut(c.nodes[0].gate->real, true);
	cluster_pass(&c, 20000);
	sim_exit(c.nodes[0].machine, "web-0-a", "app", 3, false);
	WITHIN(&c, 5000, cluster_starts(&c, "web-0-a", "app") == 2);
	cluster_pass(&c, 20000);
	memory_store_cut(c.nodes[0].gate->real, false);
	WITHIN(&c, 40000,
	       cluster_status(&c, "web-0-a") &&
	               LIST_ITEMS(&cluster_status(&c, "web-0-a")->containers, struct container_status)[0]
	                               .restarts == 1);
	CHECK(runs(&c, "web-0-a"));
	cluster_done(&c);
}

TEST(an_engine_that_hangs_is_said_and_nothing_is_started_twice)
{
	struct cluster c;
	begin_with_a_pod(&c);
	put_pod(&c, "web-1-a", "app:1", "");
	sim_hang(c.nodes[0].machine, true);
	WITHIN(&c, 120000, says(&c, "web-0-a", POD_UNKNOWN, "EngineUnavailable"));
	CHECK(cluster_status(&c, "web-0-a")->ready); /* nobody knows better than it was */
	sim_hang(c.nodes[0].machine, false);
	WITHIN(&c, 60000, runs(&c, "web-0-a") && runs(&c, "web-1-a"));
	cluster_pass(&c, 60000);
	CHECK_INT(cluster_starts(&c, "web-0-a", "app"), 1);
	CHECK_INT(cluster_starts(&c, "web-1-a", "app"), 1);
	CHECK_INT(cluster_containers(&c), 2);
	cluster_done(&c);
}

TEST(an_engine_that_was_killed_comes_back_and_so_do_the_containers)
{
	struct cluster c;
	begin_with_a_pod(&c);
	sim_down(c.nodes[0].machine, true, false);
	cluster_pass(&c, 8000);
	CHECK(says(&c, "web-0-a", POD_UNKNOWN, "EngineUnavailable"));
	sim_up(c.nodes[0].machine);
	WITHIN(&c, 20000, runs(&c, "web-0-a") && cluster_starts(&c, "web-0-a", "app") == 2);
	cluster_done(&c);
}

TEST(a_failed_pull_is_told_backs_off_and_heals_by_itself)
{
	struct cluster c;
	begin(&c);
	put_pod(&c, "web-0-a", "no:1", "");
	put_pod(&c, "web-1-a", "app:1", "");
	WITHIN(&c, 5000, runs(&c, "web-1-a")); /* others are not affected */
	WITHIN(&c, 5000, says(&c, "web-0-a", POD_FAILED, "ContainerFailedPulling"));
	const struct pod_status *s = cluster_status(&c, "web-0-a");
	CHECK_HAS(s->message, "no:1");
	CHECK(s->nextAttempt > 0);
	uint64_t acts = c.plan.acts;
	cluster_pass(&c, 3600000);
	/* 1, 2, 4 ... 300 s: some twenty tries in an hour, each with two statuses (and events) at most */
	CHECK(c.plan.acts - acts < 120);
	CHECK(cluster_status(&c, "web-0-a")->attempts > 15);
	sim_registry_set(c.nodes[0].machine, "no:1", ENGINE_OK, NULL);
	WITHIN(&c, 340000, runs(&c, "web-0-a"));
	CHECK_INT(cluster_status(&c, "web-0-a")->attempts, 0);
	cluster_done(&c);
}

TEST(a_crash_loop_is_slowed_down_over_restarts_of_the_runner_and_forgiven)
{
	struct cluster c;
	begin(&c);
	sim_program_set(c.nodes[0].machine, "app:1", &(struct sim_program){.run_ms = 50, .exit_code = 7});
	put_pod(&c, "web-0-a", "app:1", "");
	WITHIN(&c, 60000, says(&c, "web-0-a", POD_FAILED, "ContainerKeepsCrashing"));
	CHECK_HAS(cluster_status(&c, "web-0-a")->message, "exited with code 7");
	for (int i = 0; i < 60; i++) {
		cluster_kill_runner(&c.nodes[0]);
		cluster_pass(&c, 60000);
	}
	unsigned starts = cluster_starts(&c, "web-0-a", "app");
	CHECK(starts > 12 && starts < 40);
	sim_program_set(c.nodes[0].machine, "app:1", &(struct sim_program){.run_ms = 0});
	WITHIN(&c, 340000, runs(&c, "web-0-a"));
	cluster_pass(&c, 120000);
	CHECK_INT(cluster_status(&c, "web-0-a")->attempts, 0);
	CHECK(cluster_status(&c, "web-0-a")->ready);
	cluster_done(&c);
}

TEST(a_value_that_is_no_pod_touches_nothing)
{
	struct cluster c;
	begin_with_a_pod(&c);
	cluster_put(&c, "pods/n1/web-0-a", "{\"kind\":\"pod\",\"name\":7");
	WITHIN(&c, 5000, cluster_status(&c, "web-0-a")->message[0]);
	CHECK_HAS(cluster_status(&c, "web-0-a")->message, "not valid");
	check_undisturbed(&c);
	put_pod(&c, "web-0-a", "app:1", "");
	WITHIN(&c, 5000, !cluster_status(&c, "web-0-a")->message[0]);
	check_undisturbed(&c);
	cluster_done(&c);
}

TEST(the_image_comes_before_the_old_pod_goes)
{
	struct cluster c;
	begin_with_a_pod(&c);
	sim_registry_set(c.nodes[0].machine, "late:1", ENGINE_E_FAILED, "the registry does not answer");
	const char *const keys[] = {"/tug/pods/n1/web-0-a", "/tug/pods/n1/web-0-b"};
	static const char text[] = "{\"kind\":\"pod\",\"project\":\"default\",\"name\":\"web-0-b\",\"node\":"
	                           "\"n1\",\"service\":\"web\","
	                           "\"revision\":\"0123456780\",\"ordinal\":0,\"replaces\":\"web-0-a\","
	                           "\"containers\":{\"app\":{\"image\":\"late:1\"}}}";
	const struct store_then thens[] = {
	        {.what = STORE_DELETE, .key = keys[0]},
	        {.what = STORE_PUT, .key = keys[1], .value = text, .value_len = sizeof(text) - 1},
	};
	cluster_txn(&c, &(struct store_txn){.thens = thens, .n_thens = 2});
	WITHIN(&c, 5000, says(&c, "web-0-b", POD_FAILED, "ContainerFailedPulling"));
	check_undisturbed(&c); /* a pull that fails leaves the old one running */
	cluster_kill_runner(&c.nodes[0]);
	check_undisturbed(&c);
	sim_registry_set(c.nodes[0].machine, "late:1", ENGINE_OK, NULL);
	WITHIN(&c, 340000, runs(&c, "web-0-b") && cluster_containers(&c) == 1);
	CHECK_INT(cluster_starts(&c, "web-0-a", "app"), 0);
	cluster_done(&c);
}
