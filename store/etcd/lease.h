/*
 * Leases, kept alive on one stream. A keep-alive goes out when 0.6 of the time to live have passed since the
 * last confirmed one was sent; without an answer it is repeated after another 0.15, and after another 0.15
 * the connection is given up for the next endpoint. On a quiet connection a keep-alive costs two wake-ups: one
 * to send it, one to read all that it brought. What decides that a lease is lost is our own clock,
 * counted from the sending: the server's count began later.
 */
#pragma once

#include "core/list.h"
#include "core/loop.h"
#include "store.h"

struct etcd;
struct call;

#define LEASE_TRIES 2 /* keep-alives sent before the connection is given up */

struct store_lease {
	struct list link; /* in leases.all */
	struct leases *leases;
	struct store_lease_callbacks cbs;
	void *ctx;
	bool keep_alive;
	int64_t asked_ms;             /* time to live wanted */
	int64_t id;                   /* 0: not granted */
	int64_t ttl_ms;               /* granted: at least what was asked for, in whole seconds */
	int64_t confirmed_ms;         /* when the grant or keep-alive that was answered last went out */
	int64_t sent_ms[LEASE_TRIES]; /* keep-alives without an answer, oldest first */
	unsigned n_sent;
	struct store_op *grant; /* under way */
	int64_t retry_ms;       /* when to ask for a grant again; 0: not waiting for that */
};

struct leases {
	struct etcd *etcd;
	struct list all;
	struct call *stream; /* NULL: none */
	struct loop_timer timer;
};

void leases_init(struct leases *ls, struct etcd *e) _nonnull_(1, 2);
/* Frees all leases without revoking them. Idempotent. */
void leases_done(struct leases *ls) _nonnull_(1);
/* The connection is up, or a token is there. */
void leases_pump(struct leases *ls) _nonnull_(1);
/* A message of the stream. (Apart, so that it can be fed without a network.) */
void leases_receive(struct leases *ls, const uint8_t *data, size_t len) _nonnull_(1, 2);

struct store_lease *etcd_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                               const struct store_lease_callbacks *cbs, void *ctx) _nonnull_(1, 4);
void etcd_lease_free(struct store *s, struct store_lease *l, bool revoke) _nonnull_(1, 2);
