/* What holds in every world: random ones, driven until they come to rest. A failure prints its seed. */
#include <signal.h>
#include <unistd.h>

#include "chaos.h"

static volatile uint32_t seed_now;

static void print_seed(int signum)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "seed %u\n", seed_now);
	(void)!write(STDERR_FILENO, line, (size_t)n);
	(void)signal(signum, SIG_DFL);
}

static uint32_t dice(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

TEST(random_worlds_come_to_rest_as_they_are_wanted)
{
	(void)signal(SIGABRT, print_seed);
	for (uint32_t seed = 1; seed <= 600; seed++) {
		uint32_t state = seed;
		uint8_t data[160];
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)dice(&state);
		seed_now = seed;
		chaos_run(data, sizeof(data));
	}
}

struct bounds {
	size_t pods, up;
};

static struct bounds look(struct world *w)
{
	struct bounds b = {.pods = w->n_pods};
	for (size_t i = 0; i < w->n_pods; i++)
		b.up += chaos_up(w, i);
	return b;
}

/* A rollout without faults, with pods that take their time to start and edits in the middle. */
static void roll(uint32_t seed)
{
	uint32_t state = seed;
	struct world w;
	int64_t desired = 1 + dice(&state) % 9;
	world_init(&w, "n1 n2 n3", "", "a", desired);
	bool stop_first = dice(&state) & 1;
	w.spec.update.order = stop_first ? ORDER_STOP_FIRST : ORDER_START_FIRST;
	w.spec.update.parallelism = 1 + dice(&state) % 4;
	(void)world_turn(&w);
	world_run(&w, "run");
	(void)world_turn(&w);
	int edits = 3;
	for (int step = 0; step < 400; step++) {
		if (edits && dice(&state) % 16 == 0) {
			(void)snprintf(w.revision, sizeof(w.revision), "%c", 'a' + (int)(dice(&state) % 4));
			edits--;
		}
		for (size_t i = 0; i < w.n_pods; i++)
			if (!chaos_up(&w, i) && dice(&state) % 3 == 0)
				world_set_status(&w.pods[i], w.pods[i].has_status ? "run" : "pend");
		w.now_ms += 20;
		(void)world_turn(&w);
		const struct bounds b = look(&w);
		int64_t parallelism = w.spec.update.parallelism;
		if ((int64_t)b.pods > desired + parallelism ||
		    (int64_t)b.up < desired - (stop_first ? parallelism : 0))
			test_fail(__FILE__, __LINE__,
			          "seed %u, step %d: %zu pods, %zu up, %lld wanted, %lld at a time", seed,
			          step, b.pods, b.up, (long long)desired, (long long)parallelism);
	}
	CHECK_INT(look(&w).up, desired);
	CHECK_INT(w.n_pods, desired);
	world_done(&w);
}

TEST(a_rollout_without_faults_keeps_its_bounds)
{
	for (uint32_t seed = 1; seed <= 300; seed++)
		roll(seed);
}
