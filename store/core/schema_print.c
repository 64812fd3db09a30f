/* Structures into values, and schemas into JSON Schema. */
#include <stdio.h>

#include "core/mem.h"
#include "core/schema_ops.h"

struct value *schema_print(const struct schema *s, const void *obj, unsigned flags)
{
	struct value *v = value_new_object();
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		bool always = f->type == FIELD_KIND || ((flags & PRINT_DEFAULTS) && !f->optional);
		if (!always && !field_given(s, i, obj))
			continue;
		const void *p = field_at(f, obj);
		struct value *item = f->print ? f->print(p, flags) : field_ops(f)->print(f, p, flags);
		if (item)
			value_set(v, f->name, item);
	}
	return v;
}

/* The default as a document would give it, from a structure that holds nothing else. */
static void describe_default(const struct schema *s, const struct field *f, struct value *o)
{
	if (!f->dflt || f->type == FIELD_KIND)
		return;
	void *obj = mem_zalloc(s->size);
	field_ops(f)->preset(f, field_at(f, obj));
	value_set(o, "default", field_ops(f)->print(f, field_at(f, obj), PRINT_SECRETS));
	if (field_ops(f)->done)
		field_ops(f)->done(f, field_at(f, obj));
	free(obj);
}

static struct value *describe(const struct schema *s, const struct field *f)
{
	struct value *o = f->describe ? f->describe() : value_new_object();
	if (!f->describe)
		field_ops(f)->describe(f, o);
	if (f->doc || f->pending) {
		_cleanup_str_ struct str text = STR_INIT;
		str_printf(&text, "%s%s%s", f->doc ? f->doc : "", f->doc && f->pending ? " " : "",
		           f->pending ? f->pending : "");
		value_set(o, "description", value_new_string(str_get(&text)));
	}
	describe_default(s, f, o);
	if (f->secret)
		value_set(o, "writeOnly", value_new_bool(true));
	return o;
}

struct value *schema_json_schema(const struct schema *s)
{
	struct value *o = value_new_object(), *properties = value_new_object(), *required = value_new_array();
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		value_set(properties, f->name, describe(s, f));
		if (f->required)
			value_append(required, value_new_string(f->name));
	}
	value_set(o, "type", value_new_string("object"));
	if (s->doc)
		value_set(o, "description", value_new_string(s->doc));
	value_set(o, "properties", properties);
	if (value_count(required))
		value_set(o, "required", value_ref(required));
	value_unref(required);
	value_set(o, "additionalProperties", value_new_bool(false));
	return o;
}
