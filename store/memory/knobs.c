/* What memory.h offers beside the store: looking into the database, and making things go wrong. */
#include "memory/handle.h"

#include <stdlib.h>

#include "core/mem.h"

static const struct handle *const_handle_of(const struct store *s)
{
	return (const struct handle *)(const void *)((const char *)s - offsetof(struct handle, base));
}

int64_t memory_store_revision(const struct store *s)
{
	return const_handle_of(s)->server->db.rev;
}

int64_t memory_store_compacted(const struct store *s)
{
	return const_handle_of(s)->server->db.compacted;
}

const char *memory_store_last_write(const struct store *s, int64_t rev, const char *but_for)
{
	const struct memory_db *db = &const_handle_of(s)->server->db;
	for (size_t i = memory_db_log_from(db, rev + 1); i < db->log_len; i++)
		if (!memory_key_matches(db->log[i]->kv.key, but_for, true))
			return db->log[i]->kv.key;
	return NULL;
}

uint64_t memory_store_cluster(const struct store *s)
{
	return const_handle_of(s)->server->db.cluster_id;
}

void memory_store_compact(struct store *s, int64_t rev)
{
	memory_db_compact(&memory_handle(s)->server->db, rev);
}

void memory_store_replace(struct store *s)
{
	struct server *sv = memory_handle(s)->server;
	memory_db_replace(&sv->db);
	memory_wake_all(sv);
}

void memory_store_restore(struct store *s, int64_t rev)
{
	struct server *sv = memory_handle(s)->server;
	memory_db_restore(&sv->db, rev, memory_now(sv));
	memory_wake_all(sv);
	memory_tick(sv);
}

void memory_store_advance(struct store *s, int64_t ms)
{
	struct server *sv = memory_handle(s)->server;
	sv->skew_ms += ms;
	memory_tick(sv);
}

enum store_outcome memory_store_apply(struct store *s, const struct store_txn *txn)
{
	struct handle *h = memory_handle(s);
	struct server *sv = h->server;
	struct error err = {0};
	size_t log = sv->db.log_len;
	int64_t rev;
	enum store_outcome o = memory_db_txn(&sv->db, txn, &rev, &err);
	memory_observed(sv, h, log);
	memory_wake_all(sv);
	return o;
}

enum store_outcome memory_store_peek(const struct store *s, const struct store_range_request *req,
                                     struct store_range *ret)
{
	struct error err = {0};
	return memory_db_range(&const_handle_of(s)->server->db, req, ret, &err);
}

void memory_store_expire(struct store *s, int64_t lease_id)
{
	struct server *sv = memory_handle(s)->server;
	struct memory_lease *l = memory_db_lease(&sv->db, lease_id);
	size_t log = sv->db.log_len;
	if (l)
		memory_db_revoke(&sv->db, l);
	memory_observed(sv, NULL, log);
	memory_wake_all(sv);
}

void memory_store_cut(struct store *s, bool cut)
{
	struct handle *h = memory_handle(s);
	if (h->cut == cut)
		return;
	h->cut = cut;
	list_for_each (node, &h->leases) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (cut && l->id && l->keep_alive) {
			memory_lease_let_go(h, l);
			l->deadline_ms = memory_now(h->server) + l->ttl_ms;
		}
	}
	loop_task_schedule(&h->task);
	memory_tick(h->server);
}

void memory_store_fail_txns(struct store *s, unsigned n, enum store_outcome outcome, bool carried_out)
{
	struct handle *h = memory_handle(s);
	h->fail_txns = n;
	h->fail_txn = outcome;
	h->fail_carried_out = carried_out;
}

void memory_store_fail_ranges(struct store *s, unsigned n, enum store_outcome outcome)
{
	struct handle *h = memory_handle(s);
	h->fail_ranges = n;
	h->fail_range = outcome;
}

void memory_store_hold_events(struct store *s, bool hold)
{
	memory_handle(s)->hold = hold;
	memory_handle(s)->hold_but = NULL;
	loop_task_schedule(&memory_handle(s)->task);
}

void memory_store_hold_but(struct store *s, const char *key)
{
	memory_handle(s)->hold_but = key;
}

unsigned memory_store_pending(const struct store *s)
{
	unsigned n = 0;
	list_for_each (node, &const_handle_of(s)->ops)
		n++;
	return n;
}

void memory_store_duplicate_events(struct store *s, bool duplicate)
{
	memory_handle(s)->duplicate = duplicate;
}

void memory_store_lose_events(struct store *s, unsigned n)
{
	memory_handle(s)->lose = n;
}

void memory_store_observe(struct store *s, memory_observer_fn *fn, void *ctx)
{
	memory_handle(s)->server->observer = fn;
	memory_handle(s)->server->observer_ctx = ctx;
}

void memory_observed(struct server *sv, const struct handle *by, size_t from)
{
	size_t n = sv->db.log_len - from;
	if (!sv->observer || !n)
		return;
	_cleanup_free_ struct store_event *events = mem_realloc_array(NULL, n, sizeof(*events));
	for (size_t i = 0; i < n; i++)
		events[i] = (struct store_event){.deleted = sv->db.log[from + i]->deleted,
		                                 .kv = sv->db.log[from + i]->kv};
	sv->observer(sv->observer_ctx, by ? &by->base : NULL, events, n);
}

void memory_store_on_deliver(struct store *s, memory_deliver_fn *fn, void *ctx)
{
	memory_handle(s)->server->deliver = fn;
	memory_handle(s)->server->deliver_ctx = ctx;
}

struct memory_counts memory_store_counts(const struct store *s)
{
	return const_handle_of(s)->counts;
}
