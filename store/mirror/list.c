/*
 * Listing: every page of every prefix as of the revision of the first page, collected beside the copy and put
 * into it in one go. The watches that live go on meanwhile: what they brought in after that revision wins.
 */
#include <stdlib.h>
#include <string.h>

#include "core/dice.h"
#include "core/mem.h"
#include "core/str.h"
#include "mirror/copy.h"

enum {
	RETRY_FIRST_MS = 100,
	RETRY_MOST_MS = 5000,
	SLOW_LEAST_MS = 600000,
	SLOW_SPREAD_MS = 600000,
	PAGE_LEAST = 16, /* of the largest values there can be, this many still fit into one reply */
};

static void ask(struct mirror *m);

static void listing_clear(struct mirror_listing *l)
{
	for (size_t i = 0; i < l->n_fresh; i++)
		(void)mirror_entry_unref(l->fresh[i]);
	free(l->fresh);
	free(l->after);
	*l = (struct mirror_listing){.number = l->number};
}

void mirror_list_stop(struct mirror *m)
{
	store_cancel(m->store, TAKE_PTR(m->listing.op));
	listing_clear(&m->listing);
}

void mirror_list_begin(struct mirror *m)
{
	mirror_list_stop(m);
	loop_timer_stop(&m->timer);
	m->list_wanted = false;
	m->listing.active = true;
	m->listing.number++;
	m->listing.floor = m->seen;
	ask(m);
}

/* The list cannot be had now. The first attempt after a fault is quick, so that what has passed costs
 * nothing. */
static void failed(struct mirror *m)
{
	mirror_list_stop(m);
	int64_t ms = RETRY_FIRST_MS;
	for (unsigned i = 0; i < m->failures && ms < RETRY_MOST_MS; i++)
		ms *= 2;
	m->failures++;
	loop_timer_in(&m->timer, (int64_t)((double)MIN(ms, RETRY_MOST_MS) * (0.8 + 0.4 * dice_fraction())));
}

/* --- putting it into the copy --- */

static bool same_value(const struct mirror_entry *e, const struct store_kv *kv)
{
	return e->value_len == kv->value_len && memcmp(e->value, kv->value, kv->value_len) == 0;
}

static void add_fresh(struct mirror_listing *l, struct mirror_entry *e)
{
	if (l->n_fresh == l->fresh_cap) {
		l->fresh_cap = l->fresh_cap ? l->fresh_cap * 2 : 64;
		l->fresh = mem_realloc_array(l->fresh, l->fresh_cap, sizeof(struct mirror_entry *));
	}
	l->fresh[l->n_fresh++] = e;
}

static void take_page(struct mirror *m, const struct store_range *range)
{
	struct mirror_listing *l = &m->listing;
	for (size_t i = 0; i < range->count; i++) {
		const struct store_kv *kv = &range->kvs[i];
		struct mirror_entry *have = sorted_get(&m->entries, kv->key + m->root_len);
		if (have)
			have->listed = l->number;
		if (have && !have->orphan && have->mod_rev == kv->mod_rev && same_value(have, kv)) {
			have->create_rev = kv->create_rev; /* our own write may not have known it */
			have->lease = kv->lease;
			continue;
		}
		struct mirror_entry *e = mirror_entry_new(m, kv);
		e->listed = l->number;
		add_fresh(l, e);
	}
}

/* Entries that the list lacks, in key order, referenced; NULL-terminated. */
static struct mirror_entry **lacking(const struct mirror *m)
{
	size_t n = 0, cap = 16;
	struct mirror_entry **list = mem_realloc_array(NULL, cap, sizeof(*list)), *e;
	struct sorted_place place;
	sorted_for_each (e, place, &m->entries, "") {
		if (e->listed == m->listing.number)
			continue;
		if (n + 1 == cap) {
			cap *= 2;
			list = mem_realloc_array(list, cap, sizeof(*list));
		}
		list[n++] = mirror_entry_ref(e);
	}
	list[n] = NULL;
	return list;
}

/* What the list has otherwise goes in, unless a watch or an own write knows better by now. */
static void put_fresh(struct mirror *m, struct mirror_listing *l, bool same_history)
{
	for (size_t i = 0; i < l->n_fresh; i++) {
		struct mirror_entry *e = l->fresh[i];
		const struct mirror_entry *have = sorted_get(&m->entries, e->key + m->root_len);
		l->fresh[i] = NULL;
		if (same_history && ((have && !have->orphan && have->mod_rev > l->identity.revision) ||
		                     mirror_deleted(m, e->key) > e->mod_rev))
			(void)mirror_entry_unref(e);
		else
			mirror_set(m, e, m->synced);
	}
}

static void change_history(struct mirror *m, struct store_identity now)
{
	struct store_identity was = {.cluster_id = m->cluster_id, .revision = m->seen};
	m->cluster_id = now.cluster_id;
	m->seen = now.revision;
	map_done(&m->deleted, free);
	for (size_t i = 0; i < m->n_parts; i++) {
		struct mirror_part *p = &m->parts[i];
		p->watch = store_watch_free(m->store, p->watch);
		p->dead = false;
		p->heard = p->revision = now.revision;
	}
	if (m->cbs.on_identity)
		m->cbs.on_identity(m->ctx, was, now);
}

static void complete(struct mirror *m)
{
	/* the callbacks below may ask for another list */
	struct mirror_listing l = m->listing;
	_cleanup_free_ struct mirror_entry **missing = lacking(m);
	m->listing = (struct mirror_listing){.number = l.number};
	m->failures = 0;
	bool same_history =
	        !m->cluster_id || (m->cluster_id == l.identity.cluster_id && l.identity.revision >= l.floor);
	if (same_history) {
		m->cluster_id = l.identity.cluster_id;
		m->seen = MAX(m->seen, l.identity.revision);
	} else {
		for (size_t i = 0; missing[i]; i++)
			missing[i]->orphan = true;
		change_history(m, l.identity);
	}
	put_fresh(m, &l, same_history);
	for (size_t i = 0; missing[i]; i++) {
		if (!missing[i]->orphan && missing[i]->mod_rev <= l.identity.revision)
			mirror_unset(m, missing[i]->key, m->synced);
		(void)mirror_entry_unref(missing[i]);
	}
	for (size_t i = 0; i < m->n_parts; i++) {
		struct mirror_part *p = &m->parts[i];
		p->heard = MAX(p->heard, l.identity.revision);
		p->revision = MAX(p->revision, l.identity.revision);
	}
	listing_clear(&l);
	mirror_deleted_sweep(m);
	mirror_watch_all(m);
	loop_timer_in(&m->timer, SLOW_LEAST_MS + (int64_t)(SLOW_SPREAD_MS * dice_fraction()));
	if (m->synced)
		return;
	m->synced = true;
	m->cbs.on_synced(m->ctx);
}

/* --- asking --- */

static void on_page(void *ctx, enum store_outcome outcome, const struct store_range *range,
                    const struct error *err _unused_)
{
	struct mirror *m = ctx;
	struct mirror_listing *l = &m->listing;
	l->op = NULL;
	if (outcome) { /* compacted: the list took too long, and the next one begins at a later revision */
		if (outcome == STORE_E_TOO_LARGE)
			m->page = MAX(m->page / 8, PAGE_LEAST);
		failed(m);
		return;
	}
	if (!l->identity.revision) {
		l->identity = range->identity;
	} else if (range->identity.cluster_id != l->identity.cluster_id ||
	           range->identity.revision < l->identity.revision) {
		failed(m); /* the store changed between two pages: what we have of it is of no use */
		return;
	}
	if (range->more && !range->count) {
		failed(m); /* there is no key to go on from, and the rest must not count as deleted */
		return;
	}
	take_page(m, range);
	free(l->after);
	l->after = range->more ? mem_strdup(range->kvs[range->count - 1].key) : NULL;
	l->part += !range->more;
	if (l->part < m->n_parts)
		ask(m);
	else
		complete(m);
}

static void ask(struct mirror *m)
{
	struct mirror_listing *l = &m->listing;
	struct store_range_request req = {
	        .key = m->parts[l->part].prefix,
	        .prefix = true,
	        .after = l->after,
	        .rev = l->identity.revision,
	        .limit = m->page,
	};
	l->op = store_range(m->store, &req, on_page, m);
}
