/*
 * What a plan says about itself: status, conditions, endpoints and events of a microservice, as they are once
 * the plan's changes of pods are carried out. Pure, like the plan.
 */
#pragma once

#include "controllers/scheduler/plan.h"

/* What plan.c found out on its way. */
struct report {
	const struct plan_in *in;
	struct arena *arena;
	const bool *dropped;           /* by index of in->pods: deleted by this plan */
	int64_t created;               /* pods that this plan creates */
	int64_t replacing;             /* live pods of other revisions that are still to be replaced */
	int64_t missing;               /* ordinals without a seat */
	const struct plan_pod *failed; /* a seat that failed; NULL: none */
	const char *unplaced_why;      /* NULL: every pod found a node */
	bool changes_pods;             /* the plan creates or deletes pods */
};

/* Fills plan->status and plan->endpoints, appends the actions that write them, the wake-ups and the events. */
void report_service(const struct report *r, struct plan *plan) _nonnull_(1, 2);
/* Room for one more action. */
struct plan_action *plan_add(struct plan *plan, struct arena *a, enum plan_verb verb, const char *why)
        _nonnull_(1, 2, 4);
/* The earlier of the two; 0 is never. */
void plan_wake(struct plan *plan, int64_t at_ms) _nonnull_(1);
