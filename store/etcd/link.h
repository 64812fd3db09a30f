/*
 * A connection that is kept: it dials the endpoints in turn, waits longer after each round of failures (0.1
 * s, doubled up to 5 s, with jitter), and finds out when a server that holds the connection open has stopped
 * answering.
 *
 * While calls are open and nothing came for quiet_ms, a PING is sent, at most one in 10 s (etcd 3.4 ends
 * connections that ping more often than every 5 s, or while no call is open). No answer within answer_ms: the
 * connection is dropped and the next endpoint is tried.
 */
#pragma once

#include "core/loop.h"
#include "etcd/endpoints.h"
#include "etcd/transport.h"

struct link_config {
	int64_t dial_ms;   /* connect, TLS and the server's first frame together */
	int64_t quiet_ms;  /* silence that is suspicious while a call is open */
	int64_t answer_ms; /* how long a PING may take */
	int64_t idle_ms;   /* without calls for that long: closed, to be dialled at the next link_want(); 0:
	                      never */
};

struct link_events {
	void (*on_up)(void *ctx);
	/* A dial failed or the connection was lost ("127.0.0.1:2379: Connection refused"); its calls have
	 * ended. */
	void (*on_down)(void *ctx, const char *why);
};

enum link_state { LINK_IDLE, LINK_WAITING, LINK_DIALING, LINK_UP };

struct link {
	struct loop *loop;
	struct endpoints *endpoints;
	struct link_config config;
	const struct link_events *events;
	void *ctx;
	enum link_state state;
	struct transport *transport; /* NULL unless DIALING or UP */
	size_t at;                   /* the endpoint in use, or to be tried next */
	unsigned failures;           /* dials in a row without success */
	struct loop_timer timer;
	int64_t due_ms;                                   /* of the timer */
	int64_t up_ms, received_ms, called_ms, pinged_ms; /* when it last happened; pinged 0: never */
	bool answering;                                   /* a PING is out */
};

void link_init(struct link *l, struct loop *loop, struct endpoints *endpoints, const struct link_config *cfg,
               const struct link_events *events, void *ctx) _nonnull_(1, 2, 3, 4, 5);
/* Ends calls silently. Idempotent; harmless on a zeroed one. */
void link_done(struct link *l) _nonnull_(1);
/* Dials when it does not do so already. */
void link_want(struct link *l) _nonnull_(1);
/* Another connection has just reached endpoint `at`: try that one next, and now if it is time that we wait
 * for. */
void link_hint(struct link *l, size_t at) _nonnull_(1);
/* Calls may be started on link->transport. */
bool link_usable(const struct link *l) _nonnull_(1);
/* The server is of no use (no leader, silent): drop it and go to the next. */
void link_fail(struct link *l, const char *why) _nonnull_(1, 2);
