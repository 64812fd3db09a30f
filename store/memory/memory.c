#include "memory/handle.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

void memory_wake_all(struct server *sv)
{
	list_for_each (node, &sv->handles)
		loop_task_schedule(&list_entry(node, struct handle, link)->task);
}

/* The earliest deadline of the handle; only one that is cut has any. */
static int64_t handle_deadline(const struct handle *h)
{
	int64_t next = INT64_MAX;
	if (!h->cut)
		return next;
	list_for_each (node, &h->ops)
		next = MIN(next, list_entry(node, struct store_op, link)->deadline_ms);
	list_for_each (node, &h->leases) {
		const struct store_lease *l = list_entry(node, struct store_lease, link);
		if (l->id)
			next = MIN(next, l->deadline_ms);
	}
	return next;
}

void memory_tick(void *ctx)
{
	struct server *sv = ctx;
	int64_t now = memory_now(sv), next = INT64_MAX;
	/* who lost the connection notices first; then the server lets go */
	list_for_each (node, &sv->handles) {
		struct handle *h = list_entry(node, struct handle, link);
		int64_t due = handle_deadline(h);
		if (due <= now)
			loop_task_schedule(&h->task);
		else
			next = MIN(next, due);
	}
	int64_t rev = sv->db.rev;
	size_t log = sv->db.log_len;
	next = MIN(next, memory_db_expire(&sv->db, now));
	if (sv->db.rev != rev) {
		memory_observed(sv, NULL, log);
		memory_wake_all(sv);
	}
	if (next == INT64_MAX)
		loop_timer_stop(&sv->timer);
	else
		loop_timer_in(&sv->timer, next - now);
}

void memory_seen(struct handle *h)
{
	h->seen = (struct store_identity){.cluster_id = h->server->db.cluster_id,
	                                  .revision = h->server->db.rev};
}

static void state_set(struct handle *h, enum store_state state, const char *text)
{
	if (h->base.state == state)
		return;
	h->base.state = state;
	(void)snprintf(h->base.state_text, sizeof(h->base.state_text), "%s", text);
	if (h->base.on_state)
		h->base.on_state(h->base.on_state_ctx, state, text);
}

/* The server was replaced or restored: the connection broke, and a new one shows what is there now. */
static void reconnect(struct handle *h)
{
	const struct memory_db *db = &h->server->db;
	state_set(h, STORE_LOST, "memory: connection reset");
	h->epoch = db->epoch;
	bool other =
	        h->seen.cluster_id && (h->seen.cluster_id != db->cluster_id || db->rev < h->seen.revision);
	list_for_each (node, &h->watches) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		w->broken |= other;
	}
	memory_seen(h);
}

static void on_turn(void *ctx)
{
	struct handle *h = ctx;
	h->turn++;
	if (h->cut) {
		state_set(h, STORE_LOST, "memory: cut");
	} else {
		if (h->epoch != h->server->db.epoch)
			reconnect(h);
		state_set(h, STORE_READY, "");
	}
	memory_ops_run(h);
	while (memory_leases_run(h))
		;
	while (!h->cut && memory_watches_run(h))
		;
	memory_tick(h->server);
}

static void memory_free(struct store *s)
{
	struct handle *h = memory_handle(s);
	list_for_each_safe (node, &h->ops)
		memory_cancel(s, list_entry(node, struct store_op, link));
	list_for_each_safe (node, &h->watches)
		memory_watch_free(s, list_entry(node, struct store_watch, link));
	list_for_each_safe (node, &h->leases)
		memory_lease_free(s, list_entry(node, struct store_lease, link), false);
	loop_task_cancel(&h->task);
	struct server *sv = h->server;
	list_remove(&h->link);
	free(h);
	if (!list_empty(&sv->handles))
		return;
	loop_timer_stop(&sv->timer);
	memory_db_done(&sv->db);
	free(sv);
}

static bool memory_busy(const struct store *s)
{
	const struct handle *h = (const struct handle *)s;
	return !list_empty(&h->ops);
}

static const struct store_ops memory_ops = {
        .free = memory_free,
        .range = memory_range,
        .txn = memory_txn,
        .cancel = memory_cancel,
        .watch = memory_watch,
        .watch_free = memory_watch_free,
        .lease = memory_lease,
        .lease_free = memory_lease_free,
        .busy = memory_busy,
};

static struct store *handle_new(struct server *sv, struct loop *loop)
{
	struct handle *h = NEW(struct handle);
	h->base = (struct store){.ops = &memory_ops, .loop = loop, .state = STORE_CONNECTING};
	h->server = sv;
	h->epoch = sv->db.epoch;
	list_init(&h->ops);
	list_init(&h->watches);
	list_init(&h->leases);
	list_append(&sv->handles, &h->link);
	loop_task_init(loop, &h->task, on_turn, h);
	loop_task_schedule(&h->task);
	return &h->base;
}

struct store *memory_store_new(struct loop *loop)
{
	struct server *sv = NEW(struct server);
	memory_db_init(&sv->db);
	sv->loop = loop;
	list_init(&sv->handles);
	loop_timer_init(loop, &sv->timer, memory_tick, sv);
	return handle_new(sv, loop);
}

struct store *memory_store_open(struct store *s)
{
	struct server *sv = memory_handle(s)->server;
	return handle_new(sv, sv->loop);
}

struct store *memory_store_open_on(struct store *s, struct loop *loop)
{
	return handle_new(memory_handle(s)->server, loop);
}
