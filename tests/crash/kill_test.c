/*
 * Killed anywhere: a life of a microservice (made, crashed, rolled out, moved to a fixed port, scaled, deleted) is run
 * once for each act of any process, which is killed just before it, and once more just after it. The cluster has to come
 * to the same state every time, no container may run twice, and none may be disturbed by a process that is not its own.
 */
#include "crash/cluster.h"

#include <stdlib.h>

/* app with this image and a helper; more: further members of the microservice, of app. */
static void put_web(struct cluster *c, int scale, const char *image, const char *more, const char *of_app)
{
	char text[1024];
	(void)snprintf(text, sizeof(text),
	               "{\"kind\":\"microservice\",\"name\":\"web\",\"scale\":%d%s,\"containers\":{"
	               "\"app\":{\"image\":\"%s\"%s},\"side\":{\"image\":\"side:1\"}}}",
	               scale, more, image, of_app);
	cluster_put(c, "microservices/default/web", text);
}

static void check_containers(struct cluster *c, int64_t pods)
{
	/* two of the microservice's, and what holds their network */
	CHECK_INT(cluster_containers(c), 3 * pods);
}

/* Every container of the pods that are there was started so often. */
static void check_starts(struct cluster *c, int64_t pods, unsigned app, unsigned side)
{
	for (int64_t i = 0; i < pods; i++) {
		const char *pod = cluster_pod(c, "web", i);
		CHECK(pod);
		CHECK_INT(cluster_starts(c, pod, "app"), app);
		CHECK_INT(cluster_starts(c, pod, "side"), side);
	}
}

enum { PATIENCE_MS = 60000 };

static void life(struct cluster *c)
{
	static const char port[] = ",\"ports\":{\"80\":{\"hostPort\":8080}}";
	/* made: images are pulled, two containers share a network */
	put_web(c, 2, "app:1", "", "");
	WITHIN(c, PATIENCE_MS, cluster_is_up(c, "web", 2));
	check_containers(c, 2);
	check_starts(c, 2, 1, 1);

	/* a container dies */
	char pod[POD_NAME_SIZE];
	(void)snprintf(pod, sizeof(pod), "%s", cluster_pod(c, "web", 1));
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		sim_exit(c->nodes[i].machine, pod, "app", 1, false);
	WITHIN(c, PATIENCE_MS, cluster_starts(c, pod, "app") == 2 && cluster_is_up(c, "web", 2));
	CHECK_INT(cluster_starts(c, pod, "side"), 1);
	CHECK_INT(cluster_starts(c, cluster_pod(c, "web", 0), "app"), 1);

	/* another image: the new pod runs before the old one goes */
	c->most = 0;
	put_web(c, 2, "app:2", "", "");
	WITHIN(c, PATIENCE_MS, cluster_is_up(c, "web", 2) && cluster_containers(c) == 6);
	CHECK_INT(c->most, 3);
	check_starts(c, 2, 1, 1);

	/* in place: the old pod goes first */
	c->most = 0;
	put_web(c, 2, "app:1", ",\"update\":{\"order\":\"stop-first\"}", port);
	WITHIN(c, PATIENCE_MS, cluster_is_up(c, "web", 2) && cluster_containers(c) == 6);
	CHECK(c->most <= 2);
	check_starts(c, 2, 1, 1);

	/* fewer: the newest goes */
	put_web(c, 1, "app:1", ",\"update\":{\"order\":\"stop-first\"}", port);
	WITHIN(c, PATIENCE_MS, cluster_is_up(c, "web", 1) && cluster_containers(c) == 3);
	check_starts(c, 1, 1, 1);

	cluster_delete(c, "microservices/default/web");
	WITHIN(c, PATIENCE_MS, cluster_is_empty(c));
}

static void begin(struct cluster *c, uint64_t seed)
{
	cluster_init(c, seed, true);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		sim_registry_set(c->nodes[i].machine, "app:1", ENGINE_OK, NULL);
		sim_registry_set(c->nodes[i].machine, "app:2", ENGINE_OK, NULL);
		sim_registry_set(c->nodes[i].machine, "side:1", ENGINE_OK, NULL);
	}
}

/* How many acts an untroubled life has. */
static uint64_t acts_of_life(void)
{
	struct cluster c;
	begin(&c, 1);
	life(&c);
	uint64_t acts = c.plan.acts;
	CHECK_INT(c.crashes, 0);
	cluster_done(&c);
	return acts;
}

static void killed_at_each_act(bool after)
{
	uint64_t acts = acts_of_life();
	unsigned crashes = 0;
	CHECK(acts > 40);
	for (uint64_t at = 1; at <= acts; at++) {
		struct cluster c;
		begin(&c, 1);
		c.plan.at = at;
		c.plan.after = after;
		life(&c);
		crashes += c.crashes;
		cluster_done(&c);
	}
	/* an act that its process called off was none; those are few */
	CHECK(crashes + 5 >= acts);
}

TEST(killed_before_each_act)
{
	killed_at_each_act(false);
}

TEST(killed_after_each_act)
{
	killed_at_each_act(true);
}

TEST(killed_again_and_again)
{
	const char *given = getenv("TUG_TEST_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1, last = given ? first : 60;
	for (uint64_t seed = first; seed <= last; seed++) {
		struct cluster c;
		uint64_t dice = seed * UINT64_C(0x9e3779b97f4a7c15);
		begin(&c, seed);
		(void)snprintf(c.plan.what, sizeof(c.plan.what), "TUG_TEST_SEED=%llu",
		               (unsigned long long)seed);
		for (size_t i = 0; i < CLUSTER_NODES; i++)
			sim_chaos_set(c.nodes[i].machine, 30);
		put_web(&c, 3, "app:1", "", "");
		for (unsigned round = 0; round < 40; round++) {
			dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			unsigned roll = (unsigned)(dice >> 33);
			if (c.gate && roll % 3 == 0)
				cluster_kill_scheduler(&c);
			else if (c.nodes[roll % CLUSTER_NODES].gate)
				cluster_kill_runner(&c.nodes[roll % CLUSTER_NODES]);
			if (roll % 11 == 0)
				put_web(&c, 1 + (int)(roll % 4), roll % 2 ? "app:1" : "app:2", "", "");
			cluster_pass(&c, roll % 1500);
		}
		for (size_t i = 0; i < CLUSTER_NODES; i++)
			sim_chaos_set(c.nodes[i].machine, 0);
		put_web(&c, 3, "app:2", "", "");
		WITHIN(&c, 400000, cluster_is_up(&c, "web", 3) && cluster_containers(&c) == 9);
		cluster_delete(&c, "microservices/default/web");
		WITHIN(&c, 400000, cluster_is_empty(&c));
		cluster_done(&c);
	}
}

TEST(a_cluster_at_rest_does_nothing)
{
	struct cluster c;
	begin(&c, 1);
	put_web(&c, 3, "app:1", "", "");
	WITHIN(&c, PATIENCE_MS, cluster_is_up(&c, "web", 3));
	cluster_check_calm(&c);
	cluster_kill_runner(&c.nodes[0]);
	cluster_kill_scheduler(&c);
	cluster_check_calm(&c);
	cluster_delete(&c, "microservices/default/web");
	WITHIN(&c, PATIENCE_MS, cluster_is_empty(&c));
	cluster_check_calm(&c);
	cluster_done(&c);
}
