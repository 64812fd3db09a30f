/* The port: each of its operations becomes a piece of work. */
#include "controllers/runner/engine_sim/internal.h"

#include "controllers/runner/engine_check/check.h"
#include "core/mem.h"
#include "kind/kind.h"

struct engine_op *sim_image_find(struct engine *base, const char *ref, engine_done_fn *done, void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_FIND, NULL, done, ctx);
	struct sim_engine *e = w->op.e;
	w->ref = mem_strdup(ref);
	if (e->base.up)
		(void)map_put(&e->asked, ref, map_get(&e->m->images, ref) ? (void *)e : (void *)e->m);
	return sim_work_begin(w);
}

struct engine_op *sim_image_pull(struct engine *base, const char *ref,
                                 void (*on_progress)(void *, int64_t, int64_t), engine_done_fn *done,
                                 void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_PULL, NULL, done, ctx);
	w->ref = mem_strdup(ref);
	w->on_progress = on_progress;
	return sim_work_begin(w);
}

struct engine_op *sim_image_import(struct engine *base, const char *ref, const char *tar _unused_,
                                   size_t len _unused_, const char *entrypoint _unused_, engine_done_fn *done,
                                   void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_IMPORT, NULL, done, ctx);
	w->ref = mem_strdup(ref);
	return sim_work_begin(w);
}

struct engine_op *sim_pod_create(struct engine *base, const struct pod *pod, uint64_t cluster, int64_t rev,
                                 engine_done_fn *done, void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_CREATE, pod->name, done, ctx);
	struct error err = {0};
	enum engine_result r = engine_check_pod(pod, &base->info, &err);
	w->cluster = cluster;
	w->rev = rev;
	if (base->up && r) {
		sim_operation_end(&w->op, r, &err);
		return (struct engine_op *)(void *)&w->op;
	}
	w->spec = kind_copy(&kind_pod, pod);
	return sim_work_begin(w);
}

struct engine_op *sim_container_start(struct engine *base, const char *pod, const char *container,
                                      engine_done_fn *done, void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_START, pod, done, ctx);
	w->container = mem_strdup(container);
	return sim_work_begin(w);
}

struct engine_op *sim_container_stop(struct engine *base, const char *pod, const char *container,
                                     int64_t grace_ms, engine_done_fn *done, void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_STOP, pod, done, ctx);
	w->container = mem_strdup(container);
	w->grace_ms = MAX(grace_ms, (int64_t)0);
	return sim_work_begin(w);
}

struct engine_op *sim_pod_remove_op(struct engine *base, const char *pod, int64_t grace_ms,
                                    engine_done_fn *done, void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_REMOVE, pod, done, ctx);
	w->grace_ms = MAX(grace_ms, (int64_t)0);
	return sim_work_begin(w);
}

struct engine_op *sim_pod_repair(struct engine *base, const char *pod, int64_t grace_ms, engine_done_fn *done,
                                 void *ctx)
{
	struct sim_work *w = sim_work_new(base, OP_REPAIR, pod, done, ctx);
	w->grace_ms = MAX(grace_ms, (int64_t)0);
	return sim_work_begin(w);
}
