#include "memory/db.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/dice.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"

struct record {
	char *key;
	struct memory_version *latest;
};

/* --- versions --- */

static void version_unref(struct memory_version *v)
{
	if (--v->refs)
		return;
	free((char *)v->kv.key);
	free((char *)v->kv.value);
	free(v);
}

static struct memory_version *version_new(const char *key, const char *value, size_t len)
{
	struct memory_version *v = NEW(struct memory_version);
	v->refs = 2; /* chain and log */
	v->kv.key = mem_strdup(key);
	char *copy = mem_alloc(len + 1);
	if (len)
		memcpy(copy, value, len);
	copy[len] = '\0';
	v->kv.value = copy;
	v->kv.value_len = len;
	return v;
}

/* Frees the version and everything older. */
static void chain_free(struct memory_version *v)
{
	while (v) {
		struct memory_version *older = v->older;
		version_unref(v);
		v = older;
	}
}

static void record_free(void *p)
{
	struct record *r = p;
	chain_free(r->latest);
	free(r->key);
	free(r);
}

/* What the key was at that revision; NULL: it did not exist. */
static struct memory_version *record_at(const struct record *r, int64_t rev)
{
	struct memory_version *v = r->latest;
	while (v && v->kv.mod_rev > rev)
		v = v->older;
	return v && !v->deleted ? v : NULL;
}

static struct memory_version *live(const struct memory_db *db, const char *key)
{
	const struct record *r = sorted_get(&db->records, key);
	return r ? record_at(r, INT64_MAX) : NULL;
}

static void append(struct memory_db *db, struct memory_version *v, int64_t rev)
{
	struct record *r = sorted_get(&db->records, v->kv.key);
	if (!r) {
		r = NEW(struct record);
		r->key = mem_strdup(v->kv.key);
		(void)sorted_put(&db->records, r);
	}
	v->kv.mod_rev = rev;
	v->older = r->latest;
	r->latest = v;
	if (db->log_len == db->log_cap) {
		db->log_cap = db->log_cap ? db->log_cap * 2 : 64;
		db->log = mem_realloc_array(db->log, db->log_cap, sizeof(struct memory_version *));
	}
	db->log[db->log_len++] = v;
}

static void put(struct memory_db *db, const struct store_then *t, int64_t rev)
{
	const struct memory_version *was = live(db, t->key);
	struct memory_version *v = version_new(t->key, t->value, t->value_len);
	v->kv.create_rev = was ? was->kv.create_rev : rev;
	v->kv.version = was ? was->kv.version + 1 : 1;
	v->kv.lease = t->lease;
	append(db, v, rev);
}

static unsigned delete_key(struct memory_db *db, const char *key, int64_t rev)
{
	if (!live(db, key))
		return 0;
	struct memory_version *v = version_new(key, NULL, 0);
	v->deleted = true;
	append(db, v, rev);
	return 1;
}

static unsigned delete_prefix(struct memory_db *db, const char *prefix, int64_t rev)
{
	unsigned n = 0;
	struct sorted_place place;
	const struct record *r;
	sorted_for_each (r, place, &db->records, prefix) {
		if (!str_after(r->key, prefix))
			break;
		n += delete_key(db, r->key, rev); /* the record exists, so that nothing moves */
	}
	return n;
}

/* --- transactions --- */

bool memory_key_matches(const char *key, const char *wanted, bool prefix)
{
	return prefix ? str_after(key, wanted) != NULL : streq(key, wanted);
}

static bool holds(const struct memory_db *db, const struct store_if *c)
{
	const struct memory_version *v = live(db, c->key);
	switch (c->what) {
	case STORE_IF_MOD_REV:
		return (v ? v->kv.mod_rev : 0) == c->rev;
	case STORE_IF_CREATE_REV:
		return (v ? v->kv.create_rev : 0) == c->rev;
	}
	abort();
}

/* etcd refuses a key that is put twice, or put and deleted, in one transaction; deletions may overlap. */
static bool twice(const struct store_txn *txn, size_t put_at)
{
	const struct store_then *p = &txn->thens[put_at];
	for (size_t i = 0; i < txn->n_thens; i++) {
		const struct store_then *t = &txn->thens[i];
		if (i != put_at && memory_key_matches(p->key, t->key, t->what == STORE_DELETE_PREFIX))
			return true;
	}
	return false;
}

/* What is refused before anything is compared. */
static enum store_outcome check(const struct store_txn *txn, struct error *err)
{
	size_t bytes = 0;
	for (size_t i = 0; i < txn->n_ifs; i++)
		bytes += strlen(txn->ifs[i].key);
	for (size_t i = 0; i < txn->n_thens; i++) {
		const struct store_then *t = &txn->thens[i];
		bytes += strlen(t->key) + (t->what == STORE_PUT ? t->value_len : 0);
		if (!*t->key && t->what != STORE_DELETE_PREFIX)
			return (enum store_outcome)error_set(err, STORE_E_INTERNAL, "", "a key is empty");
		if (t->what == STORE_PUT && twice(txn, i))
			return (enum store_outcome)error_set(err, STORE_E_INTERNAL, t->key,
			                                     "written twice in one transaction");
		if (strlen(t->key) > LIMIT_KEY || (t->what == STORE_PUT && t->value_len > LIMIT_VALUE))
			return (enum store_outcome)error_set(err, STORE_E_TOO_LARGE, "",
			                                     "a key has at most %d bytes, a value %d",
			                                     LIMIT_KEY, LIMIT_VALUE);
	}
	if (txn->n_thens > LIMIT_TXN_OPS)
		return (enum store_outcome)error_set(err, STORE_E_TOO_LARGE, "",
		                                     "%zu operations in one transaction, of at most %d",
		                                     txn->n_thens, LIMIT_TXN_OPS);
	if (bytes > LIMIT_TXN_BYTES)
		return (enum store_outcome)error_set(err, STORE_E_TOO_LARGE, "",
		                                     "%zu bytes in one transaction, of at most %d", bytes,
		                                     LIMIT_TXN_BYTES);
	return STORE_OK;
}

enum store_outcome memory_db_txn(struct memory_db *db, const struct store_txn *txn, int64_t *ret_rev,
                                 struct error *err)
{
	*ret_rev = db->rev;
	enum store_outcome o = check(txn, err);
	if (o)
		return o;
	for (size_t i = 0; i < txn->n_ifs; i++)
		if (!holds(db, &txn->ifs[i]))
			return (enum store_outcome)error_set(err, STORE_E_CONFLICT, txn->ifs[i].key,
			                                     "changed meanwhile");
	for (size_t i = 0; i < txn->n_thens; i++)
		if (txn->thens[i].what == STORE_PUT && txn->thens[i].lease &&
		    !memory_db_lease(db, txn->thens[i].lease))
			return (enum store_outcome)error_set(err, STORE_E_NO_LEASE, txn->thens[i].key,
			                                     "lease %" PRId64 " does not exist",
			                                     txn->thens[i].lease);
	unsigned changes = 0;
	for (size_t i = 0; i < txn->n_thens; i++) {
		const struct store_then *t = &txn->thens[i];
		switch (t->what) {
		case STORE_PUT:
			put(db, t, db->rev + 1);
			changes++;
			break;
		case STORE_DELETE:
			changes += delete_key(db, t->key, db->rev + 1);
			break;
		case STORE_DELETE_PREFIX:
			changes += delete_prefix(db, t->key, db->rev + 1);
			break;
		}
	}
	*ret_rev = db->rev += changes > 0; /* what changes nothing makes no revision */
	return STORE_OK;
}

/* --- reading --- */

enum store_outcome memory_db_range(const struct memory_db *db, const struct store_range_request *req,
                                   struct store_range *ret, struct error *err)
{
	*ret = (struct store_range){.identity = {.cluster_id = db->cluster_id, .revision = db->rev}};
	if (req->rev > db->rev)
		return (enum store_outcome)error_set(err, STORE_E_INTERNAL, req->key,
		                                     "revision %" PRId64 " is in the future", req->rev);
	if (req->rev > 0 && req->rev < db->compacted)
		return (enum store_outcome)error_set(err, STORE_E_COMPACTED, req->key,
		                                     "revision %" PRId64 " has been compacted", req->rev);
	int64_t rev = req->rev > 0 ? req->rev : db->rev;
	ret->identity.revision = rev;
	size_t limit = req->limit > 0 ? (size_t)req->limit : LIMIT_LIST_PAGE, count = 0, cap = 0;
	struct store_kv *kvs = NULL;
	const char *from = req->after && strcmp(req->after, req->key) > 0 ? req->after : req->key;
	struct sorted_place place;
	const struct record *r;
	sorted_for_each (r, place, &db->records, from) {
		if (!memory_key_matches(r->key, req->key, req->prefix))
			break;
		const struct memory_version *v = record_at(r, rev);
		if (!v || (req->after && strcmp(r->key, req->after) <= 0))
			continue;
		if (count == limit) {
			ret->more = true;
			break;
		}
		if (count == cap) {
			cap = cap ? cap * 2 : 16;
			kvs = mem_realloc_array(kvs, cap, sizeof(*kvs));
		}
		kvs[count] = v->kv;
		if (req->keys_only) {
			kvs[count].value = "";
			kvs[count].value_len = 0;
		}
		count++;
	}
	ret->kvs = kvs;
	ret->count = count;
	return STORE_OK;
}

size_t memory_db_log_from(const struct memory_db *db, int64_t rev)
{
	size_t lo = 0, hi = db->log_len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (db->log[mid]->kv.mod_rev < rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- history --- */

static void log_drop(struct memory_db *db, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++)
		version_unref(db->log[i]);
	db->log_len -= n;
	if (n)
		memmove(db->log + from, db->log + from + n,
		        (db->log_len - from) * sizeof(struct memory_version *));
}

/* Takes out the records that have no version left. */
static void sweep(struct memory_db *db)
{
	char *last = mem_strdup("");
	struct sorted_place place;
	struct record *r = sorted_seek(&db->records, last, &place);
	while (r) {
		free(last);
		last = mem_strdup(r->key);
		if (r->latest) {
			r = sorted_next(&db->records, &place);
			continue;
		}
		(void)sorted_remove(&db->records, last);
		record_free(r);
		r = sorted_seek(&db->records, last, &place);
	}
	free(last);
}

static bool is_lease_of(const struct memory_db *db, int64_t id)
{
	struct sorted_place place;
	const struct record *r;
	sorted_for_each (r, place, &db->records, "")
		for (const struct memory_version *v = r->latest; v; v = v->older)
			if (v->kv.lease == id)
				return true;
	return false;
}

/* Ended ones that no version speaks of any more. */
static void forget_leases(struct memory_db *db)
{
	list_for_each_safe (node, &db->leases) {
		struct memory_lease *l = list_entry(node, struct memory_lease, link);
		if (l->alive || is_lease_of(db, l->id))
			continue;
		list_remove(node);
		free(l);
	}
}

void memory_db_compact(struct memory_db *db, int64_t rev)
{
	if (rev <= 0 || rev > db->rev)
		rev = db->rev;
	if (rev <= db->compacted)
		return;
	db->compacted = rev;
	struct sorted_place place;
	struct record *r;
	sorted_for_each (r, place, &db->records, "") {
		struct memory_version **at = &r->latest;
		while (*at && (*at)->kv.mod_rev > rev)
			at = &(*at)->older;
		/* *at is what the key was at rev: a deletion shows nothing that absence does not */
		if (*at && !(*at)->deleted)
			at = &(*at)->older;
		chain_free(*at);
		*at = NULL;
	}
	log_drop(db, 0, memory_db_log_from(db, rev));
	sweep(db);
	forget_leases(db);
}

static uint64_t new_cluster_id(void)
{
	return dice_roll() | 1;
}

void memory_db_init(struct memory_db *db)
{
	*db = (struct memory_db){.cluster_id = new_cluster_id(), .rev = 1};
	db->records = SORTED_INIT(struct record, key);
	list_init(&db->leases);
}

static void clear(struct memory_db *db)
{
	log_drop(db, 0, db->log_len);
	sorted_done(&db->records, record_free);
	list_for_each_safe (node, &db->leases) {
		list_remove(node);
		free(list_entry(node, struct memory_lease, link));
	}
}

void memory_db_done(struct memory_db *db)
{
	clear(db);
	free(db->log);
	db->log = NULL;
	db->log_cap = 0;
}

void memory_db_replace(struct memory_db *db)
{
	clear(db);
	db->cluster_id = new_cluster_id();
	db->rev = 1;
	db->compacted = 0;
	db->epoch++;
}

void memory_db_restore(struct memory_db *db, int64_t rev, int64_t now_ms)
{
	if (rev >= db->rev || rev < 1 || rev < db->compacted)
		return;
	struct sorted_place place;
	struct record *r;
	sorted_for_each (r, place, &db->records, "") {
		struct memory_version *undone = NULL;
		while (r->latest && r->latest->kv.mod_rev > rev) {
			struct memory_version *v = r->latest;
			r->latest = v->older;
			v->older = undone;
			undone = v;
		}
		chain_free(undone);
	}
	size_t keep = memory_db_log_from(db, rev + 1);
	log_drop(db, keep, db->log_len - keep);
	sweep(db);
	db->rev = rev;
	db->epoch++;
	/* what was granted later is not in the backup */
	list_for_each (node, &db->leases) {
		struct memory_lease *l = list_entry(node, struct memory_lease, link);
		l->alive &= l->granted_rev <= rev;
	}
	sorted_for_each (r, place, &db->records, "") {
		const struct memory_version *v = record_at(r, INT64_MAX);
		list_for_each (node, &db->leases) {
			struct memory_lease *l = list_entry(node, struct memory_lease, link);
			if (v && l->id == v->kv.lease && !l->alive) {
				l->alive = true;
				l->expires_ms = now_ms + l->ttl_ms;
			}
		}
	}
}

/* --- leases --- */

int64_t memory_db_grant(struct memory_db *db, int64_t ttl_ms, int64_t expires_ms)
{
	struct memory_lease *l = NEW(struct memory_lease);
	l->id = (INT64_C(1) << 40) + ++db->last_lease; /* nothing else has such numbers */
	l->ttl_ms = ttl_ms;
	l->granted_rev = db->rev;
	l->expires_ms = expires_ms;
	l->alive = true;
	list_append(&db->leases, &l->link);
	return l->id;
}

struct memory_lease *memory_db_lease(struct memory_db *db, int64_t id)
{
	list_for_each (node, &db->leases) {
		struct memory_lease *l = list_entry(node, struct memory_lease, link);
		if (l->id == id && l->alive)
			return l;
	}
	return NULL;
}

void memory_db_revoke(struct memory_db *db, struct memory_lease *lease)
{
	lease->alive = false;
	unsigned changes = 0;
	struct sorted_place place;
	const struct record *r;
	sorted_for_each (r, place, &db->records, "") {
		const struct memory_version *v = record_at(r, INT64_MAX);
		if (v && v->kv.lease == lease->id)
			changes += delete_key(db, r->key, db->rev + 1);
	}
	db->rev += changes > 0;
}

int64_t memory_db_expire(struct memory_db *db, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	list_for_each (node, &db->leases) {
		struct memory_lease *l = list_entry(node, struct memory_lease, link);
		if (!l->alive)
			continue;
		if (l->expires_ms <= now_ms)
			memory_db_revoke(db, l);
		else
			next = MIN(next, l->expires_ms);
	}
	return next;
}
