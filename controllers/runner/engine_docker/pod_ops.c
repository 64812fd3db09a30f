/* Starting, stopping, removing and repairing pods. */
#include "controllers/runner/engine_docker/pod_op.h"

#include "core/mem.h"

/* --- start and stop --- */

static void on_ended(void *ctx, enum engine_result result, const struct error *err)
{
	pod_op_end(ctx, result, err);
}

static void on_infra_started(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	struct docker_lock *lock = pod_op_lock(op->op.d, op->pod);
	struct list now;
	list_init(&now);
	lock->infra_starting = false;
	list_append(&now, &op->wait);
	while (!list_empty(&lock->infra_queue)) {
		struct list *node = lock->infra_queue.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct pod_op *next = list_first(&now, struct pod_op, wait);
		list_remove(&next->wait);
		if (result)
			pod_op_end(next, result, err);
		else
			next->run(next);
	}
}

static bool any_runs(const struct docker_pod *pod)
{
	list_for_each (node, &pod->members)
		if (list_entry(node, struct docker_container, link)->state == CONTAINER_RUNNING)
			return true;
	return false;
}

static void start_run(struct pod_op *op);

/* When its network had fallen and nobody had heard of it, that is known now: once more, from the beginning. */
static void on_start_ended(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	const struct docker_container *c = state_find(op->op.d, op->pod, op->container);
	const struct docker_container *infra = c && c->opens ? c->pod->infra : NULL;
	bool fell = infra && (infra->state != CONTAINER_RUNNING || infra->started_ns != op->joined_ns);
	if (result != ENGINE_E_FAILED || !fell || op->again) {
		pod_op_end(op, result, err);
		return;
	}
	op->again = true;
	start_run(op);
}

static void start_run(struct pod_op *op)
{
	struct docker *d = op->op.d;
	if (pod_op_cancelled(op))
		return;
	struct docker_container *c = state_find(d, op->pod, op->container), *infra = c ? c->pod->infra : NULL;
	if (!c || c->state == CONTAINER_MISSING) {
		pod_op_refuse(op, ENGINE_E_GONE, "the container does not exist");
	} else if (c->state == CONTAINER_RUNNING) {
		pod_op_end(op, ENGINE_OK, NULL);
	} else if (c->opens && (!infra || (c->joined && !streq(c->joined, infra->id)))) {
		pod_op_refuse(op, ENGINE_E_FAILED,
		              "the pod's shared network was removed: the pod has to be made again");
	} else if (c->opens && infra->state != CONTAINER_RUNNING && any_runs(c->pod)) {
		pod_op_refuse(op, ENGINE_E_FAILED,
		              "the pod's shared network is down: the pod has to be repaired");
	} else if (c->opens && infra->state != CONTAINER_RUNNING) {
		struct docker_lock *lock = pod_op_lock(d, op->pod);
		if (lock->infra_starting) {
			list_append(&lock->infra_queue, &op->wait);
			return;
		}
		lock->infra_starting = true;
		action_start(d, infra, on_infra_started, op);
	} else {
		op->joined_ns = infra ? infra->started_ns : 0;
		action_start(d, c, on_start_ended, op);
	}
}

struct engine_op *container_start(struct engine *e, const char *pod, const char *container,
                                  engine_done_fn *done, void *ctx)
{
	struct pod_op *op = pod_op_new(e, pod, false, start_run, done, ctx);
	op->container = mem_strdup(container);
	return pod_op_begin(op);
}

static void stop_run(struct pod_op *op)
{
	if (pod_op_cancelled(op))
		return;
	struct docker_container *c = state_find(op->op.d, op->pod, op->container);
	if (!c || c->state != CONTAINER_RUNNING)
		pod_op_end(op, ENGINE_OK, NULL);
	else
		action_stop(op->op.d, c, op->grace_ms, on_ended, op);
}

struct engine_op *container_stop(struct engine *e, const char *pod, const char *container, int64_t grace_ms,
                                 engine_done_fn *done, void *ctx)
{
	struct pod_op *op = pod_op_new(e, pod, false, stop_run, done, ctx);
	op->container = mem_strdup(container);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return pod_op_begin(op);
}

/* --- remove: stop, remove the members, remove the infra --- */

static void remove_infra_run(struct pod_op *op)
{
	pod_op_end(op, op->result, &op->err);
}

static void remove_members_run(struct pod_op *op)
{
	if (pod_op_cancelled(op))
		return;
	if (op->result) {
		pod_op_end(op, op->result, &op->err);
		return;
	}
	op->run = remove_infra_run;
	pod_op_remove_infra(op);
}

static void remove_stopped_run(struct pod_op *op)
{
	if (pod_op_cancelled(op))
		return;
	if (op->result) {
		pod_op_end(op, op->result, &op->err);
		return;
	}
	pod_op_gather(op, gather_any);
	op->run = remove_members_run;
	pod_op_remove(op, false);
}

static void remove_run(struct pod_op *op)
{
	if (pod_op_cancelled(op))
		return;
	pod_op_gather(op, gather_running);
	op->run = remove_stopped_run;
	pod_op_stop(op);
}

struct engine_op *pod_remove(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
                             void *ctx)
{
	struct pod_op *op = pod_op_new(e, pod, true, remove_run, done, ctx);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return pod_op_begin(op);
}

/* --- repair: stop the members that run in the dead namespace, start the infra, start them again --- */

static void repair_started_run(struct pod_op *op)
{
	pod_op_end(op, op->result, &op->err);
}

static void repair_members_run(struct pod_op *op)
{
	if (op->result) {
		pod_op_end(op, op->result, &op->err);
		return;
	}
	op->run = repair_started_run;
	pod_op_start(op);
}

static void repair_stopped_run(struct pod_op *op)
{
	struct docker *d = op->op.d;
	struct docker_container *infra = state_find(d, op->pod, NULL);
	if (op->result || !infra) {
		pod_op_end(op, op->result ? op->result : ENGINE_E_GONE, &op->err);
		return;
	}
	op->run = repair_members_run;
	op->pending = 1;
	if (infra->state != CONTAINER_RUNNING) {
		op->pending++;
		action_start(d, infra, pod_op_one, op);
	}
	pod_op_one(op, ENGINE_OK, NULL);
}

static bool is_cut_off(const struct docker_container *c)
{
	const struct docker_container *infra = c->pod->infra;
	return c->state == CONTAINER_RUNNING && c->opens && infra &&
	       (infra->state != CONTAINER_RUNNING || c->started_ns < infra->started_ns);
}

static void repair_run(struct pod_op *op)
{
	struct docker *d = op->op.d;
	struct docker_pod *pod = map_get(&d->pods, op->pod);
	if (pod_op_cancelled(op))
		return;
	if (!pod || (pod->infra == NULL && state_broken(pod))) {
		pod_op_refuse(op, ENGINE_E_GONE,
		              "the pod's shared network was removed: the pod has to be made again");
		return;
	}
	pod_op_gather(op, is_cut_off);
	op->run = repair_stopped_run;
	if (op->n_ids == 0)
		pod_op_end(op, ENGINE_OK, NULL); /* nothing of it is broken */
	else
		pod_op_stop(op);
}

struct engine_op *pod_repair(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
                             void *ctx)
{
	struct pod_op *op = pod_op_new(e, pod, true, repair_run, done, ctx);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return pod_op_begin(op);
}
