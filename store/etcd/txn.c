/* Writing: store_txn() as etcd's Txn. The limits are checked here, before the network is bothered. */
#include "core/limits.h"
#include "etcd/client.h"

static void complete(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                     const struct error *err)
{
	struct etcd *e = op->ops->etcd;
	if (outcome != STORE_OK) {
		op->done.txn(op->ctx, outcome, 0, err);
		return;
	}
	Rpc__TxnResponse *r = wire_unpack(&e->decoded, &rpc__txn_response__descriptor, reply, len);
	struct error bad = {0};
	if (!r || !r->header) {
		(void)error_set(&bad, STORE_E_UNKNOWN, "", "the reply to a transaction is not one");
		op->done.txn(op->ctx, STORE_E_UNKNOWN, 0, &bad);
	} else {
		int64_t rev = etcd_saw(e, r->header).revision;
		if (!r->succeeded)
			(void)error_set(&bad, STORE_E_CONFLICT, "", "a compared revision has changed");
		op->done.txn(op->ctx, r->succeeded ? STORE_OK : STORE_E_CONFLICT, rev,
		             r->succeeded ? err : &bad);
	}
	arena_reset(&e->decoded);
}

static Rpc__Compare *compare(struct arena *a, const struct store_if *from)
{
	Rpc__Compare *c = ARENA_NEW(a, Rpc__Compare);
	rpc__compare__init(c);
	c->key = wire_text(from->key);
	switch (from->what) {
	case STORE_IF_MOD_REV:
		c->target = RPC__COMPARE__TARGET__MOD;
		c->target_union_case = RPC__COMPARE__TARGET_UNION_MOD_REVISION;
		c->mod_revision = from->rev;
		break;
	case STORE_IF_CREATE_REV:
		c->target = RPC__COMPARE__TARGET__CREATE;
		c->target_union_case = RPC__COMPARE__TARGET_UNION_CREATE_REVISION;
		c->create_revision = from->rev;
		break;
	}
	return c;
}

static Rpc__RequestOp *request_op(struct arena *a, const struct store_then *from)
{
	Rpc__RequestOp *op = ARENA_NEW(a, Rpc__RequestOp);
	rpc__request_op__init(op);
	if (from->what == STORE_PUT) {
		Rpc__PutRequest *put = ARENA_NEW(a, Rpc__PutRequest);
		rpc__put_request__init(put);
		put->key = wire_text(from->key);
		put->value.data = (uint8_t *)(uintptr_t)from->value;
		put->value.len = from->value_len;
		put->lease = from->lease;
		op->request_case = RPC__REQUEST_OP__REQUEST_REQUEST_PUT;
		op->request_put = put;
	} else {
		Rpc__DeleteRangeRequest *del = ARENA_NEW(a, Rpc__DeleteRangeRequest);
		rpc__delete_range_request__init(del);
		wire_range(a, from->key, from->what == STORE_DELETE_PREFIX, NULL, &del->key, &del->range_end);
		op->request_case = RPC__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
		op->request_delete_range = del;
	}
	return op;
}

static struct wire_bytes pack(struct arena *a, const struct store_txn *txn)
{
	Rpc__TxnRequest m = RPC__TXN_REQUEST__INIT;
	m.n_compare = txn->n_ifs;
	m.compare = ARENA_ARRAY(a, Rpc__Compare *, txn->n_ifs);
	for (size_t i = 0; i < txn->n_ifs; i++)
		m.compare[i] = compare(a, &txn->ifs[i]);
	m.n_success = txn->n_thens;
	m.success = ARENA_ARRAY(a, Rpc__RequestOp *, txn->n_thens);
	for (size_t i = 0; i < txn->n_thens; i++)
		m.success[i] = request_op(a, &txn->thens[i]);
	struct wire_bytes bytes = wire_pack(&m.base);
	arena_reset(a);
	return bytes;
}

/* The first operation that no store of ours may carry out; n_thens when there is none. */
static size_t first_bad(const struct store_txn *txn, enum store_outcome *ret_outcome, const char **ret_why)
{
	for (size_t i = 0; i < txn->n_thens; i++) {
		const struct store_then *t = &txn->thens[i];
		size_t key_len = strlen(t->key);
		if (key_len > LIMIT_KEY || (t->what == STORE_PUT && t->value_len > LIMIT_VALUE)) {
			*ret_outcome = STORE_E_TOO_LARGE;
			*ret_why = key_len > LIMIT_KEY ? "the key is too long" : "the value is too large";
			return i;
		}
		if (!key_len && t->what != STORE_DELETE_PREFIX) {
			*ret_outcome = STORE_E_INTERNAL;
			*ret_why = "a key must not be empty";
			return i;
		}
	}
	return txn->n_thens;
}

struct store_op *etcd_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx)
{
	struct etcd *e = etcd_of(s);
	enum store_outcome outcome = STORE_OK;
	const char *why = "";
	size_t bad = txn->n_thens > LIMIT_TXN_OPS ? 0 : first_bad(txn, &outcome, &why);
	bool fits = txn->n_thens <= LIMIT_TXN_OPS && txn->n_ifs <= LIMIT_TXN_OPS && bad == txn->n_thens;
	struct wire_bytes request = fits ? pack(&e->encoding, txn) : (struct wire_bytes){0};
	struct store_op *op =
	        op_new(&e->ops, "/etcdserverpb.KV/Txn", request, txn->timeout_ms, complete, ctx);
	op->done.txn = done;
	op->writes = true;
	op->retry_safe = txn->retry_safe;
	if (txn->n_thens > LIMIT_TXN_OPS || txn->n_ifs > LIMIT_TXN_OPS)
		op_refuse(op, STORE_E_TOO_LARGE,
		          "%zu compares and %zu operations in one transaction; each is at most %d",
		          txn->n_ifs, txn->n_thens, LIMIT_TXN_OPS);
	else if (!fits)
		op_refuse(op, outcome, "%.200s: %s (keys: %d bytes, values: %d bytes)", txn->thens[bad].key,
		          why, LIMIT_KEY, LIMIT_VALUE);
	else if (request.len > LIMIT_TXN_BYTES)
		op_refuse(op, STORE_E_TOO_LARGE, "the transaction has %zu bytes; at most %d fit into one",
		          request.len, LIMIT_TXN_BYTES);
	else
		op_submit(op);
	return op;
}
