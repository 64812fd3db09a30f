/*
 * JSON values (RFC 8259): what documents, requests, replies and stored objects are made of between bytes and
 * structures. A thin, complete face over jansson, whose header is included by value.c and json.c only.
 *
 * Ownership: *_new() and parsers give a reference to the caller; value_unref() ends it. value_set() and
 * value_append() take over the reference passed in. Getters lend: valid as long as the container is.
 * Object members keep the order of insertion. Integers are 64-bit signed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

struct value; /* opaque, reference-counted */

enum value_type { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_REAL, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

struct value *value_new_null(void);
struct value *value_new_bool(bool b);
struct value *value_new_int(int64_t n);
/* Infinities and NaN, which JSON lacks, become null. */
struct value *value_new_real(double d);
/*
 * NULL gives a null. What is not UTF-8 (a container's output, an engine's message), and NUL, becomes U+FFFD, so that a
 * value always prints as valid JSON. The same holds for names in value_set().
 */
struct value *value_new_string(const char *s);
struct value *value_new_string_n(const char *s, size_t len);
struct value *value_new_array(void);
struct value *value_new_object(void);

struct value *value_ref(const struct value *v);
/* NULL is fine; returns NULL. */
struct value *value_unref(const struct value *v);
static inline void value_unrefp(struct value **v)
{
	*v = value_unref(*v);
}
#define _cleanup_value_ _cleanup_(value_unrefp)
/* Deep. */
struct value *value_copy(const struct value *v) _nonnull_(1);

/* Getters accept NULL and values of another type; they then give VALUE_NULL, NULL, 0, false. */
enum value_type value_type(const struct value *v);
const char *value_string(const struct value *v);
size_t value_string_len(const struct value *v);
int64_t value_int(const struct value *v);
double value_real(const struct value *v); /* integers too */
bool value_bool(const struct value *v);
size_t value_count(const struct value *v); /* members or items */
struct value *value_get(const struct value *object, const char *name);
struct value *value_at(const struct value *array, size_t i);
/* value_string(value_get(...)) and so on: for replies of engines and the API */
const char *value_get_string(const struct value *object, const char *name);
int64_t value_get_int(const struct value *object, const char *name);
bool value_get_bool(const struct value *object, const char *name);

/* Replaces or appends the member. */
void value_set(struct value *object, const char *name, struct value *take) _nonnull_(1, 2, 3);
void value_remove(struct value *object, const char *name) _nonnull_(1, 2);
void value_append(struct value *array, struct value *take) _nonnull_(1, 2);
/* Deep equality; the order of members does not count. */
bool value_equal(const struct value *a, const struct value *b);
/* JSON Merge Patch (RFC 7396): the result is new. */
struct value *value_merge(const struct value *target, const struct value *patch) _nonnull_(2);

const char *value_type_name(enum value_type t); /* "a string", "an object", ... for messages */

/* for (it) over an object's members, in order, without adding or removing any; it is declared by the macro. */
void *value_iter(const struct value *object);
void *value_iter_next(const struct value *object, void *iter);
const char *value_iter_name(void *iter);
struct value *value_iter_value(void *iter);
#define value_for_each(it, object) \
	for (void *it = value_iter(object); it; it = value_iter_next(object, it))
/* for (i, item) over an array's items; both are declared by the macro; break and continue work. */
#define value_for_each_item(i, item, array) \
	for (size_t i = 0, i##_go = 1; i##_go && i < value_count(array); i++) \
		for (struct value *item = (i##_go = 0, value_at(array, i)); item; item = NULL, i##_go = 1)
