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

static struct value *answer(const char *text, const char *type, struct value *take_schema)
{
	struct value *v = value_new_object();
	value_set(v, "description", value_new_string(text));
	value_set(v, "content", content(type, take_schema));
	return v;
}

static struct value *of_type(const char *word)
{
	struct value *v = value_new_object();
	value_set(v, "type", value_new_string(word));
	return v;
}

static struct value *shown(const struct kind *k)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "%sAnswer", k->name);
	return reference(name);
}

static struct value *list_schema(const struct kind *k)
{
	struct value *v = of_type("object"), *properties = value_new_object(), *items = of_type("array");
	value_set(items, "items", shown(k));
	value_set(properties, "items", items);
	value_set(properties, "rev", of_type("integer"));
	value_set(properties, "next", of_type("string"));
	value_set(v, "properties", properties);
	return v;
}

/* The kind is the pattern's where it names one: "/v1/events", "/v1/revisions/..." */
static const struct kind *kind_of_route(const struct route *route, const struct kind *k)
{
	const char *plural = str_after(route->pattern, "/v1/");
	char word[32];
	if (k || !plural)
		return k;
	(void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(plural, "/"), plural);
	return route_kind(word);
}

static struct value *good_answer(const struct route *route, const struct kind *k)
{
	static const char *const json = "application/json";
	bool text = route->handle == info_root || route->handle == info_healthz ||
	            route->handle == info_readyz || route->handle == logs_handle;
	k = kind_of_route(route, k);
	if (text)
		return answer("Text.", "text/plain", of_type("string"));
	if (route->handle == info_metrics)
		return answer("OpenMetrics text.", "application/openmetrics-text", of_type("string"));
	if (route->handle == read_list && k)
		return answer("Objects in the order of their keys.", json, list_schema(k));
	if (k && route->handle != write_delete)
		return answer("The object as it is now.", json, shown(k));
	return answer("Done.", json, of_type("object"));
}

static void add_parameter(struct value *list, const char *name, size_t len, const char *in)
{
	struct value *p = value_new_object();
	value_set(p, "name", value_new_string_n(name, len));
	value_set(p, "in", value_new_string(in));
	if (streq(in, "path"))
		value_set(p, "required", value_new_bool(true));
	value_set(p, "schema", of_type("string"));
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
	struct value *v = value_new_object(), *answers = value_new_object();
	value_set(v, "summary", value_new_string(route->doc));
	value_set(v, "parameters", parameters(route));
	if (route->flags & ROUTE_BODY) {
		struct value *body = value_new_object(), *types;
		const char *schema = k ? k->name : "microservice";
		/* a merge patch has the members that change, and may have null for those that go */
		types = content("application/json",
		                route->method == METHOD_PATCH ? of_type("object") : reference(schema));
		if (!(route->flags & ROUTE_DOOR))
			value_set(types, "application/yaml", value_ref(value_get(types, "application/json")));
		value_set(body, "required", value_new_bool(true));
		value_set(body, "content", types);
		value_set(v, "requestBody", body);
	}
	value_set(answers, "2XX", good_answer(route, k));
	value_set(answers, "default", answer("Refused, or failed.", "application/json", reference("error")));
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
	for (size_t i = 0; i < ELEMENTS(members); i++)
		value_set(properties, members[i][0], of_type(members[i][1]));
	value_set(v, "type", value_new_string("object"));
	value_set(v, "properties", properties);
	return v;
}

/* An object as answers have it: its fields and what README.md lists behind them; one that is not valid lacks most. */
static struct value *answer_schema(const struct kind *k)
{
	static const char *const members[][2] = {{"rev", "integer"},
	                                         {"invalid", "string"},
	                                         {"raw", "string"},
	                                         {"unchanged", "boolean"},
	                                         {"dryRun", "boolean"}};
	struct value *v = value_new_object();
	_cleanup_value_ struct value *schema = schema_json_schema(k->schema);
	struct value *properties = value_copy(value_get(schema, "properties"));
	for (size_t i = 0; i < ELEMENTS(members); i++)
		value_set(properties, members[i][0], of_type(members[i][1]));
	if (k->status)
		value_set(properties, k == &kind_node ? "health" : "status",
		          schema_json_schema(k->status->schema));
	value_set(v, "type", value_new_string("object"));
	value_set(v, "properties", properties);
	return v;
}

static struct value *components(void)
{
	struct value *v = value_new_object(), *schemas = value_new_object(), *schemes = value_new_object();
	for (const struct kind *const *k = kinds; *k; k++) {
		char name[64];
		if (route_kind((*k)->plural) != *k)
			continue;
		(void)snprintf(name, sizeof(name), "%sAnswer", (*k)->name);
		value_set(schemas, (*k)->name, schema_json_schema((*k)->schema));
		value_set(schemas, name, answer_schema(*k));
	}
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
