/* Requests from their arrival to their handler: the path, who may, the route, what the body may be. */
#include "controllers/api/server.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controllers/api/feed.h"
#include "controllers/api/relay.h"
#include "controllers/api/write.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/net.h"

/* --- calls --- */

static struct call *call_new(struct api *a, struct httpd_exchange *x, const struct httpd_request *http)
{
	struct call *c = NEW(struct call);
	c->api = a;
	c->x = x;
	c->http = http;
	list_append(&a->calls, &c->link);
	httpd_set_data(x, c);
	return c;
}

void call_free(struct call *c)
{
	list_remove(&c->link);
	request_done(&c->req);
	free(c);
}

static bool through_unix(const struct httpd_request *http)
{
	return streq(http->peer, "unix");
}

/* --- who may --- */

/* A page of another site cannot read our answers, but its browser would send the request all the same. */
static bool foreign_origin(const struct httpd_request *http)
{
	struct http1_slice origin = http1_field(http->head, "Origin");
	if (!origin.data)
		return false;
	for (size_t i = 0; i + 3 <= origin.len; i++) {
		if (strncmp(origin.data + i, "://", 3) != 0)
			continue;
		struct http1_slice host = {origin.data + i + 3, origin.len - i - 3};
		return host.len != http->head->host.len ||
		       strncasecmp(host.data, http->head->host.data, host.len) != 0;
	}
	return true;
}

static bool asks_no_password(const struct route_match *at, const struct request *req,
                             const struct httpd_request *http)
{
	if (through_unix(http) || (at->route && (at->route->flags & (ROUTE_OPEN | ROUTE_UPLOAD))))
		return true;
	return req->n_segments >= 3 && streq(req->segments[0], "v1") && streq(req->segments[1], "public");
}

enum password { PASSWORD_RIGHT, PASSWORD_NONE, PASSWORD_WRONG };

static enum password check_password(const struct api *a, const struct request *req,
                                    const struct httpd_request *http)
{
	_cleanup_str_ struct str given = STR_INIT;
	if (!request_password(http1_field(http->head, "Authorization"), req->query, &given))
		return PASSWORD_NONE;
	return str_equal_secret(a->password, str_get(&given), given.len) ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

void call_wrong_password(struct call *c, bool was_given)
{
	if (was_given) {
		limiter_failed(&c->api->limiter, c->http->peer, loop_now(c->api->loop));
		/* without the port, so that repetitions fold */
		char from[sizeof(c->http->peer)];
		const char *colon = strrchr(c->http->peer, ':');
		(void)snprintf(from, sizeof(from), "%.*s", colon ? (int)(colon - c->http->peer) : INT_MAX,
		               c->http->peer);
		log_event(LOG_WARN, "auth.refused", from, "why=%s", log_quote("wrong password"));
	}
	if (c->at.route && !(c->at.route->flags & ROUTE_DOOR))
		call_error(c, 403,
		           "wrong password: send it as 'Authorization: Bearer PASSWORD' or as ?password=");
	else
		call_error(c, 403, "Wrong password");
}

bool call_rate_limited(struct call *c)
{
	int64_t ms = limiter_blocked(&c->api->limiter, c->http->peer, loop_now(c->api->loop));
	if (ms == 0)
		return false;
	char seconds[24];
	(void)snprintf(seconds, sizeof(seconds), "%d", (int)((ms + 999) / 1000));
	httpd_header(c->x, "Retry-After", seconds);
	call_error(c, 429, "too many wrong passwords from this address: try again in %s s", seconds);
	return true;
}

/* False: answered. The door looks for itself, because its body may carry the password. */
static bool authorise(struct call *c)
{
	if (asks_no_password(&c->at, &c->req, c->http))
		return true;
	if (call_rate_limited(c))
		return false;
	if (c->at.route && (c->at.route->flags & ROUTE_DOOR))
		return true;
	enum password given = check_password(c->api, &c->req, c->http);
	if (given == PASSWORD_RIGHT)
		return true;
	call_wrong_password(c, given == PASSWORD_WRONG);
	return false;
}

/* --- requests --- */

static bool has_body(const struct httpd_request *http)
{
	return http->head->chunked || http->head->content_length > 0;
}

static bool is_too_large(const struct route_match *at, const struct httpd_request *http)
{
	return http->head->content_length > 0 && (uint64_t)http->head->content_length > at->route->bound;
}

/* Bodies of requests that will be refused are not read. */
static enum httpd_body on_head(void *ctx, const struct httpd_request *http, size_t *ret_bound)
{
	struct api *a = ctx;
	struct request req;
	enum httpd_body body = HTTPD_BODY_REFUSED;
	if (!has_body(http))
		return HTTPD_BODY_WHOLE;
	if (request_parse(http->method, http->path, http->query, &req, NULL) != 0)
		goto out;
	struct route_match at = route_find(&req);
	if (!at.route || at.route->bound == 0 || foreign_origin(http))
		goto out;
	if (at.route->flags & ROUTE_UPLOAD) {
		body = relays_expect(a->relays, at.name, http) ? HTTPD_BODY_STREAM : HTTPD_BODY_REFUSED;
		goto out;
	}
	/* the handler says so in its own way */
	if (is_too_large(&at, http))
		goto out;
	*ret_bound = at.route->bound;
	if (asks_no_password(&at, &req, http) ||
	    (limiter_blocked(&a->limiter, http->peer, loop_now(a->loop)) == 0 &&
	     ((at.route->flags & ROUTE_DOOR) || check_password(a, &req, http) == PASSWORD_RIGHT)))
		body = HTTPD_BODY_WHOLE;
out:
	request_done(&req);
	return body;
}

static void refuse_route(struct call *c)
{
	if (!c->at.allowed) {
		call_error(c, 404, "no such path; /openapi.json describes those that exist");
		return;
	}
	_cleanup_str_ struct str allow = STR_INIT;
	methods_print(c->at.allowed, &allow);
	httpd_header(c->x, "Allow", str_get(&allow));
	if (c->at.kind && !c->at.kind->desired)
		call_error(c, 405,
		           "%s are written by tug itself and can only be read here; what people write is "
		           "microservices and nodes",
		           c->at.kind->plural);
	else
		call_error(c, 405, "this path takes %s", str_get(&allow));
}

static void on_request(void *ctx, struct httpd_exchange *x, const struct httpd_request *http)
{
	struct api *a = ctx;
	struct call *c = call_new(a, x, http);
	struct error err = {0};
	if (request_parse(http->method, http->path, http->query, &c->req, &err) != 0) {
		call_refuse(c, 400, &err);
		return;
	}
	c->at = route_find(&c->req);
	if (foreign_origin(http)) {
		call_error(
		        c, 403,
		        "requests on behalf of another site's pages are refused (Origin differs from Host)");
		return;
	}
	if (!authorise(c))
		return;
	const struct route *route = c->at.route;
	if (!route) {
		refuse_route(c);
	} else if (route->bound == 0 && has_body(http)) {
		call_error(c, 400, "%s on this path takes no body", method_name(c->req.method));
	} else if (route->bound && is_too_large(&c->at, http)) {
		call_error(c, 413, "the body has %" PRId64 " bytes: this path takes at most %zu",
		           http->head->content_length, route->bound);
	} else if (route->params && request_check_params(&c->req, route->params, &err) != 0) {
		call_refuse(c, 400, &err);
	} else {
		route->handle(c); /* may have freed c, or will later */
	}
}

static void on_body(void *ctx _unused_, struct httpd_exchange *x, const char *data, size_t len)
{
	struct call *c = httpd_data(x);
	if (c && c->ops && c->ops->on_body)
		c->ops->on_body(c, data, len);
}

static void on_gone(void *ctx _unused_, struct httpd_exchange *x)
{
	struct call *c = httpd_data(x);
	if (!c)
		return;
	if (c->ops && c->ops->on_gone)
		c->ops->on_gone(c);
	call_free(c);
}

static void on_drained(void *ctx _unused_, struct httpd_exchange *x)
{
	struct call *c = httpd_data(x);
	if (c && c->ops && c->ops->on_drained)
		c->ops->on_drained(c);
}

static const struct httpd_handler handler = {
        .on_head = on_head,
        .on_request = on_request,
        .on_body = on_body,
        .on_gone = on_gone,
        .on_drained = on_drained,
};

/* --- the copy of the store --- */

static struct call *first_stream(struct api *a)
{
	list_for_each (node, &a->calls) {
		struct call *c = list_entry(node, struct call, link);
		if (c->ops && c->ops->on_end)
			return c;
	}
	return NULL;
}

/* From the start each time: ending one call may end another, as the two sides of a session. */
static void end_streams(struct api *a)
{
	for (struct call *c = first_stream(a); c; c = first_stream(a))
		c->ops->on_end(c);
}

static void on_change(void *ctx, const char *key, const struct mirror_entry *was,
                      const struct mirror_entry *now)
{
	struct api *a = ctx;
	feed_change(a->feed, key, was, now);
	write_changed(a, key, now);
}

static void on_synced(void *ctx)
{
	struct api *a = ctx;
	feed_synced(a->feed);
	if (a->on_synced)
		a->on_synced(a->on_synced_ctx);
}

static void on_identity(void *ctx, struct store_identity was, struct store_identity now)
{
	struct api *a = ctx;
	log_event(LOG_WARN, "store.replaced", NULL, "was=%" PRIx64 "@%" PRId64 " now=%" PRIx64 "@%" PRId64,
	          was.cluster_id, was.revision, now.cluster_id, now.revision);
	feed_reset(a->feed);
	end_streams(a);
}

static struct mirror *copy_new(struct api *a)
{
	static const struct mirror_callbacks cbs = {
	        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};
	/* one prefix, one watch: all changes of a revision come together, and the revision is exact */
	static const char *const prefixes[] = {"", NULL};
	return mirror_new(a->store, a->root, prefixes, false, &cbs, a);
}

/* --- the server --- */

int api_config_check(const struct api_config *config, struct error *err)
{
	struct net_address at;
	if (!config->password[0])
		return error_set(err, -EINVAL, "",
		                 "the password is empty: set one of your own (TUG_PASSWORD), or none at all");
	if (!config->listen)
		return 0;
	int r = net_address_parse(config->listen, &at, err);
	if (r < 0 || net_address_is_local(&at))
		return r;
	if (streq(config->password, API_DEFAULT_PASSWORD))
		return error_set(err, -EINVAL, "",
		                 "listening on %s needs a password of your own (TUG_PASSWORD) besides TLS: "
		                 "everybody knows "
		                 "'" API_DEFAULT_PASSWORD "'; or listen on 127.0.0.1",
		                 config->listen);
	if (!config->tls)
		return error_set(err, -EINVAL, "",
		                 "listening on %s needs TLS (--tls-cert and --tls-key), or everybody on the "
		                 "way reads the "
		                 "password; or listen on 127.0.0.1",
		                 config->listen);
	return 0;
}

/* "https://10.0.0.1:8000": what a runner of another node connects to. */
static char *remote_address(const struct api *a, const struct api_config *config)
{
	const char *scheme = config->tls ? "https" : "http";
	if (!config->listen)
		return mem_strdup(a->address_local);
	const char *advertise = config->advertise;
	if (advertise && strstr(advertise, "://"))
		return mem_strdup(advertise);
	const char *colon = advertise ? strrchr(advertise, ':') : NULL,
	           *bracket = advertise ? strrchr(advertise, ']') : NULL;
	if (colon && colon > bracket)
		return mem_printf("%s://%s", scheme, advertise);
	uint16_t port = httpd_port(a->httpd, 0);
	if (advertise)
		return mem_printf("%s://%s:%u", scheme, advertise, port);
	struct net_address at;
	if (net_address_parse(config->listen, &at, NULL) < 0)
		return mem_strdup(a->address_local);
	return mem_printf(at.any.sa_family == AF_INET6 ? "%s://[%s]:%u" : "%s://%s:%u", scheme, at.host,
	                  port);
}

static int listen_all(struct api *a, const struct api_config *config, struct error *err)
{
	static const char *const no_other_names[] = {NULL};
	int r = 0;
	/* TLS names the server by itself; clear text on loopback is what a page could be tricked into calling */
	if (config->listen)
		r = httpd_listen(a->httpd, config->listen, config->tls, config->tls ? NULL : no_other_names,
		                 err);
	if (r == 0)
		r = httpd_listen(a->httpd, a->address_local, NULL, NULL, err);
	return r;
}

int api_new(struct loop *loop, struct store *store, const struct api_config *config, struct api **ret,
            struct error *err)
{
	int r = api_config_check(config, err);
	if (r < 0)
		return r;
	struct api *a = NEW(struct api);
	a->loop = loop;
	a->store = store;
	a->root = mem_strdup(config->prefix);
	a->node = mem_strdup(config->node);
	a->password = mem_strdup(config->password);
	a->address_local = mem_printf("unix://%s", config->unix_path);
	/* no answer is larger than what tug's own clients take; the object that ends it comes on top */
	a->list_bytes = config->list_bytes ? config->list_bytes : LIMIT_HTTP_REPLY - 2 * LIMIT_VALUE;
	list_init(&a->calls);
	list_init(&a->writes);
	struct httpd_limits limits = config->limits;
	/*
	 * Watchers are kept back by the feed at the server's high mark; above it lies at most one event,
	 * which holds one stored value and its status, escaped.
	 */
	if (!limits.stream_queue)
		limits.stream_queue = 8 * LIMIT_VALUE;
	a->httpd = httpd_new(loop, &limits, &handler, a);
	a->feed = feed_new(a);
	a->relays = relays_new(a, config->session_silence_ms);
	r = listen_all(a, config, err);
	if (r < 0) {
		api_free(a);
		return r;
	}
	a->address_remote = remote_address(a, config);
	a->mirror = copy_new(a);
	*ret = a;
	return 0;
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	a->httpd = httpd_free(a->httpd);
	assert(list_empty(&a->calls));
	a->relays = relays_free(a->relays);
	a->feed = feed_free(a->feed);
	a->mirror = mirror_free(a->mirror);
	limiter_done(&a->limiter);
	free(a->root);
	free(a->node);
	free(a->password);
	free(a->address_local);
	free(a->address_remote);
	free(a);
	return NULL;
}

void api_stop(struct api *a, int64_t grace_ms, void (*done)(void *ctx), void *ctx)
{
	end_streams(a);
	httpd_stop(a->httpd, grace_ms, done, ctx);
}

void api_on_synced(struct api *a, void (*fn)(void *ctx), void *ctx)
{
	a->on_synced = fn;
	a->on_synced_ctx = ctx;
}

int api_reload(struct api *a, struct error *err)
{
	return httpd_tls_reload(a->httpd, err);
}

uint16_t api_port(const struct api *a)
{
	return httpd_port(a->httpd, 0);
}

const char *api_below(const struct api *a, const char *key)
{
	const char *below = str_after(key, a->root);
	return below && below[0] == '/' ? below + 1 : key;
}

char *api_key(const struct api *a, const char *below)
{
	return mem_printf("%s/%s", a->root, below);
}
