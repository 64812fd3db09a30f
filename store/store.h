/*
 * The seam between tug and its state store: a multi-version key-value store with transactions, watches and leases,
 * shaped after etcd v3. store/etcd implements it on etcd; store/memory (tests, simulation) in memory. One contract
 * suite runs on both.
 *
 * Rules that every implementation keeps:
 *  - All callbacks come from the loop, never from inside the call that submits. Each submitted operation gets exactly
 *    one completion, unless store_cancel() came first; after store_cancel() none.
 *  - Inputs are copied (encoded) at submit. Results are valid during the callback only.
 *  - Reads are retried until their deadline. A write is sent again only when it surely was not carried out; when that
 *    is not known the outcome is STORE_E_UNKNOWN, and the caller looks. Transactions whose compares make a second run
 *    harmless (`retry_safe`) are repeated by the store itself.
 *  - Revisions only grow; an implementation that sees them go back, or another cluster id, reports it through
 *    store_identity and the watch's `relist`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/loop.h"

/* Outcomes of operations: 0, or one of these. */
enum store_outcome {
	STORE_OK = 0,
	STORE_E_CONFLICT,    /* a compare of the transaction did not hold: nothing was written */
	STORE_E_UNAVAILABLE, /* no server could be reached before the deadline; nothing was written */
	STORE_E_UNKNOWN,     /* the connection was lost in mid write: it may have been carried out */
	STORE_E_COMPACTED,   /* the revision asked for is gone: list again */
	STORE_E_DENIED,	     /* permission or authentication */
	STORE_E_TOO_LARGE,   /* beyond LIMIT_TXN_OPS or LIMIT_TXN_BYTES, or refused by the server as too large */
	STORE_E_NO_LEASE,    /* the lease does not exist (any more) */
	STORE_E_NO_SPACE,    /* the store's quota is used up */
	STORE_E_INTERNAL,    /* anything else; the text says what */
};
const char *store_outcome_name(enum store_outcome o);

/* Which history a revision belongs to. Two values differ in cluster_id: revisions cannot be compared. */
struct store_identity {
	uint64_t cluster_id; /* 0: not known yet */
	int64_t revision;    /* of the reply that carried it */
};

struct store_kv {
	const char *key; /* NUL-terminated */
	const char *value; /* NUL-terminated for convenience; may hold NULs */
	size_t value_len;
	int64_t create_rev;
	int64_t mod_rev;
	int64_t version;
	int64_t lease; /* 0: none */
};

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct store_op;

struct store_range {
	struct store_identity identity; /* its revision is the one that the range shows: `rev` where that was asked for */
	const struct store_kv *kvs; /* in key order */
	size_t count;
	bool more; /* there is another page: ask again with `after` = the last key and `rev` = identity.revision */
};

struct store_range_request {
	const char *key;   /* exact key, or the prefix when prefix is set */
	bool prefix;
	const char *after; /* only keys greater than this; NULL: from the start */
	int64_t rev;	   /* as of this revision; 0: now */
	int64_t limit;	   /* keys; 0: LIMIT_LIST_PAGE */
	bool keys_only;
	int64_t timeout_ms; /* 0: 5000 */
};

typedef void store_range_fn(void *ctx, enum store_outcome outcome, const struct store_range *range,
			    const struct error *err);

/* --- transactions ----------------------------------------------------------------------------------------------- */

enum store_compare {
	STORE_IF_MOD_REV,    /* the key's mod_rev equals rev; 0: the key does not exist */
	STORE_IF_CREATE_REV, /* the key's create_rev equals rev; 0: the key does not exist (the leader's fence) */
};

struct store_if {
	enum store_compare what;
	const char *key;
	int64_t rev;
};

enum store_write { STORE_PUT, STORE_DELETE, STORE_DELETE_PREFIX };

struct store_then {
	enum store_write what;
	const char *key;
	const char *value; /* STORE_PUT */
	size_t value_len;
	int64_t lease; /* STORE_PUT; 0: none */
};

struct store_txn {
	const struct store_if *ifs;
	size_t n_ifs;
	const struct store_then *thens; /* each key at most once; at most LIMIT_TXN_OPS */
	size_t n_thens;
	bool retry_safe; /* the compares make a second run harmless (a conflict then is verified by the caller) */
	int64_t timeout_ms; /* 0: 5000 */
};

/* rev: the store's revision after the transaction (STORE_OK) or at the refusal (STORE_E_CONFLICT). */
typedef void store_txn_fn(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err);

/* --- watching --------------------------------------------------------------------------------------------------- */

struct store_event {
	bool deleted;
	struct store_kv kv; /* a deletion: key and mod_rev only */
};

/*
 * A watch delivers every change of its keys from start_rev on, in order of revision, all events of one revision
 * together, each exactly once, over any number of reconnects, until store_watch_free().
 */
struct store_watch_callbacks {
	/* Events of one or more whole revisions; identity.revision is the store's revision that they bring us to. */
	void (*on_events)(void *ctx, const struct store_event *events, size_t count, struct store_identity identity);
	/*
	 * The watch cannot go on from where it was: compacted, gap too large, the revision went back, another cluster.
	 * The caller lists again, compares with what it has and starts a new watch; this one is dead and is to be freed
	 * (not from inside the callback).
	 */
	void (*on_relist)(void *ctx, enum store_outcome why, struct store_identity identity);
};

struct store_watch_request {
	const char *key;
	bool prefix;
	int64_t start_rev; /* > 0: the first revision wanted, usually a list's revision + 1 */
};

struct store_watch;

/* --- leases ----------------------------------------------------------------------------------------------------- */

/*
 * A lease kept alive until freed. on_granted may come several times: after on_lost the implementation asks for a new
 * lease by itself. on_lost comes when the server says so or when ttl_ms passed on the monotonic clock since the last
 * confirmed keep-alive was SENT, whichever is first: from then on others may act as if we were gone.
 */
struct store_lease_callbacks {
	void (*on_granted)(void *ctx, int64_t lease_id);
	void (*on_lost)(void *ctx);
};

struct store_lease;

/* --- the store -------------------------------------------------------------------------------------------------- */

enum store_state { STORE_CONNECTING, STORE_READY, STORE_LOST, STORE_REFUSED /* authentication */ };

struct store;

struct store_ops {
	void (*free)(struct store *s);
	struct store_op *(*range)(struct store *s, const struct store_range_request *req, store_range_fn *done,
				  void *ctx);
	struct store_op *(*txn)(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx);
	void (*cancel)(struct store *s, struct store_op *op);
	struct store_watch *(*watch)(struct store *s, const struct store_watch_request *req,
				     const struct store_watch_callbacks *cbs, void *ctx);
	void (*watch_free)(struct store *s, struct store_watch *w);
	struct store_lease *(*lease)(struct store *s, int64_t ttl_ms, bool keep_alive,
				     const struct store_lease_callbacks *cbs, void *ctx);
	void (*lease_free)(struct store *s, struct store_lease *l, bool revoke);
	bool (*busy)(const struct store *s);
};

/* What all implementations share; the first member of theirs. */
struct store {
	const struct store_ops *ops;
	struct loop *loop;
	enum store_state state;
	char state_text[192]; /* why it is not ready: "127.0.0.1:2379: Connection refused" */
	void (*on_state)(void *ctx, enum store_state state, const char *text); /* set by the owner; may be NULL */
	void *on_state_ctx;
};

static inline struct store *store_free(struct store *s)
{
	if (s)
		s->ops->free(s);
	return NULL;
}

static inline struct store_op *store_range(struct store *s, const struct store_range_request *req, store_range_fn *done,
					   void *ctx)
{
	return s->ops->range(s, req, done, ctx);
}

static inline struct store_op *store_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx)
{
	return s->ops->txn(s, txn, done, ctx);
}

/* NULL is fine. */
static inline void store_cancel(struct store *s, struct store_op *op)
{
	if (op)
		s->ops->cancel(s, op);
}

static inline struct store_watch *store_watch(struct store *s, const struct store_watch_request *req,
					      const struct store_watch_callbacks *cbs, void *ctx)
{
	return s->ops->watch(s, req, cbs, ctx);
}

/* NULL is fine; returns NULL. */
static inline struct store_watch *store_watch_free(struct store *s, struct store_watch *w)
{
	if (w)
		s->ops->watch_free(s, w);
	return NULL;
}

/* keep_alive false: granted once and left to run out (shared leases of events). ttl_ms: at least 2000. */
static inline struct store_lease *store_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
					      const struct store_lease_callbacks *cbs, void *ctx)
{
	return s->ops->lease(s, ttl_ms, keep_alive, cbs, ctx);
}

/*
 * revoke: tell the server, so that the keys go at once (best effort; under way while store_busy()). NULL is fine;
 * returns NULL.
 */
static inline struct store_lease *store_lease_free(struct store *s, struct store_lease *l, bool revoke)
{
	if (l)
		s->ops->lease_free(s, l, revoke);
	return NULL;
}

/* Whether reads, transactions or revokes are under way. Who is about to end gives them a moment. */
static inline bool store_busy(const struct store *s)
{
	return s->ops->busy(s);
}
