/* The registry, and what holds for every kind: keys, stored text, copies. */
#include "kind/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"
#include "kind/check.h"
#include "kind/endpoints.h"
#include "kind/event.h"
#include "kind/microservice.h"
#include "kind/node.h"
#include "kind/pod.h"
#include "kind/revision.h"
#include "kind/session.h"

static const char *const microservice_aliases[] = {"ms", "svc", "service", "services", NULL};
static const char *const pod_aliases[] = {"po", NULL};
static const char *const node_aliases[] = {"no", NULL};
static const char *const revision_aliases[] = {"rev", NULL};
static const char *const endpoints_aliases[] = {"ep", "endpoint", NULL};
static const char *const event_aliases[] = {"ev", NULL};

/* clang-format off */
const struct kind kind_microservice = {
	.name = "microservice", .plural = "microservices", .aliases = microservice_aliases, .scope = KIND_PROJECT,
	.schema = &microservice_schema, .key_prefix = "microservices/", .desired = true, .status = &kind_microservice_status,
};
const struct kind kind_pod = {
	.name = "pod", .plural = "pods", .aliases = pod_aliases, .scope = KIND_NODE,
	.schema = &pod_schema, .key_prefix = "pods/", .status = &kind_pod_status,
};
const struct kind kind_node = {
	.name = "node", .plural = "nodes", .aliases = node_aliases, .scope = KIND_CLUSTER,
	.schema = &node_schema, .key_prefix = "nodes/", .desired = true, .status = &kind_health,
};
const struct kind kind_health = {
	.name = "health", .plural = "health", .scope = KIND_CLUSTER, .schema = &health_schema, .key_prefix = "health/",
};
const struct kind kind_revision = {
	.name = "revision", .plural = "revisions", .aliases = revision_aliases, .scope = KIND_PROJECT,
	.schema = &revision_schema, .key_prefix = "revisions/",
};
const struct kind kind_endpoints = {
	.name = "endpoints", .plural = "endpoints", .aliases = endpoints_aliases, .scope = KIND_PROJECT,
	.schema = &endpoints_schema, .key_prefix = "endpoints/",
};
const struct kind kind_event = {
	.name = "event", .plural = "events", .aliases = event_aliases, .scope = KIND_CLUSTER,
	.schema = &event_schema, .key_prefix = "events/",
};
const struct kind kind_microservice_status = {
	.name = "microserviceStatus", .plural = "microserviceStatuses", .scope = KIND_PROJECT,
	.schema = &microservice_status_schema, .key_prefix = "status/microservices/",
};
const struct kind kind_pod_status = {
	.name = "podStatus", .plural = "podStatuses", .scope = KIND_NODE,
	.schema = &pod_status_schema, .key_prefix = "status/pods/",
};
const struct kind kind_session = {
	.name = "session", .plural = "sessions", .scope = KIND_NODE, .schema = &session_schema, .key_prefix = "sessions/",
};
/* clang-format on */

const struct kind *const kinds[] = {
        &kind_microservice, &kind_pod,       &kind_node,  &kind_health,
        &kind_revision,     &kind_endpoints, &kind_event, &kind_microservice_status,
        &kind_pod_status,   &kind_session,   NULL,
};

/* --- names --- */

const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; kinds[i]; i++) {
		const struct kind *k = kinds[i];
		if (strcasecmp(k->name, name) == 0 || strcasecmp(k->plural, name) == 0)
			return k;
		for (size_t a = 0; k->aliases && k->aliases[a]; a++)
			if (strcasecmp(k->aliases[a], name) == 0)
				return k;
	}
	return NULL;
}

const struct kind *kind_of_key(const char *key)
{
	for (size_t i = 0; kinds[i]; i++)
		if (str_after(key, kinds[i]->key_prefix))
			return kinds[i];
	return NULL;
}

const char *kind_nearest(const char *name)
{
	const char *best = NULL;
	unsigned best_distance = (unsigned)MAX(strlen(name) / 3, (size_t)1) + 1;
	for (size_t i = 0; kinds[i]; i++) {
		const char *const names[] = {kinds[i]->name, kinds[i]->plural};
		for (size_t n = 0; n < ELEMENTS(names); n++) {
			unsigned d = str_distance(names[n], name);
			if (d < best_distance) {
				best_distance = d;
				best = names[n];
			}
		}
	}
	return best;
}

/* --- keys --- */

/* Labels, but for the longer names of pods and events, and the two parts of a revision's. */
static bool name_is_valid(const struct kind *k, char *name)
{
	char *slash = strchr(name, '/');
	if (k == &kind_revision) {
		if (!slash)
			return false;
		*slash = '\0';
		bool valid = str_is_label(name) && str_is_label(slash + 1);
		*slash = '/';
		return valid;
	}
	if (k == &kind_pod || k == &kind_pod_status || k == &kind_event)
		return check_pod_name(&name, NULL) == 0;
	return str_is_label(name);
}

int key_parse(const struct kind *k, const char *key, struct key_parts *ret)
{
	const char *rest = str_after(key, k->key_prefix);
	size_t len = rest ? strlen(rest) : 0;
	if (!rest || len >= sizeof(ret->buf))
		return -EINVAL;
	struct key_parts parts = {0};
	memcpy(ret->buf, rest, len + 1);
	char *name = ret->buf;
	if (k->scope != KIND_CLUSTER) {
		char *slash = strchr(name, '/');
		if (!slash)
			return -EINVAL;
		*slash = '\0';
		parts.scope = name;
		name = slash + 1;
		if (!str_is_label(parts.scope))
			return -EINVAL;
	}
	if (!name_is_valid(k, name))
		return -EINVAL;
	ret->scope = parts.scope;
	ret->name = name;
	return 0;
}

char *key_make(const struct kind *k, const char *scope, const char *name)
{
	if (k->scope == KIND_CLUSTER)
		return mem_printf("%s%s", k->key_prefix, name);
	assert(scope);
	return mem_printf("%s%s/%s", k->key_prefix, scope, name);
}

const char *key_format(const struct kind *k, const char *scope, const char *name, char *buf, size_t size)
{
	bool scoped = k->scope != KIND_CLUSTER;
	assert(!scoped || scope);
	int n = snprintf(buf, size, "%s%s%s%s", k->key_prefix, scoped ? scope : "", scoped ? "/" : "", name);
	assert(n >= 0 && (size_t)n < size);
	return buf;
}

/* --- objects --- */

int kind_parse(const struct kind *k, const struct value *v, enum schema_source source, void **ret,
               struct error *err)
{
	void *obj = mem_zalloc(k->schema->size);
	int r = schema_parse(k->schema, v, source, obj, err);
	if (r < 0) {
		(void)kind_free(k, obj);
		return r;
	}
	*ret = obj;
	return 0;
}

/* The member has to say what the key says; where it is absent it is put there. */
static int agree(struct value *v, const char *member, const char *key_says, struct error *err)
{
	const struct value *said = value_get(v, member);
	if (value_type(said) == VALUE_NULL) {
		value_set(v, member, value_new_string(key_says));
		return 0;
	}
	const char *s = value_string(said);
	if (!s || streq(s, key_says)) /* what is no string is refused by the schema, in its words */
		return 0;
	return error_set(err, -EINVAL, member,
	                 "\"%.64s\" contradicts the key, which says \"%s\"; change one of them", s, key_says);
}

/* Gives v the names that its key holds. */
static int adopt_key(const struct kind *k, const char *key, struct value *v, struct error *err)
{
	struct key_parts parts;
	int r = key_parse(k, key, &parts);
	if (r < 0)
		return error_set(err, r, "",
		                 "the key \"%.200s\" is not that of a %s: each part is a name of lower-case "
		                 "letters, digits and inner hyphens",
		                 key, k->name);
	if (value_type(v) != VALUE_OBJECT)
		return 0;
	if (k->scope != KIND_CLUSTER)
		r = agree(v, k->scope == KIND_PROJECT ? "project" : "node", parts.scope, err);
	if (r == 0 && k == &kind_revision) {
		char *hash = strchr(parts.name, '/');
		*hash++ = '\0'; /* in our buffer */
		r = agree(v, "hash", hash, err);
	}
	return r == 0 ? agree(v, "name", parts.name, err) : r;
}

int kind_parse_stored(const struct kind *k, const char *key, const char *text, size_t len, void **ret,
                      struct error *err)
{
	struct document d = {0};
	struct error why = {0};
	int r = document_parse(text, len, &d, &why);
	if (r == 0) {
		r = adopt_key(k, key, d.value, &why);
		if (r == 0)
			r = kind_parse(k, d.value, k->desired ? SCHEMA_USER : SCHEMA_STORED, ret, &why);
		if (r < 0)
			document_locate(&d, &why);
		document_done(&d);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

void kind_print(const struct kind *k, const void *obj, struct str *out)
{
	_cleanup_value_ struct value *v = schema_print(k->schema, obj, PRINT_SECRETS);
	json_print(v, JSON_COMPACT, out);
}

void *kind_free(const struct kind *k, void *obj)
{
	if (obj)
		schema_done(k->schema, obj);
	free(obj);
	return NULL;
}

void *kind_copy(const struct kind *k, const void *obj)
{
	void *copy = mem_zalloc(k->schema->size);
	schema_copy(k->schema, copy, obj);
	return copy;
}
