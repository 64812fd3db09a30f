/* describe: all about one object, for people. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "core/clock.h"
#include "core/mem.h"

static void print_conditions(const struct value *object)
{
	const struct value *list = value_get(value_get(object, "status"), "conditions");
	if (value_count(list))
		(void)puts("\nConditions:");
	value_for_each_item (i, item, list) {
		char age[24];
		const char *message = value_get_string(item, "message");
		printf("  %-12s %-4s %-6s %-*s%s\n", value_get_string(item, "type"),
		       value_get_bool(item, "status") ? "yes" : "no",
		       age_of(value_get_int(item, "since"), age, sizeof(age)), message && *message ? 18 : 0,
		       value_get_string(item, "reason"), message ? message : "");
	}
}

static int print_pods(struct cli *c, const char *query)
{
	_cleanup_value_ struct value *pods = NULL;
	_cleanup_free_ char *path = mem_printf("/v1/pods?%s", query);
	int e = fetch_list(c, path, &pods);
	if (e || value_count(pods) == 0)
		return e;
	(void)puts("\nPods:");
	value_for_each_item (i, p, pods) {
		char state[256], ports[256];
		const char *message = value_get_string(value_get(p, "status"), "message");
		const char *rest = pod_ports(p, ports, sizeof(ports));
		bool more = *rest || (message && *message);
		printf("  %-32s %-12s %-*s%s%s%s\n", value_get_string(p, "name"), value_get_string(p, "node"),
		       more ? 28 : 0, pod_state(p, state, sizeof(state)), more ? " " : "", rest,
		       message ? message : "");
	}
	return EXIT_OK;
}

static int print_events(struct cli *c, const char *object)
{
	_cleanup_str_ struct str path = STR_INIT;
	str_puts(&path, "/v1/events?object=");
	url_encode(&path, object);
	_cleanup_value_ struct value *events = NULL;
	int e = fetch_list(c, str_get(&path), &events);
	if (e || value_count(events) == 0)
		return e;
	(void)puts("\nEvents:");
	value_for_each_item (i, v, events) {
		char age[24];
		printf("  %-6s %-8s %-18s %s\n", age_of(value_get_int(v, "at"), age, sizeof(age)),
		       value_get_string(v, "type"), value_get_string(v, "reason"),
		       value_get_string(v, "message"));
	}
	return EXIT_OK;
}

/* "since", "startedAt" and their like: ms since 1970. */
static bool is_time(const char *name)
{
	size_t n = strlen(name);
	return streq(name, "since") || streq(name, "at") || streq(name, "nextAttempt") ||
	       (n > 2 && streq(name + n - 2, "At"));
}

static const struct field *field_of(const struct schema *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_fields; i++)
		if (streq(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

/* A copy in which times and sizes are as people read them. s: the schema of an object; f: the row of v; either or none. */
static struct value *readable(const struct value *v, const struct schema *s, const struct field *f)
{
	char text[32];
	if (value_type(v) == VALUE_INT && f && f->type == FIELD_INT && is_time(f->name) && value_int(v) > 0)
		return value_new_string(clock_format(value_int(v), text, sizeof(text)));
	if (value_type(v) == VALUE_INT && f && f->type == FIELD_BYTES)
		return value_new_string(str_format_bytes(value_int(v), text, sizeof(text)));
	if (value_type(v) == VALUE_ARRAY) {
		struct value *list = value_new_array();
		value_for_each_item (i, item, v)
			value_append(list, readable(item, f ? f->item : NULL, NULL));
		return list;
	}
	if (value_type(v) != VALUE_OBJECT)
		return value_ref(v);
	struct value *object = value_new_object();
	bool map = f && f->type == FIELD_MAP; /* its members are the items */
	if (f)
		s = f->item;
	value_for_each (it, v) {
		const char *name = value_iter_name(it);
		const struct value *member = value_iter_value(it);
		value_set(object, name,
		          map ? readable(member, s, NULL) : readable(member, NULL, field_of(s, name)));
	}
	return object;
}

static void print_status(const struct kind *k, const struct value *object)
{
	static const char *const members[] = {"status", "health"};
	static const char *const repeated[] = {"kind", "project", "name", "node", "conditions"};
	for (size_t m = 0; m < ELEMENTS(members); m++) {
		const struct value *v = value_get(object, members[m]);
		if (value_type(v) != VALUE_OBJECT)
			continue;
		const struct schema *s = k->status ? k->status->schema : NULL;
		_cleanup_value_ struct value *rest = readable(v, s, NULL), *block = value_new_object();
		for (size_t i = 0; i < ELEMENTS(repeated); i++)
			value_remove(rest, repeated[i]);
		value_set(block, members[m], value_ref(rest));
		(void)putchar('\n');
		cli_print_value(block, OUTPUT_YAML);
	}
}

static void print_state(const struct kind *k, const struct value *v)
{
	char state[256], engine[96];
	if (k == &kind_microservice)
		printf("State: %s\n\n", service_state(v, state, sizeof(state)));
	else if (k == &kind_pod)
		printf("State: %s\nEngine: %s\n\n", pod_state(v, state, sizeof(state)),
		       pod_engine_state(v, engine, sizeof(engine)));
	else if (k == &kind_node)
		printf("State: %s\n\n",
		       value_get(v, "health") ? "ready" : "lost: its health reporter is silent");
}

static int print_about(struct cli *c, const struct kind *k, const struct value *v)
{
	const char *project = value_get_string(v, "project"), *name = value_get_string(v, "name");
	int e = EXIT_OK;
	print_state(k, v);
	_cleanup_value_ struct value *definition = readable(v, k->schema, NULL);
	value_remove(definition, "status");
	value_remove(definition, "health");
	cli_print_value(definition, OUTPUT_YAML);
	print_status(k, v);
	print_conditions(v);
	_cleanup_free_ char *object =
	        k->scope == KIND_CLUSTER
	                ? mem_printf("%s/%s", k->name, name)
	                : mem_printf("%s/%s/%s", k->name, project ? project : "default", name);
	if (k == &kind_microservice || k == &kind_node) {
		_cleanup_free_ char *query = k == &kind_node
		                                     ? mem_printf("node=%s", name)
		                                     : mem_printf("project=%s&service=%s", project, name);
		e = print_pods(c, query);
	}
	return e ? e : print_events(c, object);
}

int run_describe(struct cli *c)
{
	int o = cli_output(c), e;
	/* "pod/web-0-1a2b" is one word for two */
	char *slash = c->n_args == 1 ? strchr(c->args[0], '/') : NULL;
	if (slash)
		*slash = '\0';
	else if (c->n_args == 1)
		return cli_fail(EXIT_USAGE, "describe: name the object too; `tug get %s` lists them",
		                c->args[0]);
	const struct kind *k = o < 0 ? NULL : find_kind(c->args[0]);
	if (!k)
		return EXIT_USAGE;
	_cleanup_value_ struct value *v = NULL;
	e = fetch_object(c, k, slash ? slash + 1 : c->args[1], &v);
	if (e)
		return e;
	if (o == OUTPUT_JSON || o == OUTPUT_YAML) {
		cli_print_value(v, (enum output)o);
		return EXIT_OK;
	}
	return print_about(c, k, v);
}
