/*
 * What the two halves of the client share: client.c has the calls (queue, deadlines, results), connection.c
 * the bytes of one connection. Not for others.
 */
#pragma once

#include "core/http/client.h"
#include "core/list.h"
#include "core/net.h"

#define HTTP_UPLOAD_HIGH (256 * 1024) /* bytes waiting to be sent at which the source has to pause */

struct http_client {
	struct loop *loop;
	struct net_address address;
	char *name;              /* the address as given, for messages */
	char host[160];          /* the Host field */
	unsigned max;            /* connections of calls that are not streamed */
	unsigned open;           /* of those */
	struct list queue;       /* calls that wait for a connection, in order */
	struct list active;      /* calls that have one */
	struct list failed;      /* calls to be told so from the loop */
	struct list connections; /* all */
	struct list idle;        /* kept ones, the freshest first */
	struct loop_task task;   /* tells the failed */
};

/* How a body ends (RFC 9112 section 6.3). */
enum http_body { HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_EOF };

struct http_call {
	struct list link; /* in one of the client's three lists */
	struct http_client *client;
	struct http_connection *conn; /* NULL while it waits */
	struct loop_timer timer;
	int64_t deadline; /* loop time; 0: none */
	int64_t idle_ms, heard_at;
	bool own;     /* its connection is not shared */
	bool safe;    /* GET or HEAD: may be repeated */
	bool no_body; /* HEAD: the reply has no body whatever its head says */
	bool streamed, upload, upload_ended;
	bool full; /* http_call_send() said false */
	bool paused;
	bool repeated;
	struct str out;          /* the request; of an upload what is not sent yet */
	size_t sent;             /* of out */
	bool touched;            /* a byte of the request went out */
	enum http_result result; /* of a failed one */
	char *text;

	struct str head_text;
	struct http1_head *head; /* of the reply, pointing into head_text; NULL: not read yet */
	enum http_body mode;
	uint64_t left; /* of a body with a length */
	struct http1_chunked chunked;
	struct str body;

	void (*on_head)(void *ctx, const struct http1_head *head);
	void (*on_data)(void *ctx, const char *data, size_t len);
	void (*on_done)(void *ctx, const struct http_response *response);
	void (*on_sent)(void *ctx);
	void *ctx;
};

struct http_connection {
	struct list link;           /* client->connections */
	struct list idle;           /* client->idle while kept */
	struct http_client *client; /* NULL: the client is gone */
	struct http_call *call;     /* NULL: idle or closed */
	unsigned refs; /* one for the client while it is open, one while its events are handled */
	int fd;        /* -1: closed */
	bool connecting, counted;
	bool kept;       /* it has carried a call before */
	bool write_dead; /* the peer takes no more */
	bool heard;      /* a byte of the present reply has come */
	struct loop_fd watch;
	struct loop_task resume;
	struct str in; /* bytes that are not understood yet: a part of a head, or held back by a pause */
};

/* connection.c */
/* Opens a connection and gives it the call. 0 or -errno. */
int http_connection_open(struct http_client *c, struct http_call *call) _must_check_;
/* Gives the call to an idle connection; false: the connection turned out to be dead and is closed. */
bool http_connection_reuse(struct http_connection *conn, struct http_call *call) _must_check_;
/* Closes; the call, if any, loses its connection and nothing else. */
void http_connection_close(struct http_connection *conn);
/* Sends what there is, waits for what is due. */
void http_connection_turn(struct http_connection *conn);
/* Goes on with bytes held back by a pause. */
void http_connection_resume(struct http_connection *conn);

/* client.c */
/* Ends the call: on_done, then frees it. */
void http_call_finish(struct http_call *call, enum http_result result, const char *text);
/* The call failed on a kept connection before it could reach the peer: once more. */
void http_call_repeat(struct http_call *call);
void http_call_heard(struct http_call *call);
/* Gives connections to calls that wait. */
void http_client_dispatch(struct http_client *c);
