#include "memory/handle.h"

#include <stdlib.h>

#include "core/mem.h"
#include "core/str.h"

enum { EVENTS_AT_ONCE = 1000 };

struct store_watch *memory_watch(struct store *s, const struct store_watch_request *req,
                                 const struct store_watch_callbacks *cbs, void *ctx)
{
	struct handle *h = memory_handle(s);
	struct store_watch *w = NEW(struct store_watch);
	w->key = mem_strdup(req->key);
	w->prefix = req->prefix;
	w->next_rev = req->start_rev;
	w->turn = h->turn;
	w->cbs = *cbs;
	w->ctx = ctx;
	w->serial = ++h->counts.watches;
	list_append(&h->watches, &w->link);
	loop_task_schedule(&h->task);
	return w;
}

void memory_watch_free(struct store *s _unused_, struct store_watch *w)
{
	list_remove(&w->link);
	free(w->key);
	free(w);
}

/* By number: the memory of a watch that was freed may hold another one by now. */
static struct store_watch *watch_find(const struct handle *h, uint64_t serial)
{
	list_for_each (node, &h->watches) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		if (w->serial == serial)
			return w;
	}
	return NULL;
}

/* The next events of the watch, whole revisions; returns how many. The array is to be freed. */
static size_t collect(struct handle *h, struct store_watch *w, struct store_event **ret, int64_t *ret_rev)
{
	const struct memory_db *db = &h->server->db;
	size_t n = 0, cap = 0;
	struct store_event *events = NULL;
	*ret_rev = db->rev;
	for (size_t i = memory_db_log_from(db, w->next_rev); i < db->log_len; i++) {
		const struct memory_version *v = db->log[i];
		if (n >= EVENTS_AT_ONCE && v->kv.mod_rev != events[n - 1].kv.mod_rev) {
			*ret_rev = v->kv.mod_rev - 1;
			break;
		}
		if (!memory_key_matches(v->kv.key, w->key, w->prefix))
			continue;
		if (h->lose) {
			h->lose--;
			continue;
		}
		if (n == cap) {
			cap = cap ? cap * 2 : 16;
			events = mem_realloc_array(events, cap, sizeof(*events));
		}
		events[n++] = (struct store_event){.deleted = v->deleted, .kv = v->kv};
	}
	*ret = events;
	return n;
}

/* One callback of one watch. False: there is nothing (more) to tell. */
static bool watch_run(struct handle *h, struct store_watch *w)
{
	const struct memory_db *db = &h->server->db;
	struct store_identity identity = {.cluster_id = db->cluster_id, .revision = db->rev};
	if (w->broken || w->next_rev < db->compacted) {
		w->dead = true;
		w->cbs.on_relist(w->ctx, STORE_E_COMPACTED, identity);
		return true;
	}
	_cleanup_free_ struct store_event *events = NULL;
	size_t n = collect(h, w, &events, &identity.revision);
	enum memory_delivery how = MEMORY_DELIVER;
	if (n && h->server->deliver)
		how = h->server->deliver(h->server->deliver_ctx, &h->base, events, n);
	if (how == MEMORY_DEFER) {
		h->hold = true;
		return false;
	}
	if (how == MEMORY_LOSE)
		n = 0;
	bool all = identity.revision == db->rev;
	w->next_rev = MAX(w->next_rev, identity.revision + 1);
	if (all)
		w->turn = h->turn;
	if (!n)
		return !all;
	memory_seen(h);
	uint64_t serial = w->serial;
	w->cbs.on_events(w->ctx, events, n, identity);
	if ((h->duplicate || how == MEMORY_TWICE) && (w = watch_find(h, serial)) != NULL)
		w->cbs.on_events(w->ctx, events, n, identity);
	return true;
}

/* Callbacks may end and begin watches: after each one the search begins anew. */
bool memory_watches_run(struct handle *h)
{
	list_for_each (node, &h->watches) {
		struct store_watch *w = list_entry(node, struct store_watch, link);
		bool held = h->hold && !(h->hold_but && streq(w->key, h->hold_but));
		if (!w->dead && w->turn != h->turn && !held && watch_run(h, w))
			return true;
	}
	return false;
}
