/*
 * Unary calls with a deadline: they wait for a connection and a token, are sent, and sent again when that is
 * harmless. Exactly one completion, from the loop, unless cancelled.
 */
#pragma once

#include "core/list.h"
#include "core/loop.h"
#include "etcd/wire.h"
#include "store.h"

struct etcd;

struct ops {
	struct etcd *etcd;
	struct list waiting; /* for a connection, a token, or for their back-off to pass */
	struct list sent;
	struct list refused;     /* by ourselves, at submit; completed in the next turn */
	struct loop_timer timer; /* at the first deadline or end of a back-off, or before */
	int64_t timer_ms;
	struct loop_task turn;
	char why[200]; /* why there is no connection; "" when there is one */
};

/*
 * reply: the message for STORE_OK, else NULL. The operation is freed right afterwards; op->sent_ms is when
 * the attempt that was answered went out.
 */
typedef void op_complete_fn(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                            const struct error *err);

struct store_op {
	struct list link;
	struct ops *ops;
	const char *path; /* static */
	struct wire_bytes request;
	bool writes; /* carried out twice it would do harm, unless retry_safe */
	bool retry_safe;
	bool anonymous; /* needs no token: it gets one */
	op_complete_fn *complete;
	union { /* what complete() calls */
		store_range_fn *range;
		store_txn_fn *txn;
		void (*plain)(void *ctx);
	} done;
	void *ctx;
	int64_t rev; /* of a range: the revision asked for */

	struct call *call; /* while sent */
	bool perhaps;      /* an attempt may have been carried out */
	int64_t submitted_ms, deadline_ms, retry_ms, sent_ms;
	unsigned attempts;
	enum store_outcome refusal; /* while in `refused` */
	char text[256];             /* why the last attempt failed, or it was refused */
};

void ops_init(struct ops *o, struct etcd *e) _nonnull_(1, 2);
/* Frees all operations without completing them. Idempotent. */
void ops_done(struct ops *o) _nonnull_(1);

/* A new operation, to be filled in and submitted. timeout_ms 0: 5000. Takes the request's bytes. */
struct store_op *op_new(struct ops *o, const char *path, struct wire_bytes request, int64_t timeout_ms,
                        op_complete_fn *complete, void *ctx) _nonnull_(1, 2, 5);
void op_submit(struct store_op *op) _nonnull_(1);
/* Completes it from the loop with this outcome instead of sending it. */
void op_refuse(struct store_op *op, enum store_outcome outcome, const char *fmt, ...) _nonnull_(1, 3)
        _printf_(3, 4);
/* Ends it without completion. NULL is fine. */
void op_cancel(struct store_op *op);

/* A connection or a token is there: sends what waits. */
void ops_pump(struct ops *o) _nonnull_(1);
/* The connection could not be made; those that it lost have been told. */
void ops_unreachable(struct ops *o, const char *why) _nonnull_(1, 2);
/* Name and password were refused: what waits is denied. */
void ops_deny(struct ops *o, const char *why) _nonnull_(1, 2);
