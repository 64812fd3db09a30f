/*
 * What the runner does about one pod, and what its status says. Pure: the same inputs give the same plan, and
 * the same plan again changes nothing. The shell (runner.c) gathers the inputs, carries the actions out, and
 * plans again when an action ended, something changed, or wake_at_ms has come.
 *
 * In short:
 *   wanted     find or pull the images of what is missing -> create all -> start each container -> look after them:
 *              what ended is started again as its restart policy says, with back-off (memory.h)
 *   removed    stop and remove everything; but while the pod that takes its place still lacks an image it runs on
 *   held       the store that is there now never knew the pod (identity.h): it is kept running as before, never
 *              stopped; when all its containers were removed by hand it is forgotten
 *   undecided  the store has not been heard: nothing is touched
 *
 * Invariants (tests/unit/runner/plan_property_test.c, tests/fuzz/runner_fuzz.c):
 *  - every action has a `why`; at most one action for each container and image; never more than PLAN_ACTIONS
 *  - nothing is asked of a container or pod while an operation of it is under way, and nothing at all while
 *    the engine is down
 *  - REMOVE only for CLAIM_REMOVED or to finish a removal that had begun; never for a held or undecided pod
 *  - nothing is created before all images of what is missing are here, nothing started before all is created
 *    (what ran before is started again at once)
 *  - a failed try is followed by no other before its back-off is over, and wake_at_ms is then not later than
 *    that
 *  - with an engine that does what it is asked the pod comes to rest: running, ended, or gone
 */
#pragma once

#include "controllers/runner/engine.h"
#include "controllers/runner/memory.h"
#include "core/arena.h"

enum plan_claim { CLAIM_UNDECIDED, CLAIM_WANTED, CLAIM_REMOVED, CLAIM_HELD };

enum image_state { IMAGE_UNKNOWN, IMAGE_PRESENT, IMAGE_ABSENT };

struct plan_container {
	enum image_state image; /* of the container's image */
	bool image_busy;        /* FIND or PULL of this image is under way for this pod */
	bool busy;              /* START is under way */
};

struct plan_in {
	const char *name;
	const char *node;
	enum plan_claim claim;
	const struct pod *want;        /* the last good value; NULL: not known (WANTED: `invalid` says why) */
	const char *invalid;           /* why the stored value is no pod; NULL: it is one */
	const struct engine_pod *have; /* NULL: the engine has nothing of it */
	bool older;                    /* what the engine has was made for an earlier pod of this name */
	const struct plan_container *containers; /* one for each of want->containers */
	bool pod_busy;                           /* CREATE, REPAIR or REMOVE is under way */

	bool engine_up;
	int64_t engine_since_ms; /* since when it is up or down */
	const char *engine_text; /* down: why; NULL: not known */
	const char *engine_name; /* "docker 20.10.24"; NULL: not known */

	const char *waits_for;  /* the pod whose place this one takes, while something of it is there; NULL:
	                           none */
	bool successor_pulling; /* REMOVED: the pod that takes its place does not have all its images yet */

	int64_t now_ms;  /* monotonic */
	int64_t wall_ms; /* for people */
};

struct plan_action {
	enum plan_action_kind kind;
	int container;     /* FIND, PULL, START: index into want->containers; else -1 */
	const char *image; /* FIND, PULL */
	int64_t grace_ms;  /* REPAIR, REMOVE */
	const char *why;
};

#define PLAN_ACTIONS   (LIMIT_CONTAINERS + 1)
#define PLAN_GRACE_MS  10000 /* of a pod whose text is not known */
#define ENGINE_AWAY_MS 5000  /* a shorter absence of the engine is not worth a word */

struct plan {
	struct plan_action *actions;
	size_t n;
	int64_t wake_at_ms;       /* plan again then, even if nothing changed; 0: no need */
	bool finished;            /* nothing is wanted, left or under way: the record of the pod may go */
	bool report;              /* status is to be in the store (never for held and undecided pods) */
	struct pod_status status; /* memory: the arena and the inputs */
};

/* The arena must live as long as the plan. in->want has at most LIMIT_CONTAINERS containers. */
void plan_pod(const struct plan_in *in, struct plan_memory *m, struct arena *a, struct plan *ret)
        _nonnull_(1, 2, 3, 4);
