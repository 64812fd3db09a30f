/* Fields that hold structures: embedded, optional, lists and maps of them. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "core/schema_ops.h"

/* --- an embedded structure --- */

static int object_parse(const struct field *f, const struct value *v, enum schema_source source, void *p,
                        struct error *err)
{
	if (value_type(v) != VALUE_OBJECT)
		return refuse_type(f, v, err);
	schema_done(f->item, p); /* the defaults */
	return schema_parse(f->item, v, source, p, err);
}

static struct value *object_print(const struct field *f, const void *p, unsigned flags)
{
	return schema_print(f->item, p, flags);
}

static void object_preset(const struct field *f, void *p)
{
	schema_init(f->item, p);
}

static void object_done(const struct field *f, void *p)
{
	schema_done(f->item, p);
}

static void object_own(const struct field *f, void *p)
{
	void *copy = mem_dup(p, f->item->size);
	schema_copy(f->item, p, copy);
	free(copy);
}

static bool object_same(const struct field *f, const void *a, const void *b)
{
	return schema_equal(f->item, a, b);
}

static enum change object_diff(const struct field *f, const void *a, const void *b)
{
	return schema_diff(f->item, a, b);
}

static uint64_t object_hash(const struct field *f, const void *p, enum change least, uint64_t h)
{
	return schema_hash(f->item, p, least, h);
}

static bool object_standard(const struct field *f, const void *p)
{
	return schema_standard(f->item, p);
}

static bool object_zero(const struct field *f, const void *p)
{
	for (size_t i = 0; i < f->item->n_fields; i++)
		if (field_given(f->item, i, p))
			return false;
	return true;
}

static void object_describe(const struct field *f, struct value *o)
{
	_cleanup_value_ struct value *inner = schema_json_schema(f->item);
	value_for_each (it, inner)
		value_set(o, value_iter_name(it), value_ref(value_iter_value(it)));
}

const struct field_ops object_ops = {
        .name = "object",
        .want = "an object",
        .parse = object_parse,
        .print = object_print,
        .preset = object_preset,
        .done = object_done,
        .own = object_own,
        .same = object_same,
        .diff = object_diff,
        .hash = object_hash,
        .standard = object_standard,
        .zero = object_zero,
        .describe = object_describe,
};

/* --- a structure that may be absent --- */

static int optional_parse(const struct field *f, const struct value *v, enum schema_source source, void *p,
                          struct error *err)
{
	if (value_type(v) != VALUE_OBJECT)
		return refuse_type(f, v, err);
	*(void **)p = mem_zalloc(f->item->size);
	return schema_parse(f->item, v, source, *(void **)p, err);
}

static struct value *optional_print(const struct field *f, const void *p, unsigned flags)
{
	const void *obj = *(void *const *)p;
	return obj ? schema_print(f->item, obj, flags) : NULL;
}

static void optional_done(const struct field *f, void *p)
{
	void *obj = *(void **)p;
	if (obj)
		schema_done(f->item, obj);
	free(obj);
}

static void optional_own(const struct field *f, void *p)
{
	void **obj = p;
	if (!*obj)
		return;
	void *copy = mem_zalloc(f->item->size);
	schema_copy(f->item, copy, *obj);
	*obj = copy;
}

static bool optional_same(const struct field *f, const void *a, const void *b)
{
	const void *x = *(void *const *)a, *y = *(void *const *)b;
	return x && y ? schema_equal(f->item, x, y) : x == y;
}

static enum change optional_diff(const struct field *f, const void *a, const void *b)
{
	const void *x = *(void *const *)a, *y = *(void *const *)b;
	return x && y ? schema_diff(f->item, x, y) : f->on_change;
}

static uint64_t optional_hash(const struct field *f, const void *p, enum change least, uint64_t h)
{
	return schema_hash(f->item, *(void *const *)p, least, h);
}

static bool optional_absent(_unused_ const struct field *f, const void *p)
{
	return !*(void *const *)p;
}

const struct field_ops optional_ops = {
        .name = "object",
        .want = "an object",
        .parse = optional_parse,
        .print = optional_print,
        .done = optional_done,
        .own = optional_own,
        .same = optional_same,
        .diff = optional_diff,
        .hash = optional_hash,
        .standard = optional_absent,
        .zero = optional_absent,
        .describe = object_describe,
};

/* --- lists and maps of structures --- */

static void *item_at(const struct field *f, const struct list_of *l, size_t i)
{
	return (char *)l->items + i * f->item->size;
}

static int list_parse(const struct field *f, const struct value *v, enum schema_source source, void *p,
                      struct error *err)
{
	struct list_of *l = p;
	if (value_type(v) != VALUE_ARRAY)
		return refuse_type(f, v, err);
	int r = check_count(f, value_count(v), err);
	if (r < 0)
		return r;
	l->items = mem_zalloc(value_count(v) * f->item->size);
	value_for_each_item (i, item, v) {
		r = schema_parse(f->item, item, source, item_at(f, l, l->count++), err);
		if (r < 0) {
			char part[32];
			(void)snprintf(part, sizeof(part), "[%zu]", i);
			error_prefix(err, part);
			return r;
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*item_name((void *)(uintptr_t)a), *item_name((void *)(uintptr_t)b));
}

static int map_parse(const struct field *f, const struct value *v, enum schema_source source, void *p,
                     struct error *err)
{
	struct list_of *l = p;
	assert(f->item->named);
	if (value_type(v) != VALUE_OBJECT)
		return refuse_type(f, v, err);
	int r = check_count(f, value_count(v), err);
	if (r < 0)
		return r;
	l->items = mem_zalloc(value_count(v) * f->item->size);
	value_for_each (it, v) {
		void *item = item_at(f, l, l->count++);
		const char *name = value_iter_name(it);
		*item_name(item) = mem_strdup(name);
		if (f->check_key)
			r = f->check_key(name, err);
		if (r == 0)
			r = schema_parse(f->item, value_iter_value(it), source, item, err);
		if (r < 0) {
			char part[SHORT_SIZE];
			error_prefix(err, path_part(name, part));
			return r;
		}
	}
	if (l->count)
		qsort(l->items, l->count, f->item->size, by_name);
	return 0;
}

static struct value *list_print(const struct field *f, const void *p, unsigned flags)
{
	const struct list_of *l = p;
	struct value *v = value_new_array();
	for (size_t i = 0; i < l->count; i++)
		value_append(v, schema_print(f->item, item_at(f, l, i), flags));
	return v;
}

static struct value *map_print(const struct field *f, const void *p, unsigned flags)
{
	const struct list_of *l = p;
	struct value *v = value_new_object();
	for (size_t i = 0; i < l->count; i++) {
		void *item = item_at(f, l, i);
		value_set(v, *item_name(item), schema_print(f->item, item, flags));
	}
	return v;
}

static void list_done(const struct field *f, void *p)
{
	struct list_of *l = p;
	for (size_t i = 0; i < l->count; i++)
		schema_done(f->item, item_at(f, l, i));
	free(l->items);
}

static void list_own(const struct field *f, void *p)
{
	struct list_of *l = p;
	struct list_of src = *l;
	l->items = src.count ? mem_zalloc(src.count * f->item->size) : NULL;
	for (size_t i = 0; i < src.count; i++)
		schema_copy(f->item, item_at(f, l, i), item_at(f, &src, i));
}

static bool list_same(const struct field *f, const void *a, const void *b)
{
	const struct list_of *x = a, *y = b;
	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (!schema_equal(f->item, item_at(f, x, i), item_at(f, y, i)))
			return false;
	return true;
}

static enum change list_diff(const struct field *f, const void *a, const void *b)
{
	const struct list_of *x = a, *y = b;
	enum change strongest = CHANGE_NONE;
	if (x->count != y->count)
		return f->on_change;
	for (size_t i = 0; i < x->count; i++) {
		void *m = item_at(f, x, i), *n = item_at(f, y, i);
		if (f->item->named && !streq(*item_name(m), *item_name(n)))
			return f->on_change;
		strongest = MAX(strongest, schema_diff(f->item, m, n));
	}
	return strongest;
}

static uint64_t list_hash(const struct field *f, const void *p, enum change least, uint64_t h)
{
	const struct list_of *l = p;
	h = hash_number(h, (int64_t)l->count);
	for (size_t i = 0; i < l->count; i++) {
		void *item = item_at(f, l, i);
		if (f->item->named)
			h = hash_text(h, *item_name(item));
		h = schema_hash(f->item, item, least, h);
	}
	return h;
}

static bool items_empty(_unused_ const struct field *f, const void *p)
{
	return ((const struct list_of *)p)->count == 0;
}

static void list_describe(const struct field *f, struct value *o)
{
	value_set(o, "type", value_new_string("array"));
	value_set(o, "items", schema_json_schema(f->item));
	if (f->max)
		value_set(o, "maxItems", value_new_int(f->max));
}

static void map_describe(const struct field *f, struct value *o)
{
	value_set(o, "type", value_new_string("object"));
	value_set(o, "additionalProperties", schema_json_schema(f->item));
	if (f->max)
		value_set(o, "maxProperties", value_new_int(f->max));
}

const struct field_ops list_ops = {
        .name = "list",
        .want = "a list",
        .parse = list_parse,
        .print = list_print,
        .done = list_done,
        .own = list_own,
        .same = list_same,
        .diff = list_diff,
        .hash = list_hash,
        .standard = items_empty,
        .zero = items_empty,
        .describe = list_describe,
};

const struct field_ops map_ops = {
        .name = "map",
        .want = "an object",
        .parse = map_parse,
        .print = map_print,
        .done = list_done,
        .own = list_own,
        .same = list_same,
        .diff = list_diff,
        .hash = list_hash,
        .standard = items_empty,
        .zero = items_empty,
        .describe = map_describe,
};
