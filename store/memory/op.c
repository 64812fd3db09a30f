/* Ranges and transactions: they wait in the handle until its turn, or until their deadline while it is cut. */
#include "memory/handle.h"

#include <stdlib.h>

#include "core/mem.h"

enum { OP_TIMEOUT_MS = 5000 };

static struct store_op *op_new(struct handle *h, int64_t timeout_ms, void *ctx)
{
	struct store_op *op = NEW(struct store_op);
	op->turn = h->turn;
	op->deadline_ms = memory_now(h->server) + (timeout_ms > 0 ? timeout_ms : OP_TIMEOUT_MS);
	op->ctx = ctx;
	list_append(&h->ops, &op->link);
	loop_task_schedule(&h->task);
	if (h->cut)
		memory_tick(h->server);
	return op;
}

static void op_free(struct store_op *op)
{
	list_remove(&op->link);
	arena_done(&op->memory);
	free(op);
}

struct store_op *memory_range(struct store *s, const struct store_range_request *req, store_range_fn *done,
                              void *ctx)
{
	struct store_op *op = op_new(memory_handle(s), req->timeout_ms, ctx);
	op->range = *req;
	op->range.key = arena_strdup(&op->memory, req->key);
	op->range.after = arena_strdup(&op->memory, req->after);
	op->range_done = done;
	return op;
}

struct store_op *memory_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx)
{
	struct store_op *op = op_new(memory_handle(s), txn->timeout_ms, ctx);
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

void memory_cancel(struct store *s _unused_, struct store_op *op)
{
	op_free(op);
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
		memory_seen(h);
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
	size_t log = h->server->db.log_len;
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
		memory_seen(h);
	}
	if (h->server->db.rev != before) {
		memory_observed(h->server, h, log);
		memory_wake_all(h->server);
	}
	if (h->cut) {
		o = (enum store_outcome)error_set(&err, STORE_E_UNKNOWN, "", "memory: cut");
		rev = 0;
	}
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
		if (op->turn != h->turn && (!h->cut || op->deadline_ms <= memory_now(h->server)))
			return op;
	}
	return NULL;
}

void memory_ops_run(struct handle *h)
{
	for (struct store_op *op; (op = op_due(h)) != NULL;) {
		if (h->cut)
			op_expire(h, op);
		else if (op->range_done)
			range_run(h, op);
		else
			txn_run(h, op);
	}
}
