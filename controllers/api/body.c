#include "controllers/api/body.h"

#include "core/limits.h"
#include "core/mem.h"

enum { BODY_BAD = 400, BODY_TOO_LARGE = 413, BODY_OTHER_TYPE = 415 };

static bool type_in(struct http1_slice type, const char *const *words)
{
	for (; *words; words++)
		if (http1_slice_is_word(type, *words))
			return true;
	return false;
}

/* Without parameters such as charset. */
static struct http1_slice bare_type(struct http1_slice type)
{
	const char *semicolon = type.len ? memchr(type.data, ';', type.len) : NULL;
	if (semicolon)
		type.len = (size_t)(semicolon - type.data);
	while (type.len && (type.data[type.len - 1] == ' ' || type.data[type.len - 1] == '\t'))
		type.len--;
	return type;
}

int body_parse(struct http1_slice type, const char *body, size_t len, struct document *ret, struct error *err)
{
	static const char *const json[] = {"application/json", "application/merge-patch+json",
	                                   "application/x-www-form-urlencoded", "text/plain", NULL};
	static const char *const yaml[] = {"application/yaml", "application/x-yaml", "text/yaml",
	                                   "text/x-yaml", NULL};
	type = bare_type(type);
	bool is_yaml = type_in(type, yaml);
	if (type.len && !is_yaml && !type_in(type, json)) {
		(void)error_set(err, BODY_OTHER_TYPE, "",
		                "Content-Type is '%.*s': application/json or application/yaml is wanted",
		                (int)MIN(type.len, (size_t)100), type.data);
		return BODY_OTHER_TYPE;
	}
	size_t blank = strspn(body, " \t\r\n");
	if (blank >= len) {
		(void)error_set(err, BODY_BAD, "", "the body is empty: an object is wanted, as JSON or YAML");
		return BODY_BAD;
	}
	if (!is_yaml && body[blank] != '{') {
		(void)error_set(
		        err, BODY_BAD, "",
		        "the body is no JSON object (YAML is read with Content-Type: application/yaml)");
		return BODY_BAD;
	}
	int r = document_parse(body, len, ret, err);
	if (r != 0)
		return BODY_BAD;
	if (value_type(ret->value) != VALUE_OBJECT) {
		(void)error_set(err, BODY_BAD, "", "the body is %s: an object is wanted",
		                value_type_name(value_type(ret->value)));
		document_done(ret);
		return BODY_BAD;
	}
	return 0;
}

/* The member is wanted's, absent, or an error. */
static int place(struct value *v, const char *member, const char *wanted, struct error *err)
{
	const struct value *given = value_get(v, member);
	if (!wanted)
		return 0;
	if (given && !str_equal(value_string(given), wanted))
		return error_set(err, BODY_BAD, member, "differs from the path, which says '%s'", wanted);
	value_set(v, member, value_new_string(wanted));
	return 0;
}

static int to_object(const struct kind *k, struct value *v, char **ret_below, struct str *ret_text,
                     struct error *err)
{
	void *obj = NULL;
	if (kind_parse(k, v, SCHEMA_USER, &obj, err) != 0)
		return BODY_BAD;
	_cleanup_value_ struct value *printed = schema_print(k->schema, obj, PRINT_DEFAULTS);
	const char *scope = k->scope == KIND_CLUSTER ? NULL : value_get_string(printed, "project");
	struct key_parts parts;
	int r = 0;
	char *below = key_make(k, scope, value_get_string(printed, "name"));
	kind_print(k, obj, ret_text);
	if (key_parse(k, below, &parts) != 0)
		r = error_set(err, BODY_BAD, "name", "is not a valid name");
	else if (ret_text->len > LIMIT_VALUE)
		r = error_set(err, BODY_TOO_LARGE, "", "the object is %zu bytes long, at most %d are stored",
		              ret_text->len, LIMIT_VALUE);
	else
		*ret_below = TAKE_PTR(below);
	free(below);
	kind_free(k, obj);
	return r;
}

int body_object(const struct kind *k, const struct document *d, const char *project, const char *name,
                char **ret_below, struct str *ret_text, struct error *err)
{
	struct error own = {0};
	_cleanup_value_ struct value *v = value_copy(d->value);
	int r = place(v, "project", k->scope == KIND_CLUSTER ? NULL : project, &own);
	if (r == 0)
		r = place(v, "name", name, &own);
	if (r == 0 && k->scope == KIND_PROJECT && !value_get(v, "project"))
		value_set(v, "project", value_new_string("default"));
	if (r == 0)
		r = to_object(k, v, ret_below, ret_text, &own);
	if (r != 0) {
		if (own.line == 0)
			document_locate(d, &own);
		if (err)
			*err = own;
	}
	return r;
}
