#include "controllers/api/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/map.h"
#include "core/mem.h"
#include "kind/node.h"

/* An event as all watchers get it. */
struct entry {
	const struct kind *kind;
	char *below;
	struct value *face; /* the members that filters look at */
	uint64_t batch;
	int64_t rev;       /* of the change; at least that */
	int64_t batch_rev; /* the revision up to which everything was sent with the batch */
	size_t id_len;     /* of the line "id: ..." that the frame begins with */
	struct str frame;
};

/* An object that changed in this turn. */
struct dirty {
	const struct kind *kind;
	int64_t rev;
	struct value *was; /* its face when it was deleted in this turn; else NULL */
};

struct feed {
	struct api *api;
	struct entry **ring;  /* FEED_EVENTS; entry of seq s at s % FEED_EVENTS; made at the first event */
	uint64_t first, next; /* sequence numbers kept: [first, next) */
	size_t bytes;
	uint64_t batch;
	int64_t floor;    /* events at or below are not all kept */
	int64_t flushed;  /* see feed_revision() */
	int64_t known;    /* the highest revision that anybody can have seen */
	struct map dirty; /* below -> struct dirty */
	struct loop_task flush;
	struct list watchers;
	unsigned n_watchers;
};

struct watcher {
	struct list link;
	struct feed *feed;
	struct call *call;
	struct filter filter;
	bool listing; /* the present objects are being sent, up to `cursor` so far */
	char *cursor;
	bool blocked; /* the connection's queue is full: on_drained goes on */
	bool synced;  /* that event was sent */
	uint64_t seq; /* the next event to look at */
	int64_t since;
};

/* --- history --- */

static void entry_free(struct entry *e)
{
	free(e->below);
	value_unref(e->face);
	str_done(&e->frame);
	free(e);
}

static void drop_first(struct feed *f)
{
	struct entry *e = f->ring[f->first % FEED_EVENTS];
	f->floor = MAX(f->floor, e->batch_rev);
	f->bytes -= e->frame.len;
	f->first++;
	entry_free(e);
}

static void append(struct feed *f, struct entry *e)
{
	if (!f->ring)
		f->ring = mem_zalloc(FEED_EVENTS * sizeof(struct entry *));
	if (f->next - f->first == FEED_EVENTS)
		drop_first(f);
	f->ring[f->next++ % FEED_EVENTS] = e;
	f->bytes += e->frame.len;
	while (f->bytes > FEED_BYTES && f->next - f->first > 1)
		drop_first(f);
}

static struct value *make_face(const struct value *v)
{
	static const char *const members[] = {"project", "node", "service", "object", "at"};
	struct value *face = value_new_object();
	for (size_t i = 0; i < ELEMENTS(members); i++)
		if (value_get(v, members[i]))
			value_set(face, members[i], value_ref(value_get(v, members[i])));
	return face;
}

static void print_event(const char *what, const struct value *v, struct str *out)
{
	str_printf(out, "event: %s\ndata: ", what);
	json_print(v, JSON_COMPACT, out);
	str_puts(out, "\n\n");
}

/* The event that tells of the object as it is now; NULL: nothing to tell. */
static struct entry *make_entry(struct feed *f, const char *below, const struct dirty *d, int64_t now_rev)
{
	const struct mirror_entry *m = mirror_get(f->api->mirror, below);
	_cleanup_value_ struct value *v = NULL;
	bool there = m && !m->orphan;
	if (there) {
		v = object_value(f->api, d->kind, below, m->value, m->value_len, m->mod_rev, false);
	} else if (d->was) {
		v = value_copy(d->was);
		value_set(v, "rev", value_new_int(now_rev));
	} else {
		return NULL;
	}
	struct entry *e = NEW(struct entry);
	e->kind = d->kind;
	e->below = mem_strdup(below);
	e->face = make_face(v);
	e->batch = f->batch;
	/* news is newer than all that was told, also when it was late (etcd loses events, a slow list finds
	 * them) */
	e->rev = MAX(d->rev, f->flushed + 1);
	e->batch_rev = now_rev;
	str_printf(&e->frame, "id: %" PRId64 "\n", now_rev);
	e->id_len = e->frame.len;
	print_event(there ? "put" : "delete", v, &e->frame);
	return e;
}

static void dirty_free(void *p)
{
	struct dirty *d = p;
	value_unref(d->was);
	free(d);
}

static struct dirty *mark(struct feed *f, const struct kind *k, const char *below, int64_t rev)
{
	struct dirty *d = map_get(&f->dirty, below);
	if (!d) {
		d = NEW(struct dirty);
		d->kind = k;
		(void)map_put(&f->dirty, below, d);
	}
	d->rev = MAX(d->rev, rev);
	loop_task_schedule(&f->flush);
	return d;
}

void feed_change(struct feed *f, const char *key, const struct mirror_entry *was,
                 const struct mirror_entry *now)
{
	const char *below = api_below(f->api, key);
	char shown[KEY_SIZE];
	const struct kind *k = object_shown(below, shown);
	if (!k || k == &kind_session)
		return;
	int64_t rev = now ? now->mod_rev : 0;
	f->known = MAX(f->known, rev);
	struct dirty *d = mark(f, k, shown, rev);
	if (streq(shown, below) && !now && was && !d->was) {
		_cleanup_value_ struct value *v =
		        object_value(f->api, k, below, was->value, was->value_len, was->mod_rev, false);
		_cleanup_value_ struct value *face = make_face(v);
		d->was = object_name(k, below);
		value_for_each (it, face)
			value_set(d->was, value_iter_name(it), value_ref(value_iter_value(it)));
	}
	if (k == &kind_health) {
		char node[KEY_SIZE];
		(void)mark(f, &kind_node,
		           key_format(&kind_node, NULL, below + strlen(k->key_prefix), node, sizeof(node)),
		           rev);
	}
}

/* --- watchers --- */

static bool matches(const struct watcher *w, const struct entry *e)
{
	return e->rev > w->since && filter_key(&w->filter, e->kind, e->below) &&
	       filter_value(&w->filter, e->face);
}

/* Is there more of the same batch for this watcher? Then this event must not yet promise that all was sent. */
static bool batch_goes_on(const struct watcher *w, uint64_t seq)
{
	const struct feed *f = w->feed;
	uint64_t batch = f->ring[seq % FEED_EVENTS]->batch;
	for (uint64_t s = seq + 1; s < f->next && f->ring[s % FEED_EVENTS]->batch == batch; s++)
		if (matches(w, f->ring[s % FEED_EVENTS]))
			return true;
	return false;
}

static void watcher_free(struct watcher *w)
{
	list_remove(&w->link);
	w->feed->n_watchers--;
	filter_done(&w->filter);
	free(w->cursor);
	free(w);
}

static void watcher_end(struct watcher *w)
{
	struct call *c = w->call;
	watcher_free(w);
	call_stream_end(c);
}

static void list_one(void *ctx, const struct mirror_entry *m)
{
	struct watcher *w = ctx;
	struct api *a = w->feed->api;
	const char *below = api_below(a, m->key);
	if (w->blocked || m->orphan || (w->cursor && strcmp(below, w->cursor) <= 0) ||
	    !filter_key(&w->filter, w->filter.kind, below))
		return;
	free(w->cursor);
	w->cursor = mem_strdup(below);
	_cleanup_value_ struct value *v =
	        object_value(a, w->filter.kind, below, m->value, m->value_len, m->mod_rev, false);
	if (!filter_value(&w->filter, v))
		return;
	_cleanup_str_ struct str frame = STR_INIT;
	print_event("put", v, &frame);
	w->blocked = !httpd_stream_write(w->call->x, frame.data, frame.len);
}

static void send_synced(struct watcher *w)
{
	_cleanup_str_ struct str frame = STR_INIT;
	int64_t rev = feed_revision(w->feed);
	str_printf(&frame, "id: %" PRId64 "\nevent: synced\ndata: {\"rev\":%" PRId64 "}\n\n", rev, rev);
	w->synced = true;
	w->blocked = !httpd_stream_write(w->call->x, frame.data, frame.len);
}

/* Sends what the connection takes. May end (and free) the watcher. */
static void pump(struct watcher *w)
{
	struct feed *f = w->feed;
	if (w->listing && !w->blocked) {
		mirror_list(f->api->mirror, w->filter.prefix, list_one, w);
		w->listing = w->blocked;
	}
	while (!w->listing && !w->blocked && w->seq < f->next) {
		if (w->seq < f->first) {
			watcher_end(w); /* too slow: it resumes with its last id, or lists again */
			return;
		}
		const struct entry *e = f->ring[w->seq % FEED_EVENTS];
		if (matches(w, e)) {
			size_t skip = batch_goes_on(w, w->seq) ? e->id_len : 0;
			w->blocked =
			        !httpd_stream_write(w->call->x, e->frame.data + skip, e->frame.len - skip);
		}
		w->seq++;
	}
	if (!w->listing && !w->blocked && !w->synced)
		send_synced(w);
}

static void on_flush(void *ctx)
{
	struct feed *f = ctx;
	int64_t rev = mirror_identity(f->api->mirror).revision;
	f->batch++;
	map_for_each (m, &f->dirty) {
		struct entry *e = make_entry(f, m->key, m->value, rev);
		if (e)
			append(f, e);
	}
	map_done(&f->dirty, dirty_free);
	f->dirty = MAP_INIT;
	f->flushed = MAX(f->flushed, rev);
	list_for_each_safe (node, &f->watchers)
		pump(list_entry(node, struct watcher, link));
}

static void watch_gone(struct call *c)
{
	watcher_free(c->state);
}

static void watch_drained(struct call *c)
{
	struct watcher *w = c->state;
	w->blocked = false;
	pump(w);
}

static void watch_end(struct call *c)
{
	watcher_end(c->state);
}

static const struct call_ops watch_ops = {
        .on_gone = watch_gone, .on_drained = watch_drained, .on_end = watch_end};

void feed_watch(struct feed *f, struct call *c, struct filter *filter, int64_t since)
{
	int64_t known = MAX(f->known, feed_revision(f));
	if (since >= 0 && (since < f->floor || since > known)) {
		if (since > known)
			call_error(c, 410,
			           "revision %" PRId64 " is not one of this store, which is at %" PRId64
			           ": list again",
			           since, known);
		else
			call_error(c, 410,
			           "changes are kept from revision %" PRId64 " on, %" PRId64
			           " is older: list again",
			           f->floor, since);
		filter_done(filter);
		return;
	}
	struct watcher *w = NEW(struct watcher);
	w->feed = f;
	w->call = c;
	w->filter = *filter;
	*filter = (struct filter){0};
	w->listing = since < 0;
	w->since = since < 0 ? 0 : since;
	w->seq = since < 0 ? f->next : f->first;
	list_append(&f->watchers, &w->link);
	f->n_watchers++;
	c->ops = &watch_ops;
	c->state = w;
	request_done(&c->req); /* thousands of watchers need not keep it */
	call_stream_begin(c, 200, "text/event-stream", true);
	pump(w);
}

/* --- the feed --- */

struct feed *feed_new(struct api *a)
{
	struct feed *f = NEW(struct feed);
	f->api = a;
	f->dirty = MAP_INIT;
	list_init(&f->watchers);
	loop_task_init(a->loop, &f->flush, on_flush, f);
	return f;
}

static void forget(struct feed *f)
{
	while (f->first < f->next)
		drop_first(f);
	map_done(&f->dirty, dirty_free);
	f->dirty = MAP_INIT;
}

struct feed *feed_free(struct feed *f)
{
	if (!f)
		return NULL;
	loop_task_cancel(&f->flush);
	forget(f);
	free(f->ring);
	free(f);
	return NULL;
}

void feed_synced(struct feed *f)
{
	f->floor = f->flushed = f->known = mirror_identity(f->api->mirror).revision;
}

void feed_reset(struct feed *f)
{
	forget(f);
	feed_synced(f);
}

void feed_wrote(struct feed *f, int64_t rev)
{
	f->known = MAX(f->known, rev);
}

int64_t feed_revision(struct feed *f)
{
	if (f->dirty.count == 0)
		f->flushed = MAX(f->flushed, mirror_identity(f->api->mirror).revision);
	return f->flushed;
}

unsigned feed_watchers(const struct feed *f)
{
	return f->n_watchers;
}
