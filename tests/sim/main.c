/*
 * Random lives of clusters: sim [--seed N] [--hours H] [--nodes K] [--seeds COUNT] [--seconds S] [--verbose].
 * COUNT lives of H hours each, the seeds counted up from N, and no new one after S seconds of real time. Ends with 1 at
 * the first failure, and says how to see it again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/str.h"
#include "sim/life.h"

static int64_t number(const char *flag, const char *text)
{
	int64_t n;
	if (!text || str_parse_i64(text, &n) < 0 || n < 0) {
		(void)fprintf(stderr, "sim: %s wants a number\n", flag);
		exit(2);
	}
	return n;
}

static double seconds(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct life_config c = {.seed = 1, .nodes = 3, .hours = 24};
	int64_t seeds = 1, most_seconds = INT64_MAX;
	for (int i = 1; i < argc; i++) {
		const char *flag = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (streq(flag, "--verbose")) {
			c.verbose = true;
			continue;
		}
		if (streq(flag, "--seed")) {
			c.seed = (uint64_t)number(flag, next);
		} else if (streq(flag, "--hours")) {
			c.hours = number(flag, next);
		} else if (streq(flag, "--nodes")) {
			c.nodes = (unsigned)MIN(MAX(number(flag, next), 1), 16);
		} else if (streq(flag, "--seeds")) {
			seeds = number(flag, next);
		} else if (streq(flag, "--seconds")) {
			most_seconds = number(flag, next);
		} else {
			(void)fputs(
			        "usage: sim [--seed N] [--hours H] [--nodes K] [--seeds COUNT] [--seconds S] "
			        "[--verbose]\n",
			        stderr);
			return 2;
		}
		i++;
	}
	struct life_result all = {0};
	double begin = seconds();
	int64_t lives = 0;
	for (; lives < seeds && seconds() - begin < (double)most_seconds; lives++, c.seed++) {
		struct life_result r;
		bool good = life(&c, &r, stderr);
		all.simulated_ms += r.simulated_ms;
		all.steps += r.steps;
		all.writes += r.writes;
		all.faults += r.faults;
		all.rounds += r.rounds;
		all.hash ^= r.hash;
		all.slowest_ms = MAX(all.slowest_ms, r.slowest_ms);
		if (!good) {
			(void)printf("FAILED: tests/sim/run --seed %" PRIu64 " --hours %" PRId64
			             " --nodes %u --verbose\n",
			             c.seed, c.hours, c.nodes);
			return 1;
		}
	}
	double took = seconds() - begin;
	(void)printf("%" PRId64 " lives, %.0f cluster-hours, %u rounds, %" PRIu64 " steps, %" PRIu64
	             " writes, %" PRIu64 " faults, slowest convergence %.0f s, hash %016" PRIx64
	             ", %.1f s, %.0f hours a second\n",
	             lives, (double)all.simulated_ms / 3600000, all.rounds, all.steps, all.writes, all.faults,
	             (double)all.slowest_ms / 1000, all.hash, took,
	             (double)all.simulated_ms / 3600000 / took);
	return 0;
}
