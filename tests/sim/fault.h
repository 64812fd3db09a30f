/*
 * What goes wrong by itself: processes are killed, paused, cut off and slow, transactions fail or end unknown, events are
 * lost, late or come twice, nodes lose power, engines hang and fail, containers die, wall clocks jump, the store is
 * compacted, restarted and restored. Each fault ends by itself after a while.
 */
#pragma once

#include "sim/world.h"

enum fault {
	FAULT_KILL,
	FAULT_KILL_AT_WRITE,
	FAULT_RESTART,
	FAULT_PAUSE,
	FAULT_PAUSE_IN_FLIGHT,
	FAULT_CUT,
	FAULT_NODE_OFF,
	FAULT_NODE_CUT,
	FAULT_TXNS_FAIL,
	FAULT_TXNS_UNKNOWN,
	FAULT_RANGES_FAIL,
	FAULT_EVENTS_LOST,
	FAULT_EVENTS_TWICE,
	FAULT_EVENTS_LATE,
	FAULT_COMPACT,
	FAULT_STORE_RESTART,
	FAULT_STORE_RESTORE,
	FAULT_ENGINE_HANGS,
	FAULT_ENGINE_DOWN,
	FAULT_ENGINE_FAILS,
	FAULT_CONTAINER_EXITS,
	FAULT_CONTAINER_REMOVED,
	FAULT_CLOCK,
	FAULT_KINDS,
};

struct faults;

/* One after the other, mean_ms apart in the mean, until faults_free(). */
struct faults *faults_new(struct world *w, int64_t mean_ms) _nonnull_(1);
struct faults *faults_free(struct faults *f);
/* Events were lost, or the store was restored: what the slow list of a mirror has to find. Since faults_new(). */
bool faults_lost_events(const struct faults *f) _nonnull_(1);
bool faults_restored(const struct faults *f) _nonnull_(1);
