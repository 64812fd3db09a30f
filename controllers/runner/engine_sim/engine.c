/* The engine's side of the simulation: connecting, reporting, the turn in which callbacks are made. */
#include "controllers/runner/engine_sim/internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/mem.h"

/* --- reports --- */

static void ports_of(const struct sim_container *c, struct pairs *ret)
{
	for (size_t i = 0; i < c->n_ports; i++) {
		char text[8];
		if (!c->port_given[i])
			continue;
		(void)snprintf(text, sizeof(text), "%u", c->port_given[i]);
		ret->items = mem_realloc_array(ret->items, ret->count + 1, sizeof(*ret->items));
		ret->items[ret->count++] = (struct pair){.key = c->port_keys[i], .value = mem_strdup(text)};
	}
}

static void report(struct sim_engine *e, const char *name, const struct sim_pod *pod)
{
	struct engine_container items[LIMIT_CONTAINERS];
	struct pairs ports[LIMIT_CONTAINERS] = {0};
	struct engine_pod p = {.name = name, .project = "", .service = "", .revision = "", .gone = true};
	size_t n = pod ? MIN(pod->n, (size_t)LIMIT_CONTAINERS) : 0;
	for (size_t i = 0; i < n; i++) {
		const struct sim_container *c = pod->containers[i];
		ports_of(c, &ports[i]);
		items[i] = (struct engine_container){.name = c->name,
		                                     .state = c->state,
		                                     .paused = c->paused,
		                                     .exit_code = c->exit_code,
		                                     .oom = c->oom,
		                                     .exits = c->exits,
		                                     .started_at = c->started_at,
		                                     .finished_at = c->finished_at,
		                                     .error = c->error,
		                                     .ports = &ports[i]};
	}
	if (pod)
		p = (struct engine_pod){.project = pod->project,
		                        .name = pod->name,
		                        .service = pod->service,
		                        .revision = pod->revision,
		                        .cluster = pod->cluster,
		                        .rev = pod->rev,
		                        .address = pod->address,
		                        .broken = sim_broken(pod),
		                        .containers = items,
		                        .n_containers = n};
	if (pod)
		(void)map_put(&e->reported, name, e);
	else if (!map_remove(&e->reported, name))
		return; /* nobody heard of it */
	if (e->cbs.on_pod)
		e->cbs.on_pod(e->ctx, &p);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ports[i].count; k++)
			free(ports[i].items[k].value);
		free(ports[i].items);
	}
}

/* A pod of another node, or of an engine that was replaced, is none of ours. */
static const struct sim_pod *pod_of(const struct sim_engine *e, const char *name)
{
	const struct sim_pod *pod = map_get(&e->m->pods, name);
	return pod && streq(pod->node, e->node) ? pod : NULL;
}

void sim_engine_flush(struct sim_engine *e)
{
	if (e->m->hung || e->m->gone)
		return;
	while (e->changed.count) {
		_cleanup_free_ char *name = mem_strdup(e->changed.entries[0].key);
		(void)map_remove(&e->changed, name);
		report(e, name, pod_of(e, name));
	}
}

static void on_reports(void *ctx)
{
	struct sim_engine *e = ctx;
	if (e->base.up)
		sim_engine_flush(e);
}

void sim_engine_pod(struct sim_engine *e, const char *pod)
{
	(void)map_put(&e->changed, pod, e);
	if (e->base.up && !loop_timer_active(&e->reports))
		loop_timer_in(&e->reports, e->m->costs.report);
}

static void tell_images(struct sim_engine *e)
{
	for (size_t i = 0; i < e->asked.count; i++) {
		struct map_entry *a = &e->asked.entries[i];
		bool now = map_get(&e->m->images, a->key) != NULL, before = a->value == (void *)e;
		if (now == before)
			continue;
		a->value = now ? (void *)e : (void *)e->m;
		if (e->cbs.on_image)
			e->cbs.on_image(e->ctx, a->key, now);
	}
}

void sim_engine_images(struct sim_engine *e)
{
	loop_task_schedule(&e->turn);
}

/* --- connection --- */

void sim_engine_lost(struct sim_engine *e, const char *text)
{
	loop_timer_stop(&e->connect);
	free(e->tell_down);
	e->tell_down = mem_strdup(text);
	e->tell_up = false;
	e->base.up = false;
	sim_ops_lost(e);
	loop_task_schedule(&e->turn);
}

static void on_connect(void *ctx)
{
	struct sim_engine *e = ctx;
	struct sim_machine *m = e->m;
	if (m->gone || m->hung) { /* sim_up() and sim_hang() call again */
		e->tell_down = e->tell_down ? e->tell_down
		                            : mem_strdup(m->gone ? "connect to the engine: Connection refused"
		                                                 : "the engine does not answer");
		loop_task_schedule(&e->turn);
		return;
	}
	e->base.info =
	        (struct engine_info){.name = "sim", .version = "1", .cpus = m->cpus, .memory = m->memory};
	map_for_each (entry, &m->pods)
		if (pod_of(e, entry->key))
			(void)map_put(&e->changed, entry->key, e);
	map_for_each (entry, &e->reported)
		(void)map_put(&e->changed, entry->key, e);
	e->tell_up = true;
	loop_task_schedule(&e->turn);
}

void sim_engine_connect(struct sim_engine *e)
{
	if (e->base.up)
		loop_timer_in(&e->reports, e->m->costs.report);
	else
		loop_timer_in(&e->connect, e->m->costs.connect);
}

static void on_turn(void *ctx)
{
	struct sim_engine *e = ctx;
	if (e->tell_down) {
		_cleanup_free_ char *text = TAKE_PTR(e->tell_down);
		if (e->cbs.on_down)
			e->cbs.on_down(e->ctx, text);
	}
	if (e->tell_up || e->base.up)
		sim_engine_flush(e);
	if (e->tell_up) {
		e->tell_up = false;
		e->base.up = true;
		if (e->cbs.on_up)
			e->cbs.on_up(e->ctx, &e->base.info);
	}
	if (e->base.up && !e->m->hung)
		tell_images(e);
	sim_ops_turn(e);
}

/* --- the port --- */

static void engine_end(struct engine *base)
{
	struct sim_engine *e = container_of(base, struct sim_engine, base);
	sim_ops_free(e);
	loop_timer_stop(&e->connect);
	loop_timer_stop(&e->reports);
	loop_task_cancel(&e->turn);
	list_remove(&e->link);
	map_done(&e->changed, NULL);
	map_done(&e->reported, NULL);
	map_done(&e->asked, NULL);
	free(e->tell_down);
	free(e->node);
	free(e);
}

static const struct engine_ops ops = {
        .free = engine_end,
        .image_find = sim_image_find,
        .image_pull = sim_image_pull,
        .image_import = sim_image_import,
        .pod_create = sim_pod_create,
        .container_start = sim_container_start,
        .container_stop = sim_container_stop,
        .pod_remove = sim_pod_remove_op,
        .pod_repair = sim_pod_repair,
        .logs = sim_logs,
        .logs_resume = sim_logs_resume,
        .cancel = sim_cancel,
};

struct engine *sim_engine_new(struct sim_machine *m, const struct engine_config *cfg,
                              const struct engine_callbacks *cbs, void *ctx)
{
	return sim_engine_new_on(m, m->loop, cfg, cbs, ctx);
}

struct engine *sim_engine_new_on(struct sim_machine *m, struct loop *loop, const struct engine_config *cfg,
                                 const struct engine_callbacks *cbs, void *ctx)
{
	struct sim_engine *e = NEW(struct sim_engine);
	e->base.ops = &ops;
	e->base.loop = m->loop;
	e->m = m;
	e->cbs = *cbs;
	e->ctx = ctx;
	e->node = mem_strdup(cfg->node);
	e->parallel = cfg->parallel ? cfg->parallel : 4;
	list_init(&e->waiting);
	list_init(&e->running);
	list_init(&e->finished);
	list_init(&e->logs);
	list_append(&m->engines, &e->link);
	loop_timer_init(loop, &e->connect, on_connect, e);
	loop_timer_init(loop, &e->reports, on_reports, e);
	loop_task_init(loop, &e->turn, on_turn, e);
	sim_engine_connect(e);
	return &e->base;
}
