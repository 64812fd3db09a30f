/* HTTP for the command line, over libcurl: calls of the API, and any URL for `tug apply -f`. */
#pragma once

#include "cmd/tug/cli.h"

/*
 * Where the API is: --host, TUG_HOST; else the unix socket of this machine's tug when we may use it (root); else
 * http://127.0.0.1:8000. Who we are: TUG_TOKEN, TUG_PASSWORD; else the development password.
 */

struct reply {
	int status;	     /* 0: no answer */
	struct str body;
	struct value *value; /* the body as JSON; NULL when it is none */
};

void reply_done(struct reply *r) _nonnull_(1);
#define _cleanup_reply_ _cleanup_(reply_done)

/*
 * One call. target: "/v1/nodes?x=1" (encoded). type: content type of body. What goes wrong is told on stderr, with the
 * API's own message; returns EXIT_OK for a 2xx, else the exit code that fits. ret may be looked at in any case.
 */
int api_call(struct cli *c, const char *method, const char *target, const char *type, const void *body, size_t len,
	     struct reply *ret) _nonnull_(1, 2, 3, 7) _must_check_;
/* The same, but says nothing about the statuses in `quiet` (404, 0: none). */
int api_try(struct cli *c, const char *method, const char *target, const char *type, const void *body, size_t len,
	    int quiet, struct reply *ret) _nonnull_(1, 2, 3, 8) _must_check_;

/*
 * A streamed GET (event streams, logs). on_data false ends it, with EXIT_OK. timeout_ms 0: none; EXIT_TIMEOUT when it
 * passed. The end of the stream by the server is EXIT_OK.
 */
int api_stream(struct cli *c, const char *target, int64_t timeout_ms,
	       bool (*on_data)(void *ctx, const char *data, size_t len), void *ctx) _nonnull_(1, 2, 4) _must_check_;

struct api_stream {
	char *target;
	bool (*on_data)(void *ctx, const char *data, size_t len);
	void *ctx;
};
/* Several streams at once, until the last one ends. n: at least 1. The first exit code that is not EXIT_OK. */
int api_streams(struct cli *c, const struct api_stream *streams, size_t n) _nonnull_(1, 2) _must_check_;

/* Events of an event stream, put together from pieces. */
struct sse {
	struct str line, data;
	char event[32];
	/* false: enough */
	bool (*on_event)(void *ctx, const char *event, const struct value *data);
	void *ctx;
};
bool sse_data(void *sse, const char *data, size_t len);
void sse_done(struct sse *s) _nonnull_(1);

/*
 * POST to a unix socket, the answer copied to stderr as it comes; for `tug down`. EXIT_OK when it ended with the text
 * `last` (at most 64 bytes), EXIT_FAILED when it ended otherwise, EXIT_UNREACHABLE when it did not come or was cut.
 */
int unix_post(const char *socket, const char *target, const char *last) _nonnull_(1, 2, 3) _must_check_;
/* Any URL, at most LIMIT_STREAM bytes. 0 or an exit code after telling why. */
int url_fetch(const char *url, struct str *out) _nonnull_(1, 2) _must_check_;
/* Appends s percent-encoded. */
void url_encode(struct str *out, const char *s) _nonnull_(1, 2);
