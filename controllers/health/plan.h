/*
 * The node's health record, decided: what to write, and whether to write at all. Pure.
 *
 * An idle machine writes nothing: liveness is the lease, so figures are rewritten only when one of them moved
 * noticeably since the record that was written last. CPU use is a mean whose older samples fade (half-life about one
 * sample), in percent.
 *
 * Invariants: equal input, equal output; a record within all bounds of the last one is never written; a change of a
 * constant (capacity, kernel, version) always is; the full-disk condition has a gap between coming and going.
 */
#pragma once

#include "controllers/health/measure.h"
#include "core/arena.h"
#include "kind/node.h"

#define HEALTH_SAMPLE_MS   10000
#define HEALTH_CPU_STEP	   10 /* percent points */
#define HEALTH_MEMORY_STEP 5  /* percent of all memory */
#define HEALTH_DISK_STEP   2  /* percent of the file system */
#define HEALTH_DISK_FULL   95 /* percent: the condition comes ... */
#define HEALTH_DISK_FINE   90 /* ... and goes */

struct health_input {
	const struct measure *sample, *previous; /* previous: NULL at the first sample */
	int64_t cpu_mean;	      /* percent, before this sample; -1: none yet */
	const struct health *written; /* what the store has of us; NULL: nothing */
	const char *node, *version;
	int64_t started_wall_ms, now_wall_ms;
};

struct health_plan {
	struct health record; /* strings and lists live in the arena */
	int64_t cpu_mean; /* with this sample */
	bool write;
	const char *why; /* when write: which figure moved */
};

void health_plan(const struct health_input *in, struct arena *arena, struct health_plan *ret) _nonnull_(1, 2, 3);
