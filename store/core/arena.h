/*
 * A bump allocator for one turn of a controller: plans, scratch strings, short lists. Everything in it dies at
 * arena_reset(); nothing in it is freed on its own. The blocks are kept for the next turn up to a bound, so a
 * quiet process gives back what a storm made it take.
 */
#pragma once

#include <stddef.h>

#include "core/macro.h"

struct arena_block;

struct arena {
	struct arena_block *head; /* the block in use, older ones behind it */
	size_t used;		  /* bytes handed out since the last reset */
};

/* A zeroed arena is ready for use. */
#define ARENA_INIT ((struct arena){0})

void arena_done(struct arena *a) _nonnull_(1);
void arena_reset(struct arena *a) _nonnull_(1);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) _nonnull_(1) __attribute__((returns_nonnull));
void *arena_dup(struct arena *a, const void *p, size_t size) _nonnull_(1);
/* NULL stays NULL. */
char *arena_strdup(struct arena *a, const char *s) _nonnull_(1);
char *arena_printf(struct arena *a, const char *fmt, ...) _nonnull_(1) _printf_(2, 3);

#define ARENA_NEW(a, type)	    ((type *)arena_alloc(a, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc(a, (count) * sizeof(type)))
