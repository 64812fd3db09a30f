/*
 * The runner: makes the pods of this node run in the container engine, and says how they are. README.md has
 * the keys, the steps of a pod and the failure table; plan.h the decisions.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "controllers/runtime/role.h"

struct runner;

struct runner_config {
	struct loop *loop;
	struct store *store;
	const char *root; /* "/tug" */
	const char *node;
	const char *data_dir; /* the snapshot is DATA_DIR/runner/pods.json */
	/* Makes the engine; NULL with err when it can not be. */
	struct engine *(*engine_new)(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
	                             struct error *err);
	/* The first plans may be made (the store was heard, or was away for two seconds). May be NULL. */
	void (*on_ready)(void *ctx);
	void *ctx; /* of both */
};

/* NULL with err. The strings of the config are copied. */
struct runner *runner_new(const struct runner_config *cfg, struct error *err) _nonnull_(1);
/* Leaves all containers as they are; the snapshot is written when it has to be. NULL is fine; returns NULL. */
struct runner *runner_free(struct runner *r);

/* `tugd runner`: role_init() was called with a store. Returns the exit status. */
int runner_run(struct role *role) _nonnull_(1) _must_check_;
/*
 * `tugd runner --stop-all`: stops and removes every container of this node's pods, one line for each pod on
 * stderr. Needs no store; volumes, images and the snapshot stay. 0 when none is left. No runner must be
 * running.
 */
int runner_stop_all(struct role *role) _nonnull_(1) _must_check_;
