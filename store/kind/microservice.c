#include "kind/microservice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/mem.h"
#include "kind/check.h"

const char *const mode_words[] = {"service", "daemon", "job", NULL};
const char *const order_words[] = {"start-first", "stop-first", NULL};
const char *const dependency_words[] = {"started", "ready", "done", NULL};
static const char *const failure_words[] = {"rollback", "pause", "continue", NULL};

#define DEFAULT_SCALE_CPU 70 /* percent, where a range is given without a target */

/* --- scale --- */

/* clang-format off */
#define LIVE .on_change = CHANGE_LIVE

static const struct field scale_fields[] = {
	FIELD_INT(struct scale, min, .dflt = "1", .max = LIMIT_SCALE, LIVE, .doc = "Pods at least."),
	FIELD_INT(struct scale, max, .dflt = "1", .max = LIMIT_SCALE, .required = true, LIVE, .doc = "Pods at most."),
	FIELD_INT(struct scale, cpu, .max = 100, LIVE,
		  .doc = "Percent of the limit of cores at which one more pod is wanted; 70 where max is above min."),
};
/* clang-format on */

static int scale_check(const void *obj, struct error *err)
{
	const struct scale *s = obj;
	if (s->min <= s->max)
		return 0;
	return error_set(err, -EINVAL, "min",
	                 "%" PRId64 " is above max, which is %" PRId64 "; lower it or raise max", s->min,
	                 s->max);
}

static const struct schema scale_schema = {
        .name = "scale",
        .doc = "A range of pods, moved by load.",
        .size = sizeof(struct scale),
        .fields = scale_fields,
        .n_fields = ELEMENTS(scale_fields),
        .check = scale_check,
};

/* A number, or {min, max, cpu}. */
static int scale_parse(const struct value *v, enum schema_source source, void *p, struct error *err)
{
	struct scale *s = p;
	enum value_type t = value_type(v);
	if (t != VALUE_INT && t != VALUE_REAL && t != VALUE_OBJECT)
		return error_set(err, -EINVAL, "", "%s is not a scale; a number or {min, max, cpu} is wanted",
		                 value_type_name(t));
	schema_done(&scale_schema, s);
	if (t == VALUE_OBJECT) {
		int r = schema_parse(&scale_schema, v, source, s, err);
		if (r == 0 && s->min == s->max)
			s->cpu = 0; /* nothing to move */
		else if (r == 0 && s->cpu == 0)
			s->cpu = DEFAULT_SCALE_CPU;
		return r;
	}
	_cleanup_value_ struct value *range = value_new_object();
	value_set(range, "min", value_ref(v));
	value_set(range, "max", value_ref(v));
	int r = schema_parse(&scale_schema, range, source, s, err);
	if (r < 0 && err)
		err->path[0] = '\0'; /* "min" was not what the user wrote */
	return r;
}

static struct value *scale_print(const void *p, unsigned flags)
{
	const struct scale *s = p;
	return s->min == s->max ? value_new_int(s->min) : schema_print(&scale_schema, s, flags);
}

static struct value *scale_describe(void)
{
	struct value *o = value_new_object(), *any = value_new_array(), *number = value_new_object();
	value_set(number, "type", value_new_string("integer"));
	value_set(number, "minimum", value_new_int(0));
	value_set(number, "maximum", value_new_int(LIMIT_SCALE));
	value_append(any, number);
	value_append(any, schema_json_schema(&scale_schema));
	value_set(o, "anyOf", any);
	return o;
}

static bool is_range(const void *p)
{
	const struct scale *s = p;
	return s->min != s->max;
}

/* --- the rest of the table --- */

static bool is_not_service(const void *p)
{
	return *(const int *)p != MODE_SERVICE;
}

/* clang-format off */
static const struct field dependency_fields[] = {
	FIELD_STRING(struct dependency, service, .required = true, .check = check_label, LIVE,
		     .doc = "A microservice of the same project."),
	FIELD_ENUM(struct dependency, condition, dependency_words, .dflt = "ready", LIVE,
		   .doc = "What it has to be before pods of this one start."),
	FIELD_DURATION(struct dependency, timeout, .dflt = "60s", .min = 1000, .max = 86400000, LIVE,
		       .doc = "After it the pod says that it waits in vain."),
};

static const struct schema dependency_schema = {
	.name = "dependency", .doc = "What has to run first.", .size = sizeof(struct dependency),
	.fields = dependency_fields, .n_fields = ELEMENTS(dependency_fields),
};

static const struct field placement_fields[] = {
	FIELD_PAIRS(struct placement, labels, .check_key = check_node_label_key, LIVE,
		    .doc = "Labels that the node must carry, all of them."),
	FIELD_STRINGS(struct placement, nodes, .check_key = check_label_key, LIVE, .doc = "Only these nodes; empty: any."),
	FIELD_STRING(struct placement, spread, .max = LIMIT_DOMAIN, LIVE,
		     .doc = "A label of nodes over whose values the pods are spread; \"zone\" is the node's zone.",
		     .pending = "Pods are spread over nodes, not over this label, by this version."),
	FIELD_STRINGS(struct placement, antiAffinity, .check_key = check_label_key, LIVE,
		      .doc = "Not on a node that runs one of these microservices.",
		      .pending = "Anti-affinity is not looked at by this version."),
	FIELD_STRINGS(struct placement, affinity, .check_key = check_label_key, LIVE,
		      .doc = "Only on a node that runs all of these microservices.",
		      .pending = "Affinity is not looked at by this version."),
};

static const struct schema placement_schema = {
	.name = "placement", .doc = "Where pods may run.", .size = sizeof(struct placement),
	.fields = placement_fields, .n_fields = ELEMENTS(placement_fields),
};

static const struct field update_fields[] = {
	FIELD_ENUM(struct update, order, order_words, LIVE,
		   .doc = "start-first: the new pod runs before the old one stops; stop-first: the other way."),
	FIELD_INT(struct update, parallelism, .dflt = "1", .min = 1, .max = LIMIT_SCALE, LIVE, .doc = "Pods replaced at a time."),
	FIELD_DURATION(struct update, readyTimeout, .dflt = "60s", .min = 1000, .max = 86400000, LIVE,
		       .doc = "A pod that is not ready by then has failed.",
		       .pending = "An update is not judged by readiness by this version."),
	FIELD_ENUM(struct update, onFailure, failure_words, LIVE, .doc = "What happens when new pods fail.",
		   .pending = "An update that fails is not undone by this version: it stops where it is."),
};

static const struct schema update_schema = {
	.name = "update", .doc = "How pods of a new revision replace the old ones.", .size = sizeof(struct update),
	.fields = update_fields, .n_fields = ELEMENTS(update_fields),
};

static const struct field microservice_fields[] = {
	FIELD_KIND("microservice"),
	FIELD_STRING(struct microservice, project, .dflt = "default", .check = check_label, .on_change = CHANGE_FORBIDDEN,
		     .doc = "The project that it belongs to."),
	FIELD_STRING(struct microservice, name, .required = true, .check = check_label, .on_change = CHANGE_FORBIDDEN,
		     .doc = "Its name, a DNS label."),
	FIELD_ENUM(struct microservice, mode, mode_words, LIVE,
		   .doc = "service: as many pods as scale says; daemon: one on each matching node; job: until they end.",
		   .pending = "Only mode service is carried out by this version; this one is run as a service.",
		   .pending_if = is_not_service),
	FIELD_OBJECT(struct microservice, scale, struct scale, &scale_schema, LIVE,
		     .parse = scale_parse, .print = scale_print, .describe = scale_describe,
		     .doc = "How many pods: a number, or {min, max, cpu}; 1 by default.",
		     .pending = "Pods do not follow load in this version: scale.min of them are run.", .pending_if = is_range),
	FIELD_BOOL(struct microservice, singleton, LIVE,
		   .doc = "Never two pods of one ordinal, even while a node is cut off.",
		   .pending = "A node that is cut off does not stop its singletons in this version."),
	FIELD_MAP(struct microservice, containers, &container_schema, .required = true, .max = LIMIT_CONTAINERS,
		  .check_key = check_label_key, .on_change = CHANGE_RECREATE,
		  .doc = "The containers of each pod, by name; they share one network."),
	FIELD_MAP(struct microservice, initContainers, &container_schema, .max = LIMIT_CONTAINERS,
		  .check_key = check_label_key, .on_change = CHANGE_RECREATE,
		  .doc = "Containers that end before the others start.",
		  .pending = "Init containers are not run by this version."),
	FIELD_LIST(struct microservice, dependsOn, &dependency_schema, .max = LIMIT_DEPENDS, LIVE,
		   .doc = "Microservices that have to run first.",
		   .pending = "Dependencies are not waited for by this version."),
	FIELD_OBJECT(struct microservice, placement, struct placement, &placement_schema, LIVE, .doc = "Where pods may run."),
	FIELD_OBJECT(struct microservice, update, struct update, &update_schema, LIVE,
		     .doc = "How pods of a new revision replace the old ones."),
	FIELD_DURATION(struct microservice, stopGrace, .dflt = "30s", .max = LIMIT_GRACE_MS, .on_change = CHANGE_RECREATE,
		       .doc = "From the signal that asks a container to stop to the one that kills it."),
};
/* clang-format on */

/* --- rules over several fields --- */

static int check_dependencies(const struct microservice *m, struct error *err)
{
	const struct dependency *d = LIST_ITEMS(&m->dependsOn, struct dependency);
	for (size_t i = 0; i < m->dependsOn.count; i++) {
		char where[48];
		(void)snprintf(where, sizeof(where), "dependsOn[%zu].service", i);
		if (streq(d[i].service, m->name))
			return error_set(err, -EINVAL, where, "\"%s\" depends on itself; take this entry out",
			                 m->name);
		for (size_t k = 0; k < i; k++)
			if (streq(d[i].service, d[k].service))
				return error_set(err, -EINVAL, where, "\"%s\" is there twice; take one out",
				                 d[i].service);
	}
	return 0;
}

/* A fixed port of the node, and who asks for it. */
struct host_port {
	const struct container *container;
	const struct port *port;
};

/* The i-th fixed host port of the pod; false beyond the last. */
static bool host_port_at(const struct list_of *containers, size_t i, struct host_port *ret)
{
	const struct container *c = LIST_ITEMS(containers, struct container);
	for (size_t k = 0; k < containers->count; k++) {
		const struct port *p = LIST_ITEMS(&c[k].ports, struct port);
		for (size_t n = 0; n < c[k].ports.count; n++) {
			if (p[n].hostPort == 0 || i-- > 0)
				continue;
			*ret = (struct host_port){.container = &c[k], .port = &p[n]};
			return true;
		}
	}
	return false;
}

#define PORT_BITS 65536

static int refuse_host_port(const struct list_of *containers, const struct host_port *twice,
                            struct error *err)
{
	struct host_port first = *twice;
	for (size_t i = 0; host_port_at(containers, i, &first); i++)
		if (first.port->hostPort == twice->port->hostPort &&
		    first.port->protocol == twice->port->protocol)
			break;
	char where[160];
	(void)snprintf(where, sizeof(where), "containers.%s.ports.%s.hostPort", twice->container->name,
	               twice->port->name);
	return error_set(
	        err, -EINVAL, where,
	        "%" PRId64
	        "/%s is given to port %s of container \"%s\" already; give another, or 0 for a free one",
	        twice->port->hostPort, protocol_words[twice->port->protocol], first.port->name,
	        first.container->name);
}

static int check_host_ports(const struct list_of *containers, struct error *err)
{
	struct host_port h;
	if (!host_port_at(containers, 0, &h))
		return 0;
	int r = 0;
	unsigned char *taken = mem_zalloc(2 * PORT_BITS / 8);
	const struct container *c = LIST_ITEMS(containers, struct container);
	for (size_t k = 0; k < containers->count && r == 0; k++) {
		const struct port *p = LIST_ITEMS(&c[k].ports, struct port);
		for (size_t n = 0; n < c[k].ports.count && r == 0; n++) {
			size_t bit = (size_t)p[n].protocol * PORT_BITS + (size_t)p[n].hostPort;
			if (p[n].hostPort == 0)
				continue;
			h = (struct host_port){.container = &c[k], .port = &p[n]};
			if (taken[bit / 8] >> bit % 8 & 1)
				r = refuse_host_port(containers, &h, err);
			taken[bit / 8] = (unsigned char)(taken[bit / 8] | 1u << bit % 8);
		}
	}
	free(taken);
	return r;
}

/* The engine names containers by pod and container: the two maps share their names. */
static int check_names(const struct microservice *m, struct error *err)
{
	const struct container *c = LIST_ITEMS(&m->containers, struct container);
	const struct container *init = LIST_ITEMS(&m->initContainers, struct container);
	for (size_t i = 0; i < m->initContainers.count; i++)
		for (size_t k = 0; k < m->containers.count; k++)
			if (streq(init[i].name, c[k].name)) {
				char where[96];
				(void)snprintf(where, sizeof(where), "initContainers.%s", init[i].name);
				return error_set(err, -EINVAL, where,
				                 "has the name of a container; give it another");
			}
	return 0;
}

static int microservice_check(const void *obj, struct error *err)
{
	const struct microservice *m = obj;
	int r = check_dependencies(m, err);
	if (r == 0)
		r = check_names(m, err);
	return r == 0 ? check_host_ports(&m->containers, err) : r;
}

const struct schema microservice_schema = {
        .name = "microservice",
        .doc = "What is to run: containers, how many copies, where and how they are replaced.",
        .size = sizeof(struct microservice),
        .fields = microservice_fields,
        .n_fields = ELEMENTS(microservice_fields),
        .check = microservice_check,
};

const char *microservice_revision(const struct microservice *m, char *buf)
{
	uint64_t h = schema_hash(&microservice_schema, m, CHANGE_RECREATE, SCHEMA_HASH_INIT);
	/* FNV's upper bits are the weaker ones; the finalizer of MurmurHash3 spreads all over the 40 that are
	 * shown */
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	(void)snprintf(buf, REVISION_SIZE, "%010" PRIx64, h >> 24);
	return buf;
}

/* --- status --- */

/* clang-format off */
static const struct field condition_fields[] = {
	FIELD_STRING(struct condition, type, .required = true, .doc = "What it is about: Valid, Placed, Available, Progressing, Pending."),
	FIELD_BOOL(struct condition, status, .doc = "Whether it holds."),
	FIELD_STRING(struct condition, reason, .doc = "Why, as a word for programs."),
	FIELD_STRING(struct condition, message, .doc = "Why, as a sentence for people."),
	FIELD_INT(struct condition, since, .doc = "When the status changed last, ms since 1970."),
};

const struct schema condition_schema = {
	.name = "condition", .doc = "Something that holds or does not.", .size = sizeof(struct condition),
	.fields = condition_fields, .n_fields = ELEMENTS(condition_fields),
};

static const struct field microservice_status_fields[] = {
	FIELD_KIND("microserviceStatus"),
	FIELD_STRING(struct microservice_status, project, .required = true, .check = check_label, .doc = "The project."),
	FIELD_STRING(struct microservice_status, name, .required = true, .check = check_label, .doc = "The microservice."),
	FIELD_INT(struct microservice_status, observed, .doc = "Revision of the store at which the microservice was read."),
	FIELD_STRING(struct microservice_status, revision, .doc = "The wanted revision of its pods."),
	FIELD_INT(struct microservice_status, desired, .doc = "Pods wanted."),
	FIELD_INT(struct microservice_status, pods, .doc = "Pods that exist."),
	FIELD_INT(struct microservice_status, updated, .doc = "Pods of the wanted revision."),
	FIELD_INT(struct microservice_status, running, .doc = "Pods whose containers all run."),
	FIELD_INT(struct microservice_status, ready, .doc = "Pods that take traffic."),
	FIELD_LIST(struct microservice_status, conditions, &condition_schema, .max = LIMIT_CONDITIONS,
		   .doc = "What holds and what does not, with reasons."),
};
/* clang-format on */

const struct schema microservice_status_schema = {
        .name = "microserviceStatus",
        .doc = "What the scheduler says of a microservice.",
        .size = sizeof(struct microservice_status),
        .fields = microservice_status_fields,
        .n_fields = ELEMENTS(microservice_status_fields),
};
