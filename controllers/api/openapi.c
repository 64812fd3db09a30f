/* /openapi.json, made of the table of routes and the schemas of the kinds. */
#include <stdio.h>

#include "controllers/api/server.h"

static struct value *reference(const char *name)
{
	char path[128];
	struct value *v = value_new_object();
	(void)snprintf(path, sizeof(path), "#/components/schemas/%s", name);
	value_set(v, "$ref", value_new_string(path));
	return v;
}

static struct value *content(const char *type, struct value *take_schema)
{
	struct value *v = value_new_object(), *media = value_new_object();
	value_set(media, "schema", take_schema);
	value_set(v, type, media);
	return v;
}

static struct value *answer(const char *text, struct value *take_schema)
{
	struct value *v = value_new_object();
	value_set(v, "description", value_new_string(text));
	value_set(v, "content", content("application/json", take_schema));
	return v;
}

static void add_parameter(struct value *list, const char *name, size_t len, const char *in)
{
	struct value *p = value_new_object(), *type = value_new_object();
	value_set(type, "type", value_new_string("string"));
	value_set(p, "name", value_new_string_n(name, len));
	value_set(p, "in", value_new_string(in));
	if (streq(in, "path"))
		value_set(p, "required", value_new_bool(true));
	value_set(p, "schema", type);
	value_append(list, p);
}

static struct value *parameters(const struct route *route)
{
	struct value *list = value_new_array();
	for (const char *at = route->pattern; (at = strchr(at, '{')); at++)
		if (strncmp(at, "{kind}", 6) != 0)
			add_parameter(list, at + 1, strcspn(at + 1, "}"), "path");
	for (const char *at = route->params ? route->params : "password"; *at;) {
		size_t len = strcspn(at, " ");
		add_parameter(list, at, len, "query");
		at += len + (at[len] == ' ');
	}
	return list;
}

static struct value *operation(const struct route *route, const struct kind *k)
{
	struct value *v = value_new_object(), *answers = value_new_object(), *any = value_new_object();
	value_set(v, "summary", value_new_string(route->doc));
	value_set(v, "parameters", parameters(route));
	if (route->flags & ROUTE_BODY) {
		struct value *body = value_new_object(), *types;
		const char *schema = k ? k->name : "microservice";
		types = content("application/json", reference(schema));
		if (!(route->flags & ROUTE_DOOR))
			value_set(types, "application/yaml", value_ref(value_get(types, "application/json")));
		value_set(body, "required", value_new_bool(true));
		value_set(body, "content", types);
		value_set(v, "requestBody", body);
	}
	value_set(any, "type", value_new_string("object"));
	value_set(answers, "2XX", answer("Done.", any));
	value_set(answers, "default", answer("Refused, or failed.", reference("error")));
	value_set(v, "responses", answers);
	if (route->flags & ROUTE_OPEN)
		value_set(v, "security", value_new_array());
	return v;
}

static void add_operation(struct value *paths, const struct route *route, const char *path,
                          const struct kind *k)
{
	struct value *item = value_get(paths, path);
	char method[8] = "";
	const char *name = method_name((enum method)route->method);
	for (size_t i = 0; name[i] && i + 1 < sizeof(method); i++)
		method[i] = (char)(name[i] - 'A' + 'a');
	if (!item) {
		item = value_new_object();
		value_set(paths, path, item);
	}
	if (!value_get(item, method)) /* the first row wins, as in dispatch */
		value_set(item, method, operation(route, k));
}

static void add_paths(struct value *paths)
{
	for (const struct route *route = routes; route->pattern; route++) {
		const char *rest = str_after(route->pattern, "/v1/{kind}");
		if (!rest) {
			add_operation(paths, route, route->pattern, NULL);
			continue;
		}
		for (const struct kind *const *k = kinds; *k; k++) {
			char path[128];
			if (route_kind((*k)->plural) != *k || !route_takes(route, *k) ||
			    ((route->flags & ROUTE_WRITE) && !(*k)->desired))
				continue;
			(void)snprintf(path, sizeof(path), "/v1/%s%s", (*k)->plural, rest);
			add_operation(paths, route, path, *k);
		}
	}
}

static struct value *error_schema(void)
{
	static const char *const members[][2] = {
	        {"message", "string"}, {"path", "string"}, {"line", "integer"}, {"status", "integer"}};
	struct value *v = value_new_object(), *properties = value_new_object();
	for (size_t i = 0; i < ELEMENTS(members); i++) {
		struct value *type = value_new_object();
		value_set(type, "type", value_new_string(members[i][1]));
		value_set(properties, members[i][0], type);
	}
	value_set(v, "type", value_new_string("object"));
	value_set(v, "properties", properties);
	return v;
}

static struct value *components(void)
{
	struct value *v = value_new_object(), *schemas = value_new_object(), *schemes = value_new_object();
	for (const struct kind *const *k = kinds; *k; k++)
		if (route_kind((*k)->plural) == *k)
			value_set(schemas, (*k)->name, schema_json_schema((*k)->schema));
	value_set(schemas, "error", error_schema());
	value_set(v, "schemas", schemas);
	static const char *const http[] = {"bearer", "basic"};
	for (size_t i = 0; i < ELEMENTS(http); i++) {
		struct value *scheme = value_new_object();
		value_set(scheme, "type", value_new_string("http"));
		value_set(scheme, "scheme", value_new_string(http[i]));
		value_set(schemes, http[i], scheme);
	}
	value_set(v, "securitySchemes", schemes);
	return v;
}

static struct value *security(void)
{
	static const char *const names[] = {"bearer", "basic"};
	struct value *v = value_new_array();
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct value *one = value_new_object();
		value_set(one, names[i], value_new_array());
		value_append(v, one);
	}
	return v;
}

void info_openapi(struct call *c)
{
	_cleanup_value_ struct value *v = value_new_object();
	struct value *info = value_new_object(), *paths = value_new_object();
	value_set(v, "openapi", value_new_string("3.1.0"));
	value_set(info, "title", value_new_string("tug"));
	value_set(info, "version", value_new_string(TUG_VERSION));
	value_set(v, "info", info);
	add_paths(paths);
	value_set(v, "paths", paths);
	value_set(v, "components", components());
	value_set(v, "security", security());
	call_reply_value(c, 200, v);
}
