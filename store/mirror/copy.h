/* What the parts of the mirror share: entry.c makes entries, list.c lists, mirror.c watches and answers. */
#pragma once

#include "core/map.h"
#include "core/sorted.h"
#include "mirror/mirror.h"

/* One prefix. */
struct mirror_part {
	struct mirror *mirror;
	char *prefix; /* whole, root included */
	struct store_watch *watch;
	bool dead;        /* on_relist came: the watch is to be freed */
	int64_t heard;    /* events up to this revision are in, from the watch or from a list */
	int64_t revision; /* the store's revision that they brought us to; heard or more */
};

/* A list in progress: every page of every prefix as of one revision. */
struct mirror_listing {
	bool active;
	unsigned number; /* marks the entries that it has */
	size_t part;
	char *after; /* key; NULL: from the start of the part */
	struct store_op *op;
	struct store_identity identity; /* of its first page; revision 0: no page yet */
	int64_t floor; /* a list that began now cannot be older than this, unless history changed */
	struct mirror_entry **fresh; /* what the copy has not, or has otherwise; in key order */
	size_t n_fresh, fresh_cap;
};

struct mirror {
	struct store *store;
	char *root; /* "/tug/" */
	size_t root_len;
	bool decode;
	struct mirror_callbacks cbs;
	void *ctx;
	struct sorted entries;
	struct map
	        deleted; /* key -> int64_t *: deletions of which older events, or a list, may not know yet */
	struct mirror_part *parts;
	size_t n_parts;
	struct mirror_listing listing;
	bool synced, list_wanted;
	unsigned failures; /* of lists, in a row */
	int64_t page;      /* keys asked for at once; less once a reply was too large */
	uint64_t cluster_id;
	int64_t seen; /* the highest revision of this history that we know of */
	struct loop_task turn;
	struct loop_timer timer;    /* when the next list begins: a slow one, or after a failure */
	struct mirror_entry **dead; /* replaced in this turn, perhaps still borrowed */
	size_t n_dead, dead_cap;
};

/* key: whole. kv's strings are copied. */
struct mirror_entry *mirror_entry_new(const struct mirror *m, const struct store_kv *kv) _nonnull_(1, 2);

/* Puts the entry (owned) into the copy and tells, when wanted; what it replaces is kept until the end of the
 * turn. */
void mirror_set(struct mirror *m, struct mirror_entry *e, bool tell) _nonnull_(1, 2);
/* Takes the key (whole) out, if it is there. */
void mirror_unset(struct mirror *m, const char *key, bool tell) _nonnull_(1, 2);
/* The revision of a deletion that is remembered; 0: none. key: whole. */
int64_t mirror_deleted(const struct mirror *m, const char *key) _nonnull_(1, 2);
/* Forgets the deletions of which the watches have heard. */
void mirror_deleted_sweep(struct mirror *m) _nonnull_(1);
/* Begins the watches that are not there, after a list. */
void mirror_watch_all(struct mirror *m) _nonnull_(1);

void mirror_list_begin(struct mirror *m) _nonnull_(1);
void mirror_list_stop(struct mirror *m) _nonnull_(1);
