/*
 * What the runner has on file about one pod: what is wanted (a copy, so that it outlives the store), what the
 * engine reports (a copy), what is under way, and the plan's memory. Slots are found by the pod's name.
 */
#pragma once

#include "controllers/runner/identity.h"
#include "controllers/runner/plan.h"
#include "core/list.h"
#include "core/str.h"
#include "store.h"

struct runner;
struct slot;

/* One operation of the engine on behalf of a slot. */
struct work {
	struct list link; /* in slot.works */
	struct slot *slot;
	struct engine_op *op;
	enum plan_action_kind kind;
	int container; /* START: index; else -1 */
	char *image;   /* FIND, PULL */
	int64_t since_ms;
};

struct slot {
	struct runner *runner;
	char *name;

	/* wanted */
	struct pod *want;   /* the last good value; NULL: none known */
	char *text;         /* as stored, for the snapshot */
	int64_t create_rev; /* of the key; 0: never seen */
	int64_t mod_rev;
	char *invalid; /* why the present value is no pod; NULL: it is one */
	bool present;  /* the store has the key */
	bool held;     /* the store of the time does not know it: kept as it is */
	enum plan_claim claim;
	struct history known; /* where it was last seen to be wanted; 0: nowhere that could be asked again */

	/* the engine's */
	struct engine_pod *have; /* NULL: nothing */
	bool reported;           /* since the engine came up */

	struct list works;
	struct plan_memory memory;
	bool restored; /* the status in the store was taken over, or there was none */
	bool unsaid;   /* the store lacks its newest status */
};

struct slot *slot_new(struct runner *r, const char *name) _nonnull_(1, 2) __attribute__((returns_nonnull));
/* Cancels what is under way. */
void slot_free(struct slot *s, struct engine *e) _nonnull_(1);

/*
 * Takes over what the store has: text with the revisions of its key. The last good value stays when this one
 * is none. Returns whether anything changed.
 */
bool slot_want(struct slot *s, const struct pod *pod, const char *invalid, const char *text,
               int64_t create_rev, int64_t mod_rev) _nonnull_(1, 4);
/* Takes over the engine's report; NULL: nothing is left. */
void slot_have(struct slot *s, const struct engine_pod *have) _nonnull_(1);

/* Is anything of the pod (not of its images) under way? */
bool slot_busy(const struct slot *s) _nonnull_(1);
struct work *work_new(struct slot *s, const struct plan_action *a, int64_t now_ms) _nonnull_(1, 2);
void work_free(struct work *w) _nonnull_(1);
/* Fills plan_in.containers and pod_busy from the works; image_state: of a reference. */
void slot_works(const struct slot *s, struct plan_in *in, struct arena *a,
                enum image_state (*image_state)(const struct runner *r, const char *ref))
        _nonnull_(1, 2, 3, 4);
