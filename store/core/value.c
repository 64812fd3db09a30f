/*
 * The only file, with json.c, that knows jansson: a struct value is jansson's json_t under another name.
 * Jansson reports a lack of memory by NULL; here that aborts like everywhere else.
 */
#include "core/value.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

static struct value *wrap(json_t *j)
{
	if (!j) {
		(void)fputs("out of memory: a JSON value was refused\n", stderr);
		abort();
	}
	return (struct value *)j;
}

static json_t *unwrap(const struct value *v)
{
	return (json_t *)(uintptr_t)v;
}

struct value *value_new_null(void)
{
	return wrap(json_null());
}

struct value *value_new_bool(bool b)
{
	return wrap(json_boolean(b));
}

struct value *value_new_int(int64_t n)
{
	return wrap(json_integer(n));
}

struct value *value_new_real(double d)
{
	return isfinite(d) ? wrap(json_real(d)) : value_new_null();
}

struct value *value_new_string(const char *s)
{
	return s ? value_new_string_n(s, strlen(s)) : value_new_null();
}

/* The text with a replacement character (U+FFFD) for each byte that is not part of well-formed UTF-8, and for
 * NUL. */
static void clean(const char *s, size_t len, struct str *out)
{
	for (size_t i = 0; i < len;) {
		size_t n = 1;
		while (n <= 4 && n <= len - i && !str_is_utf8(s + i, n))
			n++;
		if (n <= 4 && n <= len - i) {
			str_add(out, s + i, n);
			i += n;
		} else {
			str_puts(out, "\xef\xbf\xbd");
			i++;
		}
	}
}

struct value *value_new_string_n(const char *s, size_t len)
{
	if (str_is_utf8(s, len))
		return wrap(json_stringn_nocheck(s, len));
	_cleanup_str_ struct str cleaned = STR_INIT;
	clean(s, len, &cleaned);
	return wrap(json_stringn_nocheck(str_get(&cleaned), cleaned.len));
}

struct value *value_new_array(void)
{
	return wrap(json_array());
}

struct value *value_new_object(void)
{
	return wrap(json_object());
}

struct value *value_ref(const struct value *v)
{
	return (struct value *)json_incref(unwrap(v));
}

struct value *value_unref(const struct value *v)
{
	json_decref(unwrap(v));
	return NULL;
}

struct value *value_copy(const struct value *v)
{
	return wrap(json_deep_copy(unwrap(v)));
}

enum value_type value_type(const struct value *v)
{
	if (!v)
		return VALUE_NULL;
	switch (json_typeof(unwrap(v))) {
	case JSON_OBJECT:
		return VALUE_OBJECT;
	case JSON_ARRAY:
		return VALUE_ARRAY;
	case JSON_STRING:
		return VALUE_STRING;
	case JSON_INTEGER:
		return VALUE_INT;
	case JSON_REAL:
		return VALUE_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return VALUE_BOOL;
	case JSON_NULL:
		break;
	}
	return VALUE_NULL;
}

const char *value_string(const struct value *v)
{
	return json_string_value(unwrap(v));
}

size_t value_string_len(const struct value *v)
{
	return json_string_length(unwrap(v));
}

int64_t value_int(const struct value *v)
{
	return json_integer_value(unwrap(v));
}

double value_real(const struct value *v)
{
	return json_number_value(unwrap(v));
}

bool value_bool(const struct value *v)
{
	return json_is_true(unwrap(v));
}

size_t value_count(const struct value *v)
{
	return value_type(v) == VALUE_OBJECT ? json_object_size(unwrap(v)) : json_array_size(unwrap(v));
}

struct value *value_get(const struct value *object, const char *name)
{
	return (struct value *)json_object_get(unwrap(object), name);
}

struct value *value_at(const struct value *array, size_t i)
{
	return (struct value *)json_array_get(unwrap(array), i);
}

const char *value_get_string(const struct value *object, const char *name)
{
	return value_string(value_get(object, name));
}

int64_t value_get_int(const struct value *object, const char *name)
{
	return value_int(value_get(object, name));
}

bool value_get_bool(const struct value *object, const char *name)
{
	return value_bool(value_get(object, name));
}

/* Both are the caller's mistake when they fail (not an object, a NULL value): never input. */
static void must(int r)
{
	if (r < 0) {
		(void)fputs("a value was put where it cannot go\n", stderr);
		abort();
	}
}

void value_set(struct value *object, const char *name, struct value *take)
{
	if (str_is_utf8(name, strlen(name))) {
		must(json_object_set_new_nocheck(unwrap(object), name, unwrap(take)));
		return;
	}
	_cleanup_str_ struct str cleaned = STR_INIT;
	clean(name, strlen(name), &cleaned);
	must(json_object_set_new_nocheck(unwrap(object), str_get(&cleaned), unwrap(take)));
}

void value_remove(struct value *object, const char *name)
{
	(void)json_object_del(unwrap(object), name);
}

void value_append(struct value *array, struct value *take)
{
	must(json_array_append_new(unwrap(array), unwrap(take)));
}

bool value_equal(const struct value *a, const struct value *b)
{
	return a == b || json_equal(unwrap(a), unwrap(b));
}

/* RFC 7396 section 2, its MergePatch() */
struct value *value_merge(const struct value *target, const struct value *patch)
{
	if (value_type(patch) != VALUE_OBJECT)
		return value_copy(patch);
	struct value *result = value_type(target) == VALUE_OBJECT ? value_copy(target) : value_new_object();
	value_for_each (it, patch) {
		const char *name = value_iter_name(it);
		const struct value *item = value_iter_value(it);
		if (value_type(item) == VALUE_NULL)
			value_remove(result, name);
		else
			value_set(result, name, value_merge(value_get(result, name), item));
	}
	return result;
}

const char *value_type_name(enum value_type t)
{
	static const char *const names[] = {
	        [VALUE_NULL] = "null",        [VALUE_BOOL] = "a boolean",  [VALUE_INT] = "a number",
	        [VALUE_REAL] = "a number",    [VALUE_STRING] = "a string", [VALUE_ARRAY] = "a list",
	        [VALUE_OBJECT] = "an object",
	};
	return names[t];
}

void *value_iter(const struct value *object)
{
	return json_object_iter(unwrap(object));
}

void *value_iter_next(const struct value *object, void *iter)
{
	return json_object_iter_next(unwrap(object), iter);
}

const char *value_iter_name(void *iter)
{
	return json_object_iter_key(iter);
}

struct value *value_iter_value(void *iter)
{
	return (struct value *)json_object_iter_value(iter);
}
