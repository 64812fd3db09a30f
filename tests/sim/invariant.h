/*
 * What has to hold in a world at every moment, and what it has to come to once nobody disturbs it.
 *
 * With each write: every key has one writer; only the leader writes what leaders write; revisions only grow; while no
 * node is lost, drained or back from either, a service has at most scale + parallelism pods, and an ordinal one pod of a
 * revision; a pod's status never claims a start that its engine did not make.
 * After each step: no container of a pod that never was; nothing of a foreign owner is touched.
 *
 * The first that does not hold is world_fail().
 */
#pragma once

#include "core/str.h"
#include "sim/world.h"

struct invariants *invariants_new(struct world *w) _nonnull_(1);
struct invariants *invariants_free(struct invariants *iv);
/* by: the process, or NULL and `other` says "user" or "server". */
void invariants_write(struct invariants *iv, const struct process *by, const char *other,
                      const struct store_event *events, size_t count) _nonnull_(1, 4);
void invariants_step(struct invariants *iv) _nonnull_(1);
/* The store is about to go back in time, and has. */
void invariants_restore(struct invariants *iv) _nonnull_(1);
void invariants_restored(struct invariants *iv) _nonnull_(1);
/*
 * Somebody misses an event and cannot know, until the slow list of its mirror: pods may be too many meanwhile.
 */
void invariants_blind(struct invariants *iv) _nonnull_(1);
/* Of all engines: creates, starts, stops and removals so far. */
uint64_t invariants_operations(const struct invariants *iv) _nonnull_(1);

/*
 * Is the world as its desired objects say: each valid microservice has exactly its pods, of its present revision, running
 * and ready, in its status and its endpoints; nothing else is in the store or in an engine. False: *why (appended) says
 * what is not.
 */
bool invariants_converged(struct invariants *iv, struct str *why) _nonnull_(1, 2);
/* fn for each pod of the service that the node's engine has. */
void invariants_each_pod(struct invariants *iv, unsigned node, const char *service, const char *container,
			 void (*fn)(struct sim_machine *m, const char *pod, const char *container))
	_nonnull_(1, 3, 5);
/* What people have to do after a restore: containers of pods that the store does not know are removed by hand. */
void invariants_tidy(struct invariants *iv) _nonnull_(1);
/* The final state in words, names of nodes left out: equal for worlds that came to the same end. */
void invariants_describe(struct invariants *iv, struct str *out) _nonnull_(1, 2);
