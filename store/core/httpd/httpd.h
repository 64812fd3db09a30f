/*
 * tug's HTTP/1.1 server: plain TCP, TLS 1.3 and unix sockets; bounded in every direction; event streams.
 *
 * A handler sees exchanges only: one request and its answer. It answers at once or later (after a store round
 * trip); an exchange whose client left is told through on_gone and must then be forgotten. Calls from outside
 * only queue; the connection's own turn writes. See httpd/README.md for the connection's states, deadlines
 * and limits.
 */
#pragma once

#include "core/http/http1.h"
#include "core/loop.h"
#include "core/str.h"

struct httpd;
struct httpd_exchange;

struct httpd_limits {         /* 0: the default given here */
	unsigned connections; /* 10000 in all; per listener a share is kept free for unix and loopback */
	unsigned per_address; /* 6000 for one peer address (loopback and unix: no bound) */
	size_t body;          /* LIMIT_HTTP_BODY, unless the route says less */
	size_t bodies;        /* 64 MiB of request bodies being received at a time; beyond it 503 */
	size_t stream_queue;  /* 256 KiB: an event stream with more unsent bytes is dropped */
	int64_t head_ms;      /* 5000 from the first byte of a head, in total */
	/*
	 * 30000 for a whole body. None for a streamed one: a log may be silent for long, the handler has let
	 * it in, and a peer that vanished is noticed by the kernel's keep-alive (two minutes).
	 */
	int64_t body_ms;
	int64_t idle_ms;    /* 30000 between requests */
	int64_t write_ms;   /* 20000 without progress in writing */
	int64_t relay_ms;   /* 600000 the same for other streams: their reader may be a pager */
	int64_t linger_ms;  /* 1000 for the client to take the last answer of a connection */
	int64_t comment_ms; /* 15000 between comment lines on an idle event stream; one shared timer */
};

struct httpd_request {
	struct http1_slice method, path, query; /* path still encoded */
	const struct http1_head *head;
	const char *body; /* whole; NUL-terminated; "" when none. NULL for a route that streams its body */
	size_t body_len;
	bool local; /* came through a unix socket or from loopback */
	bool tls;
	char peer[64];       /* "10.0.0.7:51234", "unix" */
	const char *subject; /* the verified client certificate's name (SAN); NULL: none. */
};

enum httpd_body { HTTPD_BODY_WHOLE, HTTPD_BODY_STREAM, HTTPD_BODY_REFUSED /* handler answers without it */ };

struct httpd_handler {
	/*
	 * The head is in; says how the body is to be taken and its bound (0: the limit's; streamed: none).
	 * Called before 100-continue. NULL: HTTPD_BODY_WHOLE with the default bound.
	 */
	enum httpd_body (*on_head)(void *ctx, const struct httpd_request *req, size_t *ret_bound);
	/* The request is complete (or, streamed, its head is). req is valid during the call only. */
	void (*on_request)(void *ctx, struct httpd_exchange *x, const struct httpd_request *req);
	/* HTTPD_BODY_STREAM: pieces, then one call with len 0 at the end. */
	void (*on_body)(void *ctx, struct httpd_exchange *x, const char *data, size_t len);
	/* The client left, or was dropped, before the exchange had ended. Last call for x. */
	void (*on_gone)(void *ctx, struct httpd_exchange *x);
	/* A stream's queue is below the mark again (after httpd_stream_write returned false). May be NULL. */
	void (*on_drained)(void *ctx, struct httpd_exchange *x);
};

/*
 * None of the functions below may be called with a server from within its own handler except those that
 * answer, and none of them calls the handler back, except httpd_free.
 */
struct httpd *httpd_new(struct loop *loop, const struct httpd_limits *limits, const struct httpd_handler *h,
                        void *ctx) _nonnull_(1, 3);
/*
 * Closes everything at once, after one attempt to send what is queued; on_gone is called for open exchanges.
 * NULL is fine; returns NULL.
 */
struct httpd *httpd_free(struct httpd *s);
/*
 * Graceful: closes listeners and idle connections, ends event streams, lets the rest finish for grace_ms,
 * then calls done (from the loop; httpd_free is allowed there).
 */
void httpd_stop(struct httpd *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx) _nonnull_(1, 3);

struct httpd_tls {
	const char *cert_file, *key_file; /* PEM */
	const char *client_ca_file; /* clients may show a certificate signed by it; NULL: none is asked for */
};
/*
 * Listens: "127.0.0.1:8000", "[::1]:8000", "0.0.0.0:8000", ":8000", "unix:///run/api.sock" (mode 0600, a dead
 * socket is replaced). Several listeners are fine. hosts: NULL-terminated names that the Host field may carry
 * besides the address itself and localhost (DNS rebinding); NULL: any. tls NULL: clear text. 0 or -errno, err
 * filled.
 */
int httpd_listen(struct httpd *s, const char *address, const struct httpd_tls *tls, const char *const *hosts,
                 struct error *err) _nonnull_(1, 2) _must_check_;
/* The port of the i-th TCP listener (for ":0"); 0: none. */
uint16_t httpd_port(const struct httpd *s, unsigned i) _nonnull_(1);
/* Reads the pair again; new connections use it. -EINVAL with err: the old one stays in use. */
int httpd_tls_reload(struct httpd *s, struct error *err) _nonnull_(1) _must_check_;
unsigned httpd_connections(const struct httpd *s) _nonnull_(1);
/* Serves a stream socket that is connected already, as if it had come through a unix socket. Owns fd from now
 * on. */
void httpd_accept_fd(struct httpd *s, int fd) _nonnull_(1);

/* --- answering --- */

/* The handler's own pointer on the exchange. */
void httpd_set_data(struct httpd_exchange *x, void *data) _nonnull_(1);
void *httpd_data(const struct httpd_exchange *x) _nonnull_(1);

/* A further header field for the answer (before it begins). Control characters in value become blanks. */
void httpd_header(struct httpd_exchange *x, const char *name, const char *value) _nonnull_(1, 2, 3);
/* A whole answer; the exchange is over (x is invalid). type NULL: "application/json". */
void httpd_reply(struct httpd_exchange *x, int status, const char *type, const char *body, size_t len)
        _nonnull_(1);

/* A streamed answer: chunked in HTTP/1.1, until close in 1.0. sse: event stream headers and comment lines. */
void httpd_stream_begin(struct httpd_exchange *x, int status, const char *type, bool sse) _nonnull_(1);
/*
 * Appends. False: above the high mark; a relay should stop reading its source until on_drained. An event
 * stream (sse) above its bound is dropped by the server: on_gone follows.
 */
bool httpd_stream_write(struct httpd_exchange *x, const char *data, size_t len) _nonnull_(1, 2);
/* Ends it properly; x is invalid. */
void httpd_stream_end(struct httpd_exchange *x) _nonnull_(1);
/* Cuts the connection, so that the client sees an error rather than an end; x is invalid, no on_gone. */
void httpd_abort(struct httpd_exchange *x) _nonnull_(1);
/* Streamed uploads: stop and go on reading (back-pressure). */
void httpd_pause(struct httpd_exchange *x, bool pause) _nonnull_(1);
