/* Lists of strings and maps from strings to strings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/schema_ops.h"

/* Puts "[i]" in front of the path of an error and returns r. */
static int at_index(int r, size_t i, struct error *err)
{
	char part[32];
	(void)snprintf(part, sizeof(part), "[%zu]", i);
	error_prefix(err, part);
	return r;
}

/* --- lists of strings --- */

static int strings_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                         void *p, struct error *err)
{
	struct strings *list = p;
	if (value_type(v) != VALUE_ARRAY)
		return refuse_type(f, v, err);
	int r = check_count(f, value_count(v), err);
	if (r < 0)
		return r;
	list->items = mem_zalloc(value_count(v) * sizeof(*list->items));
	value_for_each_item (i, item, v) {
		const char *s = value_string(item);
		char buf[SHORT_SIZE];
		if (!s)
			r = error_set(err, -EINVAL, "", "%s is %s; a string is wanted",
			              field_shorten(f, item, buf), value_type_name(value_type(item)));
		else if (f->check_key)
			r = f->check_key(s, err);
		if (r < 0)
			return at_index(r, i, err);
		list->items[list->count++] = mem_strdup(s);
	}
	return 0;
}

static struct value *strings_print(const struct field *f, const void *p, unsigned flags)
{
	const struct strings *list = p;
	struct value *v = value_new_array();
	for (size_t i = 0; i < list->count; i++)
		value_append(
		        v, value_new_string(f->secret && !(flags & PRINT_SECRETS) ? "***" : list->items[i]));
	return v;
}

static void strings_done(_unused_ const struct field *f, void *p)
{
	struct strings *list = p;
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static void strings_own(_unused_ const struct field *f, void *p)
{
	struct strings *list = p;
	list->items = list->count ? mem_dup(list->items, list->count * sizeof(*list->items)) : NULL;
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = mem_strdup(list->items[i]);
}

static bool strings_same(_unused_ const struct field *f, const void *a, const void *b)
{
	const struct strings *x = a, *y = b;
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (!streq(x->items[i], y->items[i]))
			return false;
	return true;
}

static uint64_t strings_hash(_unused_ const struct field *f, const void *p, _unused_ enum change least,
                             uint64_t h)
{
	const struct strings *list = p;
	h = hash_number(h, (int64_t)list->count);
	for (size_t i = 0; i < list->count; i++)
		h = hash_text(h, list->items[i]);
	return h;
}

static bool strings_empty(_unused_ const struct field *f, const void *p)
{
	return ((const struct strings *)p)->count == 0;
}

static struct value *type_string(void)
{
	struct value *o = value_new_object();
	value_set(o, "type", value_new_string("string"));
	return o;
}

static void strings_describe(const struct field *f, struct value *o)
{
	value_set(o, "type", value_new_string("array"));
	value_set(o, "items", type_string());
	if (f->min)
		value_set(o, "minItems", value_new_int(f->min));
	if (f->max)
		value_set(o, "maxItems", value_new_int(f->max));
}

const struct field_ops strings_ops = {
        .name = "list of string",
        .want = "a list of strings",
        .parse = strings_parse,
        .print = strings_print,
        .done = strings_done,
        .own = strings_own,
        .same = strings_same,
        .hash = strings_hash,
        .standard = strings_empty,
        .zero = strings_empty,
        .describe = strings_describe,
};

/* --- maps of strings --- */

const char *pairs_get(const struct pairs *p, const char *key)
{
	for (size_t i = p->count; i-- > 0;) /* of an environment the last one of a name wins */
		if (streq(p->items[i].key, key))
			return p->items[i].value;
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Checks and appends; takes key and value over. */
static int add_pair(const struct field *f, struct pairs *pairs, char *key, char *value, struct error *err)
{
	pairs->items[pairs->count++] = (struct pair){.key = key, .value = value};
	int r = 0;
	if (f->env && (!*key || strchr(key, '=')))
		r = error_set(err, -EINVAL, "", *key ? "the name holds \"=\"" : "the name is empty");
	if (r == 0 && f->check_key)
		r = f->check_key(key, err);
	if (r == 0 && f->check_value)
		r = f->check_value(value, err);
	return r;
}

/* The text of a member's value, or NULL. An environment is text anyway, so what people write as a number is
 * taken. */
static char *pair_value(const struct field *f, const struct value *v)
{
	enum value_type t = value_type(v);
	if (t == VALUE_STRING)
		return mem_strdup(value_string(v));
	if (!f->env || (t != VALUE_INT && t != VALUE_BOOL))
		return NULL;
	_cleanup_str_ struct str text = STR_INIT;
	json_print(v, JSON_COMPACT, &text);
	return str_take(&text);
}

static int parse_member(const struct field *f, struct pairs *pairs, const char *name, const struct value *v,
                        struct error *err)
{
	char part[SHORT_SIZE], got[SHORT_SIZE];
	char *text = pair_value(f, v);
	int r;
	if (text)
		r = add_pair(f, pairs, mem_strdup(name), text, err);
	else
		r = error_set(err, -EINVAL, "", "%s is %s; a string is wanted%s", field_shorten(f, v, got),
		              value_type_name(value_type(v)),
		              value_type(v) == VALUE_REAL ? " (quote it)" : "");
	if (r < 0)
		error_prefix(err, path_part(name, part));
	return r;
}

/* "KEY=value" */
static int parse_item(const struct field *f, struct pairs *pairs, const struct value *v, struct error *err)
{
	char got[SHORT_SIZE];
	const char *s = value_string(v);
	const char *eq = s ? strchr(s, '=') : NULL;
	if (!s)
		return error_set(err, -EINVAL, "", "%s is %s; a string \"KEY=value\" is wanted",
		                 field_shorten(f, v, got), value_type_name(value_type(v)));
	if (!eq)
		return error_set(err, -EINVAL, "", "%s has no \"=\"; \"KEY=value\" is wanted",
		                 field_shorten(f, v, got));
	return add_pair(f, pairs, mem_strndup(s, (size_t)(eq - s)), mem_strdup(eq + 1), err);
}

static int pairs_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                       void *p, struct error *err)
{
	struct pairs *pairs = p;
	enum value_type t = value_type(v);
	if (t != VALUE_OBJECT && !(f->env && t == VALUE_ARRAY)) {
		char got[SHORT_SIZE];
		return error_set(err, -EINVAL, "", "%s is %s; %s is wanted", field_shorten(f, v, got),
		                 value_type_name(t),
		                 f->env ? "a list of \"KEY=value\" strings or an object"
		                        : "an object with strings");
	}
	int r = check_count(f, value_count(v), err);
	if (r < 0)
		return r;
	pairs->items = mem_zalloc(value_count(v) * sizeof(*pairs->items));
	if (t == VALUE_ARRAY)
		value_for_each_item (i, item, v) {
			r = parse_item(f, pairs, item, err);
			if (r < 0)
				return at_index(r, i, err);
		}
	value_for_each (it, v) {
		r = parse_member(f, pairs, value_iter_name(it), value_iter_value(it), err);
		if (r < 0)
			return r;
	}
	if (!f->env && pairs->count)
		qsort(pairs->items, pairs->count, sizeof(*pairs->items), by_key);
	return 0;
}

static struct value *pairs_print(const struct field *f, const void *p, unsigned flags)
{
	const struct pairs *pairs = p;
	struct value *v = f->env ? value_new_array() : value_new_object();
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		const char *value = f->secret && !(flags & PRINT_SECRETS) ? "***" : pair->value;
		if (!f->env) {
			value_set(v, pair->key, value_new_string(value));
			continue;
		}
		_cleanup_str_ struct str text = STR_INIT;
		str_printf(&text, "%s=%s", pair->key, value);
		value_append(v, value_new_string_n(text.data, text.len));
	}
	return v;
}

static void pairs_done(_unused_ const struct field *f, void *p)
{
	struct pairs *pairs = p;
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].key);
		free(pairs->items[i].value);
	}
	free(pairs->items);
}

static void pairs_own(_unused_ const struct field *f, void *p)
{
	struct pairs *pairs = p;
	pairs->items = pairs->count ? mem_dup(pairs->items, pairs->count * sizeof(*pairs->items)) : NULL;
	for (size_t i = 0; i < pairs->count; i++) {
		pairs->items[i].key = mem_strdup(pairs->items[i].key);
		pairs->items[i].value = mem_strdup(pairs->items[i].value);
	}
}

static bool same_pairs(const struct pairs *x, const struct pairs *y, bool values)
{
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (!streq(x->items[i].key, y->items[i].key) ||
		    (values && !streq(x->items[i].value, y->items[i].value)))
			return false;
	return true;
}

static bool pairs_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return same_pairs(a, b, true);
}

static enum change pairs_diff(const struct field *f, const void *a, const void *b)
{
	return f->keys_only && same_pairs(a, b, false) ? CHANGE_LIVE : f->on_change;
}

static uint64_t pairs_hash(const struct field *f, const void *p, enum change least, uint64_t h)
{
	const struct pairs *pairs = p;
	bool values = !f->keys_only || least <= CHANGE_LIVE;
	h = hash_number(h, (int64_t)pairs->count);
	for (size_t i = 0; i < pairs->count; i++) {
		h = hash_text(h, pairs->items[i].key);
		if (values)
			h = hash_text(h, pairs->items[i].value);
	}
	return h;
}

static bool pairs_empty(_unused_ const struct field *f, const void *p)
{
	return ((const struct pairs *)p)->count == 0;
}

static void pairs_describe(const struct field *f, struct value *o)
{
	if (f->env) {
		struct value *types = value_new_array(), *values = value_new_object(),
		             *texts = value_new_array();
		value_append(types, value_new_string("array"));
		value_append(types, value_new_string("object"));
		value_set(o, "type", types);
		value_set(o, "items", type_string());
		value_append(texts, value_new_string("string"));
		value_append(texts, value_new_string("integer"));
		value_append(texts, value_new_string("boolean"));
		value_set(values, "type", texts);
		value_set(o, "additionalProperties", values);
	} else {
		value_set(o, "type", value_new_string("object"));
		value_set(o, "additionalProperties", type_string());
	}
	if (f->max)
		value_set(o, "maxProperties", value_new_int(f->max));
}

const struct field_ops pairs_ops = {
        .name = "map of string",
        .want = "an object with strings",
        .parse = pairs_parse,
        .print = pairs_print,
        .done = pairs_done,
        .own = pairs_own,
        .same = pairs_same,
        .diff = pairs_diff,
        .hash = pairs_hash,
        .standard = pairs_empty,
        .zero = pairs_empty,
        .describe = pairs_describe,
};
