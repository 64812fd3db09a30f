#include "sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "sim/invariant.h"

#define TRACE_BYTES (64 * 1024)
#define RESTLESS    200000 /* steps at one instant: a world that never comes to rest */

enum {
	BACK_MS = 100,        /* the supervisor's first delay */
	IN_FLIGHT_MS = 10000, /* longer than any lease */
};

static const char *const role_words[] = {"scheduler", "runner", "health"};

/* --- words --- */

int64_t world_now(const struct world *w)
{
	return timeline_now(w->time);
}

void world_note(struct world *w, const char *fmt, ...)
{
	if (!w->verbose && !w->config.traced)
		return;
	size_t from = w->trace.len;
	str_printf(&w->trace, "%10.3f  ", (double)world_now(w) / 1000);
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_printf(&w->trace, "%s\n", text);
	if (w->verbose)
		(void)fputs(str_get(&w->trace) + from, stderr);
	if (w->trace.len > 2 * (size_t)TRACE_BYTES)
		str_consume(&w->trace, w->trace.len - TRACE_BYTES);
}

void world_fail(struct world *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w->failure)
		return;
	w->failure = mem_strdup(text);
	world_note(w, "FAILED: %s", text);
}

/* --- processes --- */

static struct engine *new_engine(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
                                 struct error *err _unused_)
{
	struct process *p = ctx;
	const struct engine_config cfg = {.node = p->node->name, .parallel = 4};
	return sim_engine_new_on(p->node->machine, p->loop, &cfg, cbs, cbs_ctx);
}

static void process_start(struct process *p)
{
	struct world *w = p->world;
	struct world_node *n = p->node;
	if (p->loop || p->off)
		return;
	loop_timer_stop(&p->back);
	p->starts++;
	p->loop = timeline_loop(w->time, &n->wall_offset_ms);
	loop_slow(p->loop, w->config.slow_ms);
	p->store = memory_store_open_on(w->store, p->loop);
	if (n->cut)
		memory_store_cut(p->store, true);
	world_note(w, "%s starts", p->name);
	loop_enter(p->loop);
	switch (p->role) {
	case ROLE_SCHEDULER:
		p->scheduler = scheduler_new(&(struct scheduler_config){
		        .loop = p->loop, .store = p->store, .root = WORLD_ROOT, .node = n->name});
		break;
	case ROLE_RUNNER: {
		struct error err = {0};
		p->runner = runner_new(&(struct runner_config){.loop = p->loop,
		                                               .store = p->store,
		                                               .root = WORLD_ROOT,
		                                               .node = n->name,
		                                               .data_dir = n->data_dir,
		                                               .engine_new = new_engine,
		                                               .ctx = p},
		                       &err);
		break;
	}
	case ROLE_HEALTH:
		p->health = health_new(&(struct health_config){.loop = p->loop,
		                                               .store = p->store,
		                                               .root = WORLD_ROOT,
		                                               .node = n->name,
		                                               .data_dir = n->data_dir});
		break;
	case ROLE_KINDS:
		break;
	}
	loop_leave(p->loop);
}

/* Frees what runs in it. Killed processes are cut and dead by now: nothing of this is seen outside. */
static void process_end(struct process *p)
{
	if (!p->loop)
		return;
	if (p->world->deferred == p) {
		p->world->deferred = NULL;
		loop_timer_stop(&p->world->undefer);
	}
	loop_enter(p->loop);
	p->scheduler = scheduler_free(p->scheduler);
	p->runner = runner_free(p->runner);
	p->health = health_free(p->health);
	p->store = store_free(p->store);
	loop_leave(p->loop);
	if (!loop_at_rest(p->loop))
		world_fail(p->world, "%s was freed and left a timer or a task", p->name);
	p->loop = loop_free(p->loop);
	p->world->n_doomed -= p->doomed;
	p->doomed = p->paused = false;
}

static void reap(struct world *w)
{
	for (unsigned i = 0; w->n_doomed && i < w->n_nodes; i++)
		for (unsigned k = 0; k < ROLE_KINDS; k++)
			if (w->nodes[i].processes[k].doomed)
				process_end(&w->nodes[i].processes[k]);
}

static void on_back(void *ctx)
{
	struct process *p = ctx;
	if (p->paused) {
		p->paused = false;
		world_note(p->world, "%s goes on", p->name);
		loop_hold(p->loop, false);
		if (!p->node->cut)
			memory_store_cut(p->store, false);
	} else {
		process_start(p);
	}
}

struct process *world_process(struct world *w, unsigned node, enum role_kind role)
{
	return &w->nodes[node].processes[role];
}

void process_kill(struct process *p, int64_t back_ms)
{
	if (p->loop && !p->doomed) {
		world_note(p->world, "%s is killed", p->name);
		memory_store_cut(p->store, true);
		loop_kill(p->loop);
		p->doomed = true;
		p->world->n_doomed++;
	}
	p->paused = false;
	if (!p->off)
		loop_timer_in(&p->back, back_ms);
}

void process_restart(struct process *p, int64_t back_ms)
{
	if (!p->loop || p->doomed || p->paused)
		return;
	world_note(p->world, "%s is stopped", p->name);
	process_end(p);
	if (!p->off)
		loop_timer_in(&p->back, back_ms);
}

void process_pause(struct process *p, int64_t ms)
{
	if (!p->loop || p->doomed || p->paused)
		return;
	world_note(p->world, "%s is paused for %" PRId64 " ms", p->name, ms);
	p->paused = true;
	memory_store_cut(p->store, true);
	loop_hold(p->loop, true);
	loop_timer_in(&p->back, ms);
}

void process_cut(struct process *p, bool cut)
{
	if (!p->loop || p->doomed || p->paused || p->node->cut)
		return;
	world_note(p->world, "%s is %s the store", p->name, cut ? "cut off" : "back at");
	memory_store_cut(p->store, cut);
}

void node_off(struct world_node *n)
{
	if (n->off)
		return;
	world_note(n->world, "%s loses power", n->name);
	n->off = true;
	for (unsigned k = 0; k < ROLE_KINDS; k++) {
		n->processes[k].off = true;
		loop_timer_stop(&n->processes[k].back);
		process_kill(&n->processes[k], 0);
	}
	sim_hang(n->machine, false);
	sim_down(n->machine, false, false);
}

void node_on(struct world_node *n)
{
	if (!n->off)
		return;
	world_note(n->world, "%s boots", n->name);
	n->off = false;
	sim_up(n->machine);
	for (unsigned k = 0; k < ROLE_KINDS; k++) {
		struct process *p = &n->processes[k];
		p->off = k == ROLE_SCHEDULER && n->world->config.schedulers &&
		         (unsigned)(n - n->world->nodes) >= n->world->config.schedulers;
		if (!p->off)
			loop_timer_in(&p->back, 1000 + (int64_t)timeline_below(n->world->time, 3000));
	}
}

void node_cut(struct world_node *n, bool cut)
{
	if (n->cut == cut)
		return;
	world_note(n->world, "%s is %s the store", n->name, cut ? "cut off" : "back at");
	n->cut = cut;
	for (unsigned k = 0; k < ROLE_KINDS; k++) {
		struct process *p = &n->processes[k];
		if (p->store && !p->doomed && !p->paused)
			memory_store_cut(p->store, cut);
	}
}

/* --- the store --- */

static struct process *owner_of(const struct world *w, const struct store *s)
{
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < ROLE_KINDS; k++)
			if (s && w->nodes[i].processes[k].store == s)
				return (struct process *)(uintptr_t)&w->nodes[i].processes[k];
	return NULL;
}

static void count_write(struct world *w, struct process *p)
{
	p->writes++;
	w->process_writes++;
	if (p->writes == p->kill_at_write || w->process_writes == w->kill_at_write)
		process_kill(p, BACK_MS);
	if (w->process_writes == w->pause_at_write)
		process_pause_in_flight(p, IN_FLIGHT_MS);
}

static void on_write(void *ctx, const struct store *by, const struct store_event *events, size_t count)
{
	struct world *w = ctx;
	struct process *p = owner_of(w, by);
	const char *who = p ? p->name : by == w->store ? "user" : "server";
	w->writes++;
	for (size_t i = 0; i < count; i++) {
		const struct store_kv *kv = &events[i].kv;
		world_note(w, "%s: rev %" PRId64 " %s %s %.250s", who, kv->mod_rev,
		           events[i].deleted ? "del" : "put", kv->key + strlen(WORLD_ROOT) + 1,
		           events[i].deleted ? "" : kv->value);
		timeline_mix(w->time, kv->key, strlen(kv->key));
		if (!events[i].deleted &&
		    !str_after(kv->key, WORLD_ROOT "/leader/")) /* it has the process's number */
			timeline_mix(w->time, kv->value, kv->value_len);
	}
	invariants_write(w->invariants, p, p ? NULL : by == w->store ? "user" : "server", events, count);
	if (p)
		count_write(w, p);
}

static void on_undefer(void *ctx)
{
	struct world *w = ctx;
	if (w->deferred && !w->deferred->doomed)
		memory_store_hold_events(w->deferred->store, false);
	w->deferred = NULL;
}

enum { DEFER_MS = 30000 };

static enum memory_delivery on_deliver(void *ctx, struct store *to, const struct store_event *events _unused_,
                                       size_t count _unused_)
{
	struct world *w = ctx;
	w->deliveries++;
	if (w->deliveries == w->lose_at) {
		world_note(w, "%s misses events from rev %" PRId64,
		           owner_of(w, to) ? owner_of(w, to)->name : "?", events[0].kv.mod_rev);
		invariants_blind(w->invariants);
		return MEMORY_LOSE;
	}
	if (w->deliveries == w->defer_at) {
		w->deferred = owner_of(w, to);
		if (!w->deferred)
			return MEMORY_DELIVER;
		memory_store_hold_but(to, LEADER_KEY);
		world_note(w, "%s has an old view from rev %" PRId64 " on", w->deferred->name,
		           events[0].kv.mod_rev);
		loop_timer_in(&w->undefer, DEFER_MS);
		return MEMORY_DEFER;
	}
	return MEMORY_DELIVER;
}

void world_restore(struct world *w, int64_t rev)
{
	world_note(w, "the store is restored to rev %" PRId64 " from %" PRId64, rev,
	           memory_store_revision(w->store));
	invariants_restore(w->invariants);
	memory_store_restore(w->store, rev);
	invariants_restored(w->invariants);
}

/* --- users --- */

static void user_write(struct world *w, const char *key, const char *value)
{
	_cleanup_free_ char *whole = mem_printf(WORLD_ROOT "/%s", key);
	struct store_then then = {.what = value ? STORE_PUT : STORE_DELETE,
	                          .key = whole,
	                          .value = value,
	                          .value_len = value ? strlen(value) : 0};
	if (memory_store_apply(w->store, &(struct store_txn){.thens = &then, .n_thens = 1}))
		world_fail(w, "a user's write of %s was refused", key);
}

void world_put(struct world *w, const char *key, const char *value)
{
	user_write(w, key, value);
}

void world_delete(struct world *w, const char *key)
{
	user_write(w, key, NULL);
}

void world_list(struct world *w, const char *prefix,
                void (*fn)(void *, const char *, const struct store_kv *), void *ctx)
{
	_cleanup_free_ char *whole = mem_printf(WORLD_ROOT "/%s", prefix);
	struct store_range range;
	(void)memory_store_peek(
	        w->store, &(struct store_range_request){.key = whole, .prefix = true, .limit = INT32_MAX},
	        &range);
	for (size_t i = 0; i < range.count; i++)
		fn(ctx, range.kvs[i].key + strlen(WORLD_ROOT) + 1, &range.kvs[i]);
	free((void *)(uintptr_t)range.kvs);
}

const char *world_get(struct world *w, const char *key)
{
	_cleanup_free_ char *whole = mem_printf(WORLD_ROOT "/%s", key);
	struct store_range range;
	(void)memory_store_peek(w->store, &(struct store_range_request){.key = whole}, &range);
	const char *value = range.count ? range.kvs[0].value : NULL;
	free((void *)(uintptr_t)range.kvs);
	return value;
}

/* --- the world --- */

static void node_init(struct world *w, unsigned i)
{
	struct world_node *n = &w->nodes[i];
	n->world = w;
	(void)snprintf(n->name, sizeof(n->name), "n%u", i + 1);
	(void)snprintf(n->data_dir, sizeof(n->data_dir), "/data/%s", n->name);
	n->loop = timeline_loop(w->time, &n->wall_offset_ms);
	n->machine = sim_machine_new(n->loop, timeline_roll(w->time));
	for (unsigned k = 0; k < ROLE_KINDS; k++) {
		struct process *p = &n->processes[k];
		p->world = w;
		p->node = n;
		p->role = (enum role_kind)k;
		p->off = k == ROLE_SCHEDULER && w->config.schedulers && i >= w->config.schedulers;
		(void)snprintf(p->name, sizeof(p->name), "%s/%s", n->name, role_words[k]);
		loop_timer_init(w->outside, &p->back, on_back, p);
	}
}

struct world *world_new(const struct world_config *config)
{
	struct world *w = NEW(struct world);
	w->config = *config;
	w->time = timeline_new(config->seed);
	w->outside = timeline_loop(w->time, NULL);
	w->store = memory_store_new(w->outside);
	w->n_nodes = config->nodes;
	w->invariants = invariants_new(w);
	loop_timer_init(w->outside, &w->undefer, on_undefer, w);
	memory_store_observe(w->store, on_write, w);
	memory_store_on_deliver(w->store, on_deliver, w);
	for (unsigned i = 0; i < w->n_nodes; i++)
		node_init(w, i);
	return w;
}

struct world *world_free(struct world *w)
{
	if (!w)
		return NULL;
	memory_store_observe(w->store, NULL, NULL);
	for (unsigned i = 0; i < w->n_nodes; i++) {
		struct world_node *n = &w->nodes[i];
		for (unsigned k = 0; k < ROLE_KINDS; k++) {
			process_end(&n->processes[k]);
			loop_timer_stop(&n->processes[k].back);
		}
		n->machine = sim_machine_free(n->machine);
		n->loop = loop_free(n->loop);
	}
	loop_timer_stop(&w->undefer);
	w->invariants = invariants_free(w->invariants);
	w->store = store_free(w->store);
	w->outside = loop_free(w->outside);
	w->time = timeline_free(w->time);
	str_done(&w->trace);
	free(w->failure);
	free(w);
	return NULL;
}

void world_start(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		char key[64], value[200];
		(void)snprintf(key, sizeof(key), "nodes/%s", w->nodes[i].name);
		(void)snprintf(value, sizeof(value),
		               "{\"kind\":\"node\",\"name\":\"%s\",\"address\":\"10.0.0.%u\"}",
		               w->nodes[i].name, i + 1);
		world_put(w, key, value);
		for (unsigned k = 0; k < ROLE_KINDS; k++)
			process_start(&w->nodes[i].processes[k]);
	}
}

static void kill_at_operation(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		struct world_node *n = &w->nodes[i];
		uint64_t now = sim_operations(n->machine);
		w->operations += now - n->counted_operations;
		bool here = now != n->counted_operations;
		n->counted_operations = now;
		if (!here || w->operations < w->kill_at_operation)
			continue;
		w->kill_at_operation = 0;
		process_kill(&n->processes[ROLE_RUNNER], BACK_MS);
		reap(w);
		return;
	}
}

/* What is under way is sent when it goes on, whatever became of its leases meanwhile. */
static void pause_in_flight(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < ROLE_KINDS; k++) {
			struct process *p = &w->nodes[i].processes[k];
			if (!p->pause_in_flight_ms || !p->loop || p->doomed ||
			    !memory_store_pending(p->store))
				continue;
			int64_t ms = p->pause_in_flight_ms;
			p->pause_in_flight_ms = 0;
			w->in_flight_pauses--;
			process_pause(p, ms);
		}
}

void process_pause_in_flight(struct process *p, int64_t ms)
{
	p->world->in_flight_pauses += !p->pause_in_flight_ms;
	p->pause_in_flight_ms = ms;
}

static bool step(struct world *w, int64_t until_ms)
{
	bool more = timeline_step(w->time, until_ms);
	if (w->n_doomed)
		reap(w);
	invariants_step(w->invariants);
	if (w->kill_at_operation)
		kill_at_operation(w);
	if (w->in_flight_pauses)
		pause_in_flight(w);
	if (timeline_restless(w->time) > RESTLESS)
		world_fail(w, "busy without end: %d steps at one instant", RESTLESS);
	return more && !w->failure;
}

void world_run(struct world *w, int64_t ms)
{
	int64_t until = world_now(w) + ms;
	while (step(w, until))
		;
}

bool world_until(struct world *w, int64_t ms, bool (*done)(struct world *, void *), void *ctx)
{
	int64_t until = world_now(w) + ms;
	/* what is asked for is in the store or in an engine; it costs more than a step, so not after each */
	uint64_t looked = UINT64_MAX;
	int64_t next = world_now(w);
	do {
		uint64_t now = w->writes + invariants_operations(w->invariants);
		if (now == looked || world_now(w) < next)
			continue;
		looked = now;
		next = world_now(w) + w->config.look_ms;
		if (done(w, ctx))
			return true;
	} while (step(w, until));
	return !w->failure && done(w, ctx);
}

void world_heal(struct world *w)
{
	world_note(w, "everything is put in order");
	w->lose_at = w->defer_at = 0;
	w->in_flight_pauses = 0;
	for (unsigned i = 0; i < w->n_nodes; i++) {
		struct world_node *n = &w->nodes[i];
		n->wall_offset_ms = 0;
		node_cut(n, false);
		node_on(n);
		sim_chaos_set(n->machine, 0);
		sim_hang(n->machine, false);
		sim_up(n->machine);
		for (unsigned k = 0; k < ROLE_KINDS; k++) {
			struct process *p = &n->processes[k];
			p->pause_in_flight_ms = 0;
			if (!p->loop || p->doomed)
				continue;
			if (p->paused)
				loop_timer_in(&p->back, 0);
			process_cut(p, false);
			memory_store_hold_events(p->store, false);
			memory_store_duplicate_events(p->store, false);
			memory_store_lose_events(p->store, 0);
			memory_store_fail_txns(p->store, 0, STORE_OK, false);
			memory_store_fail_ranges(p->store, 0, STORE_OK);
		}
	}
}
