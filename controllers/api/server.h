/*
 * What the parts of the API share: the server itself and a call, which is one request from its arrival to the
 * end of its answer.
 */
#pragma once

#include "controllers/api/api.h"
#include "controllers/api/limiter.h"
#include "controllers/api/metrics.h"
#include "controllers/api/request.h"
#include "controllers/api/route.h"
#include "core/list.h"
#include "kind/kind.h"
#include "mirror/mirror.h"

struct feed;
struct relays;

struct api {
	struct loop *loop;
	struct store *store;
	struct mirror *mirror;
	struct httpd *httpd;
	struct feed *feed;
	struct relays *relays;
	struct limiter limiter;
	struct metrics metrics;
	struct list calls;  /* struct call, all that are open */
	struct list writes; /* struct write, all that are under way */
	char *root, *node, *password;
	size_t list_bytes;
	char *address_local, *address_remote; /* for sessions of this node and of others */
	void (*on_synced)(void *ctx);
	void *on_synced_ctx;
};

struct call;

/* What becomes of a call that outlives its handler. */
struct call_ops {
	/* The client left: forget the call; it is freed afterwards. */
	void (*on_gone)(struct call *c);
	void (*on_body)(struct call *c, const char *data, size_t len); /* routes that stream their body */
	void (*on_drained)(struct call *c);                            /* may be NULL */
	/* The server stops, or the store's history was replaced: end the call now. NULL: it may finish. */
	void (*on_end)(struct call *c);
};

struct call {
	struct list link; /* api->calls */
	struct api *api;
	struct httpd_exchange *x;
	const struct httpd_request *http; /* inside the handler only */
	struct request req;
	struct route_match at; /* route, kind and the names in the path */
	const struct call_ops *ops;
	void *state; /* of whoever set ops */
};

/* --- ending a call: it is freed --- */

/* type NULL: JSON. */
void call_reply(struct call *c, int status, const char *type, const char *data, size_t len) _nonnull_(1);
void call_reply_value(struct call *c, int status, const struct value *v) _nonnull_(1, 3);
/* {"message","path","line","status"}, or ContainerOS's shape in its door. */
void call_error(struct call *c, int status, const char *fmt, ...) _nonnull_(1, 3) _printf_(3, 4);
/* The same from a filled error: its text, path and line. */
void call_refuse(struct call *c, int status, const struct error *err) _nonnull_(1, 3);
/* The outcome of a store operation that is neither STORE_OK nor handled by the caller. */
void call_outcome(struct call *c, enum store_outcome outcome, const struct error *err) _nonnull_(1);
/* A streamed answer begins; the call goes on. */
void call_stream_begin(struct call *c, int status, const char *type, bool sse) _nonnull_(1, 3);
/* ... and ends properly. */
void call_stream_end(struct call *c) _nonnull_(1);
/* ... or is cut off, so that the client sees an error. */
void call_abort(struct call *c) _nonnull_(1);

/* Without an answer: for calls that are gone. */
void call_free(struct call *c) _nonnull_(1);

/* --- what handlers ask --- */

/* The two steps of asking for a password, for the door, whose body may carry it. True: answered with 429. */
bool call_rate_limited(struct call *c) _nonnull_(1) _must_check_;
void call_wrong_password(struct call *c, bool was_given) _nonnull_(1);
/* False, after a 503, while the copy of the store is not complete. */
bool call_needs_copy(struct call *c) _nonnull_(1) _must_check_;
/* The key of an entry without the root. */
const char *api_below(const struct api *a, const char *key) _nonnull_(1, 2);
/* "/tug/" + below; to be freed. */
char *api_key(const struct api *a, const char *below) _nonnull_(1, 2);

/* --- handlers, by file --- */

void read_list(struct call *c) _nonnull_(1);
void read_object(struct call *c) _nonnull_(1);

void write_create(struct call *c) _nonnull_(1);
void write_put(struct call *c) _nonnull_(1);
void write_patch(struct call *c) _nonnull_(1);
void write_delete(struct call *c) _nonnull_(1);
void write_door(struct call *c) _nonnull_(1);

void logs_handle(struct call *c) _nonnull_(1);
void relay_upload(struct call *c) _nonnull_(1);

void info_root(struct call *c) _nonnull_(1);
void info_version(struct call *c) _nonnull_(1);
void info_healthz(struct call *c) _nonnull_(1);
void info_readyz(struct call *c) _nonnull_(1);
void info_metrics(struct call *c) _nonnull_(1);
void info_openapi(struct call *c) _nonnull_(1);
