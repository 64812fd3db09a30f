/* What the server says of itself. */
#include <inttypes.h>
#include <stdio.h>

#include "controllers/api/feed.h"
#include "controllers/api/relay.h"
#include "core/json.h"

static void reply_text(struct call *c, int status, const char *text)
{
	call_reply(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* The text by which ContainerOS's clients know the API. */
void info_root(struct call *c)
{
	reply_text(c, 200, "ContainerOS cluster API server");
}

void info_healthz(struct call *c)
{
	reply_text(c, 200, "ok\n");
}

void info_readyz(struct call *c)
{
	const struct store *s = c->api->store;
	if (!call_needs_copy(c))
		return;
	if (s->state != STORE_READY) {
		httpd_header(c->x, "Retry-After", "1");
		call_error(c, 503, "the store cannot be reached: %s", s->state_text);
		return;
	}
	reply_text(c, 200, "ok\n");
}

void info_version(struct call *c)
{
	_cleanup_value_ struct value *v = value_new_object();
	value_set(v, "version", value_new_string(TUG_VERSION));
	value_set(v, "api", value_new_string("v1"));
	value_set(v, "node", value_new_string(c->api->node));
	value_set(v, "prefix", value_new_string(c->api->root));
	call_reply_value(c, 200, v);
}

static void gauge(struct str *out, const char *name, const char *help, int64_t value)
{
	str_printf(out, "# TYPE %s gauge\n# HELP %s %s\n%s %" PRId64 "\n", name, name, help, name, value);
}

void info_metrics(struct call *c)
{
	struct api *a = c->api;
	_cleanup_str_ struct str out = STR_INIT;
	metrics_print(&a->metrics, &out);
	gauge(&out, "tug_api_watchers", "Open event streams.", feed_watchers(a->feed));
	gauge(&out, "tug_api_sessions", "Open sessions with runners.", relays_count(a->relays));
	gauge(&out, "tug_api_connections", "Open connections.", httpd_connections(a->httpd));
	gauge(&out, "tug_store_ready", "1 while the store is connected.", a->store->state == STORE_READY);
	gauge(&out, "tug_mirror_synced", "1 once the copy of the store is complete.",
	      mirror_synced(a->mirror));
	gauge(&out, "tug_mirror_revision", "Revision of the copy of the store.",
	      mirror_identity(a->mirror).revision);
	str_puts(&out, "# TYPE tug_loop_wakeups counter\n# HELP tug_loop_wakeups Wake-ups of the process.\n");
	str_printf(&out, "tug_loop_wakeups_total %" PRIu64 "\n", loop_wakeups(a->loop));
	str_puts(&out, "# TYPE tug_build info\n# HELP tug_build What runs.\n");
	str_printf(&out, "tug_build_info{version=\"%s\",role=\"api\"} 1\n# EOF\n", TUG_VERSION);
	call_reply(c, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", out.data, out.len);
}
