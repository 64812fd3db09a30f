/*
 * One planning turn, shared by the three parts of the plan: observe.c (what is), plan.c (what to do),
 * status.c (what to say). All pure.
 */
#pragma once

#include "controllers/runner/plan.h"

struct turn {
	const struct plan_in *in;
	struct plan_memory *m;
	struct arena *a;
	struct plan *plan;
	const struct container *want;
	size_t n_want;
	enum engine_state states[LIMIT_CONTAINERS]; /* as reported, or as expected after an operation */
	/* how many containers are ... */
	size_t missing; /* to be created */
	size_t fresh;   /* created, not started */
	size_t stopped; /* to be started again */
	size_t running;
	size_t ended; /* for good, of these */
	size_t ended_badly;
	bool images; /* of all that is missing are here */
	bool busy;   /* some operation of the pod or of a container is under way */
};

/* Asks to be planned again at that time, when it is to come. */
void turn_wake(struct turn *t, int64_t at_ms) _nonnull_(1);
/* What the engine reports of the container; NULL: nothing. */
const struct engine_container *turn_reported(const struct turn *t, const char *name) _nonnull_(1, 2);
/* Compares the engine's report with the memory: counts exits, fills the numbers above. */
void turn_observe(struct turn *t) _nonnull_(1);
/* Moves the memory to the step that the observed pod is at. */
void turn_judge(struct turn *t) _nonnull_(1);
/* Fills plan->status. */
void turn_status(struct turn *t) _nonnull_(1);
