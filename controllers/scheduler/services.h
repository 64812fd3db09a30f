/*
 * Everything the scheduler knows, by microservice: its value, its pods with their statuses, its revisions, endpoints
 * and status, and beside them the index of nodes. Fed key by key with what the mirror has now; feeding a key twice
 * changes nothing. Entries that the mirror marks as orphans (they lack in a store of another history) count as absent,
 * except the microservice itself: it is neither there nor deleted, and nothing is decided about it.
 */
#pragma once

#include "controllers/scheduler/nodes.h"
#include "core/list.h"
#include "core/map.h"
#include "mirror/mirror.h"

struct service;

struct service_pod {
	struct service *service;
	char *key;		     /* "<node>/<pod>" */
	struct mirror_entry *entry;  /* pods/<key>; its object is valid */
	struct mirror_entry *status; /* status/pods/<key>; NULL: none, or not readable */
	struct claim claim;	     /* as booked in the index of nodes */
};

/* A placement that is on its way to the store. */
struct reservation {
	char *node;
	struct claim claim;
};

struct service {
	char *key; /* "<project>/<name>" */
	char *project, *name;
	struct mirror_entry *entry;	/* microservices/<key>; NULL: deleted */
	struct mirror_entry *status;	/* status/microservices/<key> */
	struct mirror_entry *endpoints; /* endpoints/<key> */
	struct mirror_entry **revisions;
	size_t n_revisions, cap_revisions;
	struct service_pod **pods; /* by ordinal, then create_rev */
	size_t n_pods, cap_pods;
	/* the shell's */
	struct reservation *reserved;
	size_t n_reserved, cap_reserved;
	struct flight *flight;	/* the transaction that is on its way; NULL: none */
	int64_t status_ms, endpoints_ms; /* monotonic: last written by us; 0: never */
	struct list unplaced;	/* in services.unplaced while a pod of it fits nowhere */
};

struct services {
	struct map by_key;  /* struct service */
	struct map pods;    /* struct service_pod, by key */
	struct nodes *nodes;
	struct list unplaced;
	bool room; /* something was freed or joined: unplaced pods may fit now. Set here, cleared by the shell */
	/* A service has to be looked at again; much: its pods' statuses changed only. */
	void (*on_touch)(void *ctx, struct service *s, bool status_only);
	void *ctx;
};

/* The prefixes that the scheduler mirrors, NULL-terminated, in the order in which they are to be fed at the start. */
extern const char *const services_prefixes[];

void services_init(struct services *s, void (*on_touch)(void *ctx, struct service *s, bool status_only), void *ctx)
	_nonnull_(1, 2);
void services_done(struct services *s) _nonnull_(1);
/*
 * What the mirror has of the key (without root); NULL: nothing. now_ms: monotonic; 0: it was so when we started.
 * True when a node was lost with it.
 */
bool services_feed(struct services *s, const char *key, struct mirror_entry *now, int64_t now_ms) _nonnull_(1, 2);
struct service *services_get(const struct services *s, const char *key) _nonnull_(1, 2);
/* Forgets a service of which nothing is left; false: something is. */
bool services_forget(struct services *s, struct service *service) _nonnull_(1, 2);

/* Notes a placement that pick_node() or pick_in_place() has booked; and gives all of them back. */
void service_reserve(struct service *s, const char *node, const struct claim *c) _nonnull_(1, 2, 3);
void service_unreserve(struct services *all, struct service *s) _nonnull_(1, 2);
