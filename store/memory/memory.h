/*
 * The store in memory: the same history, transactions, watches and leases as etcd's, for tests and
 * simulations, with knobs for everything that goes wrong with a real one. One database may be opened several
 * times; each handle is one client with a connection of its own. What a handle does, it does in a task of the
 * loop, so that completions never come from inside.
 *
 * Time is loop_now() plus what memory_advance() added; a connected handle keeps its leases alive through any
 * jump.
 */
#pragma once

#include "store.h"

/* A handle on a new database, empty, at revision 1. */
struct store *memory_store_new(struct loop *loop) _nonnull_(1) __attribute__((returns_nonnull));
/* Another handle on the same database. The database lives as long as its last handle. */
struct store *memory_store_open(struct store *s) _nonnull_(1) __attribute__((returns_nonnull));
/*
 * The same for a client with a loop of its own, whose time is that of the database's loop: a process of a simulation,
 * that can be stopped alone. The first handle of a database must be freed last then.
 */
struct store *memory_store_open_on(struct store *s, struct loop *loop) _nonnull_(1, 2)
	__attribute__((returns_nonnull));

/* --- the database --- */

int64_t memory_store_revision(const struct store *s) _nonnull_(1);
/* The oldest revision that can still be read; 0: all can. */
int64_t memory_store_compacted(const struct store *s) _nonnull_(1);
/* The key of a change made after rev whose key does not begin with but_for; NULL: there is none. */
const char *memory_store_last_write(const struct store *s, int64_t rev, const char *but_for) _nonnull_(1, 3);
uint64_t memory_store_cluster(const struct store *s) _nonnull_(1);
/* Forgets what only older revisions than rev show; 0: than the present one. */
void memory_store_compact(struct store *s, int64_t rev) _nonnull_(1);
/* An empty store of another cluster takes this one's place: all connections begin anew, all leases are gone. */
void memory_store_replace(struct store *s) _nonnull_(1);
/*
 * Back to how it was at rev (a backup was restored), with the same cluster id: all connections begin anew.
 * Leases of keys that come back have their whole time again. rev must not be compacted.
 */
void memory_store_restore(struct store *s, int64_t rev) _nonnull_(1);
/* Moves time on for leases and deadlines. */
void memory_store_advance(struct store *s, int64_t ms) _nonnull_(1);
/* Carries the transaction out now, as this handle's, without a completion. */
enum store_outcome memory_store_apply(struct store *s, const struct store_txn *txn) _nonnull_(1, 2);
/* Reads now. ret->kvs is to be freed; what it points to lives until the next change of the database. */
enum store_outcome memory_store_peek(const struct store *s, const struct store_range_request *req,
				     struct store_range *ret) _nonnull_(1, 2, 3);
/* The lease ends on the server now, whoever keeps it alive. */
void memory_store_expire(struct store *s, int64_t lease_id) _nonnull_(1);

/* --- this handle's connection --- */

/* Cut: nothing passes in either direction; what is submitted waits for its deadline or for the connection. */
void memory_store_cut(struct store *s, bool cut) _nonnull_(1);
/*
 * The next n transactions end with the outcome. carried_out: their writes are made all the same (the reply
 * was lost: STORE_E_UNKNOWN). A retry_safe transaction whose outcome would be STORE_E_UNKNOWN is run again,
 * as the contract says.
 */
void memory_store_fail_txns(struct store *s, unsigned n, enum store_outcome outcome, bool carried_out)
        _nonnull_(1);
/* The next n reads end with the outcome. */
void memory_store_fail_ranges(struct store *s, unsigned n, enum store_outcome outcome) _nonnull_(1);
/* Watch events are held back; released, they come in order. */
void memory_store_hold_events(struct store *s, bool hold) _nonnull_(1);
/* Watches of this one key (borrowed) hear all the same: each watch has its own pace. NULL: none does. */
void memory_store_hold_but(struct store *s, const char *key) _nonnull_(1);
/* Operations that were submitted and have not ended. */
unsigned memory_store_pending(const struct store *s) _nonnull_(1);
/*
 * Defects that store.h rules out and that etcd 3.4 has all the same; whoever keeps a copy has to survive
 * them. From now on every batch of events comes twice; the next n events do not come at all.
 */
void memory_store_duplicate_events(struct store *s, bool duplicate) _nonnull_(1);
void memory_store_lose_events(struct store *s, unsigned n) _nonnull_(1);
/*
 * fn hears of each revision as it is made, from inside: the events and who made them (NULL: a lease that ended on the
 * server). It may read, and cut handles: where it cuts `by`, the transaction's reply is lost (STORE_E_UNKNOWN). One
 * observer for each database; NULL: none.
 */
typedef void memory_observer_fn(void *ctx, const struct store *by, const struct store_event *events, size_t count);
void memory_store_observe(struct store *s, memory_observer_fn *fn, void *ctx) _nonnull_(1);
/*
 * fn hears of each batch of events before a watch of a handle does, and decides what becomes of it.
 */
enum memory_delivery {
	MEMORY_DELIVER,
	MEMORY_LOSE,  /* it does not come at all */
	MEMORY_DEFER, /* it waits, with all that comes later, until memory_store_hold_events(s, false) */
	MEMORY_TWICE,
};
typedef enum memory_delivery memory_deliver_fn(void *ctx, struct store *to, const struct store_event *events,
					       size_t count);
void memory_store_on_deliver(struct store *s, memory_deliver_fn *fn, void *ctx) _nonnull_(1);
/* How many operations of each kind this handle has executed so far. */
struct memory_counts {
	uint64_t ranges, txns, watches, leases;
};
struct memory_counts memory_store_counts(const struct store *s) _nonnull_(1);
