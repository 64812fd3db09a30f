/* The real engine, one dockerd for each test program. */
#include "contract/engine/on_docker.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "controllers/runner/engine_docker/tar.h"
#include "core/file.h"
#include "core/json.h"

static struct dockerd *server; /* of this process */
static bool hello_here;

struct dockerd *docker_server(void)
{
	return server;
}

/* The programs of this build lie in ../bin, seen from the tests. */
static char *program(const char *name)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	CHECK(n > 0);
	path[n] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	return mem_printf("%s/bin/%s", path, name);
}

static void stop_server(void)
{
	server = dockerd_free(server);
}

void docker_tar(struct str *tar)
{
	_cleanup_free_ char *path = program("tug-hello");
	_cleanup_str_ struct str content = STR_INIT;
	CHECK_INT(file_read(path, 32 << 20, &content), 0);
	tar_add(tar, "hello", content.data, content.len);
	tar_end(tar);
}

static void import_hello(struct world *w)
{
	_cleanup_str_ struct str tar = STR_INIT;
	docker_tar(&tar);
	w->pending = 1;
	(void)w->e->ops->image_import(w->e, HELLO, tar.data, tar.len, "[\"/hello\"]", on_done, w);
	WAIT(w, w->pending == 0);
	CHECK_INT(w->result, ENGINE_OK);
	hello_here = true;
}

static void begin(struct world *w _unused_)
{
	static const char *const args[] = {"--live-restore=false", "--shutdown-timeout=2", NULL};
	if (server)
		return;
	server = dockerd_start(args);
	(void)atexit(stop_server);
}

static struct engine *connect_docker(struct world *w, const struct engine_callbacks *cbs)
{
	_cleanup_free_ char *pause = program("tug-pause");
	struct engine_config cfg = {.address = dockerd_address(server), .node = w->node, .pause_path = pause};
	struct engine *e = engine_docker_new(w->loop, &cfg, cbs, w, NULL);
	CHECK(e != NULL);
	if (!hello_here) {
		w->e = e;
		WAIT(w, w->up);
		import_hello(w);
		w->up = false; /* the caller waits for it */
		engine_free(e);
		e = engine_docker_new(w->loop, &cfg, cbs, w, NULL);
	}
	return e;
}

static struct value *containers(const char *filter)
{
	struct str target = STR_INIT;
	str_puts(&target, "/containers/json?all=1&filters=");
	for (const char *p = filter; *p; p++) {
		if (strchr("{}[]\" ", *p))
			str_printf(&target, "%%%02X", (unsigned char)*p);
		else
			str_putc(&target, *p);
	}
	int status;
	_cleanup_free_ char *reply = dockerd_call(server, "GET", target.data, NULL, &status);
	str_done(&target);
	CHECK_INT(status, 200);
	struct value *v = NULL;
	CHECK_INT(json_parse(reply, strlen(reply), &v, NULL), 0);
	return v;
}

static unsigned count(struct world *w)
{
	_cleanup_free_ char *filter = mem_printf("{\"label\":[\"tug.node=%s\"]}", w->node);
	_cleanup_value_ struct value *v = containers(filter);
	return (unsigned)value_count(v);
}

char *docker_id(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *filter =
	        mem_printf("{\"label\":[\"tug.node=%s\",\"tug.pod=%s\",\"tug.container=%s\"]}", w->node, pod,
	                   container ? container : "");
	_cleanup_value_ struct value *v = containers(filter);
	CHECK_INT(value_count(v), 1);
	return mem_strdup(value_get_string(value_at(v, 0), "Id"));
}

static void call(const char *method, char *target, const char *body, int want)
{
	int status;
	_cleanup_free_ char *own = target, *reply = dockerd_call(server, method, target, body, &status);
	if (status != want)
		test_fail(__FILE__, __LINE__, "%s %s: %d: %s", method, target, status, reply);
}

static void crash(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	call("POST", mem_printf("/containers/%s/kill?signal=KILL", id), NULL, 204);
}

static void rm(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	call("DELETE", mem_printf("/containers/%s?force=1", id), NULL, 204);
}

static void start(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	call("POST", mem_printf("/containers/%s/start", id), NULL, 204);
}

static void foreign(struct world *w, const char *project, const char *pod, const char *container)
{
	char *name = mem_printf("tug-%s.%s.%s", project, pod, container);
	call("POST", mem_printf("/containers/create?name=%s", name),
	     "{\"Image\":\"" HELLO "\",\"Labels\":{\"tug.node\":\"somebody-else\"}}", 201);
	call("POST", mem_printf("/containers/%s/start", name), NULL, 204);
	w->own = name;
}

static bool foreign_intact(struct world *w)
{
	_cleanup_free_ char *target = mem_printf("/containers/%s/json", (char *)w->own);
	_cleanup_free_ char *reply = dockerd_call(server, "GET", target, NULL, NULL);
	_cleanup_value_ struct value *v = NULL;
	CHECK_INT(json_parse(reply, strlen(reply), &v, NULL), 0);
	const struct value *state = value_get(v, "State");
	return value_get_bool(state, "Running") && value_get_int(v, "RestartCount") == 0;
}

static void end(struct world *w)
{
	if (w->own)
		call("DELETE", mem_printf("/containers/%s?force=1", (char *)w->own), NULL, 204);
	free(w->own);
}

static void hang(struct world *w _unused_)
{
	dockerd_stop(server);
}

static void wake(struct world *w _unused_)
{
	dockerd_continue(server);
}

static void down(struct world *w _unused_, bool hard)
{
	dockerd_kill(server, hard ? SIGKILL : SIGTERM);
}

static void up(struct world *w _unused_)
{
	dockerd_restart(server);
}

const struct maker maker_docker = {
        .name = "docker",
        .real = true,
        .connect = connect_docker,
        .begin = begin,
        .end = end,
        .crash = crash,
        .rm = rm,
        .start = start,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .count = count,
        .hang = hang,
        .wake = wake,
        .down = down,
        .up = up,
};
