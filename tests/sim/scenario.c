#include "sim/scenario.h"

#include <stdio.h>

#include "core/log.h"
#include "sim/invariant.h"
#include "sim/user.h"

enum {
	SECOND_MS = 1000,
	MINUTE_MS = 60 * SECOND_MS,
	END_MS = 10 * MINUTE_MS,      /* everything but an event that was lost */
	END_LOST_MS = 25 * MINUTE_MS, /* that is found by a mirror's slow list */
	QUIET_MS = 10 * MINUTE_MS,
};

static bool converged(struct world *w, void *ctx _unused_)
{
	_cleanup_str_ struct str why = STR_INIT;
	return invariants_converged(w->invariants, &why);
}

/* As wanted, or long enough: a story goes on in both cases. */
static void rest(struct world *w)
{
	if (!world_until(w, 30 * SECOND_MS, converged, NULL))
		world_note(w, "the story goes on");
}

static void put_node(struct world *w, unsigned i, const char *state)
{
	char key[32], value[128];
	(void)snprintf(key, sizeof(key), "nodes/%s", w->nodes[i].name);
	(void)snprintf(value, sizeof(value), "{\"kind\":\"node\",\"name\":\"%s\",\"state\":\"%s\"}",
	               w->nodes[i].name, state);
	world_put(w, key, value);
}

/* Every pod that the node's engine has. */
static void each_pod(struct world *w, const char *service, const char *container,
                     void (*fn)(struct sim_machine *m, const char *pod, const char *container))
{
	for (unsigned i = 0; i < w->n_nodes; i++)
		invariants_each_pod(w->invariants, i, service, container, fn);
}

static void created(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
}

static void rolled_out(struct world *w)
{
	user_put(w, "web", 3, "app:1", "");
	rest(w);
	user_put(w, "web", 3, "app:2", "");
}

static void stopped_first(struct world *w)
{
	static const char more[] = ",\"update\":{\"order\":\"stop-first\"}";
	user_put(w, "web", 2, "app:1", more);
	rest(w);
	user_put(w, "web", 2, "app:2", more);
}

static void scaled(struct world *w)
{
	user_put(w, "web", 4, "app:1", "");
	rest(w);
	user_put(w, "web", 1, "app:1", "");
	world_run(w, 100);
	user_put(w, "web", 3, "app:1", "");
}

static void deleted(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	user_put(w, "api", 1, "app:2", "");
	rest(w);
	world_delete(w, "microservices/default/web");
}

static void deleted_and_made_again(struct world *w)
{
	user_put(w, "web", 2, "stubborn:1", ",\"stopGrace\":\"5s\"");
	rest(w);
	world_delete(w, "microservices/default/web");
	world_run(w, SECOND_MS);
	user_put(w, "web", 2, "stubborn:1", ",\"stopGrace\":\"5s\"");
}

static void crash(struct sim_machine *m, const char *pod, const char *container)
{
	sim_exit(m, pod, container, 1, false);
}

static void crashed(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	rest(w);
	each_pod(w, "web", "app", crash);
	world_run(w, 5 * SECOND_MS);
	each_pod(w, "web", "app", crash);
}

static void shared_network_removed(struct world *w)
{
	world_put(w, "microservices/default/web",
	          "{\"kind\":\"microservice\",\"name\":\"web\",\"scale\":1,\"containers\":{\"app\":{"
	          "\"image\":\"app:1\"},"
	          "\"side\":{\"image\":\"app:2\"}}}");
	rest(w);
	each_pod(w, "web", NULL, crash);
	world_run(w, 10 * SECOND_MS);
	each_pod(w, "web", NULL, sim_rm);
}

static void bad_image(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	rest(w);
	user_put(w, "web", 2, "absent:1", "");
	world_run(w, 20 * SECOND_MS);
	user_put(w, "web", 2, "app:2", "");
}

/* The old pod runs on while the new one's image can not be had, and goes with it. */
static void bad_image_given_up(struct world *w)
{
	static const char more[] = ",\"update\":{\"order\":\"stop-first\"}";
	user_put(w, "web", 2, "app:1", more);
	rest(w);
	user_put(w, "web", 2, "absent:1", more);
	world_run(w, 20 * SECOND_MS);
	user_put(w, "web", 0, "absent:1", more);
}

static void bad_value(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	rest(w);
	world_put(w, "microservices/default/web", "scale: [");
	world_run(w, 5 * SECOND_MS);
	user_put(w, "web", 1, "app:1", "");
}

static void node_lost(struct world *w)
{
	user_put(w, "web", 4, "app:1", "");
	rest(w);
	node_off(&w->nodes[1]);
	world_run(w, 30 * SECOND_MS);
	node_on(&w->nodes[1]);
}

static void node_cut_off(struct world *w)
{
	user_put(w, "web", 4, "app:1", "");
	rest(w);
	node_cut(&w->nodes[1], true);
	world_run(w, 30 * SECOND_MS);
	node_cut(&w->nodes[1], false);
}

static void node_drained(struct world *w)
{
	user_put(w, "web", 4, "app:1", "");
	rest(w);
	put_node(w, 1, "draining");
	world_run(w, 20 * SECOND_MS);
	put_node(w, 1, "active");
}

static void leader_killed(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	rest(w);
	for (unsigned i = 0; i < w->n_nodes; i++)
		if (world_process(w, i, ROLE_SCHEDULER)->writes)
			process_kill(world_process(w, i, ROLE_SCHEDULER), 20 * SECOND_MS);
	user_put(w, "web", 3, "app:2", "");
}

static void engine_restarted(struct world *w)
{
	user_put(w, "web", 2, "app:1", "");
	rest(w);
	sim_down(w->nodes[0].machine, true, false);
	user_put(w, "web", 3, "app:1", "");
	world_run(w, 12 * SECOND_MS);
	sim_up(w->nodes[0].machine);
}

const struct scenario scenarios[] = {
        {"created", 2, created},
        {"rolled out", 2, rolled_out},
        {"stopped first", 2, stopped_first},
        {"scaled", 2, scaled},
        {"deleted", 2, deleted},
        {"deleted and made again", 2, deleted_and_made_again},
        {"crashed", 1, crashed},
        {"shared network removed", 1, shared_network_removed},
        {"bad image", 2, bad_image},
        {"bad image given up", 2, bad_image_given_up},
        {"bad value", 1, bad_value},
        {"node lost", 2, node_lost},
        {"node cut off", 2, node_cut_off},
        {"node drained", 2, node_drained},
        {"leader killed", 2, leader_killed},
        {"engine restarted", 2, engine_restarted},
};
const size_t n_scenarios = ELEMENTS(scenarios);

static void check_quiet(struct world *w)
{
	world_run(w, 2 * MINUTE_MS); /* a series of failures is forgotten after a minute */
	int64_t rev = memory_store_revision(w->store);
	uint64_t operations = invariants_operations(w->invariants);
	world_run(w, QUIET_MS);
	const char *key = memory_store_last_write(w->store, rev, WORLD_ROOT "/events/");
	if (key)
		world_fail(w, "at its end it writes %s", key);
	if (invariants_operations(w->invariants) != operations)
		world_fail(w, "at its end it does something with its containers");
}

bool scenario_tell(const struct scenario *s, uint64_t seed, const struct disturbance *d, bool verbose,
                   struct told *ret, struct str *ret_why)
{
	log_init("sim", verbose ? LOG_INFO : LOG_ERROR, true);
	struct world *w = world_new(
	        &(struct world_config){.seed = seed, .nodes = s->nodes, .slow_ms = 2, .traced = verbose});
	w->verbose = verbose;
	user_offer_images(w);
	world_start(w);
	world_run(w, 2 * SECOND_MS);
	/* positions are counted from here on */
	w->process_writes = w->deliveries = w->operations = 0;
	w->kill_at_write = d->kill_at_write;
	w->pause_at_write = d->pause_at_write;
	w->kill_at_operation = d->kill_at_operation;
	w->lose_at = d->lose_at;
	w->defer_at = d->defer_at;
	uint64_t operations = invariants_operations(w->invariants);
	s->tell(w);
	if (!world_until(w, d->lose_at ? END_LOST_MS : END_MS, converged, NULL) && !w->failure) {
		_cleanup_str_ struct str why = STR_INIT;
		(void)invariants_converged(w->invariants, &why);
		world_fail(w, "not as wanted in time: %s", str_get(&why));
	}
	*ret = (struct told){.writes = w->process_writes,
	                     .deliveries = w->deliveries,
	                     .operations = invariants_operations(w->invariants) - operations};
	invariants_describe(w->invariants, &ret->end);
	world_heal(w); /* a fault that never came about does not come now */
	if (!w->failure && !d->lose_at)
		check_quiet(w);
	bool good = !w->failure;
	if (!good)
		str_puts(ret_why, w->failure);
	(void)world_free(w);
	return good;
}
