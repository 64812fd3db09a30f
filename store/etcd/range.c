/* Reading: store_range() as etcd's Range. */
#include "core/limits.h"
#include "etcd/client.h"

static void complete(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                     const struct error *err)
{
	struct etcd *e = op->ops->etcd;
	if (outcome != STORE_OK) {
		op->done.range(op->ctx, outcome, NULL, err);
		return;
	}
	Rpc__RangeResponse *r = wire_unpack(&e->decoded, &rpc__range_response__descriptor, reply, len);
	if (!r || !r->header) {
		struct error bad = {0};
		(void)error_set(&bad, STORE_E_INTERNAL, "", "the reply to a range is not one");
		op->done.range(op->ctx, STORE_E_INTERNAL, NULL, &bad);
		arena_reset(&e->decoded);
		return;
	}
	struct store_kv *kvs = ARENA_ARRAY(&e->decoded, struct store_kv, r->n_kvs);
	struct store_range range = {.identity = etcd_saw(e, r->header), .kvs = kvs, .more = r->more};
	if (op->rev)
		range.identity.revision = op->rev;
	for (size_t i = 0; i < r->n_kvs; i++) {
		const Rpc__KeyValue *kv = r->kvs[i];
		if (wire_key_is_text(&kv->key))
			kvs[range.count++] = wire_kv(kv);
	}
	op->done.range(op->ctx, STORE_OK, &range, err);
	arena_reset(&e->decoded);
}

struct store_op *etcd_range(struct store *s, const struct store_range_request *req, store_range_fn *done,
                            void *ctx)
{
	struct etcd *e = etcd_of(s);
	Rpc__RangeRequest m = RPC__RANGE_REQUEST__INIT;
	wire_range(&e->encoding, req->key, req->prefix, req->after, &m.key, &m.range_end);
	m.limit = req->limit > 0 ? req->limit : LIMIT_LIST_PAGE;
	m.revision = req->rev;
	m.keys_only = req->keys_only;
	struct store_op *op =
	        op_new(&e->ops, "/etcdserverpb.KV/Range", wire_pack(&m.base), req->timeout_ms, complete, ctx);
	arena_reset(&e->encoding);
	op->done.range = done;
	op->rev = req->rev;
	if (!req->prefix && !req->key[0])
		op_refuse(op, STORE_E_INTERNAL, "a key must not be empty");
	else
		op_submit(op);
	return op;
}
