/*
 * The port's operations on pods, made of actions. Operations on one pod do not overlap where that matters:
 * starts and stops of its containers run side by side, creating, removing and repairing it run alone, in the
 * order of arrival.
 */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>

#include "core/mem.h"

struct pod_op {
	struct docker_op op;
	struct list wait; /* in one queue of the lock, or in docker->pause_waiters */
	bool exclusive, locked;
	void (*run)(struct pod_op *op); /* called when it holds the lock, and again after a wait */
	char *pod, *container;
	int64_t grace_ms;
	struct docker_target *targets; /* create */
	size_t n_targets, at;
	bool imported;        /* create: the pause image was brought in */
	char (*ids)[ID_SIZE]; /* repair: what ran, and what is stopped or started */
	size_t n_ids;
	unsigned pending;          /* actions under way */
	enum engine_result result; /* the first failure */
	struct error err;
};

/* --- locks --- */

struct docker_lock {
	struct list queue;
	struct list infra_queue; /* starts that wait for the start of the infra */
	unsigned shared;
	bool exclusive, infra_starting;
	bool serving;
};

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

static struct docker_lock *lock_of(struct docker *d, const char *pod)
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

static void op_end(struct pod_op *op, enum engine_result result, const struct error *err)
{
	docker_op_finish(&op->op, result, err);
	if (op->locked)
		lock_leave(op);
}

static void op_refuse(struct pod_op *op, enum engine_result result, const char *text)
{
	struct error err = {0};
	(void)error_set(&err, -EINVAL, "", "%s", text);
	op_end(op, result, &err);
}

/* What waits is dropped; what is under way ends by itself and then goes no further. */
static void op_cancel(struct docker_op *base)
{
	struct pod_op *op = container_of(base, struct pod_op, op);
	if (!op->locked)
		op_free(base);
}

static bool op_cancelled(struct pod_op *op)
{
	if (op->op.done)
		return false;
	op_end(op, ENGINE_OK, NULL);
	return true;
}

static struct pod_op *op_new(struct engine *e, const char *pod, bool exclusive, void (*run)(struct pod_op *),
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
static struct engine_op *op_begin(struct pod_op *op)
{
	struct docker *d = op->op.d;
	if (d->phase != PHASE_UP) {
		op_refuse(op, ENGINE_E_UNAVAILABLE, "the engine is not connected");
	} else {
		list_append(&lock_of(d, op->pod)->queue, &op->wait);
		lock_serve(d, op->pod);
	}
	return (struct engine_op *)(void *)&op->op;
}

/* --- several actions at once --- */

static void on_one_end(void *ctx, enum engine_result result, const struct error *err)
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
static void op_gather(struct pod_op *op, bool (*fits)(const struct docker_container *c))
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

static struct docker_container *op_container(const struct pod_op *op, size_t i)
{
	return map_get(&op->op.d->containers, op->ids[i]);
}

static bool is_running(const struct docker_container *c)
{
	return c->state == CONTAINER_RUNNING;
}

static bool is_any(const struct docker_container *c _unused_)
{
	return true;
}

static void stop_gathered(struct pod_op *op)
{
	op->pending = 1; /* so that none of them runs the operation on before all were begun */
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = op_container(op, i);
		if (!c || c->state != CONTAINER_RUNNING)
			continue;
		op->pending++;
		action_stop(op->op.d, c, op->grace_ms, on_one_end, op);
	}
	on_one_end(op, ENGINE_OK, NULL);
}

static void remove_gathered(struct pod_op *op)
{
	op->pending = 1;
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = op_container(op, i);
		if (!c)
			continue;
		op->pending++;
		action_remove(op->op.d, c, false, on_one_end, op);
	}
	on_one_end(op, ENGINE_OK, NULL);
}

static void start_gathered(struct pod_op *op)
{
	op->pending = 1;
	for (size_t i = 0; i < op->n_ids; i++) {
		struct docker_container *c = op_container(op, i);
		if (!c)
			continue;
		op->pending++;
		action_start(op->op.d, c, on_one_end, op);
	}
	on_one_end(op, ENGINE_OK, NULL);
}

static void remove_infra(struct pod_op *op)
{
	struct docker_container *infra = state_find(op->op.d, op->pod, NULL);
	op->pending = 1;
	if (infra) {
		op->pending++;
		action_remove(op->op.d, infra, true, on_one_end, op);
	}
	on_one_end(op, ENGINE_OK, NULL);
}

/* --- create --- */

static void create_step(struct pod_op *op);

static void on_pause_imported(void *ctx, enum engine_result result, const struct error *err)
{
	struct docker *d = ctx;
	struct list now;
	list_init(&now);
	while (!list_empty(&d->pause_waiters)) {
		struct list *node = d->pause_waiters.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct pod_op *op = list_first(&now, struct pod_op, wait);
		list_remove(&op->wait);
		op->imported = true;
		if (result)
			op_end(op, result, err);
		else
			create_step(op);
	}
}

/* Waits for the pause image; the first who does brings it in. */
static void pause_wait(struct pod_op *op)
{
	struct docker *d = op->op.d;
	bool first = list_empty(&d->pause_waiters);
	list_append(&d->pause_waiters, &op->wait);
	if (!first)
		return;
	_cleanup_str_ struct str tar = STR_INIT;
	struct error err = {0};
	enum engine_result r = pause_tar(d, &tar, &err);
	if (r)
		on_pause_imported(d, r, &err);
	else
		(void)image_import(&d->base, d->pause_ref, tar.data, tar.len, "[\"/tug-pause\"]",
		                   on_pause_imported, d);
}

static void on_made(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	bool infra = op->targets[op->at].name == NULL;
	if (result == ENGINE_E_NO_IMAGE && infra && !op->imported) {
		pause_wait(op); /* somebody removed it since it was listed */
		return;
	}
	if (result) {
		op_end(op, result, err);
		return;
	}
	op->at++;
	create_step(op);
}

static void on_stale_gone(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	if (result)
		op_end(op, result, err);
	else
		create_step(op);
}

/* The next container that is missing or does not fit. */
static void create_step(struct pod_op *op)
{
	struct docker *d = op->op.d;
	bool several = op->n_targets > 1;
	if (op_cancelled(op))
		return;
	for (; op->at < op->n_targets; op->at++) {
		const struct docker_target *t = &op->targets[op->at];
		struct docker_container *infra = several ? state_find(d, op->pod, NULL) : NULL;
		struct docker_container *c = state_find(d, op->pod, t->name);
		if (several && t->name && !infra) {
			op_refuse(op, ENGINE_E_FAILED,
			          "the pod's shared network was removed while it was made");
			return;
		}
		if (c && streq(c->spec, t->spec) &&
		    (c == infra || !infra || !c->joined || streq(c->joined, infra->id)))
			continue;
		if (c) {
			action_remove(d, c, true, on_stale_gone, op);
			return;
		}
		if (!t->name && !image_here(d, d->pause_ref) && !op->imported) {
			pause_wait(op);
			return;
		}
		action_create(d, op->pod, t, target_body(t, t->name && infra ? infra->id : NULL), on_made,
		              op);
		return;
	}
	op_end(op, ENGINE_OK, NULL);
}

/* Members that outlived their infra, or joined another one than that of now, can never start again. */
static void create_run(struct pod_op *op)
{
	struct docker_pod *pod = map_get(&op->op.d->pods, op->pod);
	bool several = op->n_targets > 1;
	if (op->result) {
		op_end(op, op->result, &op->err);
		return;
	}
	if (op_cancelled(op))
		return;
	bool members = pod && !list_empty(&pod->members);
	bool purge = pod && (several ? (pod->infra ? !streq(pod->infra->spec, op->targets[0].spec) : members)
	                             : pod->infra != NULL);
	if (!purge) {
		create_step(op);
	} else if (members) {
		op_gather(op, is_any);
		op->pending = 1;
		for (size_t i = 0; i < op->n_ids; i++) {
			op->pending++;
			action_remove(op->op.d, op_container(op, i), true, on_one_end, op);
		}
		on_one_end(op, ENGINE_OK, NULL);
	} else {
		remove_infra(op);
	}
}

struct engine_op *pod_create(struct engine *e, const struct pod *pod, uint64_t cluster, int64_t rev,
                             engine_done_fn *done, void *ctx)
{
	struct docker *d = docker_of(e);
	struct pod_op *op = op_new(e, pod->name, true, create_run, done, ctx);
	struct error err = {0};
	enum engine_result r = ENGINE_OK;
	if (pod->containers.count > 1 && !d->pause_ref) {
		_cleanup_str_ struct str tar = STR_INIT;
		r = pause_tar(d, &tar, &err); /* its hash is the image's name */
	}
	if (!r)
		r = targets_make(d, pod, cluster, rev, &op->targets, &op->n_targets, &err);
	if (r) {
		op_end(op, r, &err);
		return (struct engine_op *)(void *)&op->op;
	}
	return op_begin(op);
}

/* --- start and stop --- */

static void on_ended(void *ctx, enum engine_result result, const struct error *err)
{
	op_end(ctx, result, err);
}

static void on_infra_started(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	struct docker_lock *lock = lock_of(op->op.d, op->pod);
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
			op_end(next, result, err);
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

static void start_run(struct pod_op *op)
{
	struct docker *d = op->op.d;
	if (op_cancelled(op))
		return;
	struct docker_container *c = state_find(d, op->pod, op->container), *infra = c ? c->pod->infra : NULL;
	if (!c || c->state == CONTAINER_MISSING) {
		op_refuse(op, ENGINE_E_GONE, "the container does not exist");
	} else if (c->state == CONTAINER_RUNNING) {
		op_end(op, ENGINE_OK, NULL);
	} else if (c->opens && (!infra || (c->joined && !streq(c->joined, infra->id)))) {
		op_refuse(op, ENGINE_E_FAILED,
		          "the pod's shared network was removed: the pod has to be made again");
	} else if (c->opens && infra->state != CONTAINER_RUNNING && any_runs(c->pod)) {
		op_refuse(op, ENGINE_E_FAILED,
		          "the pod's shared network is down: the pod has to be repaired");
	} else if (c->opens && infra->state != CONTAINER_RUNNING) {
		struct docker_lock *lock = lock_of(d, op->pod);
		if (lock->infra_starting) {
			list_append(&lock->infra_queue, &op->wait);
			return;
		}
		lock->infra_starting = true;
		action_start(d, infra, on_infra_started, op);
	} else {
		action_start(d, c, on_ended, op);
	}
}

struct engine_op *container_start(struct engine *e, const char *pod, const char *container,
                                  engine_done_fn *done, void *ctx)
{
	struct pod_op *op = op_new(e, pod, false, start_run, done, ctx);
	op->container = mem_strdup(container);
	return op_begin(op);
}

static void stop_run(struct pod_op *op)
{
	if (op_cancelled(op))
		return;
	struct docker_container *c = state_find(op->op.d, op->pod, op->container);
	if (!c || c->state != CONTAINER_RUNNING)
		op_end(op, ENGINE_OK, NULL);
	else
		action_stop(op->op.d, c, op->grace_ms, on_ended, op);
}

struct engine_op *container_stop(struct engine *e, const char *pod, const char *container, int64_t grace_ms,
                                 engine_done_fn *done, void *ctx)
{
	struct pod_op *op = op_new(e, pod, false, stop_run, done, ctx);
	op->container = mem_strdup(container);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return op_begin(op);
}

/* --- remove: stop, remove the members, remove the infra --- */

static void remove_infra_run(struct pod_op *op)
{
	op_end(op, op->result, &op->err);
}

static void remove_members_run(struct pod_op *op)
{
	if (op_cancelled(op))
		return;
	if (op->result) {
		op_end(op, op->result, &op->err);
		return;
	}
	op->run = remove_infra_run;
	remove_infra(op);
}

static void remove_stopped_run(struct pod_op *op)
{
	if (op_cancelled(op))
		return;
	if (op->result) {
		op_end(op, op->result, &op->err);
		return;
	}
	op_gather(op, is_any);
	op->run = remove_members_run;
	remove_gathered(op);
}

static void remove_run(struct pod_op *op)
{
	if (op_cancelled(op))
		return;
	op_gather(op, is_running);
	op->run = remove_stopped_run;
	stop_gathered(op);
}

struct engine_op *pod_remove(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
                             void *ctx)
{
	struct pod_op *op = op_new(e, pod, true, remove_run, done, ctx);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return op_begin(op);
}

/* --- repair: stop the members that run in the dead namespace, start the infra, start them again --- */

static void repair_started_run(struct pod_op *op)
{
	op_end(op, op->result, &op->err);
}

static void repair_members_run(struct pod_op *op)
{
	if (op->result) {
		op_end(op, op->result, &op->err);
		return;
	}
	op->run = repair_started_run;
	start_gathered(op);
}

static void repair_stopped_run(struct pod_op *op)
{
	struct docker *d = op->op.d;
	struct docker_container *infra = state_find(d, op->pod, NULL);
	if (op->result || !infra) {
		op_end(op, op->result ? op->result : ENGINE_E_GONE, &op->err);
		return;
	}
	op->run = repair_members_run;
	op->pending = 1;
	if (infra->state != CONTAINER_RUNNING) {
		op->pending++;
		action_start(d, infra, on_one_end, op);
	}
	on_one_end(op, ENGINE_OK, NULL);
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
	if (op_cancelled(op))
		return;
	if (!pod || (pod->infra == NULL && state_broken(pod))) {
		op_refuse(op, ENGINE_E_GONE,
		          "the pod's shared network was removed: the pod has to be made again");
		return;
	}
	op_gather(op, is_cut_off);
	op->run = repair_stopped_run;
	if (op->n_ids == 0)
		op_end(op, ENGINE_OK, NULL); /* nothing of it is broken */
	else
		stop_gathered(op);
}

struct engine_op *pod_repair(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
                             void *ctx)
{
	struct pod_op *op = op_new(e, pod, true, repair_run, done, ctx);
	op->grace_ms = MAX(grace_ms, (int64_t)0);
	return op_begin(op);
}
