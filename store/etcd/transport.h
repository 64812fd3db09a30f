/*
 * One HTTP/2 connection to etcd and the gRPC calls on it. It neither connects again nor watches the time:
 * link.h does.
 *
 * Callbacks come from the loop. Inside them everything of this header may be called except transport_free();
 * requests go out together at the end of the loop's round.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "core/net.h"
#include "core/tls.h"

struct transport;

struct transport_events {
	void (*on_up)(void *ctx); /* the server answered: calls may be started */
	/* The connection is gone and all its calls have ended; to be freed now or later. The last callback. */
	void (*on_down)(void *ctx, const char *why);
	void (*on_received)(void *ctx); /* bytes came: the server lives */
	void (*on_calls)(void *ctx);    /* the number of open calls became 0 or 1 */
};

/* tls: NULL for a plain connection. A failure to begin comes as on_down. */
struct transport *transport_open(struct loop *l, const struct net_address *a, struct tls_context *tls,
                                 const struct transport_events *events, void *ctx) _nonnull_(1, 2, 4);
/* Ends calls silently. What is written already still goes out. NULL is fine; returns NULL. */
struct transport *transport_free(struct transport *t);
/* Closes the connection: on_down(why) follows from the loop. */
void transport_drop(struct transport *t, const char *why) _nonnull_(1, 2);
/* Sends a PING; its answer shows as on_received. */
void transport_ping(struct transport *t) _nonnull_(1);
/*
 * What comes within the next ms is read together, unless it is much: for one about to send what is answered in pieces
 * (gRPC servers measure the line with a PING of their own before they answer), so that it is woken once.
 */
void transport_gather(struct transport *t, int64_t ms) _nonnull_(1);
/* Calls may be started: it is up, not dropped, and the server has not asked us to leave. */
bool transport_usable(const struct transport *t) _nonnull_(1);
/* The server asked us to leave (GOAWAY): calls that run may end. */
bool transport_leaving(const struct transport *t) _nonnull_(1);
size_t transport_calls(const struct transport *t) _nonnull_(1);

/* --- calls --- */

struct call;

struct call_end {
	int status;       /* of gRPC; WIRE_BROKEN: the connection or the stream broke */
	const char *text; /* "" when there is none */
	bool unsent;      /* the request surely did not reach a handler whole */
};

struct call_events {
	/* A whole message; valid during the callback. */
	void (*on_message)(void *ctx, const uint8_t *data, size_t len);
	/* The call is over and its handle dead. Comes once, unless call_cancel() came first. */
	void (*on_end)(void *ctx, const struct call_end *end);
};

/*
 * A unary call. path: "/etcdserverpb.KV/Range", static. token: NULL for none; copied. request: with its
 * prefix (wire_pack), kept by the caller until the call ends or is cancelled. Only while transport_usable().
 */
struct call *call_unary(struct transport *t, const char *path, const char *token, const void *request,
                        size_t len, const struct call_events *events, void *ctx) _nonnull_(1, 2, 4, 6);
/* A stream in both directions. */
struct call *call_stream(struct transport *t, const char *path, const char *token,
                         const struct call_events *events, void *ctx) _nonnull_(1, 2, 4);
/* On a stream: one more message with its prefix; copied. */
void call_send(struct call *c, const void *message, size_t len) _nonnull_(1, 2);
/* Resets the stream; no callback follows. NULL is fine. */
void call_cancel(struct call *c);
/* No callback follows, but the call goes on to its end. NULL is fine. */
void call_forget(struct call *c);
