/* Whose containers they are: those of others, and of other nodes, are neither touched nor reported. */
#include "contract/engine/drive.h"

#define POD "web-0-abc123"

TEST_ENGINES(a_name_that_somebody_else_has_stays_his, true)
{
	w->maker->foreign(w, "shop", POD, "app");
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NAME_TAKEN);
	CHECK_HAS(w->text, "not tug's: remove or rename it");
	CHECK_INT(do_create(w, p), ENGINE_E_NAME_TAKEN);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_GONE);
	CHECK_INT(do_stop(w, POD, "app", 0), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	CHECK(w->maker->foreign_intact(w));
	CHECK(!seen(w, POD));
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
}

TEST_ENGINES(others_go_on_beside_it, true)
{
	w->maker->foreign(w, "shop", POD, "b");
	struct pod *p = pod_make(w, POD, "{'a': {'image': '" HELLO "'}, 'b': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NAME_TAKEN);
	run_pod(w, "web-1-abc123", "{'b': {'image': '" HELLO "'}}");
	CHECK(is_state(w, "web-1-abc123", "b", CONTAINER_RUNNING));
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK); /* what had been made of it */
	CHECK_INT(w->maker->count(w), 1);
	CHECK(w->maker->foreign_intact(w));
	pod_drop(p);
}

TEST_ENGINES(pods_of_another_node_are_foreign, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	char own[sizeof(w->node)];
	memcpy(own, w->node, sizeof(own));
	world_disconnect(w);
	(void)snprintf(w->node, sizeof(w->node), "other");
	world_connect(w);
	CHECK(!seen(w, POD));
	CHECK_INT(do_stop(w, POD, "app", 0), ENGINE_OK);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_E_GONE);
	CHECK_INT(do_repair(w, POD), ENGINE_E_GONE);
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_E_NAME_TAKEN);
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
	world_disconnect(w);
	memcpy(w->node, own, sizeof(own));
	world_connect(w);
	CHECK(is_state(w, POD, "app", CONTAINER_RUNNING));
	CHECK_INT(seen_container(w, POD, "app")->exits, 0);
}
