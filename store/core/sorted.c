#include "core/sorted.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum { BLOCK_ITEMS = 128 };

struct sorted_block {
	size_t count;
	void *items[BLOCK_ITEMS];
};

static const char *key_of(const struct sorted *s, const void *item)
{
	const char *key;
	memcpy(&key, (const char *)item + s->key_at, sizeof(key));
	return key + s->key_skip;
}

/* Where the first item not less than key is or would be put; whether it has that very key. */
static bool find(const struct sorted *s, const char *key, struct sorted_place *ret)
{
	/* the last block that begins at or before the key */
	size_t lo = 0, hi = s->n_blocks;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(key_of(s, s->blocks[mid]->items[0]), key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	ret->block = lo ? lo - 1 : 0;
	ret->at = 0;
	if (!s->n_blocks)
		return false;
	const struct sorted_block *b = s->blocks[ret->block];
	hi = b->count;
	while (ret->at < hi) {
		size_t mid = ret->at + (hi - ret->at) / 2;
		int order = strcmp(key_of(s, b->items[mid]), key);
		if (order == 0) {
			ret->at = mid;
			return true;
		}
		if (order < 0)
			ret->at = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static void block_insert(struct sorted *s, size_t at, struct sorted_block *b)
{
	if (s->n_blocks == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 4;
		s->blocks = mem_realloc_array(s->blocks, s->cap, sizeof(struct sorted_block *));
	}
	memmove(s->blocks + at + 1, s->blocks + at, (s->n_blocks - at) * sizeof(struct sorted_block *));
	s->blocks[at] = b;
	s->n_blocks++;
}

static void block_remove(struct sorted *s, size_t at)
{
	free(s->blocks[at]);
	s->n_blocks--;
	memmove(s->blocks + at, s->blocks + at + 1, (s->n_blocks - at) * sizeof(struct sorted_block *));
}

/* Makes room in a full block. Keys that come in order leave full blocks behind, others half full ones. */
static void block_split(struct sorted *s, struct sorted_place *place)
{
	struct sorted_block *b = s->blocks[place->block];
	size_t keep = BLOCK_ITEMS / 2;
	if (place->at == BLOCK_ITEMS) {
		if (place->block + 1 < s->n_blocks && s->blocks[place->block + 1]->count < BLOCK_ITEMS) {
			*place = (struct sorted_place){.block = place->block + 1};
			return;
		}
		keep = BLOCK_ITEMS;
	}
	struct sorted_block *right = NEW(struct sorted_block);
	right->count = b->count - keep;
	memcpy(right->items, b->items + keep, right->count * sizeof(void *));
	b->count = keep;
	block_insert(s, place->block + 1, right);
	if (place->at > keep || keep == BLOCK_ITEMS)
		*place = (struct sorted_place){.block = place->block + 1, .at = place->at - keep};
}

void sorted_done(struct sorted *s, void (*free_item)(void *))
{
	for (size_t i = 0; i < s->n_blocks; i++) {
		for (size_t j = 0; free_item && j < s->blocks[i]->count; j++)
			free_item(s->blocks[i]->items[j]);
		free(s->blocks[i]);
	}
	free(s->blocks);
	*s = (struct sorted){.key_at = s->key_at, .key_skip = s->key_skip};
}

void *sorted_get(const struct sorted *s, const char *key)
{
	struct sorted_place place;
	return find(s, key, &place) ? s->blocks[place.block]->items[place.at] : NULL;
}

void *sorted_put(struct sorted *s, void *item)
{
	struct sorted_place place;
	if (find(s, key_of(s, item), &place)) {
		void *old = s->blocks[place.block]->items[place.at];
		s->blocks[place.block]->items[place.at] = item;
		return old;
	}
	if (!s->n_blocks)
		block_insert(s, 0, NEW(struct sorted_block));
	if (s->blocks[place.block]->count == BLOCK_ITEMS)
		block_split(s, &place);
	struct sorted_block *b = s->blocks[place.block];
	memmove(b->items + place.at + 1, b->items + place.at, (b->count - place.at) * sizeof(void *));
	b->items[place.at] = item;
	b->count++;
	s->count++;
	return NULL;
}

void *sorted_remove(struct sorted *s, const char *key)
{
	struct sorted_place place;
	if (!find(s, key, &place))
		return NULL;
	struct sorted_block *b = s->blocks[place.block];
	void *item = b->items[place.at];
	b->count--;
	memmove(b->items + place.at, b->items + place.at + 1, (b->count - place.at) * sizeof(void *));
	s->count--;
	if (!b->count) {
		block_remove(s, place.block);
		return item;
	}
	if (place.block + 1 < s->n_blocks) {
		/* a quarter full together: one block less, with room to grow before it splits again */
		struct sorted_block *next = s->blocks[place.block + 1];
		if (b->count + next->count <= BLOCK_ITEMS / 2) {
			memcpy(b->items + b->count, next->items, next->count * sizeof(void *));
			b->count += next->count;
			block_remove(s, place.block + 1);
		}
	}
	return item;
}

static void *item_at(const struct sorted *s, struct sorted_place *place)
{
	if (place->block < s->n_blocks && place->at >= s->blocks[place->block]->count) {
		place->block++;
		place->at = 0;
	}
	return place->block < s->n_blocks ? s->blocks[place->block]->items[place->at] : NULL;
}

void *sorted_seek(const struct sorted *s, const char *key, struct sorted_place *ret_place)
{
	(void)find(s, key, ret_place);
	return item_at(s, ret_place);
}

void *sorted_next(const struct sorted *s, struct sorted_place *place)
{
	place->at++;
	return item_at(s, place);
}
