#include "contract/engine/drive.h"

#include <stdlib.h>

#include "core/json.h"
#include "core/limits.h"
#include "kind/kind.h"

/* --- what the engine reports --- */

static void seen_clear(struct seen_pod *p)
{
	for (size_t i = 0; i < p->n; i++)
		map_done(&p->c[i].ports, free);
	p->n = 0;
}

static void seen_free(void *p)
{
	seen_clear(p);
	free(p);
}

#define COPY(to, from) (void)snprintf(to, sizeof(to), "%s", (from) ? (from) : "")

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	struct world *w = ctx;
	struct seen_pod *p = map_get(&w->pods, pod->name);
	if (pod->gone) {
		CHECK_INT(pod->n_containers, 0);
		w->gone++;
		if (p)
			seen_free(map_remove(&w->pods, pod->name));
		return;
	}
	if (!p) {
		p = NEW(struct seen_pod);
		(void)map_put(&w->pods, pod->name, p);
	}
	seen_clear(p);
	p->reports++;
	COPY(p->project, pod->project);
	COPY(p->name, pod->name);
	COPY(p->service, pod->service);
	COPY(p->revision, pod->revision);
	COPY(p->address, pod->address);
	p->cluster = pod->cluster;
	p->rev = pod->rev;
	p->broken = pod->broken;
	p->n = pod->n_containers;
	for (size_t i = 0; i < p->n; i++) {
		const struct engine_container *e = &pod->containers[i];
		struct seen_container *c = &p->c[i];
		CHECK(i == 0 || strcmp(pod->containers[i - 1].name, e->name) < 0);
		*c = (struct seen_container){.state = e->state,
		                             .paused = e->paused,
		                             .oom = e->oom,
		                             .exit_code = e->exit_code,
		                             .started_at = e->started_at,
		                             .finished_at = e->finished_at,
		                             .exits = e->exits};
		COPY(c->name, e->name);
		COPY(c->error, e->error);
		for (size_t k = 0; k < e->ports->count; k++)
			free(map_put(&c->ports, e->ports->items[k].key,
			             mem_strdup(e->ports->items[k].value)));
	}
}

static void on_up(void *ctx, const struct engine_info *info)
{
	struct world *w = ctx;
	CHECK(info->cpus >= 1000 && info->memory > 0 && info->name[0]);
	CHECK(w->e->up);
	w->up = true;
	w->ups++;
}

static void on_down(void *ctx, const char *text)
{
	struct world *w = ctx;
	CHECK(*text);
	COPY(w->down_text, text);
	w->up = false;
	w->downs++;
}

static void on_image(void *ctx, const char *ref, bool present)
{
	struct world *w = ctx;
	w->image_news++;
	COPY(w->image, ref);
	w->image_present = present;
}

static const struct engine_callbacks callbacks = {
        .on_up = on_up, .on_down = on_down, .on_pod = on_pod, .on_image = on_image};

/* --- a world --- */

void world_connect(struct world *w)
{
	w->e = w->maker->connect(w, &callbacks);
	CHECK(!w->up);
	WAIT(w, w->up);
}

void world_disconnect(struct world *w)
{
	w->e = engine_free(w->e);
	w->up = false;
	map_done(&w->pods, seen_free);
}

struct world *world_begin(const struct maker *m)
{
	static unsigned number;
	struct world *w = NEW(struct world);
	w->maker = m;
	w->loop = loop_new();
	(void)snprintf(w->node, sizeof(w->node), "node%u", ++number);
	m->begin(w);
	world_connect(w);
	return w;
}

void world_end(struct world *w)
{
	while (w->pods.count) {
		_cleanup_free_ char *name = mem_strdup(w->pods.entries[0].key);
		CHECK_INT(do_remove(w, name, 0), ENGINE_OK);
		WAIT(w, !seen(w, name));
	}
	CHECK_INT(w->maker->count(w), 0);
	world_disconnect(w);
	w->maker->end(w);
	w->loop = loop_free(w->loop);
	free(w);
}

/* --- pods --- */

struct pod *pod_make(const struct world *w, const char *name, const char *containers)
{
	_cleanup_free_ char *text =
	        mem_printf("{'kind': 'pod', 'project': 'shop', 'name': '%s', 'node': '%s', 'service': "
	                   "'web', 'ordinal': 0, 'revision': 'abc123', 'containers': %s}",
	                   name, w->node, containers);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	_cleanup_value_ struct value *v = NULL;
	struct error err = {0};
	void *pod = NULL;
	if (json_parse(text, strlen(text), &v, &err) < 0 ||
	    kind_parse(&kind_pod, v, SCHEMA_USER, &pod, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s: %s", text, err.path, err.text);
	return pod;
}

void pod_drop(struct pod *p)
{
	(void)kind_free(&kind_pod, p);
}

/* --- operations --- */

void on_done(void *ctx, enum engine_result result, const struct error *err)
{
	struct world *w = ctx;
	CHECK(w->pending > 0);
	w->pending--;
	w->result = result;
	w->oks += result == ENGINE_OK;
	COPY(w->text, err->text);
	CHECK(result == ENGINE_OK || err->text[0]);
}

static enum engine_result wait_done(struct world *w)
{
	CHECK_INT(w->pending, 1); /* never from inside */
	WAIT(w, w->pending == 0);
	return w->result;
}

enum engine_result do_create(struct world *w, const struct pod *p)
{
	w->pending = 1;
	(void)w->e->ops->pod_create(w->e, p, 77, 5, on_done, w);
	return wait_done(w);
}

enum engine_result do_start(struct world *w, const char *pod, const char *container)
{
	w->pending = 1;
	(void)w->e->ops->container_start(w->e, pod, container, on_done, w);
	return wait_done(w);
}

enum engine_result do_stop(struct world *w, const char *pod, const char *container, int64_t grace_ms)
{
	w->pending = 1;
	(void)w->e->ops->container_stop(w->e, pod, container, grace_ms, on_done, w);
	return wait_done(w);
}

enum engine_result do_remove(struct world *w, const char *pod, int64_t grace_ms)
{
	w->pending = 1;
	(void)w->e->ops->pod_remove(w->e, pod, grace_ms, on_done, w);
	return wait_done(w);
}

enum engine_result do_repair(struct world *w, const char *pod)
{
	w->pending = 1;
	(void)w->e->ops->pod_repair(w->e, pod, 1000, on_done, w);
	return wait_done(w);
}

enum engine_result do_find(struct world *w, const char *ref)
{
	w->pending = 1;
	(void)w->e->ops->image_find(w->e, ref, on_done, w);
	return wait_done(w);
}

enum engine_result do_pull(struct world *w, const char *ref)
{
	w->pending = 1;
	(void)w->e->ops->image_pull(w->e, ref, NULL, on_done, w);
	return wait_done(w);
}

static bool again(struct world *w, enum engine_result r)
{
	if (r != ENGINE_E_UNKNOWN && r != ENGINE_E_UNAVAILABLE)
		return false;
	WAIT(w, w->up);
	return true;
}

void create_until_ok(struct world *w, const struct pod *p)
{
	enum engine_result r;
	while (again(w, r = do_create(w, p)))
		;
	CHECK_INT(r, ENGINE_OK);
}

void start_until_ok(struct world *w, const char *pod, const char *container)
{
	enum engine_result r;
	while (again(w, r = do_start(w, pod, container)))
		;
	CHECK_INT(r, ENGINE_OK);
}

void run_pod(struct world *w, const char *name, const char *containers)
{
	struct pod *p = pod_make(w, name, containers);
	enum engine_result r = do_create(w, p);
	if (r)
		test_fail(__FILE__, __LINE__, "create %s: %s: %s", name, engine_result_name(r), w->text);
	for (size_t i = 0; i < p->containers.count; i++) {
		const struct container *c = &LIST_ITEMS(&p->containers, struct container)[i];
		r = do_start(w, name, c->name);
		if (r)
			test_fail(__FILE__, __LINE__, "start %s/%s: %s: %s", name, c->name,
			          engine_result_name(r), w->text);
	}
	pod_drop(p);
}

void wait_exited(struct world *w, const char *pod, const char *container, uint64_t exits)
{
	WAIT(w, is_state(w, pod, container, CONTAINER_EXITED) &&
	                seen_container(w, pod, container)->exits == exits);
}

/* --- questions --- */

struct seen_pod *seen(struct world *w, const char *pod)
{
	return map_get(&w->pods, pod);
}

static struct seen_container *find(struct world *w, const char *pod, const char *container)
{
	struct seen_pod *p = seen(w, pod);
	for (size_t i = 0; p && i < p->n; i++)
		if (streq(p->c[i].name, container))
			return &p->c[i];
	return NULL;
}

struct seen_container *seen_container(struct world *w, const char *pod, const char *container)
{
	struct seen_container *c = find(w, pod, container);
	if (!c)
		test_fail(__FILE__, __LINE__, "[%s] %s/%s was not reported", w->maker->name, pod, container);
	return c;
}

bool is_state(struct world *w, const char *pod, const char *container, enum engine_state state)
{
	const struct seen_container *c = find(w, pod, container);
	return (c ? c->state : CONTAINER_MISSING) == state;
}

unsigned seen_port(struct world *w, const char *pod, const char *container, const char *port)
{
	struct seen_container *c = find(w, pod, container);
	const char *text = c ? map_get(&c->ports, port) : NULL;
	uint16_t n = 0;
	return text && str_parse_u16(text, &n) == 0 ? n : 0;
}
