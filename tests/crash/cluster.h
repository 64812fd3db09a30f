/*
 * A whole cluster in one process, on virtual time: the store in memory, a scheduler, and on each node a runner with a
 * simulated engine. Every process is behind a gate (gate.h): one that is shut is killed as by kill -9 and started again
 * at once, as the supervisor does. Invariants are looked at after every step.
 */
#pragma once

#include "controllers/runner/engine_sim/sim.h"
#include "controllers/runner/runner.h"
#include "controllers/scheduler/scheduler.h"
#include "core/map.h"
#include "kind/microservice.h"
#include "lib/test.h"
#include "memory/memory.h"
#include "mirror/mirror.h"
#include "crash/gate.h"

#define CLUSTER_NODES 2

struct cluster_node {
	struct cluster *cluster;
	const char *name;
	char dir[64]; /* the runner's data */
	struct sim_machine *machine;
	struct gate *gate;
	struct runner *runner;
	unsigned starts; /* of the runner */
};

struct cluster {
	struct loop *loop;
	struct store *store; /* of the users */
	struct mirror *view;
	struct gate_plan plan;
	struct cluster_node nodes[CLUSTER_NODES];
	struct gate *gate;
	struct scheduler *scheduler;
	bool schedules;
	unsigned crashes;
	struct map pods;                /* names of all pods that ever were */
	int64_t pods_now, statuses_now; /* keys in the store */
	int64_t most;                   /* pods in the store at once, so far */
};

/* seed: of the machines' dice; schedules: with a scheduler, else the test writes pods itself. */
void cluster_init(struct cluster *c, uint64_t seed, bool schedules);
void cluster_done(struct cluster *c);

/* key without the root. */
void cluster_put(struct cluster *c, const char *key, const char *value);
void cluster_delete(struct cluster *c, const char *key);
/* Any transaction; it has to succeed. */
void cluster_txn(struct cluster *c, const struct store_txn *txn);
/* One round of the loop (at most this long), then whoever is dead is started again, and the invariants. */
void cluster_step(struct cluster *c, int64_t ms);
/* Lets so much time pass. */
void cluster_pass(struct cluster *c, int64_t ms);
/* Kills the process as kill -9 does; it is back with the next step. */
void cluster_kill_scheduler(struct cluster *c);
void cluster_kill_runner(struct cluster_node *n);
/* SIGTERM; started again with the next cluster_step(). */
void cluster_end_runner(struct cluster_node *n);
/* SIGTERM, and started again. */
void cluster_restart_runner(struct cluster_node *n);

/* Its status says that everything is as wanted, and nothing is left of what was before. */
bool cluster_is_up(const struct cluster *c, const char *service, int64_t pods);
/* Nothing of any microservice is left anywhere. */
bool cluster_is_empty(const struct cluster *c);
/* Containers on all machines. */
unsigned cluster_containers(const struct cluster *c);
/* How often this container was started, on all machines. */
unsigned cluster_starts(const struct cluster *c, const char *pod, const char *container);
/* The pod with this ordinal of this service; NULL: none. Borrowed. */
const char *cluster_pod(const struct cluster *c, const char *service, int64_t ordinal);
const struct pod_status *cluster_status(const struct cluster *c, const char *pod);
/* Nothing is written and nothing is asked of an engine for ten minutes. */
void cluster_check_calm(struct cluster *c);

/* Within this time of the cluster. */
#define WITHIN(c, ms, cond)                                                                                  \
	do {                                                                                                 \
		int64_t deadline_ = loop_now((c)->loop) + (ms);                                              \
		while (!(cond)) {                                                                            \
			if (loop_now((c)->loop) > deadline_)                                                 \
				test_fail(__FILE__, __LINE__, "not within %lld ms (crash at %llu: %s): %s",  \
				          (long long)(ms), (unsigned long long)(c)->plan.at, (c)->plan.what, \
				          #cond);                                                            \
			cluster_step(c, 10);                                                                 \
		}                                                                                            \
	} while (0)
