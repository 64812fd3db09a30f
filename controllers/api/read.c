/* Lists and single objects, from the copy of the store. */
#include <errno.h>
#include <inttypes.h>

#include "controllers/api/feed.h"
#include "controllers/api/object.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

struct listing {
	struct call *call;
	const struct filter *filter;
	const char *after;
	bool defaults;
	int64_t limit, count; /* limit 0: none */
	bool full;
	char *last; /* key of the last object sent */
	struct str out;
};

static void add_object(void *ctx, const struct mirror_entry *m)
{
	struct listing *l = ctx;
	struct api *a = l->call->api;
	const struct filter *f = l->filter;
	const char *below = api_below(a, m->key);
	if (l->full || m->orphan || !filter_key(f, f->kind, below) ||
	    (l->after && strcmp(below, l->after) <= 0))
		return;
	_cleanup_value_ struct value *v =
	        object_value(a, f->kind, below, m->value, m->value_len, m->mod_rev, l->defaults);
	if (!filter_value(f, v))
		return;
	/* only what follows the last object that fits makes a `next` */
	if ((l->limit && l->count == l->limit) || l->out.len > a->list_bytes) {
		l->full = true;
		return;
	}
	str_puts(&l->out, l->count++ ? "," : "");
	json_print(v, JSON_COMPACT, &l->out);
	free(l->last);
	l->last = mem_strdup(below);
}

static void reply_list(struct call *c, const struct filter *f, int64_t limit, bool defaults)
{
	struct listing l = {.call = c, .filter = f, .limit = limit, .defaults = defaults};
	l.after = request_param(&c->req, "after");
	str_puts(&l.out, "{\"items\":[");
	mirror_list(c->api->mirror, f->prefix, add_object, &l);
	str_printf(&l.out, "],\"rev\":%" PRId64, feed_revision(c->api->feed));
	if (l.full) {
		_cleanup_value_ struct value *next = value_new_string(l.last);
		str_puts(&l.out, ",\"next\":");
		json_print(next, JSON_COMPACT, &l.out);
	}
	str_puts(&l.out, "}\n");
	free(l.last);
	call_reply(c, 200, NULL, l.out.data, l.out.len);
	str_done(&l.out);
}

struct lookup {
	struct call *call;
	const struct filter *filter;
	bool defaults;
	struct value *found;
};

static void look_at(void *ctx, const struct mirror_entry *m)
{
	struct lookup *l = ctx;
	const char *below = api_below(l->call->api, m->key);
	if (l->found || m->orphan || !filter_key(l->filter, l->filter->kind, below))
		return;
	struct value *v = object_value(l->call->api, l->filter->kind, below, m->value, m->value_len,
	                               m->mod_rev, l->defaults);
	/* what does not parse has only its name */
	if (filter_value(l->filter, v) || value_get(v, "invalid"))
		l->found = v;
	else
		value_unref(v);
}

static void reply_object(struct call *c, const struct filter *f, bool defaults)
{
	struct lookup l = {.call = c, .filter = f, .defaults = defaults};
	mirror_list(c->api->mirror, f->prefix, look_at, &l);
	if (l.found)
		call_reply_value(c, 200, l.found);
	else if (c->at.scope)
		call_error(c, 404, "there is no %s %s/%s%s%s", f->kind->name, c->at.scope, c->at.name,
		           c->at.hash ? "/" : "", c->at.hash ? c->at.hash : "");
	else
		call_error(c, 404, "there is no %s %s", f->kind->name, c->at.name);
	value_unref(l.found);
}

/* ?since=, or what a browser's EventSource sends when it connects again. -1: neither. */
static int watch_since(const struct call *c, int64_t *ret, struct error *err)
{
	*ret = -1;
	struct http1_slice last = http1_field(c->http->head, "Last-Event-ID");
	if (last.data && last.len && !request_param(&c->req, "since")) {
		char text[24] = "";
		if (last.len < sizeof(text))
			for (size_t i = 0; i < last.len; i++)
				text[i] = last.data[i];
		if (str_parse_i64(text, ret) != 0 || *ret < 0)
			return error_set(err, -EINVAL, "", "Last-Event-ID is no revision");
	}
	return request_number(&c->req, "since", ret, err);
}

static void read_any(struct call *c, bool single)
{
	struct error err = {0};
	struct filter f = {0};
	bool watch = false, defaults = false;
	int64_t limit = 0, since = -1;
	if (!call_needs_copy(c))
		return;
	int r = request_switch(&c->req, "watch", &watch, &err);
	if (r == 0)
		r = request_switch(&c->req, "defaults", &defaults, &err);
	if (r == 0)
		r = request_number(&c->req, "limit", &limit, &err);
	if (r == 0)
		r = filter_init(&f, c, &err);
	if (r == 0 && watch)
		r = watch_since(c, &since, &err);
	else if (r == 0 && f.kind == &kind_event)
		r = request_moment(&c->req, "since", clock_wall_ms(), &f.since_ms, &err);
	if (r == 0 && watch && (defaults || limit || request_param(&c->req, "after")))
		r = error_set(&err, -EINVAL, "", "'watch' goes with neither 'defaults', 'limit' nor 'after'");
	if (r == 0 && !watch && f.kind != &kind_event && request_param(&c->req, "since"))
		r = error_set(&err, -EINVAL, "", "'since' needs 'watch=1'");
	if (r != 0)
		call_refuse(c, 400, &err);
	else if (watch && c->req.method == METHOD_HEAD)
		call_reply(c, 200, "text/event-stream", "", 0);
	else if (watch)
		feed_watch(c->api->feed, c, &f, since);
	else if (single)
		reply_object(c, &f, defaults);
	else
		reply_list(c, &f, limit, defaults);
	filter_done(&f);
}

void read_list(struct call *c)
{
	read_any(c, false);
}

void read_object(struct call *c)
{
	read_any(c, true);
}
