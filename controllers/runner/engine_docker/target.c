/* A pod as the engine is asked for it. Whatever the engine would check late, differently or not at all is
 * checked here, with one text for all engines (memory, cpus, ports). */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "controllers/runner/engine_check/check.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

#define PIDS_LIMIT   4096 /* processes and threads: a fork bomb stays in its pod */
#define HOSTNAME_MAX 63

uint64_t docker_hash(const void *data, size_t len)
{
	uint64_t h = SCHEMA_HASH_INIT;
	for (const unsigned char *p = data; len--; p++)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h;
}

static void set_string(struct value *o, const char *name, const char *s)
{
	value_set(o, name, value_new_string(s));
}

static void set_int(struct value *o, const char *name, int64_t n)
{
	value_set(o, name, value_new_int(n));
}

static struct value *set_object(struct value *o, const char *name)
{
	struct value *v = value_new_object();
	value_set(o, name, v);
	return v;
}

static struct value *new_strings(const struct strings *s)
{
	struct value *v = value_new_array();
	for (size_t i = 0; i < s->count; i++)
		value_append(v, value_new_string(s->items[i]));
	return v;
}

/* The last one of a name wins; Docker would hand on both. */
static struct value *new_env(const struct pairs *env)
{
	struct value *v = value_new_array();
	for (size_t i = 0; i < env->count; i++) {
		bool again = false;
		for (size_t k = i + 1; k < env->count && !again; k++)
			again = streq(env->items[i].key, env->items[k].key);
		if (again)
			continue;
		_cleanup_free_ char *item = mem_printf("%s=%s", env->items[i].key, env->items[i].value);
		value_append(v, value_new_string(item));
	}
	return v;
}

/* Published ports go into ExposedPorts and PortBindings: one that is only in the latter is silently left out.
 * Their names are also added to `opens`. */
static void add_ports(struct value *config, struct value *host, const struct container *c, struct str *opens)
{
	struct engine_port ports[2 * LIMIT_PORTS];
	size_t n = engine_ports(c, ports, ELEMENTS(ports));
	struct value *bindings = value_get(host, "PortBindings"),
	             *exposed = value_get(config, "ExposedPorts");
	if (n && !bindings) {
		bindings = set_object(host, "PortBindings");
		exposed = set_object(config, "ExposedPorts");
	}
	for (size_t i = 0; i < n; i++) {
		struct value *list = value_new_array(), *binding = value_new_object();
		char text[8] = "";
		if (ports[i].host)
			(void)snprintf(text, sizeof(text), "%u", ports[i].host);
		/* a random port may differ between IPv4 and IPv6 in Docker, so it is asked for on one of them */
		set_string(binding, "HostIp", ports[i].host ? "" : "0.0.0.0");
		set_string(binding, "HostPort", text);
		value_append(list, binding);
		value_set(bindings, ports[i].key, list);
		value_set(exposed, ports[i].key, value_new_object());
		str_printf(opens, "%s%s", opens->len ? "," : "", ports[i].key);
	}
}

static void add_limits(const struct docker *d, struct value *host, const struct container *c)
{
	int64_t cpus = engine_cpus(c, &d->base.info);
	if (c->memLimit) {
		set_int(host, "Memory", c->memLimit);
		set_int(host, "MemorySwap", c->memLimit); /* memory plus swap: no swap */
	}
	if (cpus)
		set_int(host, "NanoCpus", cpus * 1000000);
	set_int(host, "PidsLimit", PIDS_LIMIT);
}

static void add_volumes(const struct docker *d, struct value *host, const struct container *c)
{
	if (!c->volumes.count)
		return;
	struct value *mounts = value_new_array();
	const struct volume_mount *v = LIST_ITEMS(&c->volumes, struct volume_mount);
	for (size_t i = 0; i < c->volumes.count; i++) {
		struct value *m = value_new_object();
		set_string(m, "Type", "volume");
		set_string(m, "Source", v[i].name);
		set_string(m, "Target", v[i].mount);
		value_set(m, "ReadOnly", value_new_bool(v[i].readOnly));
		struct value *labels = set_object(set_object(m, "VolumeOptions"), "Labels");
		set_string(labels, "tug.node", d->node);
		set_string(labels, "tug.volume", v[i].name);
		value_append(mounts, m);
	}
	value_set(host, "Mounts", mounts);
}

/* What all containers have in common. */
static struct value *new_host(void)
{
	struct value *host = value_new_object();
	set_string(set_object(host, "RestartPolicy"), "Name", "no"); /* who restarts is decided by tug */
	value_set(host, "AutoRemove", value_new_bool(false));        /* exit code and logs are wanted */
	struct value *log = set_object(host, "LogConfig");
	set_string(log, "Type", "json-file");
	struct value *options = set_object(log, "Config");
	set_string(options, "max-size", "10m");
	set_string(options, "max-file", "2");
	return host;
}

static void add_hostname(struct value *config, const struct pod *pod)
{
	char host[HOSTNAME_MAX + 1];
	size_t n = (size_t)MAX(snprintf(host, sizeof(host), "%s", pod->name), 0);
	for (n = MIN(n, sizeof(host) - 1); n && host[n - 1] == '-'; n--)
		host[n - 1] = '\0'; /* a cut name must not end with a dash */
	set_string(config, "Hostname", host);
}

static void add_labels(struct value *config, const struct docker *d, const struct pod *pod, uint64_t cluster,
                       int64_t rev, const struct docker_target *t, const char *opens)
{
	struct value *labels = set_object(config, "Labels");
	_cleanup_free_ char *pod_path = mem_printf("%s/%s", d->node, pod->name);
	char number[32];
	set_string(labels, "org.containeros.pod.name", pod_path);
	if (t->name)
		set_string(labels, "org.containeros.container.name", t->name);
	set_string(labels, "tug.node", d->node);
	set_string(labels, "tug.project", pod->project);
	set_string(labels, "tug.pod", pod->name);
	set_string(labels, "tug.service", pod->service ? pod->service : "");
	set_string(labels, "tug.revision", pod->revision ? pod->revision : "");
	set_string(labels, "tug.container", t->name ? t->name : "");
	set_string(labels, "tug.role", t->name ? "container" : "infra");
	(void)snprintf(number, sizeof(number), "%" PRIu64, cluster);
	set_string(labels, "tug.cluster", number);
	(void)snprintf(number, sizeof(number), "%" PRId64, rev);
	set_string(labels, "tug.rev", number);
	set_string(labels, "tug.spec", t->spec);
	if (opens)
		set_string(labels, "tug.ports", opens);
}

/* --- a container --- */

char *target_name(const char *project, const char *pod, const char *container)
{
	return mem_printf("tug-%s.%s%s%s", project, pod, container ? "." : "", container ? container : "");
}

static void target_finish(struct docker_target *t, struct value *config, struct value *host,
                          const struct pod *pod, uint64_t cluster, int64_t rev, const char *opens)
{
	static const char *const none[] = {"NONE"};
	struct value *test = value_new_array();
	value_append(test, value_new_string(none[0]));
	value_set(set_object(config, "Healthcheck"), "Test", test); /* tug has its own probes */
	value_set(config, "HostConfig", host);
	struct str text = STR_INIT;
	json_print(config, JSON_COMPACT, &text);
	(void)snprintf(t->spec, sizeof(t->spec), "%016" PRIx64, docker_hash(text.data, text.len));
	str_clear(&text);
	add_labels(config, t->d, pod, cluster, rev, t, opens);
	json_print(config, JSON_COMPACT, &text);
	t->body = str_take(&text);
}

/* ports_config, ports_host: of the infra, which opens the ports; NULL when this container does so itself */
static void target_container(struct docker_target *t, const struct pod *pod, const struct container *c,
                             uint64_t cluster, int64_t rev, struct value *ports_config,
                             struct value *ports_host)
{
	_cleanup_value_ struct value *config = value_new_object();
	struct value *host = new_host(); /* owned by config in the end */
	_cleanup_str_ struct str opens = STR_INIT;
	t->name = mem_strdup(c->name);
	t->full_name = target_name(pod->project, pod->name, c->name);
	set_string(config, "Image", c->image);
	if (c->command.count)
		value_set(config, "Entrypoint", new_strings(&c->command));
	if (c->args.count)
		value_set(config, "Cmd", new_strings(&c->args));
	if (c->env.count)
		value_set(config, "Env", new_env(&c->env));
	if (c->user)
		set_string(config, "User", c->user);
	if (c->readOnly)
		value_set(host, "ReadonlyRootfs", value_new_bool(true));
	add_volumes(t->d, host, c);
	add_limits(t->d, host, c);
	add_ports(ports_config ? ports_config : config, ports_host ? ports_host : host, c, &opens);
	if (!ports_config)
		add_hostname(config, pod);
	target_finish(t, config, host, pod, cluster, rev, ports_config ? str_get(&opens) : NULL);
}

static void target_infra(struct docker_target *t, const struct pod *pod, uint64_t cluster, int64_t rev,
                         struct value *config, struct value *host)
{
	t->full_name = target_name(pod->project, pod->name, NULL);
	set_string(config, "Image", t->d->pause_ref);
	add_hostname(config, pod);
	set_int(host, "PidsLimit", 16);
	target_finish(t, config, value_ref(host), pod, cluster, rev, NULL);
}

enum engine_result targets_make(struct docker *d, const struct pod *pod, uint64_t cluster, int64_t rev,
                                struct docker_target **ret, size_t *ret_n, struct error *err)
{
	enum engine_result r = engine_check_pod(pod, &d->base.info, err);
	if (r)
		return r;
	const struct container *c = LIST_ITEMS(&pod->containers, struct container);
	size_t n = pod->containers.count, infra = n > 1 ? 1 : 0;
	struct docker_target *t = mem_zalloc((n + infra) * sizeof(*t));
	_cleanup_value_ struct value *ports_config = infra ? value_new_object() : NULL;
	_cleanup_value_ struct value *ports_host = infra ? new_host() : NULL;
	for (size_t i = 0; i < n + infra; i++)
		t[i].d = d;
	for (size_t i = 0; i < n; i++)
		target_container(&t[infra + i], pod, &c[i], cluster, rev, ports_config, ports_host);
	if (infra)
		target_infra(&t[0], pod, cluster, rev, ports_config, ports_host);
	*ret = t;
	*ret_n = n + infra;
	return ENGINE_OK;
}

void targets_free(struct docker_target *t, size_t n)
{
	for (size_t i = 0; t && i < n; i++) {
		free(t[i].full_name);
		free(t[i].name);
		free(t[i].body);
	}
	free(t);
}

char *target_body(const struct docker_target *t, const char *infra_id)
{
	if (!infra_id)
		return mem_strdup(t->body);
	/* the members' host configuration ends up with the one thing that was not known when they were
	 * described */
	_cleanup_value_ struct value *config = NULL;
	if (json_parse(t->body, strlen(t->body), &config, NULL) < 0)
		return mem_strdup(t->body);
	_cleanup_free_ char *mode = mem_printf("container:%s", infra_id);
	set_string(value_get(config, "HostConfig"), "NetworkMode", mode);
	struct str text = STR_INIT;
	json_print(config, JSON_COMPACT, &text);
	return str_take(&text);
}
