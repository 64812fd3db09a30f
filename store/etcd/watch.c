#include "etcd/watch.h"

#include "core/limits.h"
#include "core/mem.h"
#include "etcd/client.h"

#define GAP_MAX        5000 /* revisions: etcd replays about that many in a second; a list is faster */
#define AGAIN_MS       200
#define CHECK_LIMIT_MS 5000

static const struct call_events call_events;

static struct store_watch *find(struct watches *ws, int64_t id)
{
	list_for_each (node, &ws->all) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (w->id == id && id)
			return w;
	}
	return NULL;
}

static void send_request(struct watches *ws, const Rpc__WatchRequest *m)
{
	struct wire_bytes bytes = wire_pack(&m->base);
	call_send(ws->stream, bytes.data, bytes.len);
	free(bytes.data);
}

static void send_cancel(struct watches *ws, int64_t id)
{
	Rpc__WatchCancelRequest cancel = RPC__WATCH_CANCEL_REQUEST__INIT;
	cancel.watch_id = id;
	Rpc__WatchRequest m = RPC__WATCH_REQUEST__INIT;
	m.request_union_case = RPC__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
	m.cancel_request = &cancel;
	send_request(ws, &m);
}

static void send_create(struct store_watch *w)
{
	struct watches *ws = w->watches;
	struct arena *a = &ws->etcd->encoding;
	Rpc__WatchCreateRequest create = RPC__WATCH_CREATE_REQUEST__INIT;
	wire_range(a, w->key, w->prefix, NULL, &create.key, &create.range_end);
	create.start_revision = w->next_rev;
	create.watch_id = w->id = ++ws->last_id;
	create.fragment = true;
	Rpc__WatchRequest m = RPC__WATCH_REQUEST__INIT;
	m.request_union_case = RPC__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	m.create_request = &create;
	send_request(ws, &m);
	arena_reset(a);
	w->state = WATCH_CREATING;
	str_done(&w->parts);
	ws->creating = mem_realloc_array(ws->creating, ws->n_creating + 1, sizeof(*ws->creating));
	ws->creating[ws->n_creating++] = w->id;
}

/* Leaves the stream, to be created anew. */
static void put_off(struct store_watch *w)
{
	w->state = WATCH_WAITING;
	w->id = 0;
	str_done(&w->parts);
	if (!loop_timer_active(&w->watches->again))
		loop_timer_in(&w->watches->again, AGAIN_MS);
}

/* What was on the stream waits for the next one. */
static void leave_stream(struct watches *ws)
{
	ws->stream = NULL;
	ws->n_creating = 0;
	list_for_each (node, &ws->all) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (w->state != WATCH_CREATING && w->state != WATCH_LIVE)
			continue;
		w->state = WATCH_WAITING;
		w->id = 0;
		str_done(&w->parts);
	}
}

/* The end of a watch; the callback must be the last thing that touches it. */
static void relist(struct store_watch *w, enum store_outcome why, struct store_identity now)
{
	w->state = WATCH_DEAD;
	w->id = 0;
	str_done(&w->parts);
	w->cbs.on_relist(w->ctx, why, now);
}

/* --- a server that is behind --- */

/* A read that the whole cluster agrees on tells a member that lags from a store that went back. */
static void checked(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                    const struct error *err _unused_)
{
	struct store_watch *w = op->ctx;
	struct etcd *e = w->watches->etcd;
	w->check = NULL;
	Rpc__RangeResponse *r =
	        outcome == STORE_OK ? wire_unpack(&e->decoded, &rpc__range_response__descriptor, reply, len)
	                            : NULL;
	struct store_identity now = r && r->header ? etcd_saw(e, r->header) : (struct store_identity){0};
	arena_reset(&e->decoded);
	bool other = w->cluster_id && now.cluster_id && now.cluster_id != w->cluster_id;
	if (now.cluster_id && (other || now.revision < w->next_rev - 1))
		relist(w, STORE_E_COMPACTED, now);
	else
		put_off(w);
}

static void check(struct store_watch *w)
{
	struct etcd *e = w->watches->etcd;
	send_cancel(w->watches, w->id);
	w->state = WATCH_CHECKING;
	w->id = 0;
	Rpc__RangeRequest m = RPC__RANGE_REQUEST__INIT;
	m.key = wire_text(w->key[0] ? w->key : "/");
	m.limit = 1;
	m.keys_only = true;
	w->check = op_new(&e->ops, "/etcdserverpb.KV/Range", wire_pack(&m.base), CHECK_LIMIT_MS, checked, w);
	op_submit(w->check);
}

/* --- what the server says --- */

static void on_created(struct store_watch *w, struct store_identity now)
{
	struct watches *ws = w->watches;
	w->denied = false;
	if (w->cluster_id && now.cluster_id != w->cluster_id) {
		send_cancel(ws, w->id);
		relist(w, STORE_E_COMPACTED, now);
		return;
	}
	w->cluster_id = now.cluster_id;
	if (now.revision < w->next_rev - 1) {
		check(w);
	} else if (w->resumed && now.revision - w->next_rev >= GAP_MAX) {
		send_cancel(ws, w->id);
		relist(w, STORE_E_COMPACTED, now);
	} else {
		w->state = WATCH_LIVE;
		w->resumed = true;
	}
}

static void on_canceled(struct store_watch *w, const Rpc__WatchResponse *r, struct store_identity now)
{
	struct watches *ws = w->watches;
	struct etcd *e = ws->etcd;
	if (r->compact_revision) {
		relist(w, STORE_E_COMPACTED, now);
	} else if (strstr(r->cancel_reason, "permission denied") || strstr(r->cancel_reason, "auth token")) {
		/* a token is looked at when a watch is created only, and may have run out since the stream
		 * began */
		if (!auth_wanted(&e->auth) || w->denied) {
			relist(w, STORE_E_DENIED, now);
			return;
		}
		w->denied = true;
		put_off(w);
		if (ws->token == e->auth.generation)
			auth_renew(&e->auth);
		call_cancel(ws->stream);
		leave_stream(ws);
	} else {
		put_off(w);
	}
}

static bool grows(const struct store_event *events, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (events[i].kv.mod_rev < events[i - 1].kv.mod_rev)
			return false;
	return true;
}

static void deliver(struct store_watch *w, const Rpc__WatchResponse *r, struct store_identity now)
{
	struct store_event *events = ARENA_ARRAY(&w->watches->etcd->decoded, struct store_event, r->n_events);
	size_t n = 0;
	for (size_t i = 0; i < r->n_events; i++) {
		const Rpc__KeyValue *kv = r->events[i]->kv;
		if (!kv || kv->mod_revision < w->next_rev || !wire_key_is_text(&kv->key))
			continue;
		events[n++] = (struct store_event){
		        .deleted = r->events[i]->type == RPC__EVENT__EVENT_TYPE__DELETE, .kv = wire_kv(kv)};
	}
	if (!n)
		return;
	if (!grows(events,
	           n)) { /* history does not run backwards: whatever this is, it is not to be trusted */
		send_cancel(w->watches, w->id);
		relist(w, STORE_E_COMPACTED, now);
		return;
	}
	now.revision = events[n - 1].kv.mod_rev;
	w->next_rev = now.revision + 1;
	w->cbs.on_events(w->ctx, events, n, now);
}

/*
 * Fragments are put together as bytes: a message behind another of its type reads as one, with the lists
 * joined (protobuf's rule of merging). Returns the whole, or NULL while parts are missing.
 */
static Rpc__WatchResponse *join(struct store_watch *w, Rpc__WatchResponse *r, const uint8_t *data, size_t len)
{
	if (!r->fragment && !w->parts.len)
		return r;
	str_add(&w->parts, data, len);
	if (r->fragment)
		return NULL;
	struct arena *a = &w->watches->etcd->decoded;
	r = wire_unpack(a, &rpc__watch_response__descriptor, (const uint8_t *)w->parts.data, w->parts.len);
	str_done(&w->parts);
	return r;
}

/* The answer to the oldest creation; NULL when that watch was freed meanwhile. */
static struct store_watch *take_creation(struct watches *ws)
{
	int64_t id = ws->creating[0];
	ws->n_creating--;
	memmove(ws->creating, ws->creating + 1, ws->n_creating * sizeof(*ws->creating));
	return find(ws, id);
}

static void dispatch(struct watches *ws, Rpc__WatchResponse *r, const uint8_t *data, size_t len)
{
	struct etcd *e = ws->etcd;
	struct store_identity now = r->header && r->header->cluster_id ? etcd_saw(e, r->header) : e->identity;
	struct store_watch *w;
	if (r->created) { /* a refusal has id -1: the order tells whose it is */
		if (!ws->n_creating) {
			link_fail(&e->streams, "an answer to a watch that nobody asked for");
			return;
		}
		w = take_creation(ws);
		if (w && !r->canceled)
			on_created(w, now);
	} else {
		w = find(ws, r->watch_id);
	}
	if (!w)
		return;
	if (r->canceled) {
		on_canceled(w, r, now);
	} else if (w->state == WATCH_LIVE && (r->n_events || w->parts.len)) {
		if (w->parts.len + len > LIMIT_STORE_MESSAGE) {
			send_cancel(ws, w->id);
			relist(w, STORE_E_TOO_LARGE, now);
			return;
		}
		r = join(w, r, data, len);
		if (r)
			deliver(w, r, now);
	}
}

void watches_receive(struct watches *ws, const uint8_t *data, size_t len)
{
	struct etcd *e = ws->etcd;
	Rpc__WatchResponse *r = wire_unpack(&e->decoded, &rpc__watch_response__descriptor, data, len);
	if (r)
		dispatch(ws, r, data, len);
	else
		link_fail(&e->streams, "a watch answered with what is not a message");
	arena_reset(&e->decoded);
}

/* --- the stream --- */

static void on_message(void *ctx, const uint8_t *data, size_t len)
{
	watches_receive(ctx, data, len);
}

/* Whatever the reason, the next endpoint is asked: link.c knows how fast that may be done. */
static void on_end(void *ctx, const struct call_end *end)
{
	struct watches *ws = ctx;
	struct etcd *e = ws->etcd;
	leave_stream(ws);
	if (wire_judge(end->status, end->text).token)
		auth_renew(&e->auth);
	link_fail(&e->streams, end->text);
}

static const struct call_events call_events = {.on_message = on_message, .on_end = on_end};

void watches_pump(struct watches *ws)
{
	struct etcd *e = ws->etcd;
	if (!link_usable(&e->streams) || !auth_ready(&e->auth))
		return;
	list_for_each (node, &ws->all) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (w->state != WATCH_WAITING)
			continue;
		if (!ws->stream) {
			ws->stream = call_stream(e->streams.transport, "/etcdserverpb.Watch/Watch",
			                         e->auth.token, &call_events, ws);
			ws->token = e->auth.generation;
		}
		send_create(w);
	}
}

static void on_again(void *ctx)
{
	watches_pump(ctx);
}

/* --- the seam --- */

struct store_watch *etcd_watch(struct store *s, const struct store_watch_request *req,
                               const struct store_watch_callbacks *cbs, void *ctx)
{
	struct etcd *e = etcd_of(s);
	struct store_watch *w = NEW(struct store_watch);
	w->watches = &e->watches;
	w->cbs = *cbs;
	w->ctx = ctx;
	w->key = mem_strdup(req->key);
	w->prefix = req->prefix;
	w->next_rev = req->start_rev;
	w->cluster_id = e->identity.cluster_id;
	list_append(&e->watches.all, &w->link);
	watches_pump(&e->watches);
	return w;
}

static void watch_free(struct store_watch *w)
{
	op_cancel(w->check);
	list_remove(&w->link);
	str_done(&w->parts);
	free(w->key);
	free(w);
}

void etcd_watch_free(struct store *s _unused_, struct store_watch *w)
{
	struct watches *ws = w->watches;
	if (ws->stream && (w->state == WATCH_LIVE || w->state == WATCH_CREATING))
		send_cancel(ws, w->id);
	watch_free(w);
	if (list_empty(&ws->all) && ws->stream) { /* an open stream costs a PING every 10 s */
		call_cancel(ws->stream);
		leave_stream(ws);
	}
}

void watches_init(struct watches *ws, struct etcd *e)
{
	*ws = (struct watches){.etcd = e};
	list_init(&ws->all);
	loop_timer_init(e->store.loop, &ws->again, on_again, ws);
}

void watches_done(struct watches *ws)
{
	if (!ws->etcd)
		return;
	loop_timer_stop(&ws->again);
	while (!list_empty(&ws->all))
		watch_free(list_first(&ws->all, struct store_watch, link));
	free(ws->creating);
	ws->creating = NULL;
	ws->etcd = NULL;
}
