/* Rollouts that go wrong, of a service whose pods are replaced in place: what runs goes on until its successor can. */
#include <stdlib.h>
#include <string.h>

#include "crash/cluster.h"

/* On n1, in place. */
static void put_web(struct cluster *c, const char *image, const char *order, const char *port)
{
	char text[512];
	(void)snprintf(text, sizeof(text),
	               "{\"kind\":\"microservice\",\"name\":\"web\",\"placement\":{\"nodes\":[\"n1\"]},"
	               "\"update\":{\"order\":\"%s\"},\"containers\":{\"app\":{\"image\":\"%s\"%s}}}",
	               order, image, port);
	cluster_put(c, "microservices/default/web", text);
}

struct shape {
	const char *order, *port;
};

/* Both ways that lead to a replacement in place. */
static const struct shape shapes[] = {
        {"stop-first", ""},
        {"start-first", ",\"ports\":{\"80\":{\"hostPort\":8080}}"},
};

/* app:1 runs; its pod's name is in ret_pod. */
static void begin(struct cluster *c, const struct shape *s, char *ret_pod)
{
	cluster_init(c, 1, true);
	sim_registry_set(c->nodes[0].machine, "app:1", ENGINE_OK, NULL);
	put_web(c, "app:1", s->order, s->port);
	WITHIN(c, 20000, cluster_is_up(c, "web", 1));
	(void)snprintf(ret_pod, POD_NAME_SIZE, "%s", cluster_pod(c, "web", 0));
}

static bool fails_pulling(const struct cluster *c)
{
	const char *pod = cluster_pod(c, "web", 0);
	const struct pod_status *s = pod ? cluster_status(c, pod) : NULL;
	return s && strcmp(s->reason, "ContainerFailedPulling") == 0;
}

static void check_runs_on(struct cluster *c, const char *old)
{
	cluster_pass(c, 30000);
	CHECK(fails_pulling(c));
	CHECK_INT(cluster_containers(c), 1);
	CHECK_INT(cluster_starts(c, old, "app"), 1);
}

TEST(one_wrong_image_after_the_other_and_then_the_right_one)
{
	for (size_t i = 0; i < ELEMENTS(shapes); i++) {
		struct cluster c;
		char old[POD_NAME_SIZE], second[POD_NAME_SIZE];
		begin(&c, &shapes[i], old);
		put_web(&c, "typo:1", shapes[i].order, shapes[i].port);
		WITHIN(&c, 20000, fails_pulling(&c));
		check_runs_on(&c, old);
		(void)snprintf(second, sizeof(second), "%s", cluster_pod(&c, "web", 0));
		put_web(&c, "typo:2", shapes[i].order, shapes[i].port);
		WITHIN(&c, 20000, strcmp(cluster_pod(&c, "web", 0), second) != 0 && fails_pulling(&c));
		check_runs_on(&c, old);
		cluster_kill_runner(&c.nodes[0]);
		cluster_kill_scheduler(&c);
		check_runs_on(&c, old);
		sim_registry_set(c.nodes[0].machine, "typo:2", ENGINE_OK, NULL);
		WITHIN(&c, 340000, cluster_is_up(&c, "web", 1) && cluster_containers(&c) == 1);
		CHECK_INT(cluster_starts(&c, old, "app"), 0);
		cluster_done(&c);
	}
}

TEST(taken_back_nothing_was_disturbed)
{
	for (size_t i = 0; i < ELEMENTS(shapes); i++) {
		struct cluster c;
		char old[POD_NAME_SIZE];
		begin(&c, &shapes[i], old);
		put_web(&c, "typo:1", shapes[i].order, shapes[i].port);
		WITHIN(&c, 20000, fails_pulling(&c));
		check_runs_on(&c, old);
		put_web(&c, "app:1", shapes[i].order, shapes[i].port);
		WITHIN(&c, 20000, cluster_is_up(&c, "web", 1));
		CHECK(strcmp(cluster_pod(&c, "web", 0), old) == 0);
		cluster_pass(&c, 20000);
		CHECK_INT(cluster_starts(&c, old, "app"), 1);
		CHECK_INT(cluster_containers(&c), 1);
		cluster_done(&c);
	}
}
