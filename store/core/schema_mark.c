/* Presence of members in objects that a program filled by hand. */
#include <stdlib.h>

#include "core/schema.h"

uint64_t schema_bit(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (streq(s->fields[i].name, name))
			return UINT64_C(1) << i;
	abort();
}

static bool is_zero(const void *p, size_t size)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Marks the structures below the member; true when the member is not zero. */
static bool mark_member(const struct field *f, void *p)
{
	static const size_t sizes[] = {
		[FIELD_STRING] = sizeof(char *),
		[FIELD_BOOL] = sizeof(bool),
		[FIELD_INT] = sizeof(int64_t),
		[FIELD_BYTES] = sizeof(int64_t),
		[FIELD_DURATION] = sizeof(int64_t),
		[FIELD_CPU] = sizeof(int64_t),
		[FIELD_ENUM] = sizeof(int),
		[FIELD_STRINGS] = sizeof(struct strings),
		[FIELD_PAIRS] = sizeof(struct pairs),
		[FIELD_OPTIONAL] = sizeof(void *),
		[FIELD_LIST] = sizeof(struct list_of),
		[FIELD_MAP] = sizeof(struct list_of),
		[FIELD_VALUE] = sizeof(void *),
	};
	if (f->type == FIELD_OBJECT) {
		schema_mark(f->item, p);
		return *(const uint64_t *)p != 0;
	}
	if (f->type == FIELD_OPTIONAL && *(void **)p)
		schema_mark(f->item, *(void **)p);
	if (f->type == FIELD_LIST || f->type == FIELD_MAP) {
		struct list_of *l = p;
		for (size_t i = 0; i < l->count; i++)
			schema_mark(f->item, (char *)l->items + i * f->item->size);
		return l->count != 0;
	}
	if (f->type == FIELD_STRINGS || f->type == FIELD_PAIRS)
		return ((struct strings *)p)->count != 0; /* both keep the count in the same place */
	return !is_zero(p, sizes[f->type]);
}

_Static_assert(offsetof(struct strings, count) == offsetof(struct pairs, count), "mark_member reads either");

void schema_mark(const struct schema *s, void *obj)
{
	uint64_t *present = obj;
	for (size_t i = 0; i < s->n_fields; i++)
		if (mark_member(&s->fields[i], (char *)obj + s->fields[i].offset))
			*present |= UINT64_C(1) << i;
}
