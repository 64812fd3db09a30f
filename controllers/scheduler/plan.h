/*
 * What the scheduler decides for one microservice, and from what: which pods to create and where, which to
 * delete, what its endpoints and its status say. Pure: the same input and the same answers of `nodes` give
 * the same plan.
 *
 * Words. The *wanted* revision is that of the microservice, or the last good one while the present value is
 * not valid. A pod is *lost* when its node is lost or gone, *live* otherwise; *up* when it is live, runs and
 * takes traffic (or has completed); *useless* when it is live, of another revision than the wanted one, and
 * never ran or has failed. The *seat* of an ordinal is the live pod of the wanted revision that is to stay
 * there.
 *
 * Invariants, which the tests check:
 *  - A world that is as wanted gives no action; carrying a plan out and planning again comes to that end.
 *  - Nothing is created beyond ordinal desired - 1, and at most one pod of the wanted revision for an ordinal
 *    without a seat. Of one service at most desired + parallelism live pods exist while no node is lost or
 *    drained.
 *  - start-first: of an ordinal whose pods are up, one stays up until the seat is, whatever is deleted for a
 *    newer revision or a drained node.
 *  - A pod of the wanted revision that failed stops the rollout: no further old pod is replaced.
 *  - A value that is not valid changes nothing that runs: the last good revision is maintained, and where
 *    there is none (in->spec NULL) only the status is written.
 *  - Lost pods stay in the store (their node may come back) until their ordinal is taken by a seat that is up
 *    and they are of another revision or their node's object is gone, or until their ordinal or service is not
 *    wanted any more.
 *  - Actions that change pods come with the status: its key's revision guards the next plan (execute.h).
 */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "kind/endpoints.h"
#include "kind/microservice.h"
#include "kind/pod.h"
#include "kind/revision.h"

/* What a node means for the pods on it. */
enum plan_node {
	PLAN_NODE_ACTIVE,
	PLAN_NODE_INACTIVE, /* cordoned: takes no new pods, keeps those it has */
	PLAN_NODE_DRAINING, /* its pods move, each when its replacement is up */
	PLAN_NODE_DISABLED, /* its pods move at once */
	PLAN_NODE_LOST,     /* no health: whatever ran there does not count */
	PLAN_NODE_GONE,     /* as lost, and nodes/<node> does not exist either */
};

struct plan_pod {
	const char *name; /* of the pod */
	const char *node;
	const char *revision;
	int64_t ordinal;
	int64_t create_rev;   /* smaller is older */
	const char *replaces; /* the pod whose place it takes; NULL: of none */
	enum plan_node node_state;
	int64_t node_since_ms; /* monotonic: when the node's health came back; 0: it was there all the time */
	const char *host_address;        /* of the node; NULL: not known */
	const struct pod_status *status; /* NULL: the runner said nothing yet */
};

/* The index of nodes as a plan sees it (nodes.h). What a pick returns is booked: a later one sees it taken. */
struct plan_nodes {
	void *ctx;
	/* The node for one more pod of the wanted revision; NULL: it fits nowhere. */
	const char *(*pick)(void *ctx);
	/* Whether the pod fits on `old`'s node when old leaves it. */
	bool (*pick_in_place)(void *ctx, const struct plan_pod *old);
	/* Why the last pick found none: "0/3 nodes: 2 memory, 1 cordoned". */
	const char *(*why)(void *ctx);
};

struct plan_in {
	const char *project, *name;
	int64_t mod_rev; /* of the microservice's value */
	bool deleted;    /* there is no microservice: everything of it goes */
	const struct microservice
	        *spec; /* the value, or that of the last good revision; NULL: nothing to go by */
	const struct error *invalid; /* why the present value is not valid; NULL: it is */
	const char *revision;        /* of spec, 10 hex digits */
	int64_t desired;             /* pods wanted, 0 .. LIMIT_SCALE */
	bool fixed_ports;            /* the pods publish fixed host ports */
	const struct plan_pod *pods; /* by ordinal, then create_rev */
	size_t n_pods;
	const struct revision *const *revisions; /* the stored ones, in any order */
	size_t n_revisions;
	const struct endpoints *endpoints;        /* as stored; NULL: none */
	const struct microservice_status *status; /* as stored; NULL: none */
	int64_t status_ms, endpoints_ms;          /* monotonic: when we last wrote them; 0: long ago */
	int64_t now_ms;                           /* monotonic */
	int64_t wall_ms;                          /* for people: `since`, `createdAt` */
	size_t max_pods;                          /* pods created and deleted in one plan; at least 2 */
	const struct plan_nodes *nodes;
};

enum plan_verb {
	PLAN_REVISION_PUT,
	PLAN_REVISION_DELETE,
	PLAN_POD_CREATE,
	PLAN_POD_DELETE,
	PLAN_ENDPOINTS_PUT,
	PLAN_ENDPOINTS_DELETE,
	PLAN_STATUS_PUT,
	PLAN_STATUS_DELETE,
};

struct plan_action {
	enum plan_verb verb;
	bool with_next;             /* this and the next action travel in one transaction */
	const char *pod, *node;     /* POD_CREATE: booked by nodes->pick; POD_DELETE */
	int64_t ordinal;            /* POD_CREATE */
	const char *replaces;       /* POD_CREATE: the pod on the same node whose place it takes, or NULL */
	const struct plan_pod *old; /* POD_DELETE: one of in->pods */
	const char *revision;       /* REVISION_PUT, REVISION_DELETE: the hash */
	const char *why;
};

/* What happened, for people; told once the plan is carried out. */
struct plan_event {
	bool warning;
	const char *reason;
	const char *message;
};

#define PLAN_EVENTS 8

struct plan {
	struct plan_action *actions; /* in the order in which they are to be carried out */
	size_t n_actions;
	bool more;          /* cut at max_pods: plan again as soon as these are carried out */
	int64_t wake_at_ms; /* monotonic: when to plan again at the latest, were nothing to change; 0: never
	                     */
	int64_t unplaced;   /* pods that fit nowhere: plan again when a node changes */
	struct microservice_status
	        *status; /* as it is to read; written only where an action says so. NULL: deleted */
	struct endpoints *endpoints; /* the same */
	struct plan_event events[PLAN_EVENTS];
	size_t n_events;
};

enum {
	PLAN_STATUS_MS = 100, /* between two writes of one status while pods change */
	PLAN_SETTLE_MS =
	        3000,        /* a node that came back: how long until what it says of its pods is believed */
	PLAN_REVISIONS = 10, /* kept for rollback, beside those in use */
	PLAN_ENDPOINTS_CALM = 100, /* ready pods beyond which additions to the endpoints are gathered */
	PLAN_ENDPOINTS_BYTES = 900 * 1024, /* of one endpoints value; more ready pods are left out */
};

/* Everything in *ret lives in the arena or is borrowed from `in`. */
void plan_service(const struct plan_in *in, struct arena *a, struct plan *ret) _nonnull_(1, 2, 3);

/* Live, running and taking traffic, or completed. */
bool plan_pod_up(const struct plan_in *in, const struct plan_pod *pod) _nonnull_(1, 2);
static inline bool plan_pod_live(const struct plan_pod *pod)
{
	return pod->node_state != PLAN_NODE_LOST && pod->node_state != PLAN_NODE_GONE;
}
