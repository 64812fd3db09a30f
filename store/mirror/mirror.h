/*
 * A copy of some prefixes of the store, kept up to date by list + watch + list again, and the one way in
 * which controllers read. Entries are immutable and reference-counted; a change replaces the entry and calls
 * back with the key. What went missing while the connection was away comes as ordinary changes: a lost watch
 * is invisible.
 *
 * Identity. A list from another cluster, or one whose revision is lower than what this mirror has seen, is
 * NOT read as "everything was deleted": entries that such a list lacks are kept, marked `orphan`, and no
 * on_change is called for them; identity() changes and on_identity is called. Deciding what to do with
 * orphans is the owner's business: they stay until their key is written again or mirror_wrote() says that it
 * is deleted. A slow list (every 10 to 20 minutes, jittered) compares the copy with the store, because
 * etcd 3.4 is known to lose events.
 *
 * Nothing here is freed under its borrower: an entry that was replaced lives until the end of the turn.
 */
#pragma once

#include "kind/kind.h"
#include "store.h"

struct mirror_entry {
	unsigned refs;
	unsigned listed; /* mirror's own: the last list that had it */
	bool orphan;     /* missing in a list of another history: see above */
	char *key;       /* whole key, prefix of the installation included */
	char *value;     /* raw text as stored, NUL-terminated */
	size_t value_len;
	int64_t create_rev, mod_rev, lease;
	const struct kind *kind; /* by the key; NULL: unknown kind, or nothing is decoded */
	void *obj;               /* the decoded object, NULL when it does not parse or validate */
	struct error *err;       /* why obj is NULL, line included; NULL: it was not tried */
};

struct mirror_entry *mirror_entry_ref(struct mirror_entry *e) _nonnull_(1);
/* NULL is fine; returns NULL. */
struct mirror_entry *mirror_entry_unref(struct mirror_entry *e);

/* Keys in callbacks and calls are without the root: "pods/n1/web-0-1a2b". */
struct mirror_callbacks {
	/* now NULL: deleted; was NULL: created. Both are borrowed. Only while synced, after the initial
	 * on_synced. */
	void (*on_change)(void *ctx, const char *key, const struct mirror_entry *was,
	                  const struct mirror_entry *now);
	/* The first complete list of all prefixes is in (no on_change was called for it); called once. */
	void (*on_synced)(void *ctx);
	/*
	 * Another history: cluster id changed or revision went back. Comes before the on_change calls for
	 * what the new history has otherwise. May be NULL.
	 */
	void (*on_identity)(void *ctx, struct store_identity was, struct store_identity now);
};

struct mirror;

/*
 * prefixes: NULL-terminated, below `root` ("/tug"), for example "microservices/", "pods/n1/", or "" for
 * everything; they must not overlap. decode: entries carry obj (controllers); without it only raw values are
 * kept (the API decodes when asked).
 */
struct mirror *mirror_new(struct store *s, const char *root, const char *const *prefixes, bool decode,
                          const struct mirror_callbacks *cbs, void *ctx) _nonnull_(1, 2, 3, 5);
/* Not from inside a callback. NULL is fine; returns NULL. */
struct mirror *mirror_free(struct mirror *m);

bool mirror_synced(const struct mirror *m) _nonnull_(1);
/*
 * The store's identity and the revision up to which every change of all prefixes is in this copy. It moves
 * with events: with several prefixes, one in which nothing happens holds it back.
 */
struct store_identity mirror_identity(const struct mirror *m) _nonnull_(1);
/* Entries in the copy, orphans included. */
size_t mirror_count(const struct mirror *m) _nonnull_(1);
/* Borrowed until the next turn; NULL when there is none. key without the root ("pods/n1/web-0-1a2b"). */
const struct mirror_entry *mirror_get(const struct mirror *m, const char *key) _nonnull_(1, 2);
/* Calls fn for each entry whose key (without root) begins with prefix, in key order. fn must not change the
 * copy. */
void mirror_list(const struct mirror *m, const char *prefix,
                 void (*fn)(void *ctx, const struct mirror_entry *e), void *ctx) _nonnull_(1, 2, 3);
/* The decoded object of the key; NULL when absent or not valid. */
static inline const void *mirror_object(const struct mirror *m, const char *key)
{
	const struct mirror_entry *e = mirror_get(m, key);
	return e ? e->obj : NULL;
}

/*
 * Read your own writes: after a transaction committed at rev, its owner puts what it wrote into the copy, so
 * that the next plan does not act on an older view. The watch's event for the same revision then changes
 * nothing. value NULL: deleted; this also drops an orphan (rev 0 then). on_change is not called. Keys outside
 * the prefixes are ignored.
 */
void mirror_wrote(struct mirror *m, const char *key, const char *value, size_t value_len, int64_t rev)
        _nonnull_(1, 2);
/* Does now what the slow list does from time to time. */
void mirror_check(struct mirror *m) _nonnull_(1);
