/*
 * What the parts of the server share; nothing outside of core/httpd includes this.
 *
 *   server.c    the server itself: limits, deadlines, comment lines, stopping
 *   listen.c    listeners, accepting, who may have a place
 *   conn.c      one connection: reading, writing, its turn
 *   request.c   bytes into requests
 *   exchange.c  answers
 */
#pragma once

#include "core/httpd/httpd.h"
#include "core/map.h"
#include "core/net.h"
#include "core/tls.h"

enum {
	HTTPD_BUFFER = 16 * 1024,    /* one read; also what is kept of input that cannot be dealt with yet */
	HTTPD_HIGH_MARK = 64 * 1024, /* unsent bytes above which no further request is taken up */
	HTTPD_RELAY_MARK = 256 * 1024, /* unsent bytes above which the source of a relay has to wait */
	HTTPD_LINGER =
	        256 * 1024,  /* bytes read and thrown away after the last answer; then nothing is read */
	HTTPD_REST_MS = 200, /* of a listener, when the process is out of descriptors or memory */
	HTTPD_ACCEPT_ROUND = 16,
};

/*
 * A connection. HANDSHAKE -> HEAD -> BODY -> BUSY -> HEAD | STREAM | LINGER; the allowed moves are in conn.c.
 */
enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD,   /* idle, or a head has begun */
	CONN_BODY,   /* a body is being received; streamed: the exchange is open already */
	CONN_BUSY,   /* the handler has the exchange and has not answered */
	CONN_STREAM, /* the request is complete, the answer goes on */
	CONN_LINGER, /* the last answer; input is thrown away */
};

/* Each kind has one length, so that a list in the order of arming is in the order of expiry. */
enum deadline {
	DEADLINE_NONE,
	DEADLINE_HEAD, /* also the handshake */
	DEADLINE_BODY,
	DEADLINE_IDLE,
	DEADLINE_WRITE,
	DEADLINE_RELAY,
	DEADLINE_LINGER,
	DEADLINE_KINDS,
};

/* The connections of one foreign address (IPv6: of its /64). */
struct peer {
	unsigned connections;
	char key[INET6_ADDRSTRLEN];
};

struct listener {
	struct list link;
	struct httpd *server;
	struct loop_fd io;
	struct loop_timer rest;
	int fd;
	struct net_address address; /* as bound */
	struct tls_context *tls;    /* NULL: clear text */
	char *cert_file, *key_file, *client_ca_file;
	char **hosts; /* NULL: any; NULL-terminated */
};

/* A request body on its way. */
struct body {
	struct str head; /* copy, parsed again when the body is complete */
	struct str data;
	struct http1_chunked chunks;
	uint64_t left; /* without chunks */
	uint64_t got, bound;
	bool chunked, streamed;
};

struct httpd_exchange {
	struct conn *conn;
	void *data;
	struct str fields;  /* further header fields, complete lines */
	struct list stream; /* event stream: in httpd.streams */
	bool begun;         /* a streamed answer's head is queued */
	bool chunked, sse;
	bool head_only; /* HEAD: no body goes out */
	bool minor0;    /* HTTP/1.0 */
	bool paused;    /* the upload */
	bool full;      /* a write was answered with false: on_drained is owed */
};

struct conn {
	struct loop_fd io;
	struct list link;     /* in httpd.conns */
	struct list deadline; /* in httpd.deadlines[kind] */
	int64_t due_ms;
	struct httpd *server;
	struct peer *peer; /* NULL: local */
	char *peer_text;
	const struct listener *listener; /* NULL: handed over */
	struct tls *tls;
	struct httpd_exchange *exchange; /* the open one; NULL: none */
	struct body *body;
	struct str in;  /* read and not dealt with; without memory when empty */
	struct str out; /* queued; without memory when all is sent */
	size_t sent;    /* of out */
	unsigned scan;  /* of in: how far a head was looked for */
	unsigned discarded;
	int fd;
	uint8_t state; /* enum conn_state */
	uint8_t kind;  /* enum deadline */
	bool local;
	bool head_only; /* the present request is a HEAD: no body goes out */
	bool close;     /* after the present answer */
	bool doomed;    /* to be closed at the end of its turn */
	bool shut;      /* our side is shut down */
	bool eof;       /* the peer's side is */
	bool moved;     /* something happened that starts the same deadline anew */
	bool no_notify; /* TLS has failed: no close_notify */
	bool read_wants_write, write_wants_read;
};

struct httpd {
	struct loop *loop;
	struct httpd_limits limits;
	struct httpd_handler handler;
	void *ctx;
	struct list listeners, conns, streams;
	struct list deadlines[DEADLINE_KINDS];
	int64_t lengths_ms[DEADLINE_KINDS];
	struct loop_timer deadline_timer, comment_timer, grace_timer;
	int64_t armed_ms; /* when deadline_timer is due */
	struct loop_task stop_task;
	void (*stop_done)(void *);
	void *stop_ctx;
	struct map peers;
	unsigned n_conns;
	size_t body_bytes;
	struct conn *turning; /* whose turn it is */
	int64_t now_ms;       /* of this turn */
	int64_t date_s;
	char date[80];
	bool stopping;
	char buffer[HTTPD_BUFFER + 1]; /* what is read in a turn; the last byte for a NUL */
};

/* server.c */
void server_set_deadline(struct conn *c, enum deadline kind) _nonnull_(1);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
const char *server_date(struct httpd *s) _nonnull_(1);

/* listen.c */
/* Connections still refer to a closed one. */
void listener_close(struct listener *l) _nonnull_(1);
void listener_free(struct listener *l) _nonnull_(1);
/* Whether it may be called by that Host field. l NULL: by any. */
bool listener_serves(const struct listener *l, struct http1_slice host) _must_check_;
void listener_peer_left(struct httpd *s, struct peer *p) _nonnull_(1);

/* conn.c */
struct conn *conn_new(struct httpd *s, const struct listener *l, int fd) _nonnull_(1);
void conn_move(struct conn *c, enum conn_state to) _nonnull_(1);
static inline size_t conn_unsent(const struct conn *c)
{
	return c->out.len - c->sent;
}
/* Something was queued: its turn will come, unless it is its turn. */
void conn_feed(struct conn *c) _nonnull_(1);
/* One attempt to send what is queued. */
void conn_flush(struct conn *c) _nonnull_(1);
/* A deadline has passed. */
void conn_expire(struct conn *c) _nonnull_(1);
/* Tells the handler (when an exchange is open), closes and frees. Never in its own turn. */
void conn_close(struct conn *c) _nonnull_(1);
/* The server is going: closes what is idle, ends event streams, marks the rest. */
void conn_stop(struct conn *c) _nonnull_(1);

/* request.c */
/* Deals with input: the number of bytes taken. data[len] may be written. */
size_t request_take(struct conn *c, char *data, size_t len) _nonnull_(1, 2) _must_check_;
/* Answers in place of the handler and ends the connection; an open exchange is gone. */
void request_refuse(struct conn *c, int status, const char *text) _nonnull_(1, 3);
struct body *body_free(struct conn *c) _nonnull_(1);

/* exchange.c */
struct httpd_exchange *exchange_new(struct conn *c, const struct http1_head *head) _nonnull_(1, 2);
/* Unsent bytes above which a stream's writer is told to wait. */
size_t exchange_mark(const struct httpd_exchange *x) _nonnull_(1) _must_check_;
/* Frees the open exchange without a word to the handler. */
void exchange_drop(struct conn *c) _nonnull_(1);
/* Tells the handler, then frees. */
void exchange_gone(struct conn *c) _nonnull_(1);
/* A whole answer of the server's own: {"message": text, "status": status}. */
void exchange_error(struct conn *c, int status, const char *text) _nonnull_(1, 3);
