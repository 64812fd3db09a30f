/* ps: what runs where. */
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
	table_state(t, pod_tone(pod), pod_state(pod, state, sizeof(state)));
}

static void service_row(const struct cli *c, struct table *t, const struct value *service)
{
	char label[200], state[256];
	table_row(t);
	table_cell(t, "%s", "");
	table_cell(t, "%s", object_label(c, service, label, sizeof(label)));
	for (int i = 0; i < 3; i++)
		table_cell(t, "%s", "");
	table_state(t, service_tone(service_state(service, state, sizeof(state))), state);
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
	bool known = false;
	value_for_each_item (i, p, pods) {
		pod_row(c, t, services, p);
		rows++;
	}
	value_for_each_item (i, s, services) {
		bool wanted = !only || str_equal(only, value_get_string(s, "name"));
		bool idle = value_get(s, "status") && value_get_int(value_get(s, "status"), "desired") == 0 &&
		            !value_get(s, "invalid");
		known |= wanted;
		if (!wanted || idle || has_pods(pods, s))
			continue;
		service_row(c, t, s);
		rows++;
	}
	bool empty = rows == 0;
	if (empty && only && !known)
		e = cli_fail(EXIT_NOT_FOUND, "there is no microservice %s%s%s", only,
		             cli_project(c) ? " in project " : "", cli_project(c) ? cli_project(c) : "");
	else if (empty && only)
		cli_note(c, "%s runs no pods: its scale is 0", only);
	else if (empty)
		cli_note(c, "nothing runs%s%s; `tug apply -f FILE` changes that",
		         cli_project(c) ? " in project " : "", cli_project(c) ? cli_project(c) : "");
	table_print(t);
	return e;
}
