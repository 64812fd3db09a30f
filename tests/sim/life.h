/*
 * A random life of a world: rounds of disturbed hours, after each of which everything is put in order, the world has to
 * come to what is wanted within a bound, and then to write nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct life_config {
	uint64_t seed;
	unsigned nodes;
	int64_t hours; /* of the cluster, at least */
	bool verbose;
};

struct life_result {
	int64_t simulated_ms;
	uint64_t steps, writes, faults, hash;
	unsigned rounds;
	int64_t slowest_ms; /* convergence */
};

/* False: an invariant did not hold; what and the last steps go to `out`. */
bool life(const struct life_config *config, struct life_result *ret, FILE *out);
