/* Pods: made, started, stopped, removed, reported. */
#include "contract/engine/drive.h"

#define SERVE "{'app': {'image': '" HELLO "'}}"

TEST_ENGINES(a_pod_runs_and_goes, true)
{
	struct pod *p =
	        pod_make(w, "web-0-abc123", "{'app': {'image': '" HELLO "', 'httpPorts': {'80': ''}}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK(is_state(w, "web-0-abc123", "app", CONTAINER_CREATED));
	const struct seen_pod *s = seen(w, "web-0-abc123");
	CHECK_STR(s->project, "shop");
	CHECK_STR(s->service, "web");
	CHECK_STR(s->revision, "abc123");
	CHECK_INT(s->cluster, 77);
	CHECK_INT(s->rev, 5);
	CHECK_INT(do_start(w, "web-0-abc123", "app"), ENGINE_OK);
	CHECK(is_state(w, "web-0-abc123", "app", CONTAINER_RUNNING));
	WAIT(w, seen_port(w, "web-0-abc123", "app", "80/tcp") != 0);
	CHECK(seen(w, "web-0-abc123")->address[0]);
	CHECK_INT(do_stop(w, "web-0-abc123", "app", 5000), ENGINE_OK);
	CHECK(is_state(w, "web-0-abc123", "app", CONTAINER_EXITED));
	CHECK_INT(seen_container(w, "web-0-abc123", "app")->exit_code, 0);
	CHECK_INT(seen_container(w, "web-0-abc123", "app")->exits, 1);
	CHECK_INT(do_remove(w, "web-0-abc123", 5000), ENGINE_OK);
	CHECK(!seen(w, "web-0-abc123"));
	CHECK_INT(w->gone, 1);
	pod_drop(p);
}
