/*
 * HTTP/1.1 client on the loop, for peers that tug talks to for its whole life: the container engine's unix socket and
 * the API (a runner that sends a log stream). Kept-alive connections, streamed bodies in both directions, a deadline on
 * everything. `tug`, which also has to fetch any URL, uses libcurl instead (cmd/tug).
 *
 * One http_client is one peer. Calls of different classes (see max_connections) never wait for each other when they use
 * different clients: the engine's driver has one for short calls, one for slow ones, one for streams.
 */
#pragma once

#include "core/error.h"
#include "core/loop.h"
#include "core/str.h"
#include "core/http/http1.h"

struct http_client;
struct http_call;

/* address: "unix:///run/docker.sock", "tcp://127.0.0.1:2375", "http://host:port" (numeric host). NULL with err. */
struct http_client *http_client_new(struct loop *loop, const char *address, unsigned max_connections,
				    struct error *err) _nonnull_(1, 2);
/* Cancels what is under way (no callbacks). NULL is fine; returns NULL. */
struct http_client *http_client_free(struct http_client *c);

enum http_result {
	HTTP_OK,	  /* a complete response was read; status says what it is */
	HTTP_E_CONNECT,	  /* no connection (in time): nothing was sent */
	HTTP_E_CUT,	  /* the connection ended before the response was complete: the outcome is unknown */
	HTTP_E_TIMEOUT,	  /* a deadline passed: the outcome is unknown */
	HTTP_E_TOO_LARGE, /* the buffered body would exceed LIMIT_HTTP_REPLY */
	HTTP_E_PROTOCOL,  /* the reply is not HTTP, or the request can not be said in it */
};
const char *http_result_name(enum http_result r);

struct http_response {
	enum http_result result;
	int status;	  /* 0 when no head was read */
	const struct http1_head *head; /* NULL when no head was read */
	const char *body; /* buffered: NUL-terminated; streamed: "" */
	size_t body_len;
	const char *text; /* what went wrong, for people: "connect to unix:///x: No such file or directory" */
};

struct http_request {
	const char *method, *target; /* "POST", "/v1.41/containers/create?name=x" */
	const char *const *fields;   /* "Name: value", NULL-terminated; NULL: none. Host and framing are added. */
	const char *body;	     /* copied; NULL: none */
	size_t body_len;
	bool upload;		     /* the body comes through http_call_send(), chunked */
	int64_t timeout_ms;	     /* for the whole call; 0: none (streams) */
	int64_t idle_ms;	     /* without a byte from the peer; 0: none */
	/* Streamed response: called with the head, then with pieces; the body is not buffered. Both may be NULL. */
	void (*on_head)(void *ctx, const struct http1_head *head);
	void (*on_data)(void *ctx, const char *data, size_t len);
	/* Exactly once, unless cancelled; response is valid during the call. */
	void (*on_done)(void *ctx, const struct http_response *response);
	void *ctx;
};

/*
 * Never calls back from inside. The connection of a call with on_data or upload is its own, beyond max_connections,
 * and is closed at its end. A call on a kept connection that the peer closed before any byte of the reply is repeated
 * once on a fresh one when nothing of it was sent or its method is GET or HEAD; otherwise that is HTTP_E_CUT.
 * The call is gone when on_done returns.
 */
struct http_call *http_call(struct http_client *c, const struct http_request *req) _nonnull_(1, 2);
/* No callback afterwards; the connection is closed. Allowed in on_head and on_data, not in on_done. NULL is fine. */
void http_cancel(struct http_call *call);
/* Appends text percent-encoded, as one segment of a path or one value of a query (RFC 3986 section 2.3). */
void http_escape(struct str *target, const char *text) _nonnull_(1, 2);
/* Upload: false when more than 256 KiB are waiting: pause the source, on_sent (if set) tells when it is below. */
bool http_call_send(struct http_call *call, const char *data, size_t len) _nonnull_(1, 2);
void http_call_on_sent(struct http_call *call, void (*on_sent)(void *ctx)) _nonnull_(1);
/* Upload: the body is complete. */
void http_call_end(struct http_call *call) _nonnull_(1);
/* Streamed response: stop and go on reading. */
void http_call_pause(struct http_call *call, bool pause) _nonnull_(1);
