/* What holds for every structure: its rows walked, whatever their types. */
#include "core/schema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/schema_ops.h"

const struct field_ops *field_ops(const struct field *f)
{
	static const struct field_ops *const ops[] = {
	        [FIELD_STRING] = &string_ops, [FIELD_BOOL] = &bool_ops,         [FIELD_INT] = &int_ops,
	        [FIELD_BYTES] = &bytes_ops,   [FIELD_DURATION] = &duration_ops, [FIELD_CPU] = &cpu_ops,
	        [FIELD_ENUM] = &enum_ops,     [FIELD_STRINGS] = &strings_ops,   [FIELD_PAIRS] = &pairs_ops,
	        [FIELD_OBJECT] = &object_ops, [FIELD_OPTIONAL] = &optional_ops, [FIELD_LIST] = &list_ops,
	        [FIELD_MAP] = &map_ops,       [FIELD_VALUE] = &value_ops,       [FIELD_KIND] = &kind_ops,
	};
	return ops[f->type];
}

/* --- presence --- */

static bool has_bit(const void *obj, size_t i)
{
	return *(const uint64_t *)obj >> i & 1;
}

bool field_given(const struct schema *s, size_t i, const void *obj)
{
	const struct field *f = &s->fields[i];
	return has_bit(obj, i) || !field_ops(f)->standard(f, field_at(f, obj));
}

/* Does the row say more than its default would? Given or not counts for .optional rows only. */
static bool says_more(const struct schema *s, size_t i, const void *obj)
{
	const struct field *f = &s->fields[i];
	return (f->optional && has_bit(obj, i)) || !field_ops(f)->standard(f, field_at(f, obj));
}

bool schema_standard(const struct schema *s, const void *obj)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (says_more(s, i, obj))
			return false;
	return true;
}

static size_t row_of(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (streq(s->fields[i].name, name))
			return i;
	(void)fprintf(stderr, "the schema %s has no field %s\n", s->name, name);
	abort();
}

uint64_t schema_bit(const struct schema *s, const char *name)
{
	return UINT64_C(1) << row_of(s, name);
}

bool schema_has(const struct schema *s, const void *obj, const char *name)
{
	return field_given(s, row_of(s, name), obj);
}

void schema_init(const struct schema *s, void *obj)
{
	assert(s->n_fields <= 64);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		if (field_ops(f)->preset)
			field_ops(f)->preset(f, field_at(f, obj));
	}
}

/* The structures below a row, one after the other, for walks that go deep; NULL: no (more) such. */
static void *item_of(const struct field *f, void *p, size_t i)
{
	const struct list_of *l = p;
	switch (f->type) {
	case FIELD_OBJECT:
		return i ? NULL : p;
	case FIELD_OPTIONAL:
		return i ? NULL : *(void **)p;
	case FIELD_LIST:
	case FIELD_MAP:
		return i < l->count ? (char *)l->items + i * f->item->size : NULL;
	case FIELD_STRING:
	case FIELD_BOOL:
	case FIELD_INT:
	case FIELD_BYTES:
	case FIELD_DURATION:
	case FIELD_CPU:
	case FIELD_ENUM:
	case FIELD_STRINGS:
	case FIELD_PAIRS:
	case FIELD_VALUE:
	case FIELD_KIND:
		break;
	}
	return NULL;
}

void schema_mark(const struct schema *s, void *obj)
{
	uint64_t *present = obj;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		void *p = field_at(f, obj), *item;
		for (size_t k = 0; (item = item_of(f, p, k)); k++)
			schema_mark(f->item, item);
		if (!field_ops(f)->zero(f, p))
			*present |= UINT64_C(1) << i;
	}
}

/* --- owning --- */

void schema_done(const struct schema *s, void *obj)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		if (field_ops(f)->done)
			field_ops(f)->done(f, field_at(f, obj));
	}
	if (s->named)
		free(*item_name(obj));
	memset(obj, 0, s->size);
}

void schema_copy(const struct schema *s, void *dst, const void *src)
{
	memcpy(dst, src, s->size);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		if (field_ops(f)->own)
			field_ops(f)->own(f, field_at(f, dst));
	}
	if (s->named)
		*item_name(dst) = mem_strdup(*item_name(dst));
}

/* --- comparing --- */

static bool same_row(const struct schema *s, size_t i, const void *a, const void *b)
{
	const struct field *f = &s->fields[i];
	if (f->optional && says_more(s, i, a) != says_more(s, i, b))
		return false;
	return field_ops(f)->same(f, field_at(f, a), field_at(f, b));
}

bool schema_equal(const struct schema *s, const void *a, const void *b)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (!same_row(s, i, a, b))
			return false;
	return !s->named || str_equal(*item_name((void *)(uintptr_t)a), *item_name((void *)(uintptr_t)b));
}

enum change schema_diff(const struct schema *s, const void *a, const void *b)
{
	enum change strongest = CHANGE_NONE;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		if (f->on_change <= strongest || same_row(s, i, a, b))
			continue;
		enum change c = f->on_change;
		if (field_ops(f)->diff)
			c = field_ops(f)->diff(f, field_at(f, a), field_at(f, b));
		strongest = MAX(strongest, MIN(c, f->on_change));
	}
	return strongest;
}

uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t hash_number(uint64_t h, int64_t n)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < sizeof(bytes); i++) /* the same on every machine */
		bytes[i] = (unsigned char)((uint64_t)n >> (8 * i));
	return hash_bytes(h, bytes, sizeof(bytes));
}

uint64_t hash_text(uint64_t h, const char *s)
{
	h = hash_number(h, s ? (int64_t)strlen(s) : -1);
	return s ? hash_bytes(h, s, strlen(s)) : h;
}

/* The hashes of the rows are added up, so that the order of rows in a table may change. */
uint64_t schema_hash(const struct schema *s, const void *obj, enum change least, uint64_t h)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		if (f->on_change < least || !says_more(s, i, obj))
			continue;
		sum += field_ops(f)->hash(f, field_at(f, obj), least, hash_text(SCHEMA_HASH_INIT, f->name));
	}
	return hash_number(h, (int64_t)sum);
}

/* --- finding --- */

const struct field *schema_find(const struct schema *s, const char *path)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		const char *rest = str_after(path, f->name);
		if (rest && *rest == '[')
			rest = strchr(rest, ']') ? strchr(rest, ']') + 1 : rest;
		if (!rest || (*rest != '\0' && *rest != '.'))
			continue;
		if (*rest == '\0')
			return f;
		rest++;
		const struct field *inner = f->item ? schema_find(f->item, rest) : NULL;
		if (inner || (f->type != FIELD_MAP && f->type != FIELD_PAIRS))
			return inner;
		/* the key of a map: "containers.app" is the map, "containers.app.image" a field of its items */
		const char *dot = strchr(rest, '.');
		return !dot || !f->item ? f : schema_find(f->item, dot + 1);
	}
	return NULL;
}

struct pending_walk {
	void (*on_field)(void *ctx, const char *path, const struct field *f);
	void *ctx;
	struct str path;
};

static void walk_pending(struct pending_walk *w, const struct schema *s, void *obj)
{
	size_t base = w->path.len;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		void *p = field_at(f, obj), *item;
		if (!field_given(s, i, obj))
			continue;
		str_printf(&w->path, "%s%s", base ? "." : "", f->name);
		size_t here = w->path.len;
		bool asks = f->type == FIELD_ENUM || !field_ops(f)->zero(f, p);
		if (f->pending && (f->pending_if ? f->pending_if(p) : asks)) {
			w->on_field(w->ctx, str_get(&w->path), f);
		} else {
			for (size_t k = 0; (item = item_of(f, p, k)); k++) {
				if (f->type == FIELD_MAP)
					str_printf(&w->path, ".%s", *item_name(item));
				else if (f->type == FIELD_LIST)
					str_printf(&w->path, "[%zu]", k);
				walk_pending(w, f->item, item);
				w->path.len = here;
			}
		}
		w->path.len = base;
		w->path.data[base] = '\0';
	}
}

void schema_pending(const struct schema *s, const void *obj,
                    void (*on_field)(void *ctx, const char *path, const struct field *f), void *ctx)
{
	struct pending_walk w = {.on_field = on_field, .ctx = ctx};
	walk_pending(&w, s, (void *)(uintptr_t)obj);
	str_done(&w.path);
}

const char *schema_type_name(const struct field *f, char *buf, size_t size)
{
	switch (f->type) {
	case FIELD_OBJECT:
	case FIELD_OPTIONAL:
		(void)snprintf(buf, size, "%s", f->item->name);
		return buf;
	case FIELD_LIST:
	case FIELD_MAP:
		(void)snprintf(buf, size, "%s of %s", field_ops(f)->name, f->item->name);
		return buf;
	case FIELD_STRING:
	case FIELD_BOOL:
	case FIELD_INT:
	case FIELD_BYTES:
	case FIELD_DURATION:
	case FIELD_CPU:
	case FIELD_ENUM:
	case FIELD_STRINGS:
	case FIELD_PAIRS:
	case FIELD_VALUE:
	case FIELD_KIND:
		break;
	}
	(void)snprintf(buf, size, "%s", field_ops(f)->name);
	return buf;
}
