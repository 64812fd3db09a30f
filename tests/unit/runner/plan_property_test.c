/* The invariants of the plan in many random worlds, by seed. */
#include "plan_world.h"

TEST(random_worlds_keep_the_invariants_and_come_to_rest)
{
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		struct world w;
		world_init(&w, seed);
		w.crashes = dice(&w, 4) == 0;
		world_trouble(&w, 60);
		world_rests(&w, seed);
		world_done(&w);
	}
}

TEST(a_held_pod_is_never_removed)
{
	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct world w;
		world_init(&w, seed);
		for (size_t i = 0; i < w.n; i++)
			w.state[i] = 'r';
		w.rig.in.claim = CLAIM_HELD;
		for (int i = 0; i < 40; i++) {
			int64_t until = w.rig.in.now_ms + 1 + (int64_t)dice(&w, 5000);
			while (w.rig.in.now_ms < until)
				step(&w, until);
			mischief(&w);
			w.rig.in.claim = CLAIM_HELD;
			step(&w, w.rig.in.now_ms);
		}
		CHECK_INT(w.removes, 0);
		world_done(&w);
	}
}

TEST(a_crash_loop_costs_few_starts)
{
	struct world w;
	world_init(&w, 3);
	w.peace = true;
	w.crashes = true;
	for (size_t i = 0; i < w.n; i++)
		w.state[i] = '-';
	int64_t end = w.rig.in.now_ms + 3600000;
	while (w.rig.in.now_ms < end)
		step(&w, end);
	/* 1 + 2 + 4 + ... + 256 s, then every five minutes; other containers once each */
	MUST(w.starts >= 18 && w.starts <= 25, "%u starts of %zu containers", w.starts, w.n);
	world_done(&w);
}

TEST(an_untroubled_pod_is_up_without_a_wait)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct world w;
		world_init(&w, seed);
		w.peace = true;
		for (size_t i = 0; i < w.n; i++)
			w.state[i] = '-';
		/* find, pull, create, start: each at most 300 ms, nothing in between */
		int64_t end = w.rig.in.now_ms + 4 * 301;
		while (w.rig.in.now_ms < end)
			step(&w, end);
		check_rest(&w, seed);
		CHECK_INT(w.rig.memory.step, STEP_RUNNING);
		world_done(&w);
	}
}
