/* Operations on pods: their order, their end, and what they do to several containers at once. */
#include "controllers/runner/engine_docker/pod_op.h"

#include <errno.h>

#include "core/mem.h"

/* --- locks --- */

/* Runs who may run. An operation may end at once and come back here through lock_leave(): the outermost call
 * goes on, and drops a lock that nobody holds or wants. */
static void lock_serve(struct docker *d, const char *pod)
{
	struct docker_lock *lock = map_get(&d->locks, pod);
	if (lock->serving)
		return;
	_cleanup_free_ char *name = mem_strdup(pod); /* of an operation that may end here */
	lock->serving = true;
	while (!list_empty(&lock->queue)) {
		struct pod_op *op = list_first(&lock->queue, struct pod_op, wait);
		if (lock->exclusive || (op->exclusive && lock->shared))
			break;
		list_remove(&op->wait);
		if (op->exclusive)
			lock->exclusive = true;
		else
			lock->shared++;
		op->locked = true;
		op->run(op);
	}
	lock->serving = false;
	if (list_empty(&lock->queue) && !lock->shared && !lock->exclusive)
		free(map_remove(&d->locks, name));
}

struct docker_lock *pod_op_lock(struct docker *d, const char *pod)
{
	struct docker_lock *lock = map_get(&d->locks, pod);
	if (lock)
		return lock;
	lock = NEW(struct docker_lock);
	list_init(&lock->queue);
	list_init(&lock->infra_queue);
	(void)map_put(&d->locks, pod, lock);
	return lock;
}

static void lock_leave(struct pod_op *op)
{
	struct docker_lock *lock = map_get(&op->op.d->locks, op->pod);
	op->locked = false;
	if (op->exclusive)
		lock->exclusive = false;
	else
		lock->shared--;
	lock_serve(op->op.d, op->pod);
}

/* --- beginning and end --- */

static void op_free(struct docker_op *base)
{
	struct pod_op *op = container_of(base, struct pod_op, op);
	list_remove(&op->wait);
	list_remove(&base->link);
	targets_free(op->targets, op->n_targets);
	free(op->ids);
	free(op->pod);
	free(op->container);
	free(op);
}

void pod_op_end(struct pod_op *op, enum engine_result result, const struct error *err)
{
	docker_op_finish(&op->op, result, err);
	if (op->locked)
		lock_leave(op);
}

void pod_op_refuse(struct pod_op *op, enum engine_result result, const char *text)
{
	struct error err = {0};
	(void)error_set(&err, -EINVAL, "", "%s", text);
	pod_op_end(op, result, &err);
}

/* What waits is dropped; what is under way ends by itself and then goes no further. */
static void op_cancel(struct docker_op *base)
{
	struct pod_op *op = container_of(base, struct pod_op, op);
	if (!op->locked)
		op_free(base);
}

bool pod_op_cancelled(struct pod_op *op)
{
	if (op->op.done)
		return false;
	pod_op_end(op, ENGINE_OK, NULL);
	return true;
}

struct pod_op *pod_op_new(struct engine *e, const char *pod, bool exclusive, void (*run)(struct pod_op *),
                          engine_done_fn *done, void *ctx)
{
	struct pod_op *op = NEW(struct pod_op);
	docker_op_init(docker_of(e), &op->op, done, ctx, op_cancel, op_free);
	list_init(&op->wait);
	op->exclusive = exclusive;
	op->run = run;
	op->pod = mem_strdup(pod);
	return op;
}

/* Queues it for its pod, or ends it when the engine is away. */
struct engine_op *pod_op_begin(struct pod_op *op)
{
	struct docker *d = op->op.d;
	if (d->phase != PHASE_UP) {
		pod_op_refuse(op, ENGINE_E_UNAVAILABLE, "the engine is not connected");
	} else {
		list_append(&pod_op_lock(d, op->pod)->queue, &op->wait);
		lock_serve(d, op->pod);
	}
	return (struct engine_op *)(void *)&op->op;
}

/* --- several actions at once --- */

void pod_op_one(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	if (result && result != ENGINE_E_GONE && !op->result) {
		op->result = result;
		op->err = *err;
	}
	if (--op->pending == 0)
		op->run(op);
}

/* Remembers the containers of the pod that fit, by id: what is known of them may change meanwhile. */
void pod_op_gather(struct pod_op *op, bool (*fits)(const struct docker_container *c))
{
	struct docker_pod *pod = map_get(&op->op.d->pods, op->pod);
	op->n_ids = 0;
	if (!pod)
		return;
	list_for_each (node, &pod->members) {
		const struct docker_container *c = list_entry(node, struct docker_container, link);
		if (!fits(c))
			continue;
		op->ids = mem_realloc_array(op->ids, op->n_ids + 1, sizeof(*op->ids));
		memcpy(op->ids[op->n_ids++], c->id, ID_SIZE);
	}
}

struct docker_container *pod_op_container(const struct pod_op *op, size_t i)
{
	return map_get(&op->op.d->containers, op->ids[i]);
}

bool gather_running(const struct docker_container *c)
{
	return c->state == CONTAINER_RUNNING;
}

bool gather_any(const struct docker_container *c _unused_)
{
	return true;
}

void pod_op_stop(struct pod_op *op)
{
	op->pending = 1; /* so that none of them runs the operation on before all were begun */
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = pod_op_container(op, i);
		if (!c || c->state != CONTAINER_RUNNING)
			continue;
		op->pending++;
		action_stop(op->op.d, c, op->grace_ms, pod_op_one, op);
	}
	pod_op_one(op, ENGINE_OK, NULL);
}

void pod_op_remove(struct pod_op *op, bool force)
{
	op->pending = 1;
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = pod_op_container(op, i);
		if (!c)
			continue;
		op->pending++;
		action_remove(op->op.d, c, force, pod_op_one, op);
	}
	pod_op_one(op, ENGINE_OK, NULL);
}

void pod_op_start(struct pod_op *op)
{
	op->pending = 1;
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = pod_op_container(op, i);
		if (!c)
			continue;
		op->pending++;
		action_start(op->op.d, c, pod_op_one, op);
	}
	pod_op_one(op, ENGINE_OK, NULL);
}

void pod_op_remove_infra(struct pod_op *op)
{
	struct docker_container *infra = state_find(op->op.d, op->pod, NULL);
	op->pending = 1;
	if (infra) {
		op->pending++;
		action_remove(op->op.d, infra, true, pod_op_one, op);
	}
	pod_op_one(op, ENGINE_OK, NULL);
}
