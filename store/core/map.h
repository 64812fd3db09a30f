/*
 * A hash map from strings to pointers. Keys are copied; values are the caller's. The order of iteration is the
 * order of insertion (a removal moves the last entry into the gap), never a matter of luck.
 * The hash is seeded per process, so that names chosen by others cannot make it slow.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

struct map_entry {
	char *key;
	void *value;
	uint32_t hash;
};

struct map {
	struct map_entry *entries; /* dense */
	size_t count;
	size_t cap;
	uint32_t *slots; /* index into entries + 1; 0: free; size is a power of two */
	size_t n_slots;
};

#define MAP_INIT ((struct map){0})

/* Frees the map and its keys; the values are passed to free_value when that is not NULL. */
void map_done(struct map *m, void (*free_value)(void *)) _nonnull_(1);
/* The value, or NULL. */
void *map_get(const struct map *m, const char *key) _nonnull_(1, 2);
/* Sets the value (not NULL); returns the one that it replaces, or NULL. */
void *map_put(struct map *m, const char *key, void *value) _nonnull_(1, 2, 3);
/* Removes the key; returns its value, or NULL when there was none. */
void *map_remove(struct map *m, const char *key) _nonnull_(1, 2);

#define map_for_each(e, m) \
	for (struct map_entry *e = (m)->entries; e && e < (m)->entries + (m)->count; e++)
