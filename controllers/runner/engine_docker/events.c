/* The event streams, always drained: a reader that stops slows the whole engine and loses events. One stream
 * is of our containers, one of all images; Docker's label filter would take the latter away. */
#include "controllers/runner/engine_docker/docker.h"

#include "core/json.h"
#include "core/mem.h"

#define EVENT_MAX (1 << 20)                          /* bytes of one event; labels may be long */
#define NS_MAX    (INT64_C(7258118400) * 1000000000) /* the year 2200: no engine is ahead of it */

static void on_end(struct docker *d, const struct http_response *r, const struct str *line)
{
	_cleanup_free_ char *text =
	        r->result == HTTP_OK && r->status != 200
	                ? mem_printf("the engine's events: status %d: %.200s", r->status, str_get(line))
	                : mem_printf("the engine's events ended: %s", *r->text ? r->text : "end of stream");
	session_lost(d, text);
}

static void on_container_end(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	d->container_events = NULL;
	on_end(d, r, &d->container_line);
}

static void on_image_end(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	d->image_events = NULL;
	on_end(d, r, &d->image_line);
}

void event_line(struct docker *d, const char *text, size_t len)
{
	_cleanup_value_ struct value *v = NULL;
	if (json_parse(text, len, &v, NULL) < 0)
		return;
	const struct value *actor = value_get(v, "Actor"), *attributes = value_get(actor, "Attributes");
	const char *type = value_get_string(v, "Type"), *action = value_get_string(v, "Action");
	const char *id = value_get_string(actor, "ID"), *node = value_get_string(attributes, "tug.node");
	/* an engine that does not know the filter sends everything */
	if (!type || !streq(type, "container") || !action || !id || !node || !streq(node, d->node))
		return;
	int64_t ns = value_get_int(v, "timeNano"), s = value_get_int(v, "time");
	if (ns <= 0 || ns > NS_MAX)
		ns = s > 0 && s <= NS_MAX / 1000000000 ? s * 1000000000 : 0;
	state_event(d, action, id, attributes, ns);
}

static void image_event(struct docker *d, const char *text _unused_, size_t len _unused_)
{
	image_list(d);
}

/* Objects are separated by newlines in Docker; chunks and objects do not coincide. */
static void take_lines(struct docker *d, struct str *line, const char *data, size_t len,
                       void (*on_line)(struct docker *, const char *, size_t))
{
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		if (line->len + n > EVENT_MAX) {
			session_lost(d, "the engine's events: one is larger than 1 MiB");
			return;
		}
		str_add(line, data, n);
		data += end ? n + 1 : n;
		len -= end ? n + 1 : n;
		if (!end)
			return;
		if (line->len)
			on_line(d, line->data, line->len);
		str_clear(line);
	}
}

static void on_container_data(void *ctx, const char *data, size_t len)
{
	struct docker *d = ctx;
	take_lines(d, &d->container_line, data, len, event_line);
}

static void on_image_data(void *ctx, const char *data, size_t len)
{
	struct docker *d = ctx;
	take_lines(d, &d->image_line, data, len, image_event);
}

static struct http_call *open_stream(struct docker *d, const char *filter,
                                     void (*on_data)(void *, const char *, size_t),
                                     void (*on_done)(void *, const struct http_response *))
{
	struct str target = STR_INIT;
	str_printf(&target, "%s/events?filters=", d->api);
	http_escape(&target, filter);
	struct http_call *call = http_call(d->streams, &(struct http_request){.method = "GET",
	                                                                      .target = target.data,
	                                                                      .on_data = on_data,
	                                                                      .on_done = on_done,
	                                                                      .ctx = d});
	str_done(&target);
	return call;
}

void events_open(struct docker *d)
{
	struct str filter = STR_INIT;
	str_printf(&filter, "{\"type\":[\"container\"],\"label\":[\"tug.node=%s\"],\"event\":[", d->node);
	for (const char *const *w = d->dialect->event_words; *w; w++)
		str_printf(&filter, "%s\"%s\"", w == d->dialect->event_words ? "" : ",", *w);
	str_puts(&filter, "]}");
	str_clear(&d->container_line);
	str_clear(&d->image_line);
	d->container_events = open_stream(d, filter.data, on_container_data, on_container_end);
	d->image_events = open_stream(d, "{\"type\":[\"image\"]}", on_image_data, on_image_end);
	str_done(&filter);
}

void events_close(struct docker *d)
{
	http_cancel(TAKE_PTR(d->container_events));
	http_cancel(TAKE_PTR(d->image_events));
	str_done(&d->container_line);
	str_done(&d->image_line);
}
