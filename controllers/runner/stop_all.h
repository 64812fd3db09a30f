/*
 * Stops and removes everything of this node, as `tugd runner --stop-all` does: the shell behind
 * runner_stop_all(), for any engine. One line for each pod on stderr when it begins and when it ends.
 */
#pragma once

#include "controllers/runner/engine.h"

struct stop_all;

struct stop_all_config {
	struct loop *loop;
	/* Makes the engine; NULL with err when it can not be. */
	struct engine *(*engine_new)(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
	                             struct error *err);
	/* Once: nothing is left, or (failed) something could not be removed or the engine does not answer. */
	void (*on_end)(void *ctx, bool failed);
	void *ctx; /* of both */
};

struct stop_all *stop_all_new(const struct stop_all_config *cfg, struct error *err) _nonnull_(1);
/* Not from inside on_end. NULL is fine; returns NULL. */
struct stop_all *stop_all_free(struct stop_all *t);
