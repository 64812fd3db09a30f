/* What `tug down` ends with: everything of this node goes, nothing of others, and it says so when something stays. */
#include "controllers/runner/stop_all.h"

#include "core/log.h"
#include "crash/cluster.h"

struct rig {
	struct cluster c;
	struct stop_all *stop;
	int ended;
	bool failed;
};

static struct engine *new_engine(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
                                 struct error *err _unused_)
{
	struct rig *r = ctx;
	return sim_engine_new(r->c.nodes[0].machine, &(struct engine_config){.node = "n1"}, cbs, cbs_ctx);
}

static void on_end(void *ctx, bool failed)
{
	struct rig *r = ctx;
	r->ended++;
	r->failed = failed;
}

static void put_pod(struct cluster *c, const char *name)
{
	char key[64], text[256];
	(void)snprintf(key, sizeof(key), "pods/n1/%s", name);
	(void)snprintf(text, sizeof(text),
	               "{\"project\":\"default\",\"name\":\"%s\",\"node\":\"n1\",\"service\":\"web\","
	               "\"revision\":\"a\","
	               "\"containers\":{\"app\":{\"image\":\"app:1\"},\"side\":{\"image\":\"app:1\"}}}",
	               name);
	cluster_put(c, key, text);
}

/* Three pods of two containers run, and the runner has ended. */
static void begin(struct rig *r)
{
	*r = (struct rig){0};
	cluster_init(&r->c, 1, false);
	sim_image_set(r->c.nodes[0].machine, "app:1", true);
	put_pod(&r->c, "web-0-a");
	put_pod(&r->c, "web-1-a");
	put_pod(&r->c, "web-2-a");
	WITHIN(&r->c, 10000,
	       cluster_containers(&r->c) == 9 && cluster_starts(&r->c, "web-2-a", "side") == 1 &&
	               cluster_starts(&r->c, "web-2-a", "app") == 1);
	cluster_end_runner(&r->c.nodes[0]);
}

static void stop(struct rig *r)
{
	struct error err = {0};
	r->stop = stop_all_new(
	        &(struct stop_all_config){
	                .loop = r->c.loop, .engine_new = new_engine, .on_end = on_end, .ctx = r},
	        &err);
	CHECK(r->stop);
}

/* The loop alone, so that no runner is started again. */
static void until_ended(struct rig *r, int64_t ms)
{
	int64_t deadline = loop_now(r->c.loop) + ms;
	while (!r->ended) {
		CHECK(loop_now(r->c.loop) < deadline);
		loop_step(r->c.loop, 100);
	}
	for (int i = 0; i < 20; i++)
		loop_step(r->c.loop, 1000);
	CHECK_INT(r->ended, 1);
}

static void done(struct rig *r)
{
	r->stop = stop_all_free(r->stop);
	cluster_done(&r->c);
}

TEST(everything_goes)
{
	struct rig r;
	begin(&r);
	stop(&r);
	until_ended(&r, 60000);
	CHECK(!r.failed);
	CHECK_INT(cluster_containers(&r.c), 0);
	done(&r);
}

TEST(nothing_to_stop_is_fine)
{
	struct rig r = {0};
	cluster_init(&r.c, 1, false);
	stop(&r);
	until_ended(&r, 5000);
	CHECK(!r.failed);
	done(&r);
}

TEST(failures_that_pass_are_tried_again)
{
	struct rig r;
	begin(&r);
	sim_fault_add(r.c.nodes[0].machine, SIM_REMOVE, SIM_FAILS, 3);
	sim_fault_add(r.c.nodes[0].machine, SIM_REMOVE, SIM_NOT_HEARD, 2);
	sim_fault_add(r.c.nodes[0].machine, SIM_REMOVE, SIM_LOST, 1);
	stop(&r);
	until_ended(&r, 120000);
	CHECK(!r.failed);
	CHECK_INT(cluster_containers(&r.c), 0);
	done(&r);
}

TEST(what_cannot_be_removed_is_a_failure_and_the_rest_goes)
{
	struct rig r;
	begin(&r);
	sim_fault_add(r.c.nodes[0].machine, SIM_REMOVE, SIM_FAILS, 7);
	stop(&r);
	until_ended(&r, 120000);
	CHECK(cluster_containers(&r.c) < 9);
	CHECK_INT(r.failed, cluster_containers(&r.c) > 0);
	done(&r);
}

TEST(an_engine_that_comes_back_is_waited_for)
{
	struct rig r;
	begin(&r);
	sim_down(r.c.nodes[0].machine, true, true);
	stop(&r);
	for (int i = 0; i < 10; i++)
		loop_step(r.c.loop, 1000);
	sim_up(r.c.nodes[0].machine);
	until_ended(&r, 60000);
	CHECK(!r.failed);
	CHECK_INT(cluster_containers(&r.c), 0);
	done(&r);
}

TEST(an_engine_that_stays_away_is_given_up)
{
	struct rig r;
	begin(&r);
	sim_down(r.c.nodes[0].machine, true, true);
	stop(&r);
	until_ended(&r, 60000);
	CHECK(r.failed);
	CHECK_INT(cluster_containers(&r.c), 9);
	done(&r);
}
