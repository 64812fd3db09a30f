#include "kind/container.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/mem.h"
#include "kind/check.h"

const char *const restart_words[] = {"always", "on-failure", "never", NULL};
const char *const protocol_words[] = {"tcp", "udp", NULL};

/* clang-format off */
#define NEW_PODS .on_change = CHANGE_RECREATE

static const struct field port_fields[] = {
	FIELD_INT(struct port, hostPort, .optional = true, .max = 65535, NEW_PODS,
		  .doc = "The port of the node that leads to this one; 0 is a random free one; absent: not published."),
	FIELD_INT(struct port, clusterPort, .max = 65535, NEW_PODS,
		  .doc = "A port that leads to all pods of the service, from every node.",
		  .pending = "Cluster ports are not served by this version."),
	FIELD_ENUM(struct port, protocol, protocol_words, NEW_PODS, .doc = "tcp or udp."),
};

static void port_derive(void *obj)
{
	struct port *p = obj;
	uint16_t n = 0;
	if (p->name && str_parse_u16(p->name, &n) == 0)
		p->port = n;
}

static const struct schema port_schema = {
	.name = "port", .doc = "A port of a container, by its number inside.", .size = sizeof(struct port), .named = true,
	.fields = port_fields, .n_fields = ELEMENTS(port_fields), .derive = port_derive,
};

static const struct field volume_mount_fields[] = {
	FIELD_STRING(struct volume_mount, name, .required = true, .check = check_label, NEW_PODS,
		     .doc = "The volume; it is made on first use and stays when the pod goes."),
	FIELD_STRING(struct volume_mount, mount, .required = true, .max = LIMIT_PATH, .check = check_path, NEW_PODS,
		     .doc = "Where it appears in the container."),
	FIELD_BOOL(struct volume_mount, readOnly, NEW_PODS, .doc = "The container cannot write to it."),
};

static const struct schema volume_mount_schema = {
	.name = "volume", .doc = "A volume of the node, mounted in a container.", .size = sizeof(struct volume_mount),
	.fields = volume_mount_fields, .n_fields = ELEMENTS(volume_mount_fields),
};

static const struct field file_mount_fields[] = {
	FIELD_STRING(struct file_mount, resource, .required = true, .check = check_label, NEW_PODS,
		     .doc = "The resource that holds the text."),
	FIELD_STRING(struct file_mount, key, .required = true, .min = 1, .max = LIMIT_DOMAIN, NEW_PODS,
		     .doc = "The text in the resource."),
	FIELD_STRING(struct file_mount, mount, .required = true, .max = LIMIT_PATH, .check = check_path, NEW_PODS,
		     .doc = "The path of the file in the container."),
	FIELD_STRING(struct file_mount, mode, .dflt = "0644", .check = check_mode, NEW_PODS,
		     .doc = "Its permissions, octal digits in quotes."),
};

static const struct schema file_mount_schema = {
	.name = "file", .doc = "A text of a resource as a file in a container.", .size = sizeof(struct file_mount),
	.fields = file_mount_fields, .n_fields = ELEMENTS(file_mount_fields),
};

static int check_http_path(const void *p, struct error *err)
{
	const char *path = *(char *const *)p;
	if (path[0] == '/' && !strpbrk(path, " \t\r\n"))
		return 0;
	return error_set(err, -EINVAL, "", "is not the path of a URL; begin it with \"/\" and leave blanks out");
}

static const struct field http_check_fields[] = {
	FIELD_STRING(struct http_check, path, .dflt = "/", .max = LIMIT_PATH, .check = check_http_path, NEW_PODS,
		     .doc = "What is asked for; a status from 200 to 399 is good."),
	FIELD_INT(struct http_check, port, .required = true, .min = 1, .max = 65535, NEW_PODS,
		  .doc = "The port inside the container."),
};

static const struct schema http_check_schema = {
	.name = "http check", .doc = "An HTTP request to the container.", .size = sizeof(struct http_check),
	.fields = http_check_fields, .n_fields = ELEMENTS(http_check_fields),
};

static const struct field tcp_check_fields[] = {
	FIELD_INT(struct tcp_check, port, .required = true, .min = 1, .max = 65535, NEW_PODS,
		  .doc = "The port inside the container that has to accept a connection."),
};

static const struct schema tcp_check_schema = {
	.name = "tcp check", .doc = "A connection to the container.", .size = sizeof(struct tcp_check),
	.fields = tcp_check_fields, .n_fields = ELEMENTS(tcp_check_fields),
};

static const struct field probe_fields[] = {
	FIELD_STRINGS(struct probe, exec, NEW_PODS, .doc = "A command in the container; exit code 0 is good."),
	FIELD_OPTIONAL(struct probe, http, struct http_check, &http_check_schema, NEW_PODS, .doc = "An HTTP request."),
	FIELD_OPTIONAL(struct probe, tcp, struct tcp_check, &tcp_check_schema, NEW_PODS, .doc = "A TCP connection."),
	FIELD_DURATION(struct probe, interval, .dflt = "5s", .min = 100, .max = 3600000, NEW_PODS,
		       .doc = "From one try to the next."),
	FIELD_DURATION(struct probe, timeout, .dflt = "2s", .min = 100, .max = 3600000, NEW_PODS,
		       .doc = "After it a try has failed."),
	FIELD_INT(struct probe, failures, .dflt = "3", .min = 1, .max = 1000, NEW_PODS,
		  .doc = "Failed tries in a row before it counts."),
};

static int probe_check(const void *obj, struct error *err)
{
	const struct probe *p = obj;
	int given = (p->exec.count > 0) + (p->http != NULL) + (p->tcp != NULL);
	if (given == 1)
		return 0;
	return error_set(err, -EINVAL, "", "%s of exec, http and tcp is given; give exactly one",
			 given ? "more than one" : "none");
}

static const struct schema probe_schema = {
	.name = "probe", .doc = "A check that is repeated.", .size = sizeof(struct probe),
	.fields = probe_fields, .n_fields = ELEMENTS(probe_fields), .check = probe_check,
};

static const struct field probes_fields[] = {
	FIELD_OPTIONAL(struct probes, startup, struct probe, &probe_schema, NEW_PODS,
		       .doc = "Has to succeed once before the other two begin."),
	FIELD_OPTIONAL(struct probes, readiness, struct probe, &probe_schema, NEW_PODS,
		       .doc = "While it fails the pod takes no traffic."),
	FIELD_OPTIONAL(struct probes, liveness, struct probe, &probe_schema, NEW_PODS,
		       .doc = "When it fails the container is restarted."),
};

static const struct schema probes_schema = {
	.name = "probes", .doc = "The checks of a container.", .size = sizeof(struct probes),
	.fields = probes_fields, .n_fields = ELEMENTS(probes_fields),
};

static const struct field resources_fields[] = {
	FIELD_CPU(struct resources, cpus, .max = LIMIT_CPU_MAX, .on_change = CHANGE_LIVE, .doc = "Cores booked on the node."),
	FIELD_BYTES(struct resources, memory, .max = LIMIT_MEMORY_MAX, .on_change = CHANGE_LIVE,
		    .doc = "Memory booked on the node."),
};

static const struct schema resources_schema = {
	.name = "resources", .doc = "What the scheduler books for a container.", .size = sizeof(struct resources),
	.fields = resources_fields, .n_fields = ELEMENTS(resources_fields),
};

static bool has_domain(const void *p)
{
	const struct pairs *ports = p;
	for (size_t i = 0; i < ports->count; i++)
		if (ports->items[i].value[0])
			return true;
	return false;
}

static const struct field container_fields[] = {
	FIELD_STRING(struct container, image, .required = true, .min = 1, .max = LIMIT_IMAGE, .check = check_image, NEW_PODS,
		     .doc = "The image: [REGISTRY/]NAME[:TAG][@DIGEST]."),
	FIELD_STRINGS(struct container, command, NEW_PODS, .doc = "Replaces the entrypoint of the image."),
	FIELD_STRINGS(struct container, args, NEW_PODS, .doc = "Replaces the arguments of the image."),
	FIELD_PAIRS(struct container, env, .env = true, .max = LIMIT_ENV, NEW_PODS,
		    .doc = "Environment: a list of \"KEY=value\" or an object; the last one of a name wins."),
	FIELD_PAIRS(struct container, httpPorts, .max = LIMIT_PORTS, .keys_only = true, NEW_PODS,
		    .check_key = check_port_key, .check_value = check_domain,
		    .doc = "Ports that speak HTTP, each with its domain (\"\" for none); published on a random port of the node.",
		    .pending = "Domains are not routed by this version: the ports are published on the node only.",
		    .pending_if = has_domain),
	FIELD_MAP(struct container, ports, &port_schema, .max = LIMIT_PORTS, .check_key = check_port_key, NEW_PODS,
		  .doc = "Other ports, by their number inside the container."),
	FIELD_CPU(struct container, cpus, .dflt = "1", .min = LIMIT_CPU_MIN, .max = LIMIT_CPU_MAX, NEW_PODS,
		  .doc = "Cores that it may use at most."),
	FIELD_BYTES(struct container, memLimit, .dflt = "1G", .min = LIMIT_MEMORY_MIN, .max = LIMIT_MEMORY_MAX, NEW_PODS,
		    .doc = "Memory that it may use at most."),
	FIELD_OBJECT(struct container, requests, struct resources, &resources_schema, .on_change = CHANGE_LIVE,
		     .doc = "What the scheduler books on the node; nothing by default."),
	FIELD_LIST(struct container, volumes, &volume_mount_schema, .max = LIMIT_MOUNTS, NEW_PODS,
		   .doc = "Volumes of the node, kept when the pod goes."),
	FIELD_LIST(struct container, files, &file_mount_schema, .max = LIMIT_MOUNTS, NEW_PODS,
		   .doc = "Texts of resources as files.",
		   .pending = "Files are not put into containers by this version."),
	FIELD_OBJECT(struct container, probes, struct probes, &probes_schema, NEW_PODS,
		     .doc = "How to tell that it works.",
		     .pending = "Probes are not run by this version: a container is ready once it runs."),
	FIELD_ENUM(struct container, restart, restart_words, NEW_PODS, .doc = "What happens when it ends by itself."),
	FIELD_STRING(struct container, user, .check = check_user, NEW_PODS,
		     .doc = "\"UID\", \"UID:GID\" or names; the image's own by default."),
	FIELD_BOOL(struct container, readOnly, NEW_PODS, .doc = "Its root file system cannot be written to."),
};
/* clang-format on */

static size_t path_len(const char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

static bool same_path(const char *a, const char *b)
{
	return path_len(a) == path_len(b) && strncmp(a, b, path_len(a)) == 0;
}

/* Two mounts at one place hide one another, each engine in its own way. */
static int check_mounts(const struct container *c, struct error *err)
{
	size_t n = c->volumes.count + c->files.count;
	for (size_t i = 0; i < n; i++) {
		const struct volume_mount *v = LIST_ITEMS(&c->volumes, struct volume_mount);
		const struct file_mount *f = LIST_ITEMS(&c->files, struct file_mount);
		const char *path = i < c->volumes.count ? v[i].mount : f[i - c->volumes.count].mount;
		for (size_t k = 0; k < i; k++) {
			if (!same_path(path,
			               k < c->volumes.count ? v[k].mount : f[k - c->volumes.count].mount))
				continue;
			bool volume = i < c->volumes.count;
			char where[48];
			(void)snprintf(where, sizeof(where), "%s[%zu].mount", volume ? "volumes" : "files",
			               volume ? i : i - c->volumes.count);
			return error_set(err, -EINVAL, where,
			                 "\"%.100s\" is mounted twice; give each mount a path of its own",
			                 path);
		}
	}
	return 0;
}

static int container_check(const void *obj, struct error *err)
{
	const struct container *c = obj;
	char a[32], b[32];
	if (c->requests.cpus > c->cpus)
		return error_set(err, -EINVAL, "requests.cpus",
		                 "%g cores are above the limit of %g (cpus); lower it or raise cpus",
		                 (double)c->requests.cpus / 1000, (double)c->cpus / 1000);
	if (c->requests.memory > c->memLimit)
		return error_set(err, -EINVAL, "requests.memory",
		                 "%s is above the limit of %s (memLimit); lower it or raise memLimit",
		                 str_format_bytes(c->requests.memory, a, sizeof(a)),
		                 str_format_bytes(c->memLimit, b, sizeof(b)));
	return check_mounts(c, err);
}

const struct schema container_schema = {
        .name = "container",
        .doc = "A container of a pod.",
        .size = sizeof(struct container),
        .named = true,
        .fields = container_fields,
        .n_fields = ELEMENTS(container_fields),
        .check = container_check,
};
