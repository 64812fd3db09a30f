/*
 * Inside the schema code only: what each field type can do, one row of functions a type. schema.c walks the
 * rows of a structure and calls these; schema_scalar.c, schema_list.c and schema_item.c hold them.
 */
#pragma once

#include "core/schema.h"

/* p is the member, not the structure. NULL entries are said. */
struct field_ops {
	const char *name; /* for people: "duration" */
	const char *want; /* what to give: "a number of seconds or a string such as \"30s\"" */
	int (*parse)(const struct field *f, const struct value *v, enum schema_source source, void *p,
	             struct error *err);
	/* NULL when there is nothing to print (no such string). */
	struct value *(*print)(const struct field *f, const void *p, unsigned flags);
	/* Sets the default in a zeroed member; NULL: zero it stays. */
	void (*preset)(const struct field *f, void *p);
	/* Frees what the member owns; NULL: nothing. */
	void (*done)(const struct field *f, void *p);
	/* Makes a bitwise copy an owner of its own; NULL: it is one. */
	void (*own)(const struct field *f, void *p);
	bool (*same)(const struct field *f, const void *a, const void *b);
	/* NULL: the row's class when not the same. Called only where that class is not NONE. */
	enum change (*diff)(const struct field *f, const void *a, const void *b);
	uint64_t (*hash)(const struct field *f, const void *p, enum change least, uint64_t h);
	/* Does it hold its default? */
	bool (*standard)(const struct field *f, const void *p);
	/* Is it zero, empty or absent? */
	bool (*zero)(const struct field *f, const void *p);
	/* Adds what JSON Schema says of the type to o. */
	void (*describe)(const struct field *f, struct value *o);
};

extern const struct field_ops string_ops, bool_ops, int_ops, bytes_ops, duration_ops, cpu_ops, enum_ops,
        value_ops, kind_ops, strings_ops, pairs_ops, object_ops, optional_ops, list_ops, map_ops;

const struct field_ops *field_ops(const struct field *f) _nonnull_(1);

static inline void *field_at(const struct field *f, const void *obj)
{
	return (char *)(uintptr_t)obj + f->offset;
}

/* The row's bit is set or the member differs from its default. */
bool field_given(const struct schema *s, size_t i, const void *obj) _nonnull_(1, 3);
/* All rows of the structure hold their defaults, and no .optional one is given. */
bool schema_standard(const struct schema *s, const void *obj) _nonnull_(1, 2);

/* The name of a MAP's item: the member behind `present`. */
static inline char **item_name(void *item)
{
	return (char **)(void *)((char *)item + sizeof(uint64_t));
}

/* --- messages --- */

#define SHORT_SIZE 64
/* What was received, as compact JSON, cut; nothing of a secret. Returns buf (SHORT_SIZE). */
const char *field_shorten(const struct field *f, const struct value *v, char *buf) _nonnull_(1, 3);
/* A name chosen by a user as a part of a path: cut, without control characters. Returns buf (SHORT_SIZE). */
const char *path_part(const char *name, char *buf) _nonnull_(1, 2);
/* "X is a string; a number is wanted". Returns -EINVAL. */
int refuse_type(const struct field *f, const struct value *v, struct error *err) _nonnull_(1);
/* The count of a list or map against its row's bounds. */
int check_count(const struct field *f, size_t count, struct error *err) _must_check_;

/* --- hashing --- */

uint64_t hash_bytes(uint64_t h, const void *data, size_t len);
uint64_t hash_number(uint64_t h, int64_t n);
/* Length and bytes; NULL is different from "". */
uint64_t hash_text(uint64_t h, const char *s);
