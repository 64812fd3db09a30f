/* get: lists and single objects, as tables, JSON, YAML or names. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "cmd/tug/table.h"
#include "core/mem.h"

/* The columns of a kind's table; `wide` adds the ones behind the bar. */
struct layout {
	const struct kind *kind;
	const char *columns[10]; /* NULL-terminated */
	size_t narrow;           /* how many of them without -o wide */
	void (*cells)(const struct cli *c, struct table *t, const struct value *v);
};

static void microservice_cells(const struct cli *c, struct table *t, const struct value *v)
{
	char label[160], state[256], images[512] = "";
	const struct value *s = value_get(v, "status"), *containers = value_get(v, "containers");
	table_cell(t, "%s", object_label(c, v, label, sizeof(label)));
	table_cell(t, "%" PRId64 "/%" PRId64, value_get_int(s, "ready"), value_get_int(s, "desired"));
	table_cell(t, "%" PRId64, value_get_int(s, "updated"));
	table_state(t, service_tone(service_state(v, state, sizeof(state))), state);
	const char *revision = value_get_string(s, "revision");
	table_cell(t, "%s", revision ? revision : "");
	size_t n = 0;
	value_for_each (it, containers) {
		const char *image = value_get_string(value_iter_value(it), "image");
		if (image && n < sizeof(images))
			n += (size_t)snprintf(images + n, sizeof(images) - n, "%s%s", n ? "," : "", image);
	}
	table_cell(t, "%s", images);
}

static void pod_cells(const struct cli *c, struct table *t, const struct value *v)
{
	char label[160], state[256], text[256];
	const struct value *s = value_get(v, "status"), *list = value_get(s, "containers");
	size_t running = 0;
	int64_t restarts = 0;
	value_for_each_item (i, item, list) {
		const char *word = value_get_string(item, "state");
		running += word && streq(word, "running");
		restarts += value_get_int(item, "restarts");
	}
	table_cell(t, "%s", object_label(c, v, label, sizeof(label)));
	table_cell(t, "%zu/%zu", running, value_count(value_get(v, "containers")));
	table_state(t, pod_tone(v), pod_state(v, state, sizeof(state)));
	table_cell(t, "%" PRId64, restarts);
	table_cell(t, "%s", value_get_string(v, "node"));
	table_cell(t, "%s", value_get_string(s, "address") ? value_get_string(s, "address") : "");
	table_cell(t, "%s", pod_ports(v, text, sizeof(text)));
	table_cell(t, "%s", value_get_string(s, "message") ? value_get_string(s, "message") : "");
}

static void put_bytes(struct table *t, int64_t used, int64_t all)
{
	char a[24], b[24];
	if (all > 0)
		table_cell(t, "%s/%s", str_format_bytes(used, a, sizeof(a)),
		           str_format_bytes(all, b, sizeof(b)));
	else
		table_cell(t, "%s", "");
}

static void node_cells(const struct cli *c _unused_, struct table *t, const struct value *v)
{
	const struct value *h = value_get(v, "health");
	const char *state = value_get_string(v, "state");
	table_cell(t, "%s", value_get_string(v, "name"));
	char text[32];
	bool active = !state || streq(state, "active");
	(void)snprintf(text, sizeof(text), "%s%s", h ? "ready" : "lost",
	               active                     ? ""
	               : streq(state, "inactive") ? ", cordoned"
	               : streq(state, "draining") ? ", draining"
	                                          : ", disabled");
	table_state(t, !h ? TONE_BAD : active ? TONE_GOOD : TONE_BUSY, text);
	const char *zone = value_get_string(v, "zone"), *address = value_get_string(v, "address");
	table_cell(t, "%s", zone ? zone : "");
	if (h)
		table_cell(t, "%" PRId64 "%% of %g", value_get_int(h, "cpuUsed"),
		           value_real(value_get(h, "cpus")));
	else
		table_cell(t, "%s", "");
	put_bytes(t, value_get_int(h, "memoryUsed"), value_get_int(h, "memory"));
	put_bytes(t, value_get_int(h, "diskUsed"), value_get_int(h, "disk"));
	const char *version = value_get_string(h, "version");
	table_cell(t, "%s", version ? version : "");
	table_cell(t, "%s", address ? address : "");
	const char *architecture = value_get_string(h, "architecture"),
	           *kernel = value_get_string(h, "kernel");
	table_cell(t, "%s%s%s", architecture ? architecture : "", kernel ? " " : "", kernel ? kernel : "");
}

static void event_cells(const struct cli *c _unused_, struct table *t, const struct value *v)
{
	char age[24];
	table_cell(t, "%s", age_of(value_get_int(v, "at"), age, sizeof(age)));
	const char *type = value_get_string(v, "type");
	table_state(t, type && streq(type, "Warning") ? TONE_BAD : TONE_PLAIN, type ? type : "");
	table_cell(t, "%s", value_get_string(v, "reason"));
	table_cell(t, "%s", value_get_string(v, "object"));
	table_cell(t, "%s", value_get_string(v, "message"));
	table_cell(t, "%s@%s", value_get_string(v, "role"), value_get_string(v, "node"));
}

static void revision_cells(const struct cli *c, struct table *t, const struct value *v)
{
	char label[160], age[24];
	table_cell(t, "%s", object_label(c, v, label, sizeof(label)));
	table_cell(t, "%s", value_get_string(v, "hash"));
	table_cell(t, "%s", age_of(value_get_int(v, "createdAt"), age, sizeof(age)));
}

static void endpoints_cells(const struct cli *c, struct table *t, const struct value *v)
{
	char label[160], text[512] = "";
	size_t n = 0;
	table_cell(t, "%s", object_label(c, v, label, sizeof(label)));
	table_cell(t, "%zu", value_count(value_get(v, "ready")));
	value_for_each_item (i, item, value_get(v, "ready")) {
		const char *host = value_get_string(item, "hostAddress");
		value_for_each (it, value_get(item, "ports"))
			if (n < sizeof(text))
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%s", n ? ", " : "",
				                      host ? host : "?", value_string(value_iter_value(it)));
	}
	table_cell(t, "%s", text);
}

static void health_cells(const struct cli *c _unused_, struct table *t, const struct value *v)
{
	char age[24];
	table_cell(t, "%s", value_get_string(v, "name"));
	table_cell(t, "%" PRId64 "%%", value_get_int(v, "cpuUsed"));
	put_bytes(t, value_get_int(v, "memoryUsed"), value_get_int(v, "memory"));
	put_bytes(t, value_get_int(v, "diskUsed"), value_get_int(v, "disk"));
	table_cell(t, "%s", age_of(value_get_int(v, "startedAt"), age, sizeof(age)));
}

/* clang-format off */
static const struct layout layouts[] = {
	{&kind_microservice, {"NAME", "READY", "UPDATED", "STATE", "REVISION", "IMAGES"}, 4, microservice_cells},
	{&kind_pod, {"NAME", "CONTAINERS", "STATE", "RESTARTS", "NODE", "ADDRESS", "PORTS", "MESSAGE"}, 5, pod_cells},
	{&kind_node, {"NAME", "STATE", "ZONE", "CPU", "MEMORY", "DISK", "VERSION", "ADDRESS", "SYSTEM"}, 7, node_cells},
	{&kind_event, {"AGE", "TYPE", "REASON", "OBJECT", "MESSAGE", "FROM"}, 5, event_cells},
	{&kind_revision, {"MICROSERVICE", "REVISION", "AGE"}, 3, revision_cells},
	{&kind_endpoints, {"NAME", "READY", "ENDPOINTS"}, 3, endpoints_cells},
	{&kind_health, {"NODE", "CPU", "MEMORY", "DISK", "UP"}, 5, health_cells},
};
/* clang-format on */

static const struct layout *layout_of(const struct kind *k)
{
	for (size_t i = 0; i < ELEMENTS(layouts); i++)
		if (layouts[i].kind == k)
			return &layouts[i];
	return NULL;
}

/* more: of a table that grows; NULL: all of it is in the list. */
static void print_table(struct cli *c, const struct kind *k, const struct value *list, bool wide,
                        struct table_widths *more)
{
	const struct layout *l = layout_of(k);
	const char *columns[ELEMENTS(l->columns) + 1] = {0};
	for (size_t i = 0; l->columns[i] && (wide || i < l->narrow); i++)
		columns[i] = l->columns[i];
	struct table *t = table_new(columns, cli_colour(c));
	value_for_each_item (i, item, list) {
		table_row(t);
		l->cells(c, t, item);
	}
	if (more)
		table_print_more(t, more);
	else
		table_print(t);
}

static void print_list(struct cli *c, const struct kind *k, struct value *list, enum output o)
{
	if (o == OUTPUT_TABLE || o == OUTPUT_WIDE) {
		if (value_count(list) == 0)
			cli_note(c, "no %s%s%s", k->plural,
			         k->scope != KIND_CLUSTER && cli_project(c) ? " in project " : "",
			         k->scope != KIND_CLUSTER && cli_project(c) ? cli_project(c) : "");
		else
			print_table(c, k, list, o == OUTPUT_WIDE, NULL);
	} else if (o == OUTPUT_NAME) {
		value_for_each_item (i, item, list)
			printf("%s/%s\n", k->name, value_get_string(item, "name"));
	} else {
		_cleanup_value_ struct value *all = value_new_object();
		value_set(all, "items", value_ref(list));
		cli_print_value(all, o);
	}
}

/* What is there is one table; what comes later are further rows of it. */
struct watching {
	struct cli *cli;
	const struct kind *kind;
	enum output output;
	struct value *first; /* collected until the list is whole; NULL from then on */
	struct table_widths widths;
};

static void print_change(struct watching *w, const char *event, const struct value *v)
{
	const char *name = value_get_string(v, "name");
	if (w->output == OUTPUT_JSON || w->output == OUTPUT_YAML) {
		print_done(w->cli, w->kind, name ? name : "", event, v);
	} else if (streq(event, "delete")) {
		printf("%s/%s deleted\n", w->kind->name, name);
	} else if (w->output == OUTPUT_NAME) {
		printf("%s/%s\n", w->kind->name, name);
	} else {
		_cleanup_value_ struct value *list = value_new_array();
		value_append(list, value_ref(v));
		print_table(w->cli, w->kind, list, w->output == OUTPUT_WIDE, &w->widths);
	}
}

static bool on_event(void *ctx, const char *event, const struct value *v)
{
	struct watching *w = ctx;
	bool table = w->output == OUTPUT_TABLE || w->output == OUTPUT_WIDE;
	if (streq(event, "synced")) {
		if (w->first && value_count(w->first))
			print_table(w->cli, w->kind, w->first, w->output == OUTPUT_WIDE, &w->widths);
		w->first = value_unref(w->first);
	} else if (table && w->first && streq(event, "put")) {
		value_append(w->first, value_ref(v));
	} else {
		print_change(w, event, v);
	}
	return fflush(stdout) == 0;
}

static int watch(struct cli *c, const struct kind *k, const char *path, enum output o)
{
	struct watching w = {.cli = c, .kind = k, .output = o, .first = value_new_array()};
	struct sse sse = {.on_event = on_event, .ctx = &w};
	_cleanup_free_ char *target = mem_printf("%s%swatch=1", path, strchr(path, '?') ? "&" : "?");
	int e = api_stream(c, target, 0, sse_data, &sse);
	sse_done(&sse);
	w.first = value_unref(w.first);
	return e;
}

/* One object is shown as itself, several as a list. */
static int get_named(struct cli *c, const struct kind *k, char *const *names, unsigned n, enum output o)
{
	_cleanup_value_ struct value *list = value_new_array();
	int e = EXIT_OK;
	for (unsigned i = 0; i < n; i++) {
		struct value *v = NULL;
		int one = fetch_object(c, k, names[i], &v);
		if (one == EXIT_OK)
			value_append(list, v);
		else if (e == EXIT_OK)
			e = one;
	}
	if (n == 1 && value_count(list) && (o == OUTPUT_JSON || o == OUTPUT_YAML))
		cli_print_value(value_at(list, 0), o);
	else if (value_count(list))
		print_list(c, k, list, o);
	return e;
}

int run_get(struct cli *c)
{
	int o = cli_output(c);
	/* "pod/web-0-1a2b" is one word for two */
	char *slash = c->n_args == 1 ? strchr(c->args[0], '/') : NULL, *behind = slash ? slash + 1 : NULL;
	char *const *names = slash ? &behind : c->args + 1;
	unsigned n = slash ? 1 : c->n_args - 1;
	if (slash)
		*slash = '\0';
	const struct kind *k = o < 0 ? NULL : find_kind(c->args[0]);
	if (!k)
		return EXIT_USAGE;
	if (!cli_flag(c, "watch") && n)
		return get_named(c, k, names, n, (enum output)o);
	if (n > 1)
		return cli_fail(EXIT_USAGE, "get: --watch takes one name, or none for all");
	_cleanup_str_ struct str path = STR_INIT;
	const char *project = cli_project(c);
	if (n)
		object_path(&path, k, project ? project : "default", names[0]);
	else
		list_path(c, k, &path);
	if (cli_flag(c, "watch"))
		return watch(c, k, str_get(&path), (enum output)o);
	_cleanup_value_ struct value *list = NULL;
	int e = fetch_list(c, str_get(&path), &list);
	if (e == EXIT_OK)
		print_list(c, k, list, (enum output)o);
	return e;
}

int run_nodes(struct cli *c)
{
	int o = cli_output(c);
	_cleanup_value_ struct value *list = NULL;
	if (o < 0)
		return EXIT_USAGE;
	int e = fetch_list(c, "/v1/nodes", &list);
	if (e == EXIT_OK)
		print_list(c, &kind_node, list, (enum output)o);
	return e;
}

int run_events(struct cli *c)
{
	int o = cli_output(c);
	if (o < 0)
		return EXIT_USAGE;
	_cleanup_str_ struct str path = STR_INIT;
	str_puts(&path, "/v1/events");
	if (cli_flag(c, "object")) {
		str_puts(&path, "?object=");
		url_encode(&path, cli_flag(c, "object"));
	}
	if (add_since(c, &path, cli_flag(c, "object") ? '&' : '?') < 0)
		return EXIT_USAGE;
	if (cli_flag(c, "watch"))
		return watch(c, &kind_event, str_get(&path), (enum output)o);
	_cleanup_value_ struct value *list = NULL;
	int e = fetch_list(c, str_get(&path), &list);
	if (e == EXIT_OK)
		print_list(c, &kind_event, list, (enum output)o);
	return e;
}
