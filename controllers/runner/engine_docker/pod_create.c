/* Making a pod: what is missing or does not fit, one container after the other, the infra first. */
#include "controllers/runner/engine_docker/pod_op.h"

#include "core/mem.h"

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
			pod_op_end(op, result, err);
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
		pod_op_end(op, result, err);
		return;
	}
	op->at++;
	create_step(op);
}

static void on_stale_gone(void *ctx, enum engine_result result, const struct error *err)
{
	struct pod_op *op = ctx;
	if (result)
		pod_op_end(op, result, err);
	else
		create_step(op);
}

/* The next container that is missing or does not fit. */
static void create_step(struct pod_op *op)
{
	struct docker *d = op->op.d;
	bool several = op->n_targets > 1;
	if (pod_op_cancelled(op))
		return;
	for (; op->at < op->n_targets; op->at++) {
		const struct docker_target *t = &op->targets[op->at];
		struct docker_container *infra = several ? state_find(d, op->pod, NULL) : NULL;
		struct docker_container *c = state_find(d, op->pod, t->name);
		if (several && t->name && !infra) {
			pod_op_refuse(op, ENGINE_E_FAILED,
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
	pod_op_end(op, ENGINE_OK, NULL);
}

/* Members that outlived their infra, or joined another one than that of now, can never start again. */
static void create_run(struct pod_op *op)
{
	struct docker_pod *pod = map_get(&op->op.d->pods, op->pod);
	bool several = op->n_targets > 1;
	if (op->result) {
		pod_op_end(op, op->result, &op->err);
		return;
	}
	if (pod_op_cancelled(op))
		return;
	bool members = pod && !list_empty(&pod->members);
	bool purge = pod && (several ? (pod->infra ? !streq(pod->infra->spec, op->targets[0].spec) : members)
	                             : pod->infra != NULL);
	if (!purge) {
		create_step(op);
	} else if (members) {
		pod_op_gather(op, gather_any);
		pod_op_remove(op, true);
	} else {
		pod_op_remove_infra(op);
	}
}

struct engine_op *pod_create(struct engine *e, const struct pod *pod, uint64_t cluster, int64_t rev,
                             engine_done_fn *done, void *ctx)
{
	struct docker *d = docker_of(e);
	struct pod_op *op = pod_op_new(e, pod->name, true, create_run, done, ctx);
	struct error err = {0};
	enum engine_result r = ENGINE_OK;
	if (pod->containers.count > 1 && !d->pause_ref) {
		_cleanup_str_ struct str tar = STR_INIT;
		r = pause_tar(d, &tar, &err); /* its hash is the image's name */
	}
	if (!r)
		r = targets_make(d, pod, cluster, rev, &op->targets, &op->n_targets, &err);
	if (r) {
		pod_op_end(op, r, &err);
		return (struct engine_op *)(void *)&op->op;
	}
	return pod_op_begin(op);
}
