/*
 * The database behind store/memory: versions of keys, a log of changes, leases. Pure data: it knows neither
 * loop nor clock; whoever drives it passes the time in.
 */
#pragma once

#include "core/list.h"
#include "core/sorted.h"
#include "store.h"

/* One value, or the deletion, of a key. Immutable; shared by the key's chain and the log. */
struct memory_version {
	unsigned refs;
	struct memory_version *older; /* of the same key; owned by the chain */
	bool deleted;
	struct store_kv kv; /* key and value belong to the version; a deletion: key and mod_rev only */
};

struct memory_lease {
	struct list link;
	int64_t id, ttl_ms;
	int64_t granted_rev; /* of the database then */
	int64_t expires_ms; /* INT64_MAX: somebody keeps it alive */
	bool alive;         /* ended ones are remembered for memory_db_restore() */
};

struct memory_db {
	uint64_t cluster_id;
	int64_t rev, compacted; /* the oldest revision that can still be read, 0: all */
	int64_t last_lease;
	unsigned epoch;        /* counts replace() and restore() */
	struct sorted records; /* struct record of db.c */
	struct memory_version **log;
	size_t log_len, log_cap;
	struct list leases;
};

void memory_db_init(struct memory_db *db) _nonnull_(1);
void memory_db_done(struct memory_db *db) _nonnull_(1);

/*
 * Carries the transaction out or refuses it; *ret_rev is the revision afterwards. The log's new entries are
 * the events.
 */
enum store_outcome memory_db_txn(struct memory_db *db, const struct store_txn *txn, int64_t *ret_rev,
                                 struct error *err) _nonnull_(1, 2, 3, 4);
/* *ret->kvs is to be freed; what it points to lives until the next change of the database. */
enum store_outcome memory_db_range(const struct memory_db *db, const struct store_range_request *req,
                                   struct store_range *ret, struct error *err) _nonnull_(1, 2, 3, 4);
/* The first entry of the log with at least this revision. */
size_t memory_db_log_from(const struct memory_db *db, int64_t rev) _nonnull_(1);
/* Whether the key is the one, or begins with the prefix. */
bool memory_key_matches(const char *key, const char *wanted, bool prefix) _nonnull_(1, 2);

void memory_db_compact(struct memory_db *db, int64_t rev) _nonnull_(1);
void memory_db_replace(struct memory_db *db) _nonnull_(1);
void memory_db_restore(struct memory_db *db, int64_t rev, int64_t now_ms) _nonnull_(1);

/* The new lease's id. */
int64_t memory_db_grant(struct memory_db *db, int64_t ttl_ms, int64_t expires_ms) _nonnull_(1);
/* NULL: there is none (any more). */
struct memory_lease *memory_db_lease(struct memory_db *db, int64_t id) _nonnull_(1);
/* Ends it: its keys go in one revision. */
void memory_db_revoke(struct memory_db *db, struct memory_lease *lease) _nonnull_(1, 2);
/* Ends what has run out; returns when the next one does (INT64_MAX: none). */
int64_t memory_db_expire(struct memory_db *db, int64_t now_ms) _nonnull_(1);
