/* The field types that hold one value: strings, booleans, numbers with their units, words, anything. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/schema_ops.h"

/* --- string --- */

static int string_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                        void *p, struct error *err)
{
	const char *s = value_string(v);
	if (!s)
		return refuse_type(f, v, err);
	size_t len = value_string_len(v);
	if (len == 0 && f->min > 0)
		return error_set(err, -EINVAL, "", "is empty");
	if ((int64_t)len < f->min)
		return error_set(err, -EINVAL, "", "is %zu bytes long; at least %" PRId64 " are needed", len,
		                 f->min);
	if (f->max && (int64_t)len > f->max)
		return error_set(err, -EINVAL, "", "is %zu bytes long; at most %" PRId64 " are allowed", len,
		                 f->max);
	free(*(char **)p); /* the default */
	*(char **)p = mem_strdup(s);
	return 0;
}

static struct value *string_print(const struct field *f, const void *p, unsigned flags)
{
	const char *s = *(char *const *)p;
	if (!s)
		return NULL;
	return value_new_string(f->secret && !(flags & PRINT_SECRETS) ? "***" : s);
}

static void string_preset(const struct field *f, void *p)
{
	*(char **)p = mem_strdup(f->dflt);
}

static void string_done(_unused_ const struct field *f, void *p)
{
	free(*(char **)p);
}

static void string_own(_unused_ const struct field *f, void *p)
{
	*(char **)p = mem_strdup(*(char **)p);
}

static bool string_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return str_equal(*(char *const *)a, *(char *const *)b);
}

static uint64_t string_hash(_unused_ const struct field *f, const void *p, _unused_ enum change least,
                            uint64_t h)
{
	return hash_text(h, *(char *const *)p);
}

static bool string_standard(const struct field *f, const void *p)
{
	return str_equal(*(char *const *)p, f->dflt);
}

static bool string_zero(_unused_ const struct field *f, const void *p)
{
	return !*(char *const *)p;
}

static void string_describe(const struct field *f, struct value *o)
{
	value_set(o, "type", value_new_string("string"));
	if (f->min)
		value_set(o, "minLength", value_new_int(f->min));
	if (f->max)
		value_set(o, "maxLength", value_new_int(f->max));
}

const struct field_ops string_ops = {
        .name = "string",
        .want = "a string",
        .parse = string_parse,
        .print = string_print,
        .preset = string_preset,
        .done = string_done,
        .own = string_own,
        .same = string_same,
        .hash = string_hash,
        .standard = string_standard,
        .zero = string_zero,
        .describe = string_describe,
};

/* --- boolean --- */

static int bool_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                      void *p, struct error *err)
{
	if (value_type(v) != VALUE_BOOL)
		return refuse_type(f, v, err);
	*(bool *)p = value_bool(v);
	return 0;
}

static struct value *bool_print(_unused_ const struct field *f, const void *p, _unused_ unsigned flags)
{
	return value_new_bool(*(const bool *)p);
}

static bool bool_default(const struct field *f)
{
	return f->dflt && streq(f->dflt, "true");
}

static void bool_preset(const struct field *f, void *p)
{
	*(bool *)p = bool_default(f);
}

static bool bool_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return *(const bool *)a == *(const bool *)b;
}

static uint64_t bool_hash(_unused_ const struct field *f, const void *p, _unused_ enum change least,
                          uint64_t h)
{
	return hash_number(h, *(const bool *)p);
}

static bool bool_standard(const struct field *f, const void *p)
{
	return *(const bool *)p == bool_default(f);
}

static bool bool_zero(_unused_ const struct field *f, const void *p)
{
	return !*(const bool *)p;
}

static void bool_describe(_unused_ const struct field *f, struct value *o)
{
	value_set(o, "type", value_new_string("boolean"));
}

const struct field_ops bool_ops = {
        .name = "boolean",
        .want = "true or false",
        .parse = bool_parse,
        .print = bool_print,
        .preset = bool_preset,
        .same = bool_same,
        .hash = bool_hash,
        .standard = bool_standard,
        .zero = bool_zero,
        .describe = bool_describe,
};

/* --- word --- */

/* The index of the word, or -1. */
static int word_index(const struct field *f, const char *s)
{
	for (int i = 0; f->words[i]; i++)
		if (streq(f->words[i], s))
			return i;
	return -1;
}

static int enum_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                      void *p, struct error *err)
{
	const char *s = value_string(v);
	int i = s ? word_index(f, s) : -1;
	if (i >= 0) {
		*(int *)p = i;
		return 0;
	}
	_cleanup_str_ struct str words = STR_INIT;
	for (i = 0; f->words[i]; i++)
		str_printf(&words, "%s%s", i == 0 ? "" : f->words[i + 1] ? ", " : " or ", f->words[i]);
	char buf[SHORT_SIZE];
	return error_set(err, -EINVAL, "", "%s is not one of the words known here; give %s",
	                 field_shorten(f, v, buf), str_get(&words));
}

static struct value *enum_print(const struct field *f, const void *p, _unused_ unsigned flags)
{
	return value_new_string(f->words[*(const int *)p]);
}

static int enum_default(const struct field *f)
{
	int i = f->dflt ? word_index(f, f->dflt) : 0;
	assert(i >= 0);
	return i;
}

static void enum_preset(const struct field *f, void *p)
{
	*(int *)p = enum_default(f);
}

static bool enum_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return *(const int *)a == *(const int *)b;
}

/* The word, not its number: the order of the words may change. */
static uint64_t enum_hash(const struct field *f, const void *p, _unused_ enum change least, uint64_t h)
{
	return hash_text(h, f->words[*(const int *)p]);
}

static bool enum_standard(const struct field *f, const void *p)
{
	return *(const int *)p == enum_default(f);
}

static bool enum_zero(_unused_ const struct field *f, const void *p)
{
	return *(const int *)p == 0;
}

static void enum_describe(const struct field *f, struct value *o)
{
	struct value *words = value_new_array();
	for (int i = 0; f->words[i]; i++)
		value_append(words, value_new_string(f->words[i]));
	value_set(o, "enum", words);
}

const struct field_ops enum_ops = {
        .name = "word",
        .want = "a word",
        .parse = enum_parse,
        .print = enum_print,
        .preset = enum_preset,
        .same = enum_same,
        .hash = enum_hash,
        .standard = enum_standard,
        .zero = enum_zero,
        .describe = enum_describe,
};

/* --- anything --- */

static int value_parse(_unused_ const struct field *f, const struct value *v,
                       _unused_ enum schema_source source, void *p, _unused_ struct error *err)
{
	*(struct value **)p = value_ref(v);
	return 0;
}

static struct value *value_print(const struct field *f, const void *p, unsigned flags)
{
	const struct value *v = *(struct value *const *)p;
	if (!v)
		return NULL;
	return f->secret && !(flags & PRINT_SECRETS) ? value_new_string("***") : value_copy(v);
}

static void value_done(_unused_ const struct field *f, void *p)
{
	value_unref(*(struct value **)p);
}

static void value_own(_unused_ const struct field *f, void *p)
{
	struct value **v = p;
	*v = *v ? value_copy(*v) : NULL;
}

static bool value_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return value_equal(*(struct value *const *)a, *(struct value *const *)b);
}

/* The order of members counts in the text but not in equality: so the hashes of members are added up. */
static uint64_t value_hash_of(const struct value *v, uint64_t h)
{
	if (value_type(v) == VALUE_OBJECT) {
		uint64_t sum = 0;
		value_for_each (it, v)
			sum += value_hash_of(value_iter_value(it),
			                     hash_text(SCHEMA_HASH_INIT, value_iter_name(it)));
		return hash_number(h, (int64_t)sum);
	}
	if (value_type(v) == VALUE_ARRAY) {
		value_for_each_item (i, item, v)
			h = value_hash_of(item, h);
		return hash_number(h, (int64_t)value_count(v));
	}
	_cleanup_str_ struct str text = STR_INIT;
	json_print(v, JSON_COMPACT, &text);
	return hash_text(h, str_get(&text));
}

static uint64_t value_hash(_unused_ const struct field *f, const void *p, _unused_ enum change least,
                           uint64_t h)
{
	return value_hash_of(*(struct value *const *)p, h);
}

static bool value_absent(_unused_ const struct field *f, const void *p)
{
	return !*(struct value *const *)p;
}

static void value_describe(_unused_ const struct field *f, _unused_ struct value *o)
{
	/* JSON Schema of anything is empty */
}

const struct field_ops value_ops = {
        .name = "anything",
        .want = "a value",
        .parse = value_parse,
        .print = value_print,
        .done = value_done,
        .own = value_own,
        .same = value_same,
        .hash = value_hash,
        .standard = value_absent,
        .zero = value_absent,
        .describe = value_describe,
};

/* --- the kind of a document --- */

static int kind_check(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                      _unused_ void *p, struct error *err)
{
	char buf[SHORT_SIZE];
	if (str_equal(value_string(v), f->dflt))
		return 0;
	return error_set(err, -EINVAL, "", "%s is not \"%s\", which is wanted here", field_shorten(f, v, buf),
	                 f->dflt);
}

static struct value *kind_print_word(const struct field *f, _unused_ const void *p, _unused_ unsigned flags)
{
	return value_new_string(f->dflt);
}

static bool kind_same(_unused_ const struct field *f, _unused_ const void *a, _unused_ const void *b)
{
	return true;
}

static uint64_t kind_hash(_unused_ const struct field *f, _unused_ const void *p, _unused_ enum change least,
                          uint64_t h)
{
	return h;
}

static bool kind_standard(_unused_ const struct field *f, _unused_ const void *p)
{
	return true;
}

static void kind_describe(const struct field *f, struct value *o)
{
	value_set(o, "const", value_new_string(f->dflt));
}

const struct field_ops kind_ops = {
        .name = "word",
        .want = "the name of the kind",
        .parse = kind_check,
        .print = kind_print_word,
        .same = kind_same,
        .hash = kind_hash,
        .standard = kind_standard,
        .zero = kind_standard,
        .describe = kind_describe,
};
