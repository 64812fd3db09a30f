/*
 * A whole cluster in one process, on virtual time: nodes with a simulated container engine each, and on each node the
 * real scheduler, runner and health reporter, which meet in the store in memory and nowhere else. A supervisor starts
 * again whoever died. Invariants (invariant.h) are looked at with each write and after each step.
 *
 * Everything that happens follows from the seed and from what the owner of the world does to it.
 */
#pragma once

#include "controllers/health/health.h"
#include "controllers/runner/engine_sim/sim.h"
#include "controllers/runner/runner.h"
#include "controllers/scheduler/scheduler.h"
#include "core/map.h"
#include "core/str.h"
#include "memory/memory.h"
#include "sim/loop.h"

#define WORLD_ROOT       "/tug"
#define WORLD_NODES_MOST 16
#define LEADER_KEY	 WORLD_ROOT "/leader/scheduler"

enum role_kind { ROLE_SCHEDULER, ROLE_RUNNER, ROLE_HEALTH, ROLE_KINDS };

struct world;
struct world_node;

/* One process of a role. It is there for as long as the world; what runs in it comes and goes. */
struct process {
	struct world *world;
	struct world_node *node;
	enum role_kind role;
	char name[24];     /* "n1/runner" */
	struct loop *loop; /* NULL: it does not run */
	struct store *store;
	struct scheduler *scheduler; /* one of the three */
	struct runner *runner;
	struct health_reporter *health;
	struct loop_timer back;      /* of the supervisor: when it is started, or goes on */
	struct loop_timer fault_end; /* for whoever makes faults */
	bool doomed;                 /* killed, its memory is not yet free */
	bool paused;
	bool off; /* not to be started: the node has no power */
	unsigned starts;
	uint64_t writes;        /* transactions that changed something */
	uint64_t kill_at_write; /* 0: never */
	int64_t pause_in_flight_ms; /* paused for so long as soon as something is under way to the store; 0: not */
};

struct world_node {
	struct world *world;
	char name[8]; /* "n1" */
	char data_dir[32];
	struct loop *loop; /* the machine's */
	struct sim_machine *machine;
	int64_t wall_offset_ms;
	bool off, cut;
	struct process processes[ROLE_KINDS];
	uint64_t seen_operations; /* of the machine, by the invariants */
	uint64_t counted_operations; /* by the world */
	struct loop_timer fault_end;
};

struct world_config {
	uint64_t seed;
	unsigned nodes;      /* 1 .. WORLD_NODES_MOST */
	unsigned schedulers; /* on the first so many nodes; 0: on all */
	int64_t slow_ms;     /* loop_slow() of all processes */
	int64_t look_ms;      /* world_until() asks at most so often, in virtual time; 0: after each step that did something */
	bool traced;	      /* world.trace is written */
};

struct invariants;

struct world {
	struct world_config config;
	struct timeline *time;
	struct loop *outside; /* users, supervisor and database; never slow, held or killed */
	struct store *store;  /* of the users */
	struct world_node nodes[WORLD_NODES_MOST];
	unsigned n_nodes;
	struct invariants *invariants;
	uint64_t faults; /* made so far */
	uint64_t writes; /* revisions made so far */
	uint64_t deliveries;
	/* The next ones, counted from 1, are to be lost or deferred; 0: none. */
	uint64_t lose_at, defer_at;
	/* Whoever makes this write, or whose engine carries this operation out, is killed before it hears of it; 0: nobody. */
	uint64_t kill_at_write, kill_at_operation;
	/* Whoever makes this write is paused for ten seconds with its next one under way; 0: nobody. */
	uint64_t pause_at_write;
	uint64_t process_writes, operations; /* counted for that */
	struct process *deferred;
	unsigned in_flight_pauses; /* processes with pause_in_flight_ms */
	struct loop_timer undefer;
	unsigned n_doomed;
	bool verbose;     /* what happens is printed as it happens */
	char *failure;    /* the first invariant that did not hold; NULL: all do */
	struct str trace; /* the last things that happened, for people */
};

/* Machines are on, nobody runs yet; node objects are written by world_start(). */
struct world *world_new(const struct world_config *config) _nonnull_(1) __attribute__((returns_nonnull));
struct world *world_free(struct world *w);
/* Writes nodes/<n> and starts all processes. */
void world_start(struct world *w) _nonnull_(1);

/* Until the time has passed, or something failed. */
void world_run(struct world *w, int64_t ms) _nonnull_(1);
/* Until done() holds; false: it did not within ms (or something failed). */
bool world_until(struct world *w, int64_t ms, bool (*done)(struct world *w, void *ctx), void *ctx)
        _nonnull_(1, 3) _must_check_;
int64_t world_now(const struct world *w) _nonnull_(1);
/* An invariant does not hold: the first one stays. */
void world_fail(struct world *w, const char *fmt, ...) _nonnull_(1, 2) _printf_(2, 3);
void world_note(struct world *w, const char *fmt, ...) _nonnull_(1, 2) _printf_(2, 3);

/* --- users --- */

/* key without the root. Acknowledged when it returns: users' own link never fails. */
void world_put(struct world *w, const char *key, const char *value) _nonnull_(1, 2, 3);
void world_delete(struct world *w, const char *key) _nonnull_(1, 2);
/* The value in the store now; NULL: none. Borrowed until the next step. */
const char *world_get(struct world *w, const char *key) _nonnull_(1, 2);
/* For each key with the prefix (both without the root), in order. */
void world_list(struct world *w, const char *prefix,
                void (*fn)(void *ctx, const char *key, const struct store_kv *kv), void *ctx)
        _nonnull_(1, 2, 3);

/* --- what befalls processes and nodes --- */

struct process *world_process(struct world *w, unsigned node, enum role_kind role) _nonnull_(1);
/* kill -9; started again after back_ms. Inside of its own step it goes on to the end of its callback, unheard. */
void process_kill(struct process *p, int64_t back_ms) _nonnull_(1);
/* SIGTERM, and started again. Not from inside a step of its own. */
void process_restart(struct process *p, int64_t back_ms) _nonnull_(1);
/* SIGSTOP and, after that time, SIGCONT: the store hears nothing of it meanwhile. */
void process_pause(struct process *p, int64_t ms) _nonnull_(1);
/* The same, as soon as it has something under way to the store. */
void process_pause_in_flight(struct process *p, int64_t ms) _nonnull_(1);
/* Its connection to the store: nothing passes. */
void process_cut(struct process *p, bool cut) _nonnull_(1);
/* Power off: all processes and containers end; on again after a while, as after a boot. */
void node_off(struct world_node *n) _nonnull_(1);
void node_on(struct world_node *n) _nonnull_(1);
/* The whole node is cut off the store, and runs on. */
void node_cut(struct world_node *n, bool cut) _nonnull_(1);
/* The store as it was at rev (a backup is restored), or restarted: all connections begin anew. */
void world_restore(struct world *w, int64_t rev) _nonnull_(1);
/* Nobody is dead, paused, cut or off any more, and nothing else is out of order. */
void world_heal(struct world *w) _nonnull_(1);
