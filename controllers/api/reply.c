/* Answers: the one place that ends a call, counts it and knows the shapes of errors. */
#include <stdarg.h>
#include <stdio.h>

#include "controllers/api/containeros.h"
#include "controllers/api/server.h"
#include "core/json.h"

void call_reply(struct call *c, int status, const char *type, const char *data, size_t len)
{
	struct httpd_exchange *x = c->x;
	metrics_count(&c->api->metrics, c->at.route, status);
	call_free(c);
	httpd_set_data(x, NULL);
	httpd_reply(x, status, type, data, len);
}

void call_reply_value(struct call *c, int status, const struct value *v)
{
	_cleanup_str_ struct str text = STR_INIT;
	json_print(v, JSON_COMPACT, &text);
	str_putc(&text, '\n');
	call_reply(c, status, NULL, text.data, text.len);
}

void call_refuse(struct call *c, int status, const struct error *err)
{
	const struct route *route = c->at.route;
	/* an unknown path without the password is what ContainerOS's clients may know */
	bool door = route ? (route->flags & ROUTE_DOOR) != 0 : status == 403 || status == 429;
	if (door) {
		_cleanup_str_ struct str text = STR_INIT;
		char line[1024];
		containeros_print_error(status, error_format(err, line, sizeof(line)), &text);
		call_reply(c, status, NULL, text.data, text.len);
		return;
	}
	_cleanup_value_ struct value *v = value_new_object();
	value_set(v, "message", value_new_string(err->text));
	if (err->path[0])
		value_set(v, "path", value_new_string(err->path));
	if (err->line > 0)
		value_set(v, "line", value_new_int(err->line));
	value_set(v, "status", value_new_int(status));
	call_reply_value(c, status, v);
}

void call_error(struct call *c, int status, const char *fmt, ...)
{
	struct error err = {0};
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	call_refuse(c, status, &err);
}

void call_outcome(struct call *c, enum store_outcome outcome, const struct error *err)
{
	const char *why = err && err->text[0] ? err->text : c->api->store->state_text;
	switch (outcome) {
	case STORE_OK:
	case STORE_E_CONFLICT:
		call_error(c, 409, "it changes faster than it can be written; try again");
		return;
	case STORE_E_UNAVAILABLE:
		httpd_header(c->x, "Retry-After", "1");
		call_error(c, 503, "the store cannot be reached, nothing was written: %s", why);
		return;
	case STORE_E_UNKNOWN:
		call_error(c, 504,
		           "the connection to the store was lost in mid write: it may have been carried out, "
		           "look before "
		           "repeating it");
		return;
	case STORE_E_TOO_LARGE:
		call_error(c, 413, "the store takes no object of this size: %s", why);
		return;
	case STORE_E_NO_SPACE:
		call_error(
		        c, 507,
		        "the store's quota is used up; nothing was written: delete objects, or compact and "
		        "defragment etcd");
		return;
	case STORE_E_DENIED:
		httpd_header(c->x, "Retry-After", "10");
		call_error(c, 503, "the store refuses this server's credentials: %s", why);
		return;
	case STORE_E_COMPACTED:
	case STORE_E_NO_LEASE:
	case STORE_E_INTERNAL:
		httpd_header(c->x, "Retry-After", "1");
		call_error(c, 503, "the store answered with an error: %s", why);
		return;
	}
}

void call_stream_begin(struct call *c, int status, const char *type, bool sse)
{
	metrics_count(&c->api->metrics, c->at.route, status);
	httpd_stream_begin(c->x, status, type, sse);
}

void call_stream_end(struct call *c)
{
	struct httpd_exchange *x = c->x;
	call_free(c);
	httpd_set_data(x, NULL);
	httpd_stream_end(x);
}

void call_abort(struct call *c)
{
	struct httpd_exchange *x = c->x;
	call_free(c);
	httpd_set_data(x, NULL);
	httpd_abort(x);
}

bool call_needs_copy(struct call *c)
{
	if (mirror_synced(c->api->mirror))
		return true;
	httpd_header(c->x, "Retry-After", "1");
	call_error(c, 503, "this server has not read the store yet: %s",
	           c->api->store->state == STORE_READY ? "it is at it" : c->api->store->state_text);
	return false;
}
