#include "mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"
#include "mirror/copy.h"

/* --- the copy --- */

/* What was replaced may be in use until the turn is over. */
static void bury(struct mirror *m, struct mirror_entry *e)
{
	if (m->n_dead == m->dead_cap) {
		m->dead_cap = m->dead_cap ? m->dead_cap * 2 : 16;
		m->dead = mem_realloc_array(m->dead, m->dead_cap, sizeof(struct mirror_entry *));
	}
	m->dead[m->n_dead++] = e;
	loop_task_schedule(&m->turn);
}

static void free_dead(struct mirror *m)
{
	for (size_t i = 0; i < m->n_dead; i++)
		(void)mirror_entry_unref(m->dead[i]);
	free(m->dead);
	m->dead = NULL;
	m->n_dead = m->dead_cap = 0;
}

void mirror_set(struct mirror *m, struct mirror_entry *e, bool tell)
{
	struct mirror_entry *was = sorted_put(&m->entries, e);
	if (was)
		bury(m, was);
	if (tell)
		m->cbs.on_change(m->ctx, e->key + m->root_len, was, e);
}

void mirror_unset(struct mirror *m, const char *key, bool tell)
{
	struct mirror_entry *was = sorted_remove(&m->entries, key + m->root_len);
	if (!was)
		return;
	bury(m, was);
	if (tell)
		m->cbs.on_change(m->ctx, was->key + m->root_len, was, NULL);
}

int64_t mirror_deleted(const struct mirror *m, const char *key)
{
	const int64_t *rev = map_get(&m->deleted, key);
	return rev ? *rev : 0;
}

static void remember_deleted(struct mirror *m, const char *key, int64_t rev)
{
	int64_t *there = map_get(&m->deleted, key);
	if (!there)
		(void)map_put(&m->deleted, key, mem_dup(&rev, sizeof(rev)));
	else
		*there = MAX(*there, rev);
}

static struct mirror_part *part_of(const struct mirror *m, const char *key)
{
	for (size_t i = 0; i < m->n_parts; i++)
		if (str_after(key, m->parts[i].prefix))
			return &m->parts[i];
	return NULL;
}

void mirror_deleted_sweep(struct mirror *m)
{
	if (m->listing.active) /* the list may be older than the deletion */
		return;
	for (size_t i = m->deleted.count; i-- > 0;) {
		struct map_entry *e = &m->deleted.entries[i];
		const struct mirror_part *p = part_of(m, e->key);
		if (!p || *(int64_t *)e->value <= p->heard)
			free(map_remove(&m->deleted, e->key));
	}
}

/* --- watching --- */

static void take_event(struct mirror *m, const struct store_event *event)
{
	const struct store_kv *kv = &event->kv;
	struct mirror_entry *have = sorted_get(&m->entries, kv->key + m->root_len);
	if (have && !have->orphan && have->mod_rev >= kv->mod_rev) {
		/* our own write, in the copy before its event; or something older than it */
		if (have->mod_rev == kv->mod_rev && !event->deleted) {
			have->create_rev = kv->create_rev;
			have->lease = kv->lease;
		}
		return;
	}
	if (event->deleted) {
		if (m->listing.active)
			remember_deleted(m, kv->key, kv->mod_rev);
		mirror_unset(m, kv->key, true);
	} else if (mirror_deleted(m, kv->key) < kv->mod_rev) {
		mirror_set(m, mirror_entry_new(m, kv), true);
	}
}

static void on_events(void *ctx, const struct store_event *events, size_t count,
                      struct store_identity identity)
{
	struct mirror_part *p = ctx;
	struct mirror *m = p->mirror;
	if (p->dead)
		return;
	/* etcd 3.4 is known to send events again, and old ones */
	int64_t heard = p->heard;
	for (size_t i = 0; i < count; i++) {
		if (events[i].kv.mod_rev <= heard)
			continue;
		p->heard = MAX(p->heard, events[i].kv.mod_rev);
		take_event(m, &events[i]);
	}
	p->revision = MAX(MAX(p->revision, p->heard), identity.revision);
	m->seen = MAX(m->seen, p->revision);
	if (m->deleted.count)
		mirror_deleted_sweep(m);
}

static void on_relist(void *ctx, enum store_outcome why _unused_, struct store_identity identity _unused_)
{
	struct mirror_part *p = ctx;
	p->dead = true; /* freed in a turn: not from in here */
	p->mirror->list_wanted = true;
	loop_task_schedule(&p->mirror->turn);
}

void mirror_watch_all(struct mirror *m)
{
	static const struct store_watch_callbacks cbs = {.on_events = on_events, .on_relist = on_relist};
	for (size_t i = 0; i < m->n_parts; i++) {
		struct mirror_part *p = &m->parts[i];
		if (p->watch)
			continue;
		struct store_watch_request req = {
		        .key = p->prefix, .prefix = true, .start_rev = p->heard + 1};
		p->watch = store_watch(m->store, &req, &cbs, p);
	}
}

static void on_turn(void *ctx)
{
	struct mirror *m = ctx;
	free_dead(m);
	for (size_t i = 0; i < m->n_parts; i++) {
		struct mirror_part *p = &m->parts[i];
		if (p->dead)
			p->watch = store_watch_free(m->store, p->watch);
		p->dead = false;
	}
	if (m->list_wanted) /* also when one is in progress: the history may have changed under it */
		mirror_list_begin(m);
}

/* --- the interface --- */

static void on_timer(void *ctx)
{
	mirror_list_begin(ctx);
}

struct mirror *mirror_new(struct store *s, const char *root, const char *const *prefixes, bool decode,
                          const struct mirror_callbacks *cbs, void *ctx)
{
	struct mirror *m = NEW(struct mirror);
	m->store = s;
	size_t len = strlen(root);
	while (len && root[len - 1] == '/')
		len--;
	m->root = mem_printf("%.*s/", (int)len, root);
	m->root_len = len + 1;
	m->decode = decode;
	m->page = LIMIT_LIST_PAGE;
	m->cbs = *cbs;
	m->ctx = ctx;
	m->entries = SORTED_INIT(struct mirror_entry, key);
	m->entries.key_skip = m->root_len;
	while (prefixes[m->n_parts])
		m->n_parts++;
	m->parts = mem_zalloc(m->n_parts * sizeof(*m->parts));
	for (size_t i = 0; i < m->n_parts; i++)
		m->parts[i] =
		        (struct mirror_part){.mirror = m, .prefix = mem_printf("%s%s", m->root, prefixes[i])};
	loop_task_init(s->loop, &m->turn, on_turn, m);
	loop_timer_init(s->loop, &m->timer, on_timer, m);
	m->list_wanted = true;
	loop_task_schedule(&m->turn);
	return m;
}

static void entry_release(void *p)
{
	(void)mirror_entry_unref(p);
}

struct mirror *mirror_free(struct mirror *m)
{
	if (!m)
		return NULL;
	mirror_list_stop(m);
	loop_task_cancel(&m->turn);
	loop_timer_stop(&m->timer);
	for (size_t i = 0; i < m->n_parts; i++) {
		(void)store_watch_free(m->store, m->parts[i].watch);
		free(m->parts[i].prefix);
	}
	free(m->parts);
	free_dead(m);
	sorted_done(&m->entries, entry_release);
	map_done(&m->deleted, free);
	free(m->root);
	free(m);
	return NULL;
}

bool mirror_synced(const struct mirror *m)
{
	return m->synced;
}

struct store_identity mirror_identity(const struct mirror *m)
{
	int64_t rev = m->n_parts ? INT64_MAX : 0;
	for (size_t i = 0; i < m->n_parts; i++)
		rev = MIN(rev, m->parts[i].revision);
	return (struct store_identity){.cluster_id = m->cluster_id, .revision = rev};
}

size_t mirror_count(const struct mirror *m)
{
	return m->entries.count;
}

const struct mirror_entry *mirror_get(const struct mirror *m, const char *key)
{
	return sorted_get(&m->entries, key);
}

void mirror_list(const struct mirror *m, const char *prefix,
                 void (*fn)(void *ctx, const struct mirror_entry *e), void *ctx)
{
	const struct mirror_entry *e;
	struct sorted_place place;
	sorted_for_each (e, place, &m->entries, prefix) {
		if (!str_after(e->key + m->root_len, prefix))
			break;
		fn(ctx, e);
	}
}

void mirror_wrote(struct mirror *m, const char *key, const char *value, size_t value_len, int64_t rev)
{
	_cleanup_free_ char *whole = mem_printf("%s%s", m->root, key);
	const struct mirror_part *p = part_of(m, whole);
	if (!p)
		return;
	const struct mirror_entry *have = sorted_get(&m->entries, key);
	m->seen = MAX(m->seen, rev);
	if (have && !have->orphan && have->mod_rev >= rev)
		return;
	if (!value) {
		/* events that are on their way may still speak of it */
		if (rev > p->heard || m->listing.active)
			remember_deleted(m, whole, rev);
		mirror_unset(m, whole, false);
		return;
	}
	if (mirror_deleted(m, whole) >= rev || (!have && rev <= p->heard))
		return;
	struct store_kv kv = {.key = whole,
	                      .value = value,
	                      .value_len = value_len,
	                      .create_rev = have && !have->orphan ? have->create_rev : rev,
	                      .mod_rev = rev};
	mirror_set(m, mirror_entry_new(m, &kv), false);
}

void mirror_check(struct mirror *m)
{
	m->list_wanted = true;
	loop_task_schedule(&m->turn);
}
