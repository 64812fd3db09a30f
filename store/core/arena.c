#include "core/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

#define ARENA_BLOCK 16384 /* what one block holds, and what is kept over a reset */

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

static struct arena_block *block_new(struct arena *a, size_t size)
{
	size = MAX(size, (size_t)ARENA_BLOCK);
	struct arena_block *b = mem_alloc(sizeof(*b) + size);
	b->size = size;
	b->used = 0;
	b->next = a->head;
	a->head = b;
	return b;
}

void arena_done(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;
		a->head = b->next;
		free(b);
	}
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL;
	while (a->head) {
		struct arena_block *b = a->head;
		a->head = b->next;
		if (!keep && b->size == ARENA_BLOCK)
			keep = b;
		else
			free(b);
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->head = keep;
	a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size = (size + align - 1) / align * align;
	struct arena_block *b = a->head;
	if (!b || b->size - b->used < size)
		b = block_new(a, size);
	void *p = b->data + b->used;
	b->used += size;
	a->used += size;
	return memset(p, 0, size);
}

void *arena_dup(struct arena *a, const void *p, size_t size)
{
	return p ? memcpy(arena_alloc(a, size), p, size) : NULL;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_dup(a, s, strlen(s) + 1) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	size_t size = (size_t)MAX(n, 0) + 1;
	char *text = arena_alloc(a, size);
	(void)vsnprintf(text, size, fmt, again);
	va_end(again);
	return text;
}
