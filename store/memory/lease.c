#include "memory/handle.h"

#include <stdlib.h>

#include "core/mem.h"

struct store_lease *memory_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                                 const struct store_lease_callbacks *cbs, void *ctx)
{
	struct handle *h = memory_handle(s);
	struct store_lease *l = NEW(struct store_lease);
	l->ttl_ms = ttl_ms;
	l->keep_alive = keep_alive;
	l->wanted = true;
	l->deadline_ms = INT64_MAX;
	l->cbs = *cbs;
	l->ctx = ctx;
	list_append(&h->leases, &l->link);
	loop_task_schedule(&h->task);
	return l;
}

/* From here on nobody keeps it alive. */
void memory_lease_let_go(struct handle *h, const struct store_lease *l)
{
	struct memory_lease *there = l->id ? memory_db_lease(&h->server->db, l->id) : NULL;
	if (there && there->expires_ms == INT64_MAX)
		there->expires_ms = memory_now(h->server) + l->ttl_ms;
}

void memory_lease_free(struct store *s, struct store_lease *l, bool revoke)
{
	struct handle *h = memory_handle(s);
	struct memory_lease *there = l->id ? memory_db_lease(&h->server->db, l->id) : NULL;
	if (there && revoke && !h->cut && h->epoch == h->server->db.epoch) {
		size_t log = h->server->db.log_len;
		memory_db_revoke(&h->server->db, there);
		memory_observed(h->server, h, log);
		memory_wake_all(h->server);
	} else if (l->keep_alive) {
		memory_lease_let_go(h, l);
	}
	list_remove(&l->link);
	free(l);
	memory_tick(h->server);
}

static void lease_lost(struct store_lease *l)
{
	l->id = 0;
	l->wanted = true;
	l->deadline_ms = INT64_MAX;
	if (l->cbs.on_lost)
		l->cbs.on_lost(l->ctx);
}

static bool lease_run(struct handle *h, struct store_lease *l)
{
	struct memory_db *db = &h->server->db;
	if (l->id && l->keep_alive && h->cut) {
		if (l->deadline_ms > memory_now(h->server))
			return false;
		lease_lost(l);
		return true;
	}
	if (h->cut)
		return false;
	if (l->id && l->keep_alive) {
		struct memory_lease *there = memory_db_lease(db, l->id);
		if (!there) {
			lease_lost(l);
			return true;
		}
		there->expires_ms = l->deadline_ms = INT64_MAX;
	}
	if (!l->wanted)
		return false;
	l->wanted = false;
	l->id = memory_db_grant(db, l->ttl_ms, l->keep_alive ? INT64_MAX : memory_now(h->server) + l->ttl_ms);
	h->counts.leases++;
	if (l->cbs.on_granted)
		l->cbs.on_granted(l->ctx, l->id);
	return true;
}

bool memory_leases_run(struct handle *h)
{
	list_for_each (node, &h->leases)
		if (lease_run(h, list_entry(node, struct store_lease, link)))
			return true;
	return false;
}
