/*
 * Every field of every kind, found through the tables: an object that gives them all is parsed, printed and
 * parsed again. And every member of every structure in the headers has its row.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "kind/kind.h"
#include "lib/test.h"

/* --- an object that gives everything --- */

static struct value *fill(const struct schema *s);

/* A string that the row takes and that is not its default. */
static struct value *fill_string(const struct schema *s, const struct field *f)
{
	char own[64];
	(void)snprintf(own, sizeof(own), "%s-%s", f->name, s->name);
	for (char *c = own; *c; c++)
		*c = *c == ' ' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	char path[80];
	(void)snprintf(path, sizeof(path), "/%s", own);
	char *const candidates[] = {own, path, (char *)(uintptr_t) "0755"};
	for (size_t i = 0; i < ELEMENTS(candidates); i++)
		if (!f->check || f->check(&candidates[i], NULL) == 0)
			return value_new_string(candidates[i]);
	test_fail(__FILE__, __LINE__, "no text fits %s of %s", f->name, s->name);
}

/* A key that the row takes; valid until the next call. */
static const char *key_for(const struct field *f)
{
	static char own[64];
	(void)snprintf(own, sizeof(own), "%s", f->name);
	for (char *c = own; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return !f->check_key || f->check_key(own, NULL) == 0 ? own : "80";
}

/* A number in the unit of a document, within the bounds and not the default. */
static struct value *fill_number(const struct schema *s, const struct field *f)
{
	void *obj = mem_zalloc(s->size);
	schema_init(s, obj);
	int64_t n = *(int64_t *)(void *)((char *)obj + f->offset);
	schema_done(s, obj);
	free(obj);
	int64_t unit = f->type == FIELD_DURATION || f->type == FIELD_CPU ? 1000 : 1;
	n = MAX(n, f->min) + unit;
	return value_new_int(n / unit);
}

static struct value *fill_pairs(const struct field *f)
{
	struct value *v = value_new_object();
	value_set(v, key_for(f), value_new_string("x.y"));
	return v;
}

static struct value *fill_field(const struct schema *s, const struct field *f)
{
	struct value *v;
	size_t words = 0;
	switch (f->type) {
	case FIELD_STRING:
		return fill_string(s, f);
	case FIELD_BOOL:
		return value_new_bool(!f->dflt || !streq(f->dflt, "true"));
	case FIELD_INT:
	case FIELD_BYTES:
	case FIELD_DURATION:
	case FIELD_CPU:
		return fill_number(s, f);
	case FIELD_ENUM:
		while (f->words[words + 1] && (words == 0 || (f->dflt && streq(f->words[words], f->dflt))))
			words++;
		return value_new_string(f->words[words]);
	case FIELD_STRINGS:
		v = value_new_array();
		value_append(v, value_new_string("item"));
		return v;
	case FIELD_PAIRS:
		return fill_pairs(f);
	case FIELD_OBJECT:
	case FIELD_OPTIONAL:
		return fill(f->item);
	case FIELD_LIST:
		v = value_new_array();
		value_append(v, fill(f->item));
		return v;
	case FIELD_MAP: {
		v = value_new_object();
		struct value *item = fill(f->item); /* first: it asks for keys too */
		value_set(v, key_for(f), item);
		return v;
	}
	case FIELD_VALUE:
		return value_new_int(7);
	case FIELD_KIND:
		break;
	}
	return value_new_string(f->dflt);
}

/* Of a probe only one of three members may be given: each of them in turn. */
static bool left_out(const struct schema *s, const char *member)
{
	static const char *const ways[] = {"exec", "http", "tcp"};
	static unsigned turn;
	if (!streq(s->name, "probe"))
		return false;
	for (unsigned i = 0; i < ELEMENTS(ways); i++)
		if (streq(member, ways[i])) {
			bool mine = turn % ELEMENTS(ways) == i;
			turn += i == ELEMENTS(ways) - 1;
			return !mine;
		}
	return false;
}

static struct value *fill(const struct schema *s)
{
	struct value *v = value_new_object();
	for (size_t i = 0; i < s->n_fields; i++)
		if (!left_out(s, s->fields[i].name))
			value_set(v, s->fields[i].name, fill_field(s, &s->fields[i]));
	/* the two ends of a range, and the names that the key says, have to fit one another */
	if (streq(s->name, "scale"))
		value_set(v, "max", value_new_int(9));
	return v;
}

/* Every row of s was given something other than its default, and so in what it holds. */
static void check_given(const struct schema *s, const void *obj)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		const void *p = (const char *)obj + f->offset;
		bool probe_way = streq(s->name, "probe") &&
		                 (streq(f->name, "exec") || streq(f->name, "http") || streq(f->name, "tcp"));
		if (probe_way)
			continue;
		if (!(*(const uint64_t *)obj >> i & 1))
			test_fail(__FILE__, __LINE__, "%s of %s was not taken", f->name, s->name);
		if (f->type == FIELD_OBJECT)
			check_given(f->item, p);
		if (f->type == FIELD_OPTIONAL)
			check_given(f->item, *(void *const *)p);
		if (f->type == FIELD_LIST || f->type == FIELD_MAP)
			check_given(f->item, ((const struct list_of *)p)->items);
		if (f->type == FIELD_KIND || f->type == FIELD_OBJECT)
			continue;
		/* without its bit it still differs from the default, so it is printed */
		void *copy = mem_zalloc(s->size);
		schema_copy(s, copy, obj);
		*(uint64_t *)copy = 0;
		if (!schema_has(s, copy, f->name))
			test_fail(__FILE__, __LINE__, "%s of %s stayed at its default", f->name, s->name);
		schema_done(s, copy);
		free(copy);
	}
}

TEST(every_field_of_every_kind_comes_back)
{
	for (size_t i = 0; kinds[i]; i++) {
		const struct kind *k = kinds[i];
		_cleanup_value_ struct value *v = fill(k->schema);
		struct error err;
		char why[1024];
		void *obj = NULL, *again = NULL;
		if (kind_parse(k, v, SCHEMA_USER, &obj, &err) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", k->name,
			          error_format(&err, why, sizeof(why)));
		check_given(k->schema, obj);

		_cleanup_str_ struct str text = STR_INIT, second = STR_INIT;
		kind_print(k, obj, &text);
		struct value *read;
		CHECK_INT(json_parse(text.data, text.len, &read, NULL), 0);
		CHECK_INT(kind_parse(k, read, SCHEMA_USER, &again, NULL), 0);
		value_unref(read);
		CHECK(schema_equal(k->schema, obj, again));
		CHECK_INT(schema_diff(k->schema, obj, again), CHANGE_NONE);
		kind_print(k, again, &second);
		CHECK_STR(str_get(&second), str_get(&text));
		CHECK(str_after(str_get(&text), "{\"kind\":\""));

		void *copy = kind_copy(k, obj);
		kind_free(k, obj);
		CHECK(schema_equal(k->schema, copy, again));
		str_clear(&second);
		kind_print(k, copy, &second);
		CHECK_STR(str_get(&second), str_get(&text));
		kind_free(k, copy);
		kind_free(k, again);
	}
}

/* The same through YAML, as people see it and put it back. */
TEST(every_kind_comes_back_as_yaml)
{
	for (size_t i = 0; kinds[i]; i++) {
		const struct kind *k = kinds[i];
		_cleanup_value_ struct value *v = fill(k->schema);
		_cleanup_str_ struct str text = STR_INIT;
		yaml_print(v, &text);
		struct document d;
		CHECK_INT(document_parse(text.data, text.len, &d, NULL), 0);
		CHECK(value_equal(d.value, v));
		document_done(&d);
	}
}

/* --- members and rows --- */

struct names {
	char *items[96];
	size_t count;
};

static void names_add(struct names *n, const char *s, size_t len)
{
	CHECK(n->count < ELEMENTS(n->items));
	n->items[n->count++] = mem_strndup(s, len);
}

static void names_done(struct names *n)
{
	while (n->count)
		free(n->items[--n->count]);
}

static bool names_hold(const struct names *n, const char *s)
{
	for (size_t i = 0; i < n->count; i++)
		if (streq(n->items[i], s))
			return true;
	return false;
}

/* Blanks out comments, so that only declarations are left. */
static void strip_comments(char *text)
{
	for (char *c = strstr(text, "/*"); c; c = strstr(c, "/*")) {
		char *end = strstr(c, "*/");
		CHECK(end != NULL);
		memset(c, ' ', (size_t)(end + 2 - c));
	}
}

/* The names that are declared between two braces: the last word in front of each comma or semicolon. */
static void members_of(const char *body, const char *end, struct names *ret)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t len = 0;
	for (const char *c = body; c < end; c++) {
		size_t n = strspn(c, word);
		if (n) {
			len = n;
			c += n - 1;
		} else if (*c == ',' || *c == ';') {
			names_add(ret, c - len, len);
		}
	}
}

/* What is in a structure but not in its table: presence, the key of a map, and what derive() fills. */
static bool is_no_field(const struct schema *s, const char *member)
{
	return streq(member, "present") || (s->named && streq(member, "name")) ||
	       (streq(s->name, "port") && streq(member, "port"));
}

static bool fits(const struct schema *s, const struct names *members)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (s->fields[i].type != FIELD_KIND && !names_hold(members, s->fields[i].name))
			return false;
	for (size_t i = 0; i < members->count; i++) {
		bool known = is_no_field(s, members->items[i]);
		for (size_t n = 0; n < s->n_fields; n++)
			known |= streq(s->fields[n].name, members->items[i]);
		if (!known)
			return false;
	}
	return true;
}

/* Does s, or a structure in it, describe these members? */
static bool described(const struct schema *s, const struct names *members)
{
	if (fits(s, members))
		return true;
	for (size_t i = 0; i < s->n_fields; i++)
		if (s->fields[i].item && described(s->fields[i].item, members))
			return true;
	return false;
}

static unsigned check_header(const char *path)
{
	FILE *f = fopen(path, "r");
	CHECK(f != NULL);
	_cleanup_str_ struct str text = STR_INIT;
	char buf[4096];
	for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
		str_add(&text, buf, n);
	(void)fclose(f);
	strip_comments(text.data);
	unsigned seen = 0;
	for (const char *at = strstr(text.data, "\nstruct "); at; at = strstr(at + 1, "\nstruct ")) {
		const char *open = strchr(at, '{'), *semicolon = strchr(at, ';');
		if (!open || open > semicolon)
			continue;
		const char *end = strchr(open, '}');
		CHECK(end != NULL);
		struct names members = {0};
		members_of(open, end, &members);
		bool found = !names_hold(&members, "present");
		seen += !found;
		for (size_t i = 0; kinds[i] && !found; i++)
			found = described(kinds[i]->schema, &members);
		if (!found)
			test_fail(__FILE__, __LINE__,
			          "%s: a member without a row, or a row without a member:%.40s", path, at);
		names_done(&members);
	}
	return seen;
}

TEST(every_member_of_a_structure_has_its_row)
{
	DIR *dir = opendir("store/kind");
	CHECK(dir != NULL);
	unsigned seen = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		size_t len = strlen(e->d_name);
		if (len < 3 || !streq(e->d_name + len - 2, ".h"))
			continue;
		char path[300];
		(void)snprintf(path, sizeof(path), "store/kind/%s", e->d_name);
		seen += check_header(path);
	}
	(void)closedir(dir);
	CHECK(seen >= 25);
}
