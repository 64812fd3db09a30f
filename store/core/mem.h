/*
 * Memory. Running out of it aborts: every process of tug may be killed at any instant, so a half-handled
 * allocation failure would only be worse code. Sizes from outside are therefore bounded (core/limits.h) first.
 *
 * Three lifetimes: a turn's arena (core/arena.h), reference-counted immutable objects, and owned structures that
 * _cleanup_ ends.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "core/macro.h"

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/* An array of n items; aborts when n * size overflows. */
void *mem_realloc_array(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t size) __attribute__((malloc));
/* NULL stays NULL. */
char *mem_strdup(const char *s) __attribute__((malloc));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc));
char *mem_printf(const char *fmt, ...) _printf_(1, 2) __attribute__((malloc));

/* One zeroed structure of the type. */
#define NEW(type) ((type *)mem_zalloc(sizeof(type)))

static inline void mem_freep(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(mem_freep)
