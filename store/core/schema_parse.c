/* Values into structures, and the words in which what does not fit is refused. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/schema_ops.h"

/* --- messages --- */

/* Cuts text at n bytes, before a character that would not fit whole. */
static void cut(char *text, size_t n)
{
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	text[n] = '\0';
}

const char *field_shorten(const struct field *f, const struct value *v, char *buf)
{
	if (f->secret) {
		(void)snprintf(buf, SHORT_SIZE, "the secret");
		return buf;
	}
	enum value_type t = value_type(v);
	if (t == VALUE_OBJECT || t == VALUE_ARRAY) {
		(void)snprintf(buf, SHORT_SIZE, "%s", t == VALUE_OBJECT ? "{...}" : "[...]");
		return buf;
	}
	_cleanup_str_ struct str text = STR_INIT;
	json_print(v, JSON_COMPACT, &text);
	(void)snprintf(buf, SHORT_SIZE, "%s", str_get(&text));
	if (text.len >= SHORT_SIZE) {
		cut(buf, SHORT_SIZE - 5);
		(void)snprintf(buf + strlen(buf), 5, "...%s", t == VALUE_STRING ? "\"" : "");
	}
	return buf;
}

const char *path_part(const char *name, char *buf)
{
	(void)snprintf(buf, SHORT_SIZE, "%s", name);
	if (strlen(name) >= SHORT_SIZE)
		cut(buf, SHORT_SIZE - 1);
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return buf;
}

int refuse_type(const struct field *f, const struct value *v, struct error *err)
{
	char buf[SHORT_SIZE];
	return error_set(err, -EINVAL, "", "%s is %s; %s is wanted", field_shorten(f, v, buf),
	                 value_type_name(value_type(v)), field_ops(f)->want);
}

int check_count(const struct field *f, size_t count, struct error *err)
{
	int64_t most = f->max ? f->max : LIMIT_STRINGS;
	if ((int64_t)count > most)
		return error_set(err, -EINVAL, "", "%zu entries are more than the %lld allowed", count,
		                 (long long)most);
	if ((int64_t)count < f->min)
		return error_set(err, -EINVAL, "", "%zu entries are fewer than the %lld needed", count,
		                 (long long)f->min);
	return 0;
}

/* --- unknown names --- */

static const struct field *row_named(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (streq(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

static const char *nearest(const struct schema *s, const char *name)
{
	const char *best = NULL;
	unsigned best_distance = (unsigned)MAX(strlen(name) / 3, (size_t)1) + 1;
	for (size_t i = 0; i < s->n_fields; i++) {
		const char *known = s->fields[i].name;
		unsigned d = strcasecmp(known, name) == 0 ? 0 : str_distance(known, name);
		if (d < best_distance) {
			best_distance = d;
			best = known;
		}
	}
	return best;
}

static const char *article(const char *noun)
{
	return strchr("aeiou", noun[0]) ? "an" : "a";
}

/* "unknown field", with the nearest name, or all of them where that is short. */
static int refuse_unknown(const struct schema *s, const char *name, struct error *err)
{
	char part[SHORT_SIZE];
	const char *near = nearest(s, name);
	if (near)
		return error_set(err, -EINVAL, path_part(name, part), "unknown field; did you mean \"%s\"?",
		                 near);
	_cleanup_str_ struct str known = STR_INIT;
	for (size_t i = 0; i < s->n_fields; i++)
		str_printf(&known, "%s%s", i ? ", " : "", s->fields[i].name);
	return error_set(err, -EINVAL, path_part(name, part), "unknown field; %s %s has %s", article(s->name),
	                 s->name, str_get(&known));
}

/* --- structures --- */

static int parse_row(const struct field *f, const struct value *v, enum schema_source source, void *obj,
                     struct error *err)
{
	void *p = field_at(f, obj);
	int r = f->parse ? f->parse(v, source, p, err) : field_ops(f)->parse(f, v, source, p, err);
	if (r == 0 && f->check)
		r = f->check(p, err);
	return r;
}

int schema_parse(const struct schema *s, const struct value *v, enum schema_source source, void *obj,
                 struct error *err)
{
	if (value_type(v) != VALUE_OBJECT)
		return error_set(err, -EINVAL, "", "%s is not %s %s; an object is wanted",
		                 value_type_name(value_type(v)), strchr("aeiou", *s->name) ? "an" : "a",
		                 s->name);
	if (source == SCHEMA_USER)
		value_for_each (it, v)
			if (!row_named(s, value_iter_name(it)))
				return refuse_unknown(s, value_iter_name(it), err);
	schema_init(s, obj);
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		const struct value *item = value_get(v, f->name);
		if (value_type(item) == VALUE_NULL) {
			if (f->required)
				return error_set(err, -EINVAL, f->name, "is missing; %s is wanted",
				                 field_ops(f)->want);
			continue;
		}
		int r = parse_row(f, item, source, obj, err);
		if (r < 0) {
			error_prefix(err, f->name);
			return r;
		}
		*(uint64_t *)obj |= UINT64_C(1) << i;
	}
	if (s->derive)
		s->derive(obj);
	return s->check ? s->check(obj, err) : 0;
}
