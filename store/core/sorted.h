/*
 * An ordered set of structures that carry their own key: looked up by key, walked in key order (strcmp) from
 * any key on, without a copy of the keys. Blocks of pointers rather than a tree of nodes: about twelve bytes
 * an item, and a walk over a prefix reads memory in order. Items are the caller's.
 */
#pragma once

#include <stddef.h>

#include "core/macro.h"

struct sorted_block;

struct sorted {
	struct sorted_block **blocks; /* none is empty; in order */
	size_t n_blocks, cap;
	size_t count;
	size_t key_at;   /* offset of the item's `char *` (or `const char *`) member that is its key */
	size_t key_skip; /* leading bytes of every key that are not part of it: a common prefix */
};

#define SORTED_INIT(type, member) ((struct sorted){.key_at = offsetof(type, member)})

/* Frees the structure; the items are passed to free_item when that is not NULL. */
void sorted_done(struct sorted *s, void (*free_item)(void *)) _nonnull_(1);
/* The item with that key, or NULL. */
void *sorted_get(const struct sorted *s, const char *key) _nonnull_(1, 2);
/* Adds the item; returns the one with the same key that it replaces, or NULL. */
void *sorted_put(struct sorted *s, void *item) _nonnull_(1, 2);
/* Takes the item with that key out and returns it; NULL when there is none. */
void *sorted_remove(struct sorted *s, const char *key) _nonnull_(1, 2);

/* A place in the order; valid until something is added or removed. */
struct sorted_place {
	size_t block, at;
};

/* The first item whose key is not less than key, or NULL; *ret_place is where it is. */
void *sorted_seek(const struct sorted *s, const char *key, struct sorted_place *ret_place) _nonnull_(1, 2, 3);
/* The item after the place, which moves there; NULL at the end. */
void *sorted_next(const struct sorted *s, struct sorted_place *place) _nonnull_(1, 2);

/* Every item whose key is not less than `from`, with an item pointer and a place of the caller's. */
#define sorted_for_each(item, place, s, from) \
	for ((item) = sorted_seek(s, from, &(place)); (item); (item) = sorted_next(s, &(place)))
