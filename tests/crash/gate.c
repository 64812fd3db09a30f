#include "crash/gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

/* True: it is carried out. *ret_last: and then the gate shuts. */
static bool act(struct gate *g, const char *what, const char *of, bool *ret_last)
{
	*ret_last = false;
	if (g->shut)
		return false;
	struct gate_plan *p = g->plan;
	if (++p->acts != p->at)
		return true;
	(void)snprintf(p->what, sizeof(p->what), "%s %s %s %s", g->name, p->after ? "after" : "before", what,
	               of);
	*ret_last = p->after;
	g->shut = !p->after;
	return p->after;
}

/* --- the store --- */

static struct gate *of_store(struct store *s)
{
	return container_of(s, struct gate, base);
}

static void on_last_txn(void *ctx, enum store_outcome outcome _unused_, int64_t rev _unused_,
                        const struct error *err _unused_)
{
	((struct gate *)ctx)->shut = true;
}

static struct store_op *gate_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx)
{
	struct gate *g = of_store(s);
	bool last;
	if (!act(g, "txn", txn->thens[0].key, &last))
		return NULL;
	return last ? store_txn(g->real, txn, on_last_txn, g) : store_txn(g->real, txn, done, ctx);
}

static struct store_op *gate_range(struct store *s, const struct store_range_request *req,
                                   store_range_fn *done, void *ctx)
{
	struct gate *g = of_store(s);
	return g->shut ? NULL : store_range(g->real, req, done, ctx);
}

static void gate_cancel(struct store *s, struct store_op *op)
{
	struct gate *g = of_store(s);
	if (!g->shut) /* the rest goes with the handle */
		store_cancel(g->real, op);
}

static struct store_watch *gate_watch(struct store *s, const struct store_watch_request *req,
                                      const struct store_watch_callbacks *cbs, void *ctx)
{
	return store_watch(of_store(s)->real, req, cbs, ctx);
}

static void gate_watch_free(struct store *s, struct store_watch *w)
{
	(void)store_watch_free(of_store(s)->real, w);
}

static struct store_lease *gate_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                                      const struct store_lease_callbacks *cbs, void *ctx)
{
	return store_lease(of_store(s)->real, ttl_ms, keep_alive, cbs, ctx);
}

static void gate_lease_free(struct store *s, struct store_lease *l, bool revoke)
{
	struct gate *g = of_store(s);
	(void)store_lease_free(g->real, l, revoke && !g->shut);
}

static bool gate_busy(const struct store *s)
{
	const struct gate *g = (const struct gate *)s;
	return store_busy(g->real);
}

static void gate_store_free(struct store *s _unused_)
{
}

static const struct store_ops store_ops = {
        .free = gate_store_free,
        .range = gate_range,
        .txn = gate_txn,
        .cancel = gate_cancel,
        .watch = gate_watch,
        .watch_free = gate_watch_free,
        .lease = gate_lease,
        .lease_free = gate_lease_free,
        .busy = gate_busy,
};

static void on_state(void *ctx, enum store_state state, const char *text)
{
	struct gate *g = ctx;
	g->base.state = state;
	if (g->base.on_state && !g->shut)
		g->base.on_state(g->base.on_state_ctx, state, text);
}

struct gate *gate_new(struct store *real, struct gate_plan *plan, const char *name)
{
	struct gate *g = NEW(struct gate);
	g->real = real;
	g->plan = plan;
	g->name = name;
	g->base = (struct store){.ops = &store_ops, .loop = real->loop, .state = real->state};
	real->on_state = on_state;
	real->on_state_ctx = g;
	return g;
}

struct gate *gate_free(struct gate *g)
{
	if (!g)
		return NULL;
	g->real = store_free(g->real);
	free(g);
	return NULL;
}

/* --- the engine --- */

static struct gate *of_engine(struct engine *e)
{
	return container_of(e, struct gate, engine);
}

static void on_up(void *ctx, const struct engine_info *info)
{
	struct gate *g = ctx;
	g->engine.info = *info;
	g->engine.up = true;
	if (!g->shut)
		g->cbs.on_up(g->cbs_ctx, info);
}

static void on_down(void *ctx, const char *text)
{
	struct gate *g = ctx;
	g->engine.up = false;
	if (!g->shut)
		g->cbs.on_down(g->cbs_ctx, text);
}

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	struct gate *g = ctx;
	if (!g->shut)
		g->cbs.on_pod(g->cbs_ctx, pod);
}

static void on_image(void *ctx, const char *ref, bool present)
{
	struct gate *g = ctx;
	if (!g->shut)
		g->cbs.on_image(g->cbs_ctx, ref, present);
}

const struct engine_callbacks gate_callbacks = {
        .on_up = on_up, .on_down = on_down, .on_pod = on_pod, .on_image = on_image};

static void on_last_op(void *ctx, enum engine_result result _unused_, const struct error *err _unused_)
{
	((struct gate *)ctx)->shut = true;
}

/* Asks the real engine for CALL, whose callback is (done, ctx), unless the gate is shut or shuts before it. */
#define ACT(g, what, of, call)                       \
	do {                                         \
		bool last_;                          \
		if (!act(g, what, of, &last_))       \
			return NULL;                 \
		if (last_) {                         \
			done = on_last_op;           \
			ctx = (g);                   \
		}                                    \
		struct engine *e = (g)->real_engine; \
		return e->ops->call;                 \
	} while (0)

static struct engine_op *image_find(struct engine *base, const char *ref, engine_done_fn *done, void *ctx)
{
	struct gate *g = of_engine(base);
	return g->shut ? NULL : g->real_engine->ops->image_find(g->real_engine, ref, done, ctx);
}

static struct engine_op *image_pull(struct engine *base, const char *ref,
                                    void (*on_progress)(void *, int64_t, int64_t), engine_done_fn *done,
                                    void *ctx)
{
	ACT(of_engine(base), "pull", ref, image_pull(e, ref, on_progress, done, ctx));
}

static struct engine_op *image_import(struct engine *base, const char *ref, const char *tar, size_t len,
                                      const char *entrypoint, engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "import", ref, image_import(e, ref, tar, len, entrypoint, done, ctx));
}

static struct engine_op *pod_create(struct engine *base, const struct pod *pod, uint64_t cluster, int64_t rev,
                                    engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "create", pod->name, pod_create(e, pod, cluster, rev, done, ctx));
}

static struct engine_op *container_start(struct engine *base, const char *pod, const char *container,
                                         engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "start", pod, container_start(e, pod, container, done, ctx));
}

static struct engine_op *container_stop(struct engine *base, const char *pod, const char *container,
                                        int64_t grace_ms, engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "stop", pod, container_stop(e, pod, container, grace_ms, done, ctx));
}

static struct engine_op *pod_remove(struct engine *base, const char *pod, int64_t grace_ms,
                                    engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "remove", pod, pod_remove(e, pod, grace_ms, done, ctx));
}

static struct engine_op *pod_repair(struct engine *base, const char *pod, int64_t grace_ms,
                                    engine_done_fn *done, void *ctx)
{
	ACT(of_engine(base), "repair", pod, pod_repair(e, pod, grace_ms, done, ctx));
}

static struct engine_op *logs(struct engine *base, const struct engine_logs_request *req)
{
	struct gate *g = of_engine(base);
	return g->shut ? NULL : g->real_engine->ops->logs(g->real_engine, req);
}

static void logs_resume(struct engine *base, struct engine_op *op)
{
	struct gate *g = of_engine(base);
	if (!g->shut)
		g->real_engine->ops->logs_resume(g->real_engine, op);
}

static void cancel(struct engine *base, struct engine_op *op)
{
	struct gate *g = of_engine(base);
	if (!g->shut) /* the rest goes with the engine */
		g->real_engine->ops->cancel(g->real_engine, op);
}

static void engine_end(struct engine *base)
{
	struct gate *g = of_engine(base);
	g->real_engine = engine_free(g->real_engine);
}

static const struct engine_ops engine_ops = {
        .free = engine_end,
        .image_find = image_find,
        .image_pull = image_pull,
        .image_import = image_import,
        .pod_create = pod_create,
        .container_start = container_start,
        .container_stop = container_stop,
        .pod_remove = pod_remove,
        .pod_repair = pod_repair,
        .logs = logs,
        .logs_resume = logs_resume,
        .cancel = cancel,
};

struct engine *gate_engine(struct gate *g, struct engine *real, const struct engine_callbacks *cbs, void *ctx)
{
	g->engine = (struct engine){.ops = &engine_ops, .loop = real->loop};
	g->real_engine = real;
	g->cbs = *cbs;
	g->cbs_ctx = ctx;
	return &g->engine;
}
