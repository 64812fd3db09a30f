/* What only Docker can be asked about: that its containers are made as they were meant to be. */
#define ENGINES &maker_docker
#include "contract/engine/on_docker.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"

#define POD "web-0-abc123"

static const struct value *labels_of(const struct value *inspect)
{
	return value_get(value_get(inspect, "Config"), "Labels");
}

TEST_ENGINES(labels_say_whose_a_container_is, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}, 'side': {'image': '" STUBBORN "'}}");
	_cleanup_value_ struct value *app = docker_inspect(w, POD, "app"),
	                             *infra = docker_inspect(w, POD, NULL);
	const struct value *l = labels_of(app);
	_cleanup_free_ char *path = mem_printf("%s/%s", w->node, POD);
	CHECK_STR(value_get_string(l, "org.containeros.pod.name"), path);
	CHECK_STR(value_get_string(l, "org.containeros.container.name"), "app");
	CHECK_STR(value_get_string(l, "tug.node"), w->node);
	CHECK_STR(value_get_string(l, "tug.pod"), POD);
	CHECK_STR(value_get_string(l, "tug.project"), "shop");
	CHECK_STR(value_get_string(l, "tug.cluster"), "77");
	CHECK_STR(value_get_string(l, "tug.rev"), "5");
	CHECK_STR(value_get_string(app, "Name"), "/tug-shop." POD ".app");
	CHECK_STR(value_get_string(infra, "Name"), "/tug-shop." POD);
	CHECK(!value_get(labels_of(infra), "org.containeros.container.name"));
}

TEST_ENGINES(limits_are_in_the_engines_units, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "', 'memLimit': 50000000, 'cpus': 0.5}}");
	_cleanup_value_ struct value *v = docker_inspect(w, POD, "app");
	const struct value *h = value_get(v, "HostConfig");
	CHECK_INT(value_get_int(h, "Memory"), 50000000);
	CHECK_INT(value_get_int(h, "MemorySwap"), 50000000); /* no swap on top */
	CHECK_INT(value_get_int(h, "NanoCpus"), 500000000);
	CHECK(value_get_int(h, "PidsLimit") > 0);
	CHECK_STR(value_get_string(value_get(h, "RestartPolicy"), "Name"), "no");
	CHECK(!value_get_bool(h, "AutoRemove"));
	CHECK_STR(value_get_string(value_get(v, "Config"), "Hostname"), POD);
}

static char *namespace_of(const struct world *w, long pid)
{
	char path[64], text[64];
	(void)w;
	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	CHECK(n > 0);
	return mem_strndup(text, (size_t)n);
}

TEST_ENGINES(members_are_in_the_namespace_of_the_pause_program, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}, 'side': {'image': '" STUBBORN "'}}");
	_cleanup_free_ char *infra = namespace_of(w, w->maker->mark(w, POD, NULL));
	_cleanup_free_ char *app = namespace_of(w, w->maker->mark(w, POD, "app"));
	_cleanup_free_ char *side = namespace_of(w, w->maker->mark(w, POD, "side"));
	CHECK_STR(app, infra);
	CHECK_STR(side, infra);
	char path[64], program[64];
	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", w->maker->mark(w, POD, NULL));
	ssize_t n = readlink(path, program, sizeof(program) - 1);
	CHECK(n > 0);
	program[n] = '\0';
	CHECK_STR(program, "/tug-pause");
}

TEST_ENGINES(a_pause_image_that_is_removed_is_brought_in_again, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}, 'side': {'image': '" STUBBORN "'}}");
	_cleanup_value_ struct value *infra = docker_inspect(w, POD, NULL);
	_cleanup_free_ char *image = mem_strdup(value_get_string(value_get(infra, "Config"), "Image"));
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	w->maker->untag(w, image);
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}, 'side': {'image': '" STUBBORN "'}}");
	CHECK_INT(w->maker->count(w), 3);
}

static bool has_volume(const char *name)
{
	_cleanup_value_ struct value *v = docker_get("/volumes");
	const struct value *all = value_get(v, "Volumes");
	value_for_each_item (i, item, all)
		if (streq(value_get_string(item, "Name"), name))
			return true;
	return false;
}

TEST_ENGINES(volumes_with_names_outlive_their_pod, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "', 'volumes': [{'name': 'kept', 'mount': '/data'}]}}");
	CHECK(has_volume("kept"));
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	CHECK(has_volume("kept"));
	run_pod(w, POD, "{'app': {'image': '" HELLO "', 'volumes': [{'name': 'kept', 'mount': '/data'}]}}");
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	int status;
	free(dockerd_call(docker_server(), "DELETE", "/volumes/kept", NULL, &status));
	CHECK_INT(status, 204);
}

/* A container with our labels, but not in the place of one: it was not made by tug. */
TEST_ENGINES(a_copy_with_our_labels_is_left_alone, true)
{
	run_pod(w, POD, "{'app': {'image': '" HELLO "'}}");
	_cleanup_value_ struct value *v = docker_inspect(w, POD, "app");
	_cleanup_value_ struct value *body = value_new_object();
	value_set(body, "Image", value_new_string(HELLO));
	value_set(body, "Labels", value_copy(labels_of(v)));
	struct str text = STR_INIT;
	json_print(body, JSON_COMPACT, &text);
	int status;
	free(dockerd_call(docker_server(), "POST", "/containers/create?name=copy", text.data, &status));
	str_done(&text);
	CHECK_INT(status, 201);
	world_disconnect(w);
	world_connect(w);
	CHECK_INT(seen(w, POD)->n, 1);
	free(dockerd_call(docker_server(), "DELETE", "/containers/copy", NULL, &status));
	CHECK_INT(status, 204);
	CHECK(seen(w, POD) != NULL);
}
