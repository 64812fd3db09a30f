/* The real engine, one dockerd for each test program. */
#include "contract/engine/on_docker.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/engine/registry.h"
#include "contract/store/forward.h"

#include "controllers/runner/engine_docker/tar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"

static struct dockerd *server; /* of this process */
static bool programs_here;

/* A world's own. */
struct own {
	char *foreign; /* name of somebody else's container */
	struct registry *registry;
	int listener; /* on a port that is taken; -1: none */
	bool wired;   /* the engine is reached through the wire */
	struct forward wire;
	const char *cut_call; /* the next of these is cut; NULL: none */
	int cut_ms;
	struct loop_timer cut;
	struct forward_pair *cut_pair;
};

static struct own *own_of(struct world *w)
{
	return w->own;
}

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

static void add_file(struct str *tar, const char *name, const char *path)
{
	_cleanup_str_ struct str content = STR_INIT;
	CHECK_INT(file_read(path, 32 << 20, &content), 0);
	tar_add(tar, name, content.data, content.len);
}

void docker_tar(struct str *tar)
{
	_cleanup_free_ char *path = program("tug-hello");
	add_file(tar, "hello", path);
	add_file(tar, "busybox", "/bin/busybox");
	tar_end(tar);
}

static void import_programs(struct world *w)
{
	_cleanup_str_ struct str tar = STR_INIT;
	docker_tar(&tar);
	for (size_t i = 0; i < n_programs; i++) {
		w->pending = 1;
		(void)w->e->ops->image_import(w->e, programs[i].image, tar.data, tar.len,
		                              programs[i].entrypoint, on_done, w);
		WAIT(w, w->pending == 0);
		CHECK_INT(w->result, ENGINE_OK);
	}
	programs_here = true;
}

static void begin_with(struct world *w, const char *live)
{
	static const char *args[] = {NULL, "--shutdown-timeout=2", NULL};
	w->own = NEW(struct own);
	own_of(w)->listener = -1;
	if (server)
		return;
	args[0] = live;
	server = dockerd_start(args);
	(void)atexit(stop_server);
}

static void begin(struct world *w)
{
	begin_with(w, "--live-restore=false");
}

static void begin_live(struct world *w)
{
	begin_with(w, "--live-restore=true");
}

static struct engine *connect_to(struct world *w, const char *address, const struct engine_callbacks *cbs)
{
	_cleanup_free_ char *pause = program("tug-pause");
	struct engine_config cfg = {.address = address, .node = w->node, .pause_path = pause};
	struct engine *e = engine_docker_new(w->loop, &cfg, cbs, w, NULL);
	CHECK(e != NULL);
	if (!programs_here) {
		w->e = e;
		WAIT(w, w->up);
		import_programs(w);
		w->up = false; /* the caller waits for it */
		w->image_news = 0;
		engine_free(e);
		e = engine_docker_new(w->loop, &cfg, cbs, w, NULL);
	}
	return e;
}

static struct engine *connect_docker(struct world *w, const struct engine_callbacks *cbs)
{
	return connect_to(w, dockerd_address(server), cbs);
}

/* --- the wire --- */

static void on_cut_due(void *ctx)
{
	struct own *own = ctx;
	list_for_each_safe (node, &own->wire.pairs)
		if (list_entry(node, struct forward_pair, link) == own->cut_pair)
			forward_pair_free(own->cut_pair);
	own->cut_pair = NULL;
}

static bool on_request(void *ctx, struct forward_pair *p, const char *data, size_t len)
{
	struct own *own = ctx;
	_cleanup_free_ char *text = mem_strndup(data, len);
	if (!own->cut_call || strncmp(text, "POST ", 5) != 0 || !strstr(text, own->cut_call))
		return true;
	own->cut_call = NULL;
	if (own->cut_ms < 0)
		return false;
	p->mute = true;
	own->cut_pair = p;
	loop_timer_in(&own->cut, own->cut_ms);
	return true;
}

static struct engine *connect_wired(struct world *w, const struct engine_callbacks *cbs)
{
	struct own *own = own_of(w);
	if (!own->wired) {
		forward_begin(&own->wire, w->loop, dockerd_address(server));
		own->wire.on_request = on_request;
		own->wire.ctx = own;
		loop_timer_init(w->loop, &own->cut, on_cut_due, own);
		own->wired = true;
	}
	return connect_to(w, own->wire.url, cbs);
}

static void cut(struct world *w, bool off)
{
	forward_cut(&own_of(w)->wire, off);
}

static void cut_next(struct world *w, const char *what, int ms)
{
	own_of(w)->cut_call = streq(what, "create") ? "/containers/create?" : "/start HTTP";
	own_of(w)->cut_ms = ms;
}

/* --- questions and deeds --- */

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

static struct value *get(char *target)
{
	int status;
	_cleanup_free_ char *own = target, *reply = dockerd_call(server, "GET", target, NULL, &status);
	if (status != 200)
		test_fail(__FILE__, __LINE__, "GET %s: %d: %s", target, status, reply);
	struct value *v = NULL;
	CHECK_INT(json_parse(reply, strlen(reply), &v, NULL), 0);
	return v;
}

struct value *docker_get(const char *target)
{
	return get(mem_strdup(target));
}

struct value *docker_inspect(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	return get(mem_printf("/containers/%s/json", id));
}

static void do_post(struct world *w, const char *pod, const char *container, const char *what)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	call("POST", mem_printf("/containers/%s/%s", id, what), NULL, 204);
}

static void crash(struct world *w, const char *pod, const char *container)
{
	do_post(w, pod, container, "kill?signal=KILL");
}

static void oom(struct world *w, const char *pod, const char *container)
{
	do_post(w, pod, container, "kill?signal=USR1");
}

static void rm(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	call("DELETE", mem_printf("/containers/%s?force=1", id), NULL, 204);
}

static void start(struct world *w, const char *pod, const char *container)
{
	do_post(w, pod, container, "start");
}

static void pause_it(struct world *w, const char *pod, const char *container, bool pause)
{
	/* Docker notes a pause itself and again when containerd tells it: after quick turns it may believe the last but
	 * one until the news is in, and refuses */
	_cleanup_free_ char *id = docker_id(w, pod, container);
	_cleanup_free_ char *target = mem_printf("/containers/%s/%s", id, pause ? "pause" : "unpause");
	for (int64_t until = clock_monotonic_ms() + 20000;;) {
		int status;
		_cleanup_free_ char *reply = dockerd_call(server, "POST", target, NULL, &status);
		if (status == 204)
			return;
		if (status != 500 || clock_monotonic_ms() > until)
			test_fail(__FILE__, __LINE__, "POST %s: %d: %s", target, status, reply);
	}
}

static void say(struct world *w, const char *pod, const char *container, int stream, const char *text)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	_cleanup_value_ struct value *body = value_new_object(), *cmd = value_new_array();
	_cleanup_free_ char *script = mem_printf("printf %%s \"$0\" >/proc/1/fd/%d", stream);
	const char *const words[] = {"/busybox", "sh", "-c", script, text};
	for (size_t i = 0; i < ELEMENTS(words); i++)
		value_append(cmd, value_new_string(words[i]));
	value_set(body, "Cmd", value_ref(cmd));
	value_set(body, "AttachStdout", value_new_bool(true)); /* so that start lasts as long as it runs */
	struct str out = STR_INIT;
	json_print(body, JSON_COMPACT, &out);
	_cleanup_free_ char *target = mem_printf("/containers/%s/exec", id);
	int status;
	_cleanup_free_ char *reply = dockerd_call(server, "POST", target, out.data, &status);
	str_done(&out);
	CHECK_INT(status, 201);
	_cleanup_value_ struct value *made = NULL;
	CHECK_INT(json_parse(reply, strlen(reply), &made, NULL), 0);
	call("POST", mem_printf("/exec/%s/start", value_get_string(made, "Id")), "{\"Detach\":false}", 200);
}

static long mark(struct world *w, const char *pod, const char *container)
{
	_cleanup_value_ struct value *v = docker_inspect(w, pod, container);
	return (long)value_get_int(value_get(v, "State"), "Pid");
}

static void crash_away(struct world *w _unused_, long pid, const char *pod _unused_,
                       const char *container _unused_)
{
	CHECK(pid > 1 && kill((pid_t)pid, SIGKILL) == 0);
}

static void foreign(struct world *w, const char *project, const char *pod, const char *container)
{
	char *name = mem_printf("tug-%s.%s.%s", project, pod, container);
	call("POST", mem_printf("/containers/create?name=%s", name),
	     "{\"Image\":\"" HELLO "\",\"Labels\":{\"tug.node\":\"somebody-else\"}}", 201);
	call("POST", mem_printf("/containers/%s/start", name), NULL, 204);
	own_of(w)->foreign = name;
}

static bool foreign_intact(struct world *w)
{
	_cleanup_value_ struct value *v = get(mem_printf("/containers/%s/json", own_of(w)->foreign));
	const struct value *state = value_get(v, "State");
	return value_get_bool(state, "Running") && value_get_int(v, "RestartCount") == 0;
}

/* The events that the engine remembers: it has room for 256. */
static unsigned starts(struct world *w, const char *pod, const char *container)
{
	_cleanup_free_ char *id = docker_id(w, pod, container);
	_cleanup_free_ char *target =
	        mem_printf("/events?since=0&until=%" PRId64 ".999&filters=%%7B%%22event%%22:%%5B%%22start%%"
	                   "22%%5D,%%22container%%22:%%5B%%22%s%%22%%5D%%7D",
	                   clock_wall_ms() / 1000, id);
	int status;
	_cleanup_free_ char *reply = dockerd_call(server, "GET", target, NULL, &status);
	CHECK_INT(status, 200);
	unsigned n = 0;
	for (const char *p = reply; (p = strstr(p, "\"status\":\"start\"")); p++)
		n++;
	return n;
}

static void port(struct world *w, unsigned number, bool taken)
{
	struct own *own = own_of(w);
	if (own->listener >= 0)
		(void)close(own->listener);
	own->listener = -1;
	if (!taken)
		return;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	own->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(own->listener, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(own->listener, 1) == 0);
}

static void tag(struct world *w _unused_, const char *from, const char *to)
{
	const char *colon = strrchr(to, ':');
	call("POST", mem_printf("/images/%s/tag?repo=%.*s&tag=%s", from, (int)(colon - to), to, colon + 1),
	     NULL, 201);
}

static void untag(struct world *w _unused_, const char *ref)
{
	call("DELETE", mem_printf("/images/%s", ref), NULL, 200);
}

static char *registry(struct world *w, const char *name)
{
	struct own *own = own_of(w);
	if (!own->registry)
		own->registry = registry_start();
	return registry_ref(own->registry, name);
}

struct registry *docker_registry(struct world *w)
{
	return own_of(w)->registry;
}

static void end(struct world *w)
{
	struct own *own = own_of(w);
	if (own->foreign)
		call("DELETE", mem_printf("/containers/%s?force=1", own->foreign), NULL, 204);
	port(w, 0, false);
	registry_free(own->registry);
	if (own->wired) {
		loop_timer_stop(&own->cut);
		forward_end(&own->wire);
	}
	free(own->foreign);
	free(own);
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

#define COMMON                                                                                             \
	.real = true, .end = end, .crash = crash, .rm = rm, .start = start, .pause = pause_it, .oom = oom, \
	.say = say, .mark = mark, .crash_away = crash_away, .foreign = foreign,                            \
	.foreign_intact = foreign_intact, .count = count, .starts = starts, .port = port, .tag = tag,      \
	.untag = untag, .registry = registry, .hang = hang, .wake = wake, .down = down, .up = up

const struct maker maker_docker = {COMMON, .name = "docker", .connect = connect_docker, .begin = begin};
const struct maker maker_docker_live = {COMMON, .name = "docker, live-restore", .live = true,
                                        .connect = connect_docker, .begin = begin_live};
const struct maker maker_docker_wired = {COMMON,
                                         .name = "docker through a wire",
                                         .connect = connect_wired,
                                         .begin = begin,
                                         .cut = cut,
                                         .cut_next = cut_next};
