#include "memory/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/mem.h"
#include "core/str.h"
#include "memory/db.h"

enum { OP_TIMEOUT_MS = 5000, EVENTS_AT_ONCE = 1000 };

/* The database with everybody who has opened it. */
struct server {
	struct memory_db db;
	struct loop *loop;
	struct list handles;
	struct loop_timer timer; /* the next lease that runs out, the next deadline of a handle that is cut */
	int64_t skew_ms;
};

struct handle {
	struct store base;
	struct server *server;
	struct list link;
	struct list ops, watches, leases;
	struct loop_task task;
	uint64_t
	        turn; /* counts on_turn(), so that what is submitted from a callback waits for the next one */
	struct store_identity seen;
	unsigned epoch;
	struct memory_counts counts;
	bool cut, hold, duplicate;
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

static struct handle *handle_of(struct store *s)
{
	return container_of(s, struct handle, base);
}

static int64_t now_of(const struct server *sv)
{
	return loop_now(sv->loop) + sv->skew_ms;
}

/* --- the server's side --- */

static void wake_all(struct server *sv)
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

static void tick(void *ctx)
{
	struct server *sv = ctx;
	int64_t now = now_of(sv), next = INT64_MAX;
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
	next = MIN(next, memory_db_expire(&sv->db, now));
	if (sv->db.rev != rev)
		wake_all(sv);
	if (next == INT64_MAX)
		loop_timer_stop(&sv->timer);
	else
		loop_timer_in(&sv->timer, next - now);
}

/* --- operations --- */

static struct store_op *op_new(struct handle *h, int64_t timeout_ms, void *ctx)
{
	struct store_op *op = NEW(struct store_op);
	op->turn = h->turn;
	op->deadline_ms = now_of(h->server) + (timeout_ms > 0 ? timeout_ms : OP_TIMEOUT_MS);
	op->ctx = ctx;
	list_append(&h->ops, &op->link);
	loop_task_schedule(&h->task);
	if (h->cut)
		tick(h->server);
	return op;
}

static void op_free(struct store_op *op)
{
	list_remove(&op->link);
	arena_done(&op->memory);
	free(op);
}

static struct store_op *memory_range(struct store *s, const struct store_range_request *req,
                                     store_range_fn *done, void *ctx)
{
	struct store_op *op = op_new(handle_of(s), req->timeout_ms, ctx);
	op->range = *req;
	op->range.key = arena_strdup(&op->memory, req->key);
	op->range.after = arena_strdup(&op->memory, req->after);
	op->range_done = done;
	return op;
}

static struct store_op *memory_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done,
                                   void *ctx)
{
	struct store_op *op = op_new(handle_of(s), txn->timeout_ms, ctx);
	struct store_if *ifs = ARENA_ARRAY(&op->memory, struct store_if, txn->n_ifs);
	struct store_then *thens = ARENA_ARRAY(&op->memory, struct store_then, txn->n_thens);
	for (size_t i = 0; i < txn->n_ifs; i++) {
		ifs[i] = txn->ifs[i];
		ifs[i].key = arena_strdup(&op->memory, ifs[i].key);
	}
	for (size_t i = 0; i < txn->n_thens; i++) {
		thens[i] = txn->thens[i];
		thens[i].key = arena_strdup(&op->memory, thens[i].key);
		if (thens[i].what == STORE_PUT && thens[i].value_len)
			thens[i].value = arena_dup(&op->memory, thens[i].value, thens[i].value_len);
	}
	op->txn = *txn;
	op->txn.ifs = ifs;
	op->txn.thens = thens;
	op->txn_done = done;
	return op;
}

static void memory_cancel(struct store *s _unused_, struct store_op *op)
{
	op_free(op);
}

static void seen(struct handle *h)
{
	h->seen = (struct store_identity){.cluster_id = h->server->db.cluster_id,
	                                  .revision = h->server->db.rev};
}

static void range_run(struct handle *h, struct store_op *op)
{
	struct error err = {0};
	struct store_range range = {0};
	enum store_outcome o;
	h->counts.ranges++;
	if (h->fail_ranges) {
		h->fail_ranges--;
		o = (enum store_outcome)error_set(&err, (int)h->fail_range, "", "made to fail");
	} else {
		o = memory_db_range(&h->server->db, &op->range, &range, &err);
		seen(h);
	}
	list_remove(&op->link);
	op->range_done(op->ctx, o, o ? NULL : &range, &err);
	free((void *)range.kvs);
	op_free(op);
}

static void txn_run(struct handle *h, struct store_op *op)
{
	struct error err = {0};
	int64_t rev = 0, before = h->server->db.rev;
	enum store_outcome o = STORE_OK;
	h->counts.txns++;
	bool run = true;
	if (h->fail_txns) {
		h->fail_txns--;
		if (h->fail_carried_out)
			(void)memory_db_txn(&h->server->db, &op->txn, &rev, &err);
		/* not known, but a second run does no harm: the store itself repeats it */
		run = h->fail_txn == STORE_E_UNKNOWN && op->txn.retry_safe;
		err = (struct error){0};
		o = h->fail_txn;
		rev = 0;
		if (!run)
			(void)error_set(&err, (int)o, "", "made to fail");
	}
	if (run) {
		o = memory_db_txn(&h->server->db, &op->txn, &rev, &err);
		seen(h);
	}
	if (h->server->db.rev != before)
		wake_all(h->server);
	list_remove(&op->link);
	op->txn_done(op->ctx, o, rev, &err);
	op_free(op);
}

/* Nothing was sent, so that nothing was written. */
static void op_expire(struct handle *h, struct store_op *op)
{
	struct error err = {0};
	(void)error_set(&err, STORE_E_UNAVAILABLE, "", "%s", h->base.state_text);
	list_remove(&op->link);
	if (op->range_done)
		op->range_done(op->ctx, STORE_E_UNAVAILABLE, NULL, &err);
	else
		op->txn_done(op->ctx, STORE_E_UNAVAILABLE, 0, &err);
	op_free(op);
}

/* The first operation that was there when this turn began and that can end now. */
static struct store_op *op_due(struct handle *h)
{
	list_for_each (node, &h->ops) {
		struct store_op *op = list_entry(node, struct store_op, link);
		if (op->turn != h->turn && (!h->cut || op->deadline_ms <= now_of(h->server)))
			return op;
	}
	return NULL;
}

/* --- watches --- */

static struct store_watch *memory_watch(struct store *s, const struct store_watch_request *req,
                                        const struct store_watch_callbacks *cbs, void *ctx)
{
	struct handle *h = handle_of(s);
	struct store_watch *w = NEW(struct store_watch);
	w->key = mem_strdup(req->key);
	w->prefix = req->prefix;
	w->next_rev = req->start_rev;
	w->turn = h->turn;
	w->cbs = *cbs;
	w->ctx = ctx;
	w->serial = ++h->counts.watches;
	list_append(&h->watches, &w->link);
	loop_task_schedule(&h->task);
	return w;
}

static void memory_watch_free(struct store *s _unused_, struct store_watch *w)
{
	list_remove(&w->link);
	free(w->key);
	free(w);
}

/* By number: the memory of a watch that was freed may hold another one by now. */
static struct store_watch *watch_find(const struct handle *h, uint64_t serial)
{
	list_for_each (node, &h->watches) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (w->serial == serial)
			return w;
	}
	return NULL;
}

/* The next events of the watch, whole revisions; returns how many. The array is to be freed. */
static size_t collect(struct handle *h, struct store_watch *w, struct store_event **ret, int64_t *ret_rev)
{
	const struct memory_db *db = &h->server->db;
	size_t n = 0, cap = 0;
	struct store_event *events = NULL;
	*ret_rev = db->rev;
	for (size_t i = memory_db_log_from(db, w->next_rev); i < db->log_len; i++) {
		const struct memory_version *v = db->log[i];
		if (n >= EVENTS_AT_ONCE && v->kv.mod_rev != events[n - 1].kv.mod_rev) {
			*ret_rev = v->kv.mod_rev - 1;
			break;
		}
		if (!memory_key_matches(v->kv.key, w->key, w->prefix))
			continue;
		if (h->lose) {
			h->lose--;
			continue;
		}
		if (n == cap) {
			cap = cap ? cap * 2 : 16;
			events = mem_realloc_array(events, cap, sizeof(*events));
		}
		events[n++] = (struct store_event){.deleted = v->deleted, .kv = v->kv};
	}
	*ret = events;
	return n;
}

/* One callback of one watch. False: there is nothing (more) to tell. */
static bool watch_run(struct handle *h, struct store_watch *w)
{
	const struct memory_db *db = &h->server->db;
	struct store_identity identity = {.cluster_id = db->cluster_id, .revision = db->rev};
	if (w->broken || w->next_rev < db->compacted) {
		w->dead = true;
		w->cbs.on_relist(w->ctx, STORE_E_COMPACTED, identity);
		return true;
	}
	_cleanup_free_ struct store_event *events = NULL;
	size_t n = collect(h, w, &events, &identity.revision);
	bool all = identity.revision == db->rev;
	w->next_rev = MAX(w->next_rev, identity.revision + 1);
	if (all)
		w->turn = h->turn;
	if (!n)
		return !all;
	seen(h);
	uint64_t serial = w->serial;
	w->cbs.on_events(w->ctx, events, n, identity);
	if (h->duplicate && (w = watch_find(h, serial)) != NULL)
		w->cbs.on_events(w->ctx, events, n, identity);
	return true;
}

/* Callbacks may end and begin watches: after each one the search begins anew. */
static bool watches_run(struct handle *h)
{
	list_for_each (node, &h->watches) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (!w->dead && w->turn != h->turn && !h->hold && watch_run(h, w))
			return true;
	}
	return false;
}

/* --- leases --- */

static struct store_lease *memory_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                                        const struct store_lease_callbacks *cbs, void *ctx)
{
	struct handle *h = handle_of(s);
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
static void lease_let_go(struct handle *h, const struct store_lease *l)
{
	struct memory_lease *there = l->id ? memory_db_lease(&h->server->db, l->id) : NULL;
	if (there && there->expires_ms == INT64_MAX)
		there->expires_ms = now_of(h->server) + l->ttl_ms;
}

static void memory_lease_free(struct store *s, struct store_lease *l, bool revoke)
{
	struct handle *h = handle_of(s);
	struct memory_lease *there = l->id ? memory_db_lease(&h->server->db, l->id) : NULL;
	if (there && revoke && !h->cut && h->epoch == h->server->db.epoch) {
		memory_db_revoke(&h->server->db, there);
		wake_all(h->server);
	} else if (l->keep_alive) {
		lease_let_go(h, l);
	}
	list_remove(&l->link);
	free(l);
	tick(h->server);
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
		if (l->deadline_ms > now_of(h->server))
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
	l->id = memory_db_grant(db, l->ttl_ms, l->keep_alive ? INT64_MAX : now_of(h->server) + l->ttl_ms);
	h->counts.leases++;
	if (l->cbs.on_granted)
		l->cbs.on_granted(l->ctx, l->id);
	return true;
}

static bool leases_run(struct handle *h)
{
	list_for_each (node, &h->leases)
		if (lease_run(h, list_entry(node, struct store_lease, link)))
			return true;
	return false;
}

/* --- the handle --- */

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
	seen(h);
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
	for (struct store_op *op; (op = op_due(h)) != NULL;) {
		if (h->cut)
			op_expire(h, op);
		else if (op->range_done)
			range_run(h, op);
		else
			txn_run(h, op);
	}
	while (leases_run(h))
		;
	while (!h->cut && watches_run(h))
		;
	tick(h->server);
}

static void memory_free(struct store *s)
{
	struct handle *h = handle_of(s);
	list_for_each_safe (node, &h->ops)
		op_free(list_entry(node, struct store_op, link));
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

static const struct store_ops memory_ops = {
        .free = memory_free,
        .range = memory_range,
        .txn = memory_txn,
        .cancel = memory_cancel,
        .watch = memory_watch,
        .watch_free = memory_watch_free,
        .lease = memory_lease,
        .lease_free = memory_lease_free,
};

static struct store *handle_new(struct server *sv)
{
	struct handle *h = NEW(struct handle);
	h->base = (struct store){.ops = &memory_ops, .loop = sv->loop, .state = STORE_CONNECTING};
	h->server = sv;
	h->epoch = sv->db.epoch;
	list_init(&h->ops);
	list_init(&h->watches);
	list_init(&h->leases);
	list_append(&sv->handles, &h->link);
	loop_task_init(sv->loop, &h->task, on_turn, h);
	loop_task_schedule(&h->task);
	return &h->base;
}

struct store *memory_store_new(struct loop *loop)
{
	struct server *sv = NEW(struct server);
	memory_db_init(&sv->db);
	sv->loop = loop;
	list_init(&sv->handles);
	loop_timer_init(loop, &sv->timer, tick, sv);
	return handle_new(sv);
}

struct store *memory_store_open(struct store *s)
{
	return handle_new(handle_of(s)->server);
}

/* --- knobs --- */

static const struct handle *const_handle_of(const struct store *s)
{
	return (const struct handle *)(const void *)((const char *)s - offsetof(struct handle, base));
}

int64_t memory_store_revision(const struct store *s)
{
	return const_handle_of(s)->server->db.rev;
}

uint64_t memory_store_cluster(const struct store *s)
{
	return const_handle_of(s)->server->db.cluster_id;
}

void memory_store_compact(struct store *s, int64_t rev)
{
	memory_db_compact(&handle_of(s)->server->db, rev);
}

void memory_store_replace(struct store *s)
{
	struct server *sv = handle_of(s)->server;
	memory_db_replace(&sv->db);
	wake_all(sv);
}

void memory_store_restore(struct store *s, int64_t rev)
{
	struct server *sv = handle_of(s)->server;
	memory_db_restore(&sv->db, rev, now_of(sv));
	wake_all(sv);
	tick(sv);
}

void memory_store_advance(struct store *s, int64_t ms)
{
	struct server *sv = handle_of(s)->server;
	sv->skew_ms += ms;
	tick(sv);
}

void memory_store_expire(struct store *s, int64_t lease_id)
{
	struct server *sv = handle_of(s)->server;
	struct memory_lease *l = memory_db_lease(&sv->db, lease_id);
	if (l)
		memory_db_revoke(&sv->db, l);
	wake_all(sv);
}

void memory_store_cut(struct store *s, bool cut)
{
	struct handle *h = handle_of(s);
	if (h->cut == cut)
		return;
	h->cut = cut;
	list_for_each (node, &h->leases) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (cut && l->id && l->keep_alive) {
			lease_let_go(h, l);
			l->deadline_ms = now_of(h->server) + l->ttl_ms;
		}
	}
	loop_task_schedule(&h->task);
	tick(h->server);
}

void memory_store_fail_txns(struct store *s, unsigned n, enum store_outcome outcome, bool carried_out)
{
	struct handle *h = handle_of(s);
	h->fail_txns = n;
	h->fail_txn = outcome;
	h->fail_carried_out = carried_out;
}

void memory_store_fail_ranges(struct store *s, unsigned n, enum store_outcome outcome)
{
	struct handle *h = handle_of(s);
	h->fail_ranges = n;
	h->fail_range = outcome;
}

void memory_store_hold_events(struct store *s, bool hold)
{
	handle_of(s)->hold = hold;
	loop_task_schedule(&handle_of(s)->task);
}

void memory_store_duplicate_events(struct store *s, bool duplicate)
{
	handle_of(s)->duplicate = duplicate;
}

void memory_store_lose_events(struct store *s, unsigned n)
{
	handle_of(s)->lose = n;
}

struct memory_counts memory_store_counts(const struct store *s)
{
	return const_handle_of(s)->counts;
}
