/*
 * How soon: in a world that nobody disturbs otherwise, each thing that is due happens within its bound, not only some
 * day. The bounds are made of what the engine takes (user.c: an image 6 to 7.5 s, a start 0.25 s), of the lease of a node
 * and of the leader (4 s), and of the first delays of back-off.
 */
#include "core/log.h"
#include "lib/test.h"
#include "sim/invariant.h"
#include "sim/user.h"

enum { ENGINE_MS = 600 /* create, start, stop, remove, with their spread */, WORK_MS = 300, LEASE_MS = 4000 };

static struct world *begin(uint64_t seed, unsigned nodes)
{
	log_init("sim", LOG_ERROR, true);
	struct world *w =
	        world_new(&(struct world_config){.seed = seed, .nodes = nodes, .slow_ms = 2, .traced = true});
	user_offer_images(w);
	for (unsigned i = 0; i < nodes; i++) {
		sim_image_set(w->nodes[i].machine, "app:1", true);
		sim_image_set(w->nodes[i].machine, "app:2", true);
	}
	world_start(w);
	world_run(w, 2000);
	return w;
}

static void end(struct world *w)
{
	if (w->failure)
		test_fail(__FILE__, __LINE__, "%s", w->failure);
	world_free(w);
}

static bool converged(struct world *w, void *ctx _unused_)
{
	_cleanup_str_ struct str why = STR_INIT;
	return invariants_converged(w->invariants, &why);
}

static void within_at(struct world *w, int64_t ms, bool (*done)(struct world *, void *), const char *what,
                      int line)
{
	if (world_until(w, ms, done, NULL))
		return;
	_cleanup_str_ struct str why = STR_INIT;
	(void)invariants_converged(w->invariants, &why);
	const char *trace = str_get(&w->trace);
	test_fail(__FILE__, line, "%s\nseed %d: not within %d ms: %s: %s",
	          w->trace.len > 6000 ? trace + w->trace.len - 6000 : trace, (int)w->config.seed, (int)ms,
	          what, w->failure ? w->failure : str_get(&why));
}
#define WITHIN(w, ms, done) within_at(w, ms, done, #done, __LINE__)

/* Several seeds: the bound is no luck. */
#define EACH_SEED(seed) for (uint64_t seed = 1; seed <= 20; seed++)

TEST(a_microservice_runs_as_soon_as_its_engine_can)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 3);
		user_put(w, "web", 3, "app:1", "");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		user_put(w, "api", 1, "app:4", "");
		WITHIN(w, 7500 + ENGINE_MS + WORK_MS, converged);
		world_delete(w, "microservices/default/web");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		end(w);
	}
}

static void crash(struct sim_machine *m, const char *pod, const char *container)
{
	sim_exit(m, pod, container, 1, false);
}

static bool no_endpoints(struct world *w, void *ctx _unused_)
{
	return !strstr(world_get(w, "endpoints/default/web"), "\"pod\"");
}

TEST(a_container_that_ended_is_back)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 1);
		user_put(w, "web", 1, "app:1", "");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		invariants_each_pod(w->invariants, 0, "web", "app", crash);
		WITHIN(w, WORK_MS, no_endpoints);
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		/* the second time after about a second */
		world_run(w, 100);
		invariants_each_pod(w->invariants, 0, "web", "app", crash);
		WITHIN(w, WORK_MS, no_endpoints);
		WITHIN(w, 1100 + ENGINE_MS + WORK_MS, converged);
		end(w);
	}
}

static bool without_n2(struct world *w, void *ctx _unused_)
{
	const char *e = world_get(w, "endpoints/default/web");
	return e && !strstr(e, "\"n2\"");
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	for (const char *at = text; at && (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

static bool replaced(struct world *w, void *ctx)
{
	return without_n2(w, ctx) && count(world_get(w, "endpoints/default/web"), "\"pod\"") == 4;
}

TEST(a_lost_node_is_replaced_and_may_come_back)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 3);
		user_put(w, "web", 4, "app:1", "");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		node_off(&w->nodes[1]);
		WITHIN(w, LEASE_MS + WORK_MS, without_n2);
		/* the leader may have been on it: its lease ends at the same time, and another one is elected */
		WITHIN(w, ENGINE_MS + WORK_MS, replaced);
		node_on(&w->nodes[1]);
		/* boots for up to four seconds; what it says is believed after three; then the surplus goes */
		WITHIN(w, 4000 + 3000 + 2 * ENGINE_MS + WORK_MS, converged);
		end(w);
	}
}

static bool another_leads(struct world *w, void *ctx _unused_)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		const char *leader = world_get(w, "leader/scheduler");
		if (world_process(w, i, ROLE_SCHEDULER)->loop && leader &&
		    str_after(leader, w->nodes[i].name))
			return true;
	}
	return false;
}

TEST(a_leader_that_died_has_a_successor)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 3);
		for (unsigned i = 0; i < w->n_nodes; i++)
			if (str_after(world_get(w, "leader/scheduler"), w->nodes[i].name)) {
				process_kill(world_process(w, i, ROLE_SCHEDULER), 60000);
				break;
			}
		world_run(w, 10);
		CHECK(!another_leads(w, NULL));
		WITHIN(w, LEASE_MS + WORK_MS, another_leads);
		user_put(w, "web", 2, "app:1", "");
		WITHIN(w, 60000, converged);
		end(w);
	}
}

TEST(a_runner_that_died_misses_nothing)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 1);
		user_put(w, "web", 2, "app:1", "");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		process_kill(world_process(w, 0, ROLE_RUNNER), 5000);
		world_run(w, 100);
		invariants_each_pod(w->invariants, 0, "web", "app", crash);
		user_put(w, "web", 3, "app:1", "");
		WITHIN(w, 5000 + 2 * ENGINE_MS + WORK_MS, converged);
		end(w);
	}
}

TEST(everything_at_once_after_the_store_was_away)
{
	EACH_SEED(seed)
	{
		struct world *w = begin(seed, 3);
		user_put(w, "web", 3, "app:1", "");
		WITHIN(w, ENGINE_MS + WORK_MS, converged);
		for (unsigned i = 0; i < 3; i++)
			node_cut(&w->nodes[i], true);
		world_run(w, 30000);
		user_put(w, "web", 4, "app:2", "");
		for (unsigned i = 0; i < 3; i++)
			node_cut(&w->nodes[i], false);
		/* leases anew, three seconds until returned nodes are believed, then one pod after the other */
		WITHIN(w, LEASE_MS + 3000 + 8 * (ENGINE_MS + WORK_MS), converged);
		end(w);
	}
}
