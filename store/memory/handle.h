/* What the parts of store/memory share: the server side of one database, and the clients that have opened it. */
#pragma once

#include "core/arena.h"
#include "memory/db.h"
#include "memory/memory.h"

/* The database with everybody who has opened it. */
struct server {
	struct memory_db db;
	struct loop *loop;
	struct list handles;
	struct loop_timer timer; /* the next lease that runs out, the next deadline of a handle that is cut */
	int64_t skew_ms;
	memory_observer_fn *observer;
	void *observer_ctx;
	memory_deliver_fn *deliver;
	void *deliver_ctx;
};

struct handle {
	struct store base;
	struct server *server;
	struct list link;
	struct list ops, watches, leases;
	struct loop_task task;
	uint64_t turn; /* counts them: what is submitted from a callback waits for the next one */
	struct store_identity seen;
	unsigned epoch;
	struct memory_counts counts;
	bool cut, hold, duplicate;
	const char *hold_but; /* held or not, watches of this key hear */
	unsigned lose;
	unsigned fail_txns, fail_ranges;
	enum store_outcome fail_txn, fail_range;
	bool fail_carried_out;
};

struct store_op {
	struct list link;
	struct arena memory; /* what the request points to */
	uint64_t turn;
	int64_t deadline_ms;
	struct store_range_request range;
	store_range_fn *range_done; /* one of the two */
	struct store_txn txn;
	store_txn_fn *txn_done;
	void *ctx;
};

struct store_watch {
	struct list link;
	char *key;
	bool prefix;
	int64_t next_rev;
	bool broken; /* the history is another one: on_relist is due */
	bool dead;   /* on_relist was called */
	uint64_t turn, serial;
	struct store_watch_callbacks cbs;
	void *ctx;
};

struct store_lease {
	struct list link;
	int64_t id; /* 0: none now */
	int64_t ttl_ms, deadline_ms;
	bool keep_alive, wanted;
	struct store_lease_callbacks cbs;
	void *ctx;
};

static inline struct handle *memory_handle(struct store *s)
{
	return container_of(s, struct handle, base);
}

static inline int64_t memory_now(const struct server *sv)
{
	return loop_now(sv->loop) + sv->skew_ms;
}

/* knobs.c */
/* Tells the observer what was added to the log since it had `from` entries. */
void memory_observed(struct server *sv, const struct handle *by, size_t from) _nonnull_(1);

/* memory.c */
void memory_wake_all(struct server *sv) _nonnull_(1);
/* Ends what has run out, on the server and in handles that are cut, and sets the timer for the next. ctx: the
 * server. */
void memory_tick(void *ctx) _nonnull_(1);
/* The handle has seen the history as it is now. */
void memory_seen(struct handle *h) _nonnull_(1);

/* op.c */
struct store_op *memory_range(struct store *s, const struct store_range_request *req, store_range_fn *done,
                              void *ctx);
struct store_op *memory_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx);
void memory_cancel(struct store *s, struct store_op *op);
/* Ends every operation that was there when the turn began and that can end now. */
void memory_ops_run(struct handle *h) _nonnull_(1);

/* watch.c */
struct store_watch *memory_watch(struct store *s, const struct store_watch_request *req,
                                 const struct store_watch_callbacks *cbs, void *ctx);
void memory_watch_free(struct store *s, struct store_watch *w);
/* At most one callback of one watch, as it may end and begin watches; false: nobody has anything to hear. */
bool memory_watches_run(struct handle *h) _nonnull_(1);

/* lease.c */
struct store_lease *memory_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                                 const struct store_lease_callbacks *cbs, void *ctx);
void memory_lease_free(struct store *s, struct store_lease *l, bool revoke);
/* From here on nobody keeps it alive. */
void memory_lease_let_go(struct handle *h, const struct store_lease *l) _nonnull_(1, 2);
/* At most one callback of one lease; false: there is nothing to do for any. */
bool memory_leases_run(struct handle *h) _nonnull_(1);
