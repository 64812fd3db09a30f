#include "core/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/mem.h"
#include "core/str.h"

/* FNV-1a with a seed and a final mix: enough against chosen names, as the seed never leaves the process. */
static uint32_t hash_of(const char *key)
{
	static uint64_t seed; /* the one process-wide value; constant after its first use */
	if (!seed) {
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
			seed = (uint64_t)(uintptr_t)&seed;
		seed |= 1;
	}
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= seed | UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

/* The slot that holds the key, or the free one where it would go. */
static size_t slot_of(const struct map *m, const char *key, uint32_t hash)
{
	size_t i = hash & (m->n_slots - 1);
	while (m->slots[i]) {
		const struct map_entry *e = &m->entries[m->slots[i] - 1];
		if (e->hash == hash && streq(e->key, key))
			break;
		i = (i + 1) & (m->n_slots - 1);
	}
	return i;
}

static void grow(struct map *m)
{
	m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
	free(m->slots);
	m->slots = mem_zalloc(m->n_slots * sizeof(*m->slots));
	for (size_t i = 0; i < m->count; i++)
		m->slots[slot_of(m, m->entries[i].key, m->entries[i].hash)] = (uint32_t)i + 1;
}

void map_done(struct map *m, void (*free_value)(void *))
{
	for (size_t i = 0; i < m->count; i++) {
		if (free_value)
			free_value(m->entries[i].value);
		free(m->entries[i].key);
	}
	free(m->entries);
	free(m->slots);
	*m = MAP_INIT;
}

void *map_get(const struct map *m, const char *key)
{
	if (!m->count)
		return NULL;
	uint32_t at = m->slots[slot_of(m, key, hash_of(key))];
	return at ? m->entries[at - 1].value : NULL;
}

void *map_put(struct map *m, const char *key, void *value)
{
	if (2 * (m->count + 1) > m->n_slots)
		grow(m);
	uint32_t hash = hash_of(key);
	size_t slot = slot_of(m, key, hash);
	if (m->slots[slot]) {
		struct map_entry *e = &m->entries[m->slots[slot] - 1];
		void *old = e->value;
		e->value = value;
		return old;
	}
	if (m->count == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 8;
		m->entries = mem_realloc_array(m->entries, m->cap, sizeof(*m->entries));
	}
	m->entries[m->count] = (struct map_entry){.key = mem_strdup(key), .value = value, .hash = hash};
	m->slots[slot] = (uint32_t)++m->count;
	return NULL;
}

/* Closes the gap at slot i of a linear probing table (Knuth 6.4, algorithm R). */
static void slot_free(struct map *m, size_t i)
{
	size_t mask = m->n_slots - 1, j = i;
	for (;;) {
		m->slots[i] = 0;
		for (;;) {
			j = (j + 1) & mask;
			if (!m->slots[j])
				return;
			size_t home = m->entries[m->slots[j] - 1].hash & mask;
			if (((j - home) & mask) >= ((j - i) & mask))
				break;
		}
		m->slots[i] = m->slots[j];
		i = j;
	}
}

void *map_remove(struct map *m, const char *key)
{
	if (!m->count)
		return NULL;
	size_t slot = slot_of(m, key, hash_of(key));
	if (!m->slots[slot])
		return NULL;
	size_t at = m->slots[slot] - 1;
	void *value = m->entries[at].value;
	free(m->entries[at].key);
	slot_free(m, slot);
	size_t last = --m->count;
	if (at != last) {
		size_t moved = slot_of(m, m->entries[last].key, m->entries[last].hash);
		m->slots[moved] = (uint32_t)at + 1;
		m->entries[at] = m->entries[last];
	}
	return value;
}
