#include "cmd/tug/objects.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/mem.h"

#define LIST_PAGE 512 /* objects asked for at once; their values together must stay below LIMIT_NODES */

bool kind_is_shown(const struct kind *k)
{
	/* a status is shown with its object; a session is between the API and a runner */
	return k != &kind_session && !str_after(k->key_prefix, "status/");
}

const char *nearest_kind(const char *word)
{
	struct nearest nearest = {.word = word};
	for (size_t i = 0; kinds[i]; i++) {
		if (!kind_is_shown(kinds[i]))
			continue;
		nearest_offer(&nearest, kinds[i]->name);
		nearest_offer(&nearest, kinds[i]->plural);
	}
	return nearest.found;
}

const struct kind *find_kind(const char *word)
{
	const struct kind *k = kind_find(word);
	if (k && kind_is_shown(k))
		return k;
	_cleanup_str_ struct str all = STR_INIT;
	for (size_t i = 0; kinds[i]; i++)
		if (kind_is_shown(kinds[i]))
			str_printf(&all, "%s%s", all.len ? ", " : "", kinds[i]->plural);
	const char *nearest = nearest_kind(word);
	if (nearest)
		(void)cli_fail(EXIT_USAGE, "%s: no such kind; did you mean %s? There are: %s", word, nearest,
		               str_get(&all));
	else
		(void)cli_fail(EXIT_USAGE, "%s: no such kind; there are: %s", word, str_get(&all));
	return NULL;
}

void object_path(struct str *out, const struct kind *k, const char *scope, const char *name)
{
	str_printf(out, "/v1/%s", k->plural);
	if (scope && k->scope != KIND_CLUSTER) {
		str_putc(out, '/');
		url_encode(out, scope);
	}
	if (!name)
		return;
	str_putc(out, '/');
	/* a revision is named "web/1a2b3c": the slash divides segments */
	const char *slash = strchr(name, '/');
	if (!slash) {
		url_encode(out, name);
		return;
	}
	_cleanup_free_ char *first = mem_strndup(name, (size_t)(slash - name));
	url_encode(out, first);
	str_putc(out, '/');
	url_encode(out, slash + 1);
}

void list_path(const struct cli *c, const struct kind *k, struct str *out)
{
	object_path(out, k, NULL, NULL);
	const char *project = cli_project(c);
	if (k->scope == KIND_CLUSTER || !project)
		return;
	str_puts(out, "?project=");
	url_encode(out, project);
}

int add_since(const struct cli *c, struct str *path, char joint)
{
	const char *since = cli_flag(c, "since");
	int64_t ms;
	if (!since)
		return 0;
	if (str_parse_duration(since, &ms) < 0)
		return cli_fail(-1, "--since %s: not a duration; write 30s, 10m or 2h", since);
	/* with its unit: the API takes a bare number for a moment */
	str_printf(path, "%csince=%" PRId64 "ms", joint, ms);
	return 0;
}

/* One page of a list, added to all. *limit becomes less where so many objects are more than a document may hold. */
static int fetch_page(struct cli *c, const char *target, unsigned *limit, struct value *all, char **after)
{
	_cleanup_reply_ struct reply r = {0};
	int e;
	do {
		_cleanup_str_ struct str page = STR_INIT;
		str_printf(&page, "%s%climit=%u", target, strchr(target, '?') ? '&' : '?', *limit);
		if (*after) {
			str_puts(&page, "&after=");
			url_encode(&page, *after);
		}
		reply_done(&r);
		e = api_try(c, "GET", str_get(&page), NULL, NULL, 0, *limit > 1 ? 200 : -1, &r);
	} while (r.status == 200 && !r.value && (*limit = *limit / 8) > 0);
	value_for_each_item (i, item, value_get(r.value, "items"))
		value_append(all, value_ref(item));
	free(*after);
	*after = mem_strdup(value_get_string(r.value, "next"));
	return e;
}

int fetch_list(struct cli *c, const char *target, struct value **ret)
{
	struct value *all = value_new_array();
	_cleanup_free_ char *after = NULL;
	unsigned limit = LIST_PAGE;
	int e;
	do {
		e = fetch_page(c, target, &limit, all, &after);
	} while (e == EXIT_OK && after);
	if (e == EXIT_OK)
		*ret = all;
	else
		(void)value_unref(all);
	return e;
}

int fetch_object(struct cli *c, const struct kind *k, const char *name, struct value **ret)
{
	_cleanup_str_ struct str path = STR_INIT;
	const char *project = cli_project(c);
	object_path(&path, k, project ? project : "default", name);
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "GET", str_get(&path), NULL, NULL, 0, &r);
	if (e == EXIT_OK)
		*ret = TAKE_PTR(r.value);
	return e;
}

const char *object_label(const struct cli *c, const struct value *v, char *buf, size_t size)
{
	const char *project = value_get_string(v, "project"), *name = value_get_string(v, "name");
	if (project && !cli_project(c))
		(void)snprintf(buf, size, "%s/%s", project, name ? name : "");
	else
		(void)snprintf(buf, size, "%s", name ? name : "");
	return buf;
}

const char *age_of(int64_t wall_ms, char *buf, size_t size)
{
	if (wall_ms <= 0)
		(void)snprintf(buf, size, "-");
	else
		(void)str_format_age(clock_wall_ms() - wall_ms, buf, size);
	return buf;
}

/* "PullingContainers" as people say it: "pulling containers". */
static void lower_words(const char *word, char *buf, size_t size)
{
	size_t n = 0;
	for (const char *p = word; *p && n + 2 < size; p++) {
		if (*p >= 'A' && *p <= 'Z' && p != word)
			buf[n++] = ' ';
		buf[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	}
	buf[n] = '\0';
}

const char *pod_state(const struct value *pod, char *buf, size_t size)
{
	const struct value *status = value_get(pod, "status");
	const char *phase = value_get_string(status, "phase"), *reason = value_get_string(status, "reason");
	if (!status) {
		(void)snprintf(buf, size, "placed");
		return buf;
	}
	if (!phase)
		phase = "Pending"; /* the default, which is not stored */
	char words[64], age[24];
	bool failed = streq(phase, "Failed") || streq(phase, "Unknown");
	bool say_reason = reason && *reason && !streq(phase, "Running");
	lower_words(say_reason && !failed ? reason : phase, words, sizeof(words));
	(void)age_of(value_get_int(status, "since"), age, sizeof(age));
	int64_t wait = value_get_int(status, "nextAttempt") - clock_wall_ms();
	char again[48] = "", in[24];
	if (failed && wait > 0)
		(void)snprintf(again, sizeof(again), ", again in %s",
		               str_format_age(wait + 999, in, sizeof(in)));
	(void)snprintf(buf, size, "%s%s%s (%s%s)", words, failed && say_reason ? ": " : "",
	               failed && say_reason ? reason : "", age, again);
	return buf;
}

enum tone pod_tone(const struct value *pod)
{
	const char *phase = value_get_string(value_get(pod, "status"), "phase");
	if (phase && (streq(phase, "Failed") || streq(phase, "Unknown")))
		return TONE_BAD;
	return phase && streq(phase, "Running") ? TONE_GOOD : TONE_BUSY;
}

enum tone service_tone(const char *state)
{
	if (streq(state, "ready"))
		return TONE_GOOD;
	return str_after(state, "invalid") || str_after(state, "not placed") || str_after(state, "stuck")
	               ? TONE_BAD
	               : TONE_BUSY;
}

const char *pod_engine_state(const struct value *pod, char *buf, size_t size)
{
	const struct value *status = value_get(pod, "status"), *list = value_get(status, "containers");
	const char *engine = value_get_string(status, "engine"), *worst = NULL;
	/* the state that stands out: any container that does not run */
	value_for_each_item (i, item, list) {
		const char *state = value_get_string(item, "state");
		if (state && (!worst || streq(worst, "running")))
			worst = state;
	}
	if (!worst)
		(void)snprintf(buf, size, "-");
	else
		(void)snprintf(buf, size, "%s (%.*s)", worst, (int)strcspn(engine ? engine : "-", " "),
		               engine ? engine : "-");
	return buf;
}

const char *pod_ports(const struct value *pod, char *buf, size_t size)
{
	size_t n = 0;
	buf[0] = '\0';
	value_for_each_item (i, item, value_get(value_get(pod, "status"), "containers")) {
		const struct value *ports = value_get(item, "ports");
		value_for_each (it, ports) {
			const char *inside = value_iter_name(it), *host = value_string(value_iter_value(it));
			int len = (int)strcspn(inside, "/");
			bool udp = strstr(inside, "/udp") != NULL;
			if (n < size)
				n += (size_t)snprintf(buf + n, size - n, "%s%s->%.*s%s", n ? ", " : "",
				                      host ? host : "?", len, inside, udp ? "/udp" : "");
		}
	}
	return buf;
}

const struct value *condition_of(const struct value *object, const char *type)
{
	value_for_each_item (i, item, value_get(value_get(object, "status"), "conditions")) {
		const char *t = value_get_string(item, "type");
		if (t && streq(t, type))
			return item;
	}
	return NULL;
}

const char *service_state(const struct value *service, char *buf, size_t size)
{
	const struct value *status = value_get(service, "status");
	const struct value *valid = condition_of(service, "Valid"), *placed = condition_of(service, "Placed");
	const struct value *progress = condition_of(service, "Progressing");
	int64_t desired = value_get_int(status, "desired"), ready = value_get_int(status, "ready");
	int64_t updated = value_get_int(status, "updated"), pods = value_get_int(status, "pods");
	const char *bad = value_get_string(service, "invalid");
	if (bad || (valid && !value_get_bool(valid, "status")))
		(void)snprintf(buf, size, "invalid: %s", bad ? bad : value_get_string(valid, "message"));
	else if (!status)
		(void)snprintf(buf, size, "accepted");
	else if (placed && !value_get_bool(placed, "status"))
		(void)snprintf(buf, size, "not placed: %s", value_get_string(placed, "message"));
	else if (progress && !value_get_bool(progress, "status") && ready < desired)
		(void)snprintf(buf, size, "stuck: %s", value_get_string(progress, "message"));
	else if (updated < pods || pods != desired)
		(void)snprintf(buf, size, "rolling out");
	else
		(void)snprintf(buf, size, ready == desired ? "ready" : "starting");
	return buf;
}

void print_done(struct cli *c, const struct kind *k, const char *name, const char *how,
                const struct value *answer)
{
	int format = cli_output(c);
	if (answer && (format == OUTPUT_JSON || format == OUTPUT_YAML)) {
		if (format == OUTPUT_YAML && c->printed++)
			(void)puts("---");
		cli_print_value(answer, (enum output)format);
	} else if (format == OUTPUT_NAME) {
		printf("%s/%s\n", k->name, name);
	} else {
		printf("%s/%s %s\n", k->name, name, how);
	}
}
