/*
 * The operations of the simulated engine: each waits for its pod and, where it moves programs, for a slot;
 * takes its time; then happens at once. Faults and hangs decide what is told about it.
 */
#include "controllers/runner/engine_sim/internal.h"

#include <errno.h>

#include "controllers/runner/engine_check/check.h"
#include "core/mem.h"
#include "kind/kind.h"

static void pump(struct sim_engine *e);

/* --- operations in general --- */

void sim_operation_init(struct sim_engine *e, struct sim_operation *op, engine_done_fn *done, void *ctx,
                        void (*free_op)(struct sim_operation *))
{
	list_init(&op->link);
	op->e = e;
	op->done = done;
	op->ctx = ctx;
	op->free = free_op;
}

void sim_operation_end(struct sim_operation *op, enum engine_result result, const struct error *err)
{
	op->result = result;
	op->err = err ? *err : (struct error){0};
	if (result && !op->err.text[0])
		(void)error_set(&op->err, -EIO, "", "%s", engine_result_name(result));
	list_remove(&op->link);
	list_append(&op->e->finished, &op->link);
	loop_task_schedule(&op->e->turn);
}

void sim_ops_turn(struct sim_engine *e)
{
	struct list now;
	list_init(&now);
	while (!list_empty(&e->finished)) {
		struct list *node = e->finished.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct sim_operation *op = list_first(&now, struct sim_operation, link);
		list_remove(&op->link);
		engine_done_fn *done = op->done;
		void *ctx = op->ctx;
		enum engine_result result = op->result;
		struct error err = op->err;
		op->free(op);
		if (done)
			done(ctx, result, &err);
	}
}

static struct sim_work *work_of(struct list *node)
{
	return container_of(list_entry(node, struct sim_operation, link), struct sim_work, op);
}

static void work_free(struct sim_operation *op)
{
	struct sim_work *w = container_of(op, struct sim_work, op);
	loop_timer_stop(&w->timer);
	loop_timer_stop(&w->deadline);
	list_remove(&op->link);
	(void)kind_free(&kind_pod, w->spec);
	free(w->pod);
	free(w->container);
	free(w->ref);
	free(w);
}

static void work_end(struct sim_work *w, enum engine_result result, const struct error *err)
{
	struct sim_engine *e = w->op.e;
	loop_timer_stop(&w->timer);
	loop_timer_stop(&w->deadline);
	if (w->slot)
		e->busy--;
	w->slot = false;
	sim_operation_end(&w->op, result, err);
	pump(e);
}

/* --- what they do --- */

static enum engine_result pull(struct sim_work *w, struct error *err)
{
	struct sim_machine *m = w->op.e->m;
	const struct sim_offer *o = map_get(&m->registry, w->ref);
	if (o && !o->result) {
		sim_image_set(m, w->ref, true);
		return ENGINE_OK;
	}
	(void)error_set(err, -EIO, "", "pull %s: %s", w->ref, o ? o->text : "manifest unknown");
	return o ? o->result : ENGINE_E_NO_IMAGE;
}

static enum engine_result carry_out(struct sim_work *w, struct error *err)
{
	struct sim_engine *e = w->op.e;
	struct sim_machine *m = e->m;
	struct sim_pod *pod = w->pod ? map_get(&m->pods, w->pod) : NULL;
	bool ours = pod && streq(pod->node, e->node);
	struct sim_container *c = ours && w->container ? sim_find(m, w->pod, w->container) : NULL;
	switch (w->kind) {
	case OP_FIND:
		(void)error_set(err, -ENOENT, "", "the image %s is not on this node", w->ref);
		return map_get(&m->images, w->ref) ? ENGINE_OK : ENGINE_E_NO_IMAGE;
	case OP_PULL:
		return pull(w, err);
	case OP_IMPORT:
		sim_image_set(m, w->ref, true);
		return ENGINE_OK;
	case OP_CREATE:
		return sim_do_create(m, e->node, w->spec, w->cluster, w->rev, err);
	case OP_START:
		return sim_do_start(c, err);
	case OP_STOP:
		if (c && c->state == CONTAINER_RUNNING)
			sim_do_stop(c);
		return ENGINE_OK;
	case OP_REMOVE:
		if (ours)
			sim_pod_remove(m, pod);
		return ENGINE_OK;
	case OP_REPAIR:
		return sim_do_repair(ours ? pod : NULL, err);
	}
	return ENGINE_OK;
}

static bool fault_kind(enum sim_op_kind kind, enum sim_op *ret)
{
	switch (kind) {
	case OP_PULL:
		*ret = SIM_PULL;
		return true;
	case OP_CREATE:
		*ret = SIM_CREATE;
		return true;
	case OP_START:
		*ret = SIM_START;
		return true;
	case OP_STOP:
		*ret = SIM_STOP;
		return true;
	case OP_REMOVE:
		*ret = SIM_REMOVE;
		return true;
	case OP_REPAIR:
		*ret = SIM_REPAIR;
		return true;
	case OP_FIND:
	case OP_IMPORT:
		break;
	}
	return false;
}

static int64_t cost(struct sim_work *w)
{
	struct sim_machine *m = w->op.e->m;
	const struct sim_pod *pod = w->pod ? map_get(&m->pods, w->pod) : NULL;
	const struct sim_container *c = w->container ? sim_find(m, w->pod, w->container) : NULL;
	int64_t ms = 0;
	switch (w->kind) {
	case OP_FIND:
		return 0;
	case OP_PULL:
	case OP_IMPORT:
		ms = m->costs.image;
		break;
	case OP_CREATE:
		ms = m->costs.create * (int64_t)w->spec->containers.count;
		break;
	case OP_START:
		ms = m->costs.start;
		break;
	case OP_STOP:
		ms = m->costs.stop +
		     (c && c->state == CONTAINER_RUNNING && c->ignores_term ? w->grace_ms : 0);
		break;
	case OP_REMOVE:
		ms = w->halfway ? m->costs.remove : m->costs.stop;
		for (size_t i = 0; pod && !w->halfway && i < pod->n; i++)
			if (pod->containers[i]->state == CONTAINER_RUNNING &&
			    pod->containers[i]->ignores_term)
				ms = m->costs.stop + w->grace_ms;
		break;
	case OP_REPAIR:
		ms = m->costs.stop + 2 * m->costs.start;
		break;
	}
	if (w->faulty && w->fault == SIM_SLOW)
		ms *= 10;
	return ms + (ms ? (int64_t)(sim_roll(m) % (uint64_t)(ms / 4 + 1)) : 0);
}

/* Its time has come. */
static void on_work(void *ctx)
{
	struct sim_work *w = ctx;
	struct sim_machine *m = w->op.e->m;
	struct sim_pod *pod = w->pod ? map_get(&m->pods, w->pod) : NULL;
	struct error err = {0};
	if (m->hung) {
		w->stalled = true;
		return;
	}
	if (w->kind == OP_REMOVE && !w->halfway) {
		bool ours = pod && streq(pod->node, w->op.e->node);
		w->halfway = true;
		for (size_t i = 0; ours && i < pod->n; i++)
			if (pod->containers[i]->state == CONTAINER_RUNNING)
				sim_do_stop(pod->containers[i]);
		loop_timer_in(&w->timer, cost(w));
		return;
	}
	if (w->kind == OP_PULL && !w->halfway) {
		w->halfway = true;
		loop_timer_in(&w->timer, cost(w));
		w->telling = true;
		if (w->on_progress && w->op.done)
			w->on_progress(w->op.ctx, 500000, 1000000);
		w->telling = false;
		if (!w->op.done) /* cancelled from inside */
			work_free(&w->op);
		return;
	}
	if (w->faulty && w->fault == SIM_FAILS) {
		(void)error_set(&err, -EIO, "", "the simulated engine fails, as it was told to");
		work_end(w, ENGINE_E_FAILED, &err);
		return;
	}
	enum engine_result result = ENGINE_E_UNKNOWN;
	bool lost = w->faulty && (w->fault == SIM_LOST || w->fault == SIM_NOT_HEARD);
	if (!lost || w->fault == SIM_LOST)
		result = carry_out(w, &err);
	if (lost) {
		(void)error_set(&err, -EIO, "", "the connection to the engine was cut");
		result = ENGINE_E_UNKNOWN;
	}
	work_end(w, result, &err);
}

/* The engine hangs: the caller is told, what was asked for stays asked for. */
static void on_deadline(void *ctx)
{
	struct sim_work *w = ctx;
	struct sim_engine *e = w->op.e;
	if (!e->m->hung) {
		loop_timer_in(&w->deadline, e->m->costs.deadline); /* slow, but it lives */
		return;
	}
	sim_engine_lost(e, "the engine does not answer");
}

/* --- waiting --- */

static bool is_exclusive(const struct sim_work *w)
{
	return w->kind == OP_CREATE || w->kind == OP_REMOVE || w->kind == OP_REPAIR;
}

static bool needs_slot(const struct sim_work *w)
{
	return w->kind == OP_START || w->kind == OP_STOP || w->kind == OP_REMOVE || w->kind == OP_REPAIR;
}

static bool conflicts(const struct sim_work *a, const struct sim_work *b)
{
	return a->pod && b->pod && streq(a->pod, b->pod) && (is_exclusive(a) || is_exclusive(b));
}

static bool may_begin(struct sim_engine *e, struct sim_work *w)
{
	list_for_each (node, &e->running)
		if (conflicts(w, work_of(node)))
			return false;
	for (struct list *node = w->op.link.prev; node != &e->waiting; node = node->prev)
		if (conflicts(w, work_of(node)))
			return false;
	return !needs_slot(w) || e->busy < e->parallel;
}

static void pump(struct sim_engine *e)
{
	if (!e->base.up)
		return;
	list_for_each_safe (node, &e->waiting) {
		struct sim_work *w = work_of(node);
		enum sim_op op;
		if (!may_begin(e, w))
			continue;
		w->slot = needs_slot(w);
		e->busy += w->slot;
		w->faulty = fault_kind(w->kind, &op) && sim_fault_take(e->m, op, &w->fault);
		list_remove(&w->op.link);
		list_append(&e->running, &w->op.link);
		loop_timer_in(&w->timer, cost(w));
		if (w->kind != OP_PULL)
			loop_timer_in(&w->deadline, e->m->costs.deadline + w->grace_ms);
	}
}

void sim_ops_lost(struct sim_engine *e)
{
	struct error err = {0};
	/* a hanging engine carries out later what it was asked for; one that is gone forgets it */
	bool later = e->m->hung && !e->m->gone;
	(void)error_set(&err, -EIO, "", "the engine stopped answering");
	list_for_each_safe (node, &e->running) {
		struct sim_work *w = work_of(node);
		if (!later) {
			work_end(w, ENGINE_E_UNKNOWN, &err);
			continue;
		}
		if (!w->op.done)
			continue;
		struct sim_work *told =
		        NEW(struct sim_work); /* carries the news; the work itself goes on unheard */
		sim_operation_init(e, &told->op, w->op.done, w->op.ctx, work_free);
		loop_timer_init(e->base.loop, &told->timer, on_work, told);
		loop_timer_init(e->base.loop, &told->deadline, on_deadline, told);
		w->op.done = NULL;
		loop_timer_stop(&w->deadline);
		sim_operation_end(&told->op, ENGINE_E_UNKNOWN, &err);
	}
	list_for_each_safe (node, &e->waiting)
		sim_operation_end(&work_of(node)->op, ENGINE_E_UNAVAILABLE, &err);
}

void sim_ops_wake(struct sim_engine *e)
{
	list_for_each_safe (node, &e->running) {
		struct sim_work *w = work_of(node);
		if (!w->stalled)
			continue;
		w->stalled = false;
		loop_timer_in(&w->timer, 0);
	}
}

static void free_list(struct list *ops)
{
	while (!list_empty(ops)) {
		struct sim_operation *op = list_first(ops, struct sim_operation, link);
		op->free(op);
	}
}

void sim_ops_free(struct sim_engine *e)
{
	/* whoever is killed in the middle does not know what the engine still did of it */
	list_for_each_safe (node, &e->running) {
		struct sim_work *w = work_of(node);
		struct error err = {0};
		if (!e->m->gone && !(w->faulty && w->fault == SIM_FAILS) && sim_roll(e->m) % 2)
			(void)carry_out(w, &err);
	}
	free_list(&e->running);
	free_list(&e->waiting);
	free_list(&e->finished);
	free_list(&e->logs);
}

/* --- beginning and cancelling --- */

struct sim_work *sim_work_new(struct engine *base, enum sim_op_kind kind, const char *pod,
                              engine_done_fn *done, void *ctx)
{
	struct sim_engine *e = container_of(base, struct sim_engine, base);
	struct sim_work *w = NEW(struct sim_work);
	sim_operation_init(e, &w->op, done, ctx, work_free);
	loop_timer_init(base->loop, &w->timer, on_work, w);
	loop_timer_init(base->loop, &w->deadline, on_deadline, w);
	w->kind = kind;
	w->pod = mem_strdup(pod);
	return w;
}

struct engine_op *sim_work_begin(struct sim_work *w)
{
	struct sim_engine *e = w->op.e;
	if (e->base.up) {
		list_append(&e->waiting, &w->op.link);
		pump(e);
	} else {
		struct error err = {0};
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		sim_operation_end(&w->op, ENGINE_E_UNAVAILABLE, &err);
	}
	return (struct engine_op *)(void *)&w->op;
}

void sim_cancel(struct engine *base _unused_, struct engine_op *handle)
{
	struct sim_operation *op = (struct sim_operation *)(void *)handle;
	if (!op)
		return;
	op->done = NULL;
	list_for_each (node, &op->e->waiting)
		if (node == &op->link) {
			op->free(op); /* nobody has seen it */
			return;
		}
	list_for_each (node, &op->e->running)
		if (node == &op->link && work_of(node)->kind == OP_PULL && !work_of(node)->telling) {
			op->free(op); /* a download ends with who asked for it */
			return;
		}
	list_for_each (node, &op->e->logs)
		if (node == &op->link) {
			sim_operation_end(op, ENGINE_OK, NULL);
			return;
		}
}
