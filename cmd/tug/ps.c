/* ps and describe: what runs, and all about one thing. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "cmd/tug/table.h"
#include "core/clock.h"
#include "core/mem.h"

/* "mysql, redis" of the microservice's dependsOn. Returns buf. */
static const char *dependencies(const struct value *services, const struct value *pod, char *buf, size_t size)
{
	const char *project = value_get_string(pod, "project"), *name = value_get_string(pod, "service");
	size_t n = 0;
	buf[0] = '\0';
	value_for_each_item (i, s, services) {
		if (!str_equal(value_get_string(s, "name"), name) ||
		    !str_equal(value_get_string(s, "project"), project))
			continue;
		value_for_each_item (k, d, value_get(s, "dependsOn")) {
			const char *on = value_get_string(d, "service");
			if (on && n < size)
				n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", on);
		}
	}
	return buf;
}

/* A microservice that has no pods, though it wants some: one row that says why. */
static bool has_pods(const struct value *pods, const struct value *service)
{
	value_for_each_item (i, p, pods)
		if (str_equal(value_get_string(p, "service"), value_get_string(service, "name")) &&
		    str_equal(value_get_string(p, "project"), value_get_string(service, "project")))
			return true;
	return false;
}

static void pod_row(const struct cli *c, struct table *t, const struct value *services,
                    const struct value *pod)
{
	char label[200], ports[256], deps[256], engine[96], state[256];
	table_row(t);
	table_cell(t, "%s", value_get_string(pod, "node"));
	table_cell(t, "%s", object_label(c, pod, label, sizeof(label)));
	table_cell(t, "%s", pod_ports(pod, ports, sizeof(ports)));
	table_cell(t, "%s", dependencies(services, pod, deps, sizeof(deps)));
	table_cell(t, "%s", pod_engine_state(pod, engine, sizeof(engine)));
	table_cell(t, "%s", pod_state(pod, state, sizeof(state)));
}

static void service_row(const struct cli *c, struct table *t, const struct value *service)
{
	char label[200], state[256];
	table_row(t);
	table_cell(t, "%s", "");
	table_cell(t, "%s", object_label(c, service, label, sizeof(label)));
	for (int i = 0; i < 3; i++)
		table_cell(t, "%s", "");
	table_cell(t, "%s", service_state(service, state, sizeof(state)));
}

int run_ps(struct cli *c)
{
	static const char *const columns[] = {"NODE",         "RESOURCE", "PORTS", "DEPS",
	                                      "ENGINE STATE", "STATE",    NULL};
	int o = cli_output(c);
	if (o < 0)
		return EXIT_USAGE;
	const char *only = c->n_args ? c->args[0] : NULL;
	_cleanup_str_ struct str pods_path = STR_INIT, services_path = STR_INIT;
	list_path(c, &kind_pod, &pods_path);
	list_path(c, &kind_microservice, &services_path);
	if (only) {
		str_puts(&pods_path, strchr(str_get(&pods_path), '?') ? "&service=" : "?service=");
		url_encode(&pods_path, only);
	}
	_cleanup_value_ struct value *pods = NULL, *services = NULL;
	int e = fetch_list(c, str_get(&pods_path), &pods);
	if (e == EXIT_OK)
		e = fetch_list(c, str_get(&services_path), &services);
	if (e)
		return e;
	if (o == OUTPUT_JSON || o == OUTPUT_YAML) {
		_cleanup_value_ struct value *all = value_new_object();
		value_set(all, "items", value_ref(pods));
		cli_print_value(all, (enum output)o);
		return EXIT_OK;
	}
	if (o == OUTPUT_NAME) {
		value_for_each_item (i, p, pods)
			printf("pod/%s\n", value_get_string(p, "name"));
		return EXIT_OK;
	}
	struct table *t = table_new(columns, cli_colour(c));
	size_t rows = 0;
	value_for_each_item (i, p, pods) {
		pod_row(c, t, services, p);
		rows++;
	}
	value_for_each_item (i, s, services) {
		bool wanted = !only || str_equal(only, value_get_string(s, "name"));
		bool idle = value_get(s, "status") && value_get_int(value_get(s, "status"), "desired") == 0 &&
		            !value_get(s, "invalid");
		if (!wanted || idle || has_pods(pods, s))
			continue;
		service_row(c, t, s);
		rows++;
	}
	if (rows == 0)
		cli_note(c, "nothing runs%s%s; `tug apply -f FILE` changes that",
		         cli_project(c) ? " in project " : "", cli_project(c) ? cli_project(c) : "");
	table_print(t);
	return EXIT_OK;
}

/* --- describe --- */

static void print_conditions(const struct value *object)
{
	const struct value *list = value_get(value_get(object, "status"), "conditions");
	if (value_count(list))
		(void)puts("\nConditions:");
	value_for_each_item (i, item, list) {
		char age[24];
		const char *message = value_get_string(item, "message");
		printf("  %-14s %-5s %-22s %s  (%s)\n", value_get_string(item, "type"),
		       value_get_bool(item, "status") ? "yes" : "no", value_get_string(item, "reason"),
		       message ? message : "", age_of(value_get_int(item, "since"), age, sizeof(age)));
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
		printf("  %-32s %-12s %-28s %s%s%s\n", value_get_string(p, "name"),
		       value_get_string(p, "node"), pod_state(p, state, sizeof(state)),
		       pod_ports(p, ports, sizeof(ports)), message && *message ? "  " : "",
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

int run_describe(struct cli *c)
{
	const struct kind *k = find_kind(c->args[0]);
	if (!k)
		return EXIT_USAGE;
	_cleanup_value_ struct value *v = NULL;
	int e = fetch_object(c, k, c->args[1], &v);
	if (e)
		return e;
	char state[256];
	const char *project = value_get_string(v, "project"), *name = value_get_string(v, "name");
	if (k == &kind_microservice)
		printf("State: %s\n\n", service_state(v, state, sizeof(state)));
	else if (k == &kind_pod)
		printf("State: %s\nEngine: %s\n\n", pod_state(v, state, sizeof(state)),
		       pod_engine_state(v, (char[96]){0}, 96));
	_cleanup_value_ struct value *definition = value_copy(v), *status = value_new_object();
	value_remove(definition, "status");
	cli_print_value(definition, OUTPUT_YAML);
	if (value_get(v, "status")) {
		_cleanup_value_ struct value *rest = value_copy(value_get(v, "status"));
		static const char *const repeated[] = {"kind", "project", "name", "node", "conditions"};
		for (size_t i = 0; i < ELEMENTS(repeated); i++)
			value_remove(rest, repeated[i]);
		(void)puts("\nStatus:");
		value_set(status, "status", value_ref(rest));
		cli_print_value(status, OUTPUT_YAML);
	}
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
