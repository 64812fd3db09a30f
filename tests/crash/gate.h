/*
 * A process that can be killed between any two of its acts. Its store and its engine go through a gate, which counts
 * what would change the world (transactions; pulls, creates, starts, stops, removals, repairs) and shuts at a chosen
 * one: just before it is carried out, or just after, so that its process never hears the outcome. Behind a shut gate
 * nothing it does has any effect; whoever owns the process then frees it.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "store.h"

/* Shared by all gates of a cluster. */
struct gate_plan {
	uint64_t acts;  /* so far */
	uint64_t at;    /* the act at which a gate shuts, counted from 1; 0: at none */
	bool after;     /* when it was carried out, instead of before */
	char what[200]; /* that act, for people */
};

struct gate {
	struct store base;
	struct store *real;
	struct engine engine;
	struct engine *real_engine;
	struct engine_callbacks cbs;
	void *cbs_ctx;
	struct gate_plan *plan;
	const char *name;
	bool shut;
};

/* real: a handle of its own, taken over. */
struct gate *gate_new(struct store *real, struct gate_plan *plan, const char *name);
/* The callbacks to give to the real engine, with the gate as their context; then gate_engine(). */
extern const struct engine_callbacks gate_callbacks;
struct engine *gate_engine(struct gate *g, struct engine *real, const struct engine_callbacks *cbs,
                           void *ctx);
/* After the process; its engine was freed by the process. NULL is fine; returns NULL. */
struct gate *gate_free(struct gate *g);
