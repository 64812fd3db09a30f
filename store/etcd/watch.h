/*
 * All watches of a store on one stream. Every one goes on from the revision after the last that it delivered,
 * whatever happens to the stream; what cannot go on is told to list again.
 *
 * etcd 3.4 is known to deliver an event twice and to travel back in time on a watch, and answers for a
 * progress that events have not reached: events at or below the last delivered revision are dropped, and only
 * events move a watch on.
 */
#pragma once

#include "core/list.h"
#include "core/loop.h"
#include "core/str.h"
#include "store.h"

struct etcd;
struct call;

enum watch_state {
	WATCH_WAITING,  /* for a stream */
	WATCH_CREATING, /* asked for, not yet confirmed */
	WATCH_LIVE,
	WATCH_CHECKING, /* the server is behind what we saw: is it late, or has the store gone back? */
	WATCH_DEAD,     /* the caller was told to list again */
};

struct store_watch {
	struct list link; /* in watches.all */
	struct watches *watches;
	struct store_watch_callbacks cbs;
	void *ctx;
	char *key;
	bool prefix;
	enum watch_state state;
	int64_t id;          /* on the stream; never used twice on one */
	int64_t next_rev;    /* the first revision not delivered yet */
	uint64_t cluster_id; /* whose revisions these are; 0: not known yet */
	bool resumed;        /* it was live before: a large gap is not replayed */
	bool denied;         /* once, with a token that may have been too old */
	struct str parts;    /* of a reply in fragments */
	struct store_op *check;
};

struct watches {
	struct etcd *etcd;
	struct list all;
	struct call *stream; /* NULL: none */
	unsigned token;      /* generation of the token that the stream was opened with */
	int64_t last_id;
	/* creations under way, in the order of the requests, which is that of the answers; 0: freed meanwhile */
	int64_t *creating;
	size_t n_creating;
	struct loop_timer again; /* retries what was put off */
};

void watches_init(struct watches *ws, struct etcd *e) _nonnull_(1, 2);
/* Frees all watches. Idempotent. */
void watches_done(struct watches *ws) _nonnull_(1);
/* The connection is up, or a token is there. */
void watches_pump(struct watches *ws) _nonnull_(1);
/* A message of the stream. (Apart, so that it can be fed without a network.) */
void watches_receive(struct watches *ws, const uint8_t *data, size_t len) _nonnull_(1, 2);

struct store_watch *etcd_watch(struct store *s, const struct store_watch_request *req,
                               const struct store_watch_callbacks *cbs, void *ctx) _nonnull_(1, 2, 3);
void etcd_watch_free(struct store *s, struct store_watch *w) _nonnull_(1, 2);
