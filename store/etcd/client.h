/* The whole client: what its parts share. Each part's header says what it does; none calls another but
 * through here. */
#pragma once

#include "core/arena.h"
#include "etcd/auth.h"
#include "etcd/endpoints.h"
#include "etcd/etcd.h"
#include "etcd/lease.h"
#include "etcd/link.h"
#include "etcd/op.h"
#include "etcd/watch.h"
#include "rpc.pb-c.h"

struct etcd {
	struct store store; /* first: this is what callers hold */
	struct endpoints endpoints;
	struct link streams; /* watches and keep-alives; always kept */
	struct link calls;   /* everything else; only while there is something to ask */
	struct ops ops;
	struct auth auth;
	struct watches watches;
	struct leases leases;
	struct store_identity identity; /* of the latest reply */
	struct arena decoded;           /* one message, as long as its callback runs */
	struct arena encoding;          /* one request, until it is packed */
};

static inline struct etcd *etcd_of(struct store *s)
{
	return container_of(s, struct etcd, store);
}

/* Every reply passes by here: which history we talk to. */
struct store_identity etcd_saw(struct etcd *e, const Rpc__ResponseHeader *header) _nonnull_(1);
/* The token is there, or none is needed: what waited for it goes on. */
void etcd_admitted(struct etcd *e) _nonnull_(1);
/* Name or password were refused. */
void etcd_refused(struct etcd *e, const char *why) _nonnull_(1, 2);

/* range.c and txn.c: the two operations of the seam. */
struct store_op *etcd_range(struct store *s, const struct store_range_request *req, store_range_fn *done,
                            void *ctx) _nonnull_(1, 2, 3);
struct store_op *etcd_txn(struct store *s, const struct store_txn *txn, store_txn_fn *done, void *ctx)
        _nonnull_(1, 2, 3);
