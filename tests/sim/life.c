#include "sim/life.h"

#include <inttypes.h>

#include "core/log.h"
#include "sim/fault.h"
#include "sim/invariant.h"
#include "sim/user.h"

enum {
	MINUTE_MS = 60 * 1000,
	/* the longest back-off (five minutes) twice, and the rollout behind it */
	CONVERGE_MS = 15 * MINUTE_MS,
	/* lost events are found by the slow list of a mirror, after up to twenty minutes; and what follows from them */
	CONVERGE_LOST_MS = 45 * MINUTE_MS,
	QUIET_MS = 60 * MINUTE_MS,
	SETTLE_MS = 2 * MINUTE_MS, /* programs that were started before somebody mended them end once more */
};

static bool converged(struct world *w, void *ctx _unused_)
{
	_cleanup_str_ struct str why = STR_INIT;
	return invariants_converged(w->invariants, &why);
}

/* From now and then something to everything at once. */
static const struct weather {
	int64_t user_mean_ms, fault_mean_ms, disturbed_ms;
	unsigned weight; /* how often, against the others */
} weathers[] = {
        {10 * MINUTE_MS, 4 * MINUTE_MS, 60 * MINUTE_MS, 5},
        {2 * MINUTE_MS, MINUTE_MS, 30 * MINUTE_MS, 2},
        {20 * 1000, 8 * 1000, 5 * MINUTE_MS, 1},
        {5 * 1000, 1500, MINUTE_MS, 1},
};

static const struct weather *pick_weather(struct world *w)
{
	unsigned all = 0;
	for (size_t i = 0; i < ELEMENTS(weathers); i++)
		all += weathers[i].weight;
	unsigned pick = (unsigned)timeline_below(w->time, all);
	size_t i = 0;
	while (pick >= weathers[i].weight)
		pick -= weathers[i++].weight;
	return &weathers[i];
}

static void disturb(struct world *w, const struct weather *weather)
{
	int64_t until = world_now(w) + weather->disturbed_ms;
	while (world_now(w) < until && !w->failure) {
		int64_t pause = (int64_t)timeline_below(w->time, (uint64_t)(2 * weather->user_mean_ms));
		world_run(w, MIN(pause, until - world_now(w)));
		unsigned acts = 1 + (unsigned)timeline_below(w->time, 3);
		while (acts-- && !w->failure)
			user_act(w);
	}
}

/* Events of old leases run out for an hour; everything else would be a write that says nothing new. */
static void check_quiet(struct world *w)
{
	int64_t rev = memory_store_revision(w->store);
	uint64_t operations = invariants_operations(w->invariants);
	world_run(w, QUIET_MS);
	if (w->failure)
		return;
	if (invariants_operations(w->invariants) != operations)
		world_fail(w, "a world that is as wanted does something with its containers");
	const char *key = memory_store_last_write(w->store, rev, WORLD_ROOT "/events/");
	if (key)
		world_fail(w, "a world that is as wanted writes %s", key);
}

static void round_of(struct world *w, struct life_result *ret)
{
	const struct weather *weather = pick_weather(w);
	struct faults *f = faults_new(w, weather->fault_mean_ms);
	disturb(w, weather);
	bool lost = faults_lost_events(f);
	bool restored = faults_restored(f);
	(void)faults_free(f);
	if (w->failure)
		return;
	world_heal(w);
	user_mend(w);
	int64_t since = world_now(w);
	if (restored) {
		world_run(w, 5 * MINUTE_MS); /* until everybody has seen it */
		invariants_tidy(w->invariants);
	}
	world_run(w, SETTLE_MS);
	if (!world_until(w, lost ? CONVERGE_LOST_MS : CONVERGE_MS, converged, NULL) && !w->failure) {
		_cleanup_str_ struct str why = STR_INIT;
		(void)invariants_converged(w->invariants, &why);
		world_fail(w, "not as wanted after %d minutes: %s", (int)((world_now(w) - since) / MINUTE_MS),
		           str_get(&why));
	}
	ret->slowest_ms = MAX(ret->slowest_ms, world_now(w) - since);
	if (!w->failure)
		world_run(w,
		          MINUTE_MS); /* a series of failures is forgotten after that time: a last status */
	if (!w->failure)
		check_quiet(w);
	memory_store_compact(w->store, 0);
	ret->rounds++;
}

static bool live(const struct life_config *config, bool traced, struct life_result *ret, FILE *out)
{
	*ret = (struct life_result){0};
	log_init("sim", config->verbose ? LOG_INFO : LOG_ERROR, true);
	struct world *w = world_new(&(struct world_config){.seed = config->seed,
	                                                   .nodes = config->nodes,
	                                                   .schedulers = 2,
	                                                   .slow_ms = 3,
	                                                   .look_ms = 1000,
	                                                   .traced = traced});
	w->verbose = config->verbose;
	int64_t begin = world_now(w);
	user_offer_images(w);
	world_start(w);
	while (!w->failure && world_now(w) - begin < config->hours * 60 * MINUTE_MS)
		round_of(w, ret);
	ret->simulated_ms = world_now(w) - begin;
	ret->steps = timeline_steps(w->time);
	ret->hash = timeline_hash(w->time);
	ret->writes = w->writes;
	ret->faults = w->faults;
	bool good = !w->failure;
	if (!good && traced) {
		if (!config->verbose) {
			const char *text = str_get(&w->trace);
			size_t keep = 16384;
			(void)fputs(w->trace.len > keep ? text + w->trace.len - keep : text, out);
		}
		(void)fprintf(out, "seed %" PRIu64 ", %u nodes: after %.1f h: %s\n", config->seed,
		              config->nodes, (double)ret->simulated_ms / 3600000, w->failure);
	}
	(void)world_free(w);
	return good;
}

bool life(const struct life_config *config, struct life_result *ret, FILE *out)
{
	if (live(config, config->verbose, ret, out))
		return true;
	/* once more, as it was, with words */
	struct life_result again;
	if (out && !config->verbose)
		(void)live(config, true, &again, out);
	return false;
}
