/*
 * The parts of the runner's shell among themselves:
 *   runner.c     what happens: callbacks note it and put pods' names into the queue
 *   reconcile.c  a name's turn: gather, plan, act
 *   report.c     statuses to the store, events and log lines for people
 *   remember.c   the snapshot: from the file into slots, from slots into the file
 */
#pragma once

#include "controllers/runner/runner.h"
#include "controllers/runner/sessions.h"
#include "controllers/runner/slot.h"
#include "controllers/runner/snapshot.h"
#include "controllers/runtime/events.h"
#include "controllers/runtime/queue.h"
#include "core/map.h"
#include "mirror/mirror.h"

#define AUTONOMY_MS 2000 /* the store is silent for so long: the last known pods are run without it */

struct image {
	enum image_state state;
};

struct runner {
	struct runner_config cfg; /* strings are ours */
	struct loop *loop;
	struct store *store;
	const char *node;

	struct engine *engine;
	bool engine_up;
	int64_t engine_since_ms;
	char *engine_text;      /* down: why */
	char engine_name[160];  /* "docker 20.10.24"; "" before it was first up */
	struct loop_timer away; /* down for so long that people are told */
	bool away_told;

	struct mirror *mirror;
	bool synced;
	bool autonomous;
	struct loop_timer autonomy;
	struct history list; /* the store's, and the highest revision of it that was seen in pods' keys */
	void (*store_state)(void *ctx, enum store_state state, const char *text); /* who listened before us */
	void *store_state_ctx;

	struct queue *queue;
	struct map slots;  /* name -> struct slot */
	struct map images; /* reference -> struct image, of all that is wanted here */
	struct map writes; /* name -> struct status_write: at most one under way for each pod */

	struct events *events;
	struct sessions *sessions;

	struct snapshot_writer *writer;
	struct loop_timer remember;
	bool to_remember; /* the file is older than the slots */

	struct arena arena; /* of one turn */
};

/* --- runner.c --- */

struct slot *runner_slot(struct runner *r, const char *name) _nonnull_(1, 2) __attribute__((returns_nonnull));
/* Forgets the pod: what waited for it gets its turn. */
void runner_forget(struct runner *r, struct slot *s) _nonnull_(1, 2);

/* --- reconcile.c --- */

enum queue_result reconcile(void *ctx, const char *name);
/*
 * Brings what is wanted of the pod up to date with the store. Called for every pod whose key changed before any of them
 * gets its turn: the turn of one that is to go asks whether another takes its place.
 */
void reconcile_claim(struct runner *r, struct slot *s) _nonnull_(1, 2);
/* An image came or went, or is not known any more: whoever wants it gets a turn. Unknown references are
 * ignored. */
void reconcile_image(struct runner *r, const char *ref, enum image_state state) _nonnull_(1, 2);

/* --- report.c --- */

/* Sees to it that the store has the plan's status. */
void report_status(struct runner *r, struct slot *s, const struct plan *p) _nonnull_(1, 2, 3);
/* No pod of this name is known: removes a status that was left. */
enum queue_result report_tidy(struct runner *r, const char *name) _nonnull_(1, 2);
/* The store is back: what could not be said is said. */
void report_all(struct runner *r) _nonnull_(1);
void report_cancel(struct runner *r) _nonnull_(1);
/* Log line and event of what the plan changed. */
void report_change(struct runner *r, struct slot *s, const struct plan *p, enum step was_step,
                   enum reason was_reason, unsigned was_attempts) _nonnull_(1, 2, 3);
void report_held(struct runner *r, const struct slot *s) _nonnull_(1, 2);
void report_event(struct runner *r, const struct slot *s, bool warning, const char *reason, const char *fmt,
                  ...) _nonnull_(1, 2, 4, 5) _printf_(5, 6);
/* Of the pod and its containers. */
unsigned report_attempts(const struct slot *s) _nonnull_(1);

/* --- remember.c --- */

/* Before anything else: slots for the pods of the snapshot. */
void remember_load(struct runner *r) _nonnull_(1);
/* The set of pods changed: the file is written soon. */
void remember_soon(struct runner *r) _nonnull_(1);
/* What is not in the file yet. Waits for the disk: at the end only. */
void remember_now(struct runner *r) _nonnull_(1);
void remember_done(struct runner *r) _nonnull_(1);
