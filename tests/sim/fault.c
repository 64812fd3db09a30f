#include "sim/fault.h"

#include "controllers/runner/engine_sim/internal.h"
#include "core/mem.h"
#include "sim/invariant.h"

/* How often, against each other. */
static const unsigned weights[FAULT_KINDS] = {
        [FAULT_KILL] = 10,
        [FAULT_KILL_AT_WRITE] = 10,
        [FAULT_RESTART] = 3,
        [FAULT_PAUSE] = 6,
        [FAULT_PAUSE_IN_FLIGHT] = 6,
        [FAULT_CUT] = 6,
        [FAULT_NODE_OFF] = 4,
        [FAULT_NODE_CUT] = 4,
        [FAULT_TXNS_FAIL] = 5,
        [FAULT_TXNS_UNKNOWN] = 8,
        [FAULT_RANGES_FAIL] = 4,
        [FAULT_EVENTS_LOST] = 3,
        [FAULT_EVENTS_TWICE] = 4,
        [FAULT_EVENTS_LATE] = 6,
        [FAULT_COMPACT] = 3,
        [FAULT_STORE_RESTART] = 3,
        [FAULT_STORE_RESTORE] = 1,
        [FAULT_ENGINE_HANGS] = 4,
        [FAULT_ENGINE_DOWN] = 4,
        [FAULT_ENGINE_FAILS] = 6,
        [FAULT_CONTAINER_EXITS] = 10,
        [FAULT_CONTAINER_REMOVED] = 4,
        [FAULT_CLOCK] = 3,
};

struct faults {
	struct world *world;
	int64_t mean_ms;
	struct loop_timer next;
	struct loop_timer store_back;
	bool lost_events, restored;
};

/* Mostly seconds, sometimes minutes. */
static int64_t a_while(struct world *w)
{
	int64_t ms = 200 + (int64_t)timeline_below(w->time, 8000);
	return timeline_below(w->time, 5) ? ms : ms * 30;
}

static unsigned few(struct world *w)
{
	return 1 + (unsigned)timeline_below(w->time, 4);
}

static void on_process_fault_end(void *ctx)
{
	struct process *p = ctx;
	p->kill_at_write = 0;
	if (!p->loop || p->doomed)
		return;
	process_cut(p, false);
	memory_store_hold_events(p->store, false);
	memory_store_duplicate_events(p->store, false);
	memory_store_lose_events(p->store, 0);
}

static void on_node_fault_end(void *ctx)
{
	struct world_node *n = ctx;
	node_on(n);
	node_cut(n, false);
	sim_chaos_set(n->machine, 0);
	sim_hang(n->machine, false);
	sim_up(n->machine);
}

static void on_store_back(void *ctx)
{
	struct faults *f = ctx;
	struct world *w = f->world;
	world_note(w, "the store is back");
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < ROLE_KINDS; k++)
			process_cut(&w->nodes[i].processes[k], false);
}

/* A random container of the node; false: it has none. */
static bool pick_container(struct world_node *n, char **ret_pod, char **ret_container)
{
	const struct map *pods = &n->machine->pods;
	if (!pods->count)
		return false;
	const struct sim_pod *pod = pods->entries[timeline_below(n->world->time, pods->count)].value;
	if (!pod->n)
		return false;
	bool infra = pod->several && timeline_below(n->world->time, 4) == 0;
	*ret_pod = mem_strdup(pod->name);
	*ret_container =
	        infra ? NULL : mem_strdup(pod->containers[timeline_below(n->world->time, pod->n)]->name);
	return true;
}

static void restore(struct faults *f)
{
	struct world *w = f->world;
	int64_t now = memory_store_revision(w->store), back = 1 + (int64_t)timeline_below(w->time, 40);
	int64_t oldest = memory_store_compacted(w->store);
	if (now - back <= MAX(oldest, INT64_C(20)))
		return;
	f->restored = true;
	world_restore(w, now - back);
}

static void befall_process(struct faults *f, struct process *p, enum fault kind)
{
	struct world *w = f->world;
	bool runs = p->loop && !p->doomed;
	switch (kind) {
	case FAULT_KILL:
		if (runs)
			process_kill(p, timeline_below(w->time, 3) ? 100 : a_while(w));
		break;
	case FAULT_KILL_AT_WRITE:
		p->kill_at_write = p->writes + few(w);
		break;
	case FAULT_RESTART:
		process_restart(p, 500);
		break;
	case FAULT_PAUSE:
		process_pause(p, a_while(w));
		break;
	case FAULT_PAUSE_IN_FLIGHT:
		process_pause_in_flight(p, a_while(w));
		break;
	case FAULT_CUT:
		process_cut(p, true);
		break;
	case FAULT_TXNS_FAIL:
		if (runs)
			memory_store_fail_txns(p->store, few(w), STORE_E_UNAVAILABLE, false);
		break;
	case FAULT_TXNS_UNKNOWN:
		if (runs)
			memory_store_fail_txns(p->store, few(w), STORE_E_UNKNOWN, timeline_below(w->time, 2));
		break;
	case FAULT_RANGES_FAIL:
		if (runs)
			memory_store_fail_ranges(p->store, few(w), STORE_E_UNAVAILABLE);
		break;
	case FAULT_EVENTS_LOST:
		f->lost_events = true;
		invariants_blind(w->invariants);
		if (runs)
			memory_store_lose_events(p->store, few(w));
		break;
	case FAULT_EVENTS_TWICE:
		if (runs)
			memory_store_duplicate_events(p->store, true);
		break;
	case FAULT_EVENTS_LATE:
		if (runs)
			memory_store_hold_events(p->store, true);
		/* with an old view of everything else it may be elected */
		if (runs && timeline_below(w->time, 2))
			memory_store_hold_but(p->store, LEADER_KEY);
		break;
	default:
		break;
	}
	if (!loop_timer_active(&p->fault_end)) {
		loop_timer_init(w->outside, &p->fault_end, on_process_fault_end, p);
		loop_timer_in(&p->fault_end, a_while(w));
	}
}

static void befall_node(struct world_node *n, enum fault kind)
{
	struct world *w = n->world;
	_cleanup_free_ char *pod = NULL, *container = NULL;
	switch (kind) {
	case FAULT_NODE_OFF:
		node_off(n);
		break;
	case FAULT_NODE_CUT:
		node_cut(n, true);
		break;
	case FAULT_ENGINE_HANGS:
		sim_hang(n->machine, true);
		break;
	case FAULT_ENGINE_DOWN:
		if (!n->off)
			sim_down(n->machine, timeline_below(w->time, 2), timeline_below(w->time, 2));
		break;
	case FAULT_ENGINE_FAILS:
		sim_chaos_set(n->machine, 300);
		break;
	case FAULT_CONTAINER_EXITS:
		if (pick_container(n, &pod, &container))
			sim_exit(n->machine, pod, container, (int64_t)timeline_below(w->time, 2),
			         timeline_below(w->time, 2));
		return;
	case FAULT_CONTAINER_REMOVED:
		if (pick_container(n, &pod, &container))
			sim_rm(n->machine, pod, container);
		return;
	case FAULT_CLOCK:
		n->wall_offset_ms = ((int64_t)timeline_below(w->time, 7200) - 3600) * 1000;
		return;
	default:
		break;
	}
	if (!loop_timer_active(&n->fault_end)) {
		loop_timer_init(w->outside, &n->fault_end, on_node_fault_end, n);
		loop_timer_in(&n->fault_end, a_while(w));
	}
}

static void befall(struct faults *f, enum fault kind)
{
	static const char *const words[FAULT_KINDS] = {"kill",
	                                               "kill at write",
	                                               "restart",
	                                               "pause",
	                                               "pause in flight",
	                                               "cut",
	                                               "node off",
	                                               "node cut",
	                                               "txns fail",
	                                               "txns unknown",
	                                               "ranges fail",
	                                               "events lost",
	                                               "events twice",
	                                               "events late",
	                                               "compact",
	                                               "store restart",
	                                               "store restore",
	                                               "engine hangs",
	                                               "engine down",
	                                               "engine fails",
	                                               "container exits",
	                                               "container removed",
	                                               "clock jumps"};
	struct world *w = f->world;
	struct world_node *n = &w->nodes[timeline_below(w->time, w->n_nodes)];
	struct process *p = &n->processes[timeline_below(w->time, ROLE_KINDS)];
	w->faults++;
	world_note(w, "fault: %s at %s", words[kind], p->name);
	switch (kind) {
	case FAULT_COMPACT:
		memory_store_compact(w->store, 0);
		break;
	case FAULT_STORE_RESTART:
		for (unsigned i = 0; i < w->n_nodes; i++)
			for (unsigned k = 0; k < ROLE_KINDS; k++)
				process_cut(&w->nodes[i].processes[k], true);
		loop_timer_in(&f->store_back, a_while(w));
		break;
	case FAULT_STORE_RESTORE:
		restore(f);
		break;
	case FAULT_NODE_OFF:
	case FAULT_NODE_CUT:
	case FAULT_ENGINE_HANGS:
	case FAULT_ENGINE_DOWN:
	case FAULT_ENGINE_FAILS:
	case FAULT_CONTAINER_EXITS:
	case FAULT_CONTAINER_REMOVED:
	case FAULT_CLOCK:
		befall_node(n, kind);
		break;
	default:
		befall_process(f, p, kind);
		break;
	}
}

static void schedule(struct faults *f)
{
	loop_timer_in(&f->next, 1 + (int64_t)timeline_below(f->world->time, (uint64_t)(2 * f->mean_ms)));
}

static void on_next(void *ctx)
{
	struct faults *f = ctx;
	unsigned all = 0;
	for (size_t i = 0; i < FAULT_KINDS; i++)
		all += weights[i];
	unsigned pick = (unsigned)timeline_below(f->world->time, all);
	size_t kind = 0;
	while (pick >= weights[kind])
		pick -= weights[kind++];
	befall(f, (enum fault)kind);
	schedule(f);
}

struct faults *faults_new(struct world *w, int64_t mean_ms)
{
	struct faults *f = NEW(struct faults);
	f->world = w;
	f->mean_ms = mean_ms;
	loop_timer_init(w->outside, &f->next, on_next, f);
	loop_timer_init(w->outside, &f->store_back, on_store_back, f);
	schedule(f);
	return f;
}

struct faults *faults_free(struct faults *f)
{
	if (!f)
		return NULL;
	struct world *w = f->world;
	loop_timer_stop(&f->next);
	loop_timer_stop(&f->store_back);
	for (unsigned i = 0; i < w->n_nodes; i++) {
		loop_timer_stop(&w->nodes[i].fault_end);
		for (unsigned k = 0; k < ROLE_KINDS; k++) {
			struct process *p = &w->nodes[i].processes[k];
			loop_timer_stop(&p->fault_end);
			p->kill_at_write = 0;
		}
	}
	free(f);
	return NULL;
}

bool faults_lost_events(const struct faults *f)
{
	return f->lost_events;
}

bool faults_restored(const struct faults *f)
{
	return f->restored;
}
