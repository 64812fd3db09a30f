/*
 * A plan as one transaction of the store: the keys and values, and the compares that make it safe.
 *
 * Compares: the leader key (an old leader cannot write), the microservice's mod_rev (the plan is for that value), each
 * pod created is absent and each pod deleted is the one that was seen, and the mod_rev of the service's status. The
 * last one orders the plans of one service: a plan that changes pods always writes the status, so one that was made
 * without knowledge of an earlier one, whose reply was lost, is refused.
 * With these compares a second run of the same transaction changes nothing: the store may repeat it by itself.
 */
#pragma once

#include "controllers/scheduler/services.h"
#include "store.h"

/* What the shell has to know of a transaction until its outcome is known. */
struct flight {
	struct arena arena; /* holds everything below */
	struct scheduler *scheduler;
	struct service *service;
	struct store_op *op;
	struct store_if *ifs;
	struct store_then *thens; /* keys with the root */
	size_t n_ifs, n_thens;
	size_t bytes;	    /* of keys and values */
	size_t pods;	    /* created or deleted */
	bool status, endpoints; /* written by it */
	const char *first;  /* for the log: the first pod created, on its node; NULL: none */
	size_t created, deleted;
	struct plan_event events[PLAN_EVENTS];
	size_t n_events;
};

/*
 * Takes from the plan's actions, in their order, as many as fit into one transaction: at most LIMIT_TXN_OPS and
 * LIMIT_TXN_BYTES, what belongs together undivided, at least one, the status in any case. Nodes of pods that were left
 * out are unbooked; the others are reserved. NULL: the plan has nothing to write.
 */
struct flight *flight_new(struct services *all, struct service *s, const struct plan_in *in, const struct plan *plan,
			  const struct claim *claim, const char *root, struct store_if fence)
	_nonnull_(1, 2, 3, 4, 5, 6);
/* NULL is fine; returns NULL. */
struct flight *flight_free(struct flight *f);
