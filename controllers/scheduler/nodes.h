/*
 * The index of nodes: what each can take, what is booked on it, and how many pods of each service it has,
 * kept up to date by deltas, so that finding a node costs one look at each node for a whole batch of pods and
 * a step in a heap for each further one. Pure data: no store, no loop, no clock.
 *
 * A node is known from its object, its health, or a pod that is booked on it; it takes pods only with the
 * first two.
 */
#pragma once

#include "controllers/scheduler/plan.h"
#include "core/str.h"
#include "kind/node.h"

struct nodes;

/* A fixed port of the node. */
struct claim_port {
	int64_t port;
	int protocol; /* enum protocol */
};

/* What one pod takes from its node. */
struct claim {
	int64_t cpu_milli, memory_bytes; /* sums of its containers' requests */
	struct claim_port *ports;        /* owned; NULL when there are none */
	size_t n_ports;
};

/* From the containers of a pod or a microservice (struct container). */
void claim_init(struct claim *c, const struct list_of *containers) _nonnull_(1, 2);
void claim_done(struct claim *c) _nonnull_(1);

struct nodes *nodes_new(void);
/* NULL is fine; returns NULL. */
struct nodes *nodes_free(struct nodes *n);

/* spec and health are copied as far as they are needed; NULL: there is none (any more). */
void nodes_set_spec(struct nodes *n, const char *name, const struct node *spec) _nonnull_(1, 2);
/* now_ms: monotonic, when the health came or went; 0 for what was there at the start. */
void nodes_set_health(struct nodes *n, const char *name, const struct health *health, int64_t now_ms)
        _nonnull_(1, 2);

struct node_view {
	enum plan_node state;
	int64_t since_ms;    /* when its health came back; 0: it was there all the time */
	const char *address; /* NULL: not known; borrowed until the node changes */
};
struct node_view nodes_view(const struct nodes *n, const char *name) _nonnull_(1, 2);

/* A pod of the service ("<project>/<name>") is, or is about to be, on the node; and no more. */
void nodes_book(struct nodes *n, const char *name, const char *service, const struct claim *c)
        _nonnull_(1, 2, 3, 4);
void nodes_unbook(struct nodes *n, const char *name, const char *service, const struct claim *c)
        _nonnull_(1, 2, 3, 4);
/* Calls fn for each service with pods on the node. */
void nodes_services(const struct nodes *n, const char *name, void (*fn)(void *ctx, const char *service),
                    void *ctx) _nonnull_(1, 2, 3);
/* What is booked there; zero for a node that is not known. For tests and logs. */
struct claim nodes_booked(const struct nodes *n, const char *name) _nonnull_(1, 2);

/* --- picking --- */

struct pick_candidate;

/* One service's picks in one turn. Ends with the arena; the index must not be changed by others meanwhile. */
struct pick {
	struct nodes *nodes;
	struct arena *arena;
	const char *service;
	const struct claim *claim;
	const struct placement *placement;
	/* the rest is nodes.c's */
	bool built;
	struct pick_candidate *heap;
	size_t n_heap;
	unsigned refused[10];
	char why[256];
};

void pick_init(struct pick *p, struct nodes *n, struct arena *a, const char *service,
               const struct claim *claim, const struct placement *placement) _nonnull_(1, 2, 3, 4, 5, 6);
/*
 * The best node for one more pod, booked; NULL: it fits nowhere. Filter: state, health, placement.labels,
 * placement.nodes, requests against capacity, fixed ports. Score, in this order: fewest pods of the service,
 * least requested share of cpu or memory, lowest observed load, name.
 */
const char *pick_node(struct pick *p) _nonnull_(1);
/* Whether the pod fits on the node once what `leaving` takes there is free; books it then. */
bool pick_in_place(struct pick *p, const char *node, const struct claim *leaving) _nonnull_(1, 2, 3);
/* "0/3 nodes: 2 memory, 1 cordoned", after pick_node() found none; borrowed. */
const char *pick_why(struct pick *p) _nonnull_(1);
