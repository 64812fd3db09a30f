/*
 * Small stories with one right end: what the sweep repeats with a fault at each position.
 */
#pragma once

#include "sim/world.h"

struct scenario {
	const char *name;
	unsigned nodes;
	void (*tell)(struct world *w); /* from a started, empty world; it need not wait for the end */
};

extern const struct scenario scenarios[];
extern const size_t n_scenarios;

/* What is done to a telling of it; 0: nothing. */
struct disturbance {
	uint64_t kill_at_write, pause_at_write, kill_at_operation, lose_at, defer_at;
};

/* What there was to be disturbed. */
struct told {
	uint64_t writes, operations, deliveries;
	struct str end; /* invariants_describe() */
};

/*
 * Tells it, lets it come to its end within the bound, and sees to it that nothing is written then. False: it did not, and
 * *ret_why says so. The result is to be freed in both cases.
 */
bool scenario_tell(const struct scenario *s, uint64_t seed, const struct disturbance *d, bool verbose, struct told *ret,
		   struct str *ret_why) _nonnull_(1, 3, 5, 6);
