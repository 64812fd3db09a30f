/*
 * The registry of object kinds. A kind is one .h/.c pair: a documented structure, its field table, and at most one
 * cross-field check. Everything else about it comes from the table (core/schema.h).
 *
 * Desired state (spec) and observed state (status) are two structures, two schemas and two keys with one writer each.
 */
#pragma once

#include "core/document.h"
#include "core/schema.h"
#include "core/value.h"

enum kind_scope {
	KIND_CLUSTER, /* PLURAL/<name>                 nodes/n1, health/n1 */
	KIND_PROJECT, /* PLURAL/<project>/<name>       microservices/default/web, revisions/default/web/<hash> */
	KIND_NODE,    /* PLURAL/<node>/<name>          pods/n1/web-0-1a2b3c */
};

struct kind {
	const char *name;   /* "microservice": the value of `kind:` in a document */
	const char *plural; /* "microservices": in keys and in paths of the API */
	const char *const *aliases; /* what people type: "ms", "svc"; NULL-terminated, may be NULL */
	enum kind_scope scope;
	const struct schema *schema; /* of the spec; its first rows are kind, project, name (as the scope demands) */
	const char *key_prefix;	     /* "microservices/", "status/pods/", "health/" */
	bool desired; /* written by people: may be YAML, is applied, gets a status */
	const struct kind *status; /* the kind of its status; NULL: none */
};

extern const struct kind kind_microservice, kind_microservice_status;
extern const struct kind kind_pod, kind_pod_status;
extern const struct kind kind_node, kind_health;
extern const struct kind kind_revision, kind_endpoints, kind_event, kind_session;

/* All of them, NULL-terminated, in the order in which people should read about them. */
extern const struct kind *const kinds[];

/* By name, plural or alias; NULL: none. */
const struct kind *kind_find(const char *name) _nonnull_(1);
/* The kind whose keys look like this one (without the root); NULL: none. */
const struct kind *kind_of_key(const char *key) _nonnull_(1);
/* The known name nearest to a wrong one, for "did you mean"; NULL when none is near. */
const char *kind_nearest(const char *name) _nonnull_(1);

/*
 * A new object from a value. SCHEMA_USER: `kind` must be there or is assumed to be k's; unknown fields are refused.
 * 0 with *ret to be freed by kind_free(), or -EINVAL with err.
 */
int kind_parse(const struct kind *k, const struct value *v, enum schema_source source, void **ret, struct error *err)
	_nonnull_(1, 4) _must_check_;
/*
 * The same from the text of a stored value, JSON or YAML. The key says project, node and name: fields that are absent
 * are taken from it, fields that contradict it are an error. For desired kinds unknown fields are refused (people write
 * them with etcdctl). err->line is set where the text is at fault.
 */
int kind_parse_stored(const struct kind *k, const char *key, const char *text, size_t len, void **ret,
		      struct error *err) _nonnull_(1, 2, 3, 5) _must_check_;
/* Compact JSON with `kind` first, secrets included, only what is present: what goes into the store. */
void kind_print(const struct kind *k, const void *obj, struct str *out) _nonnull_(1, 2, 3);
/* NULL is fine; returns NULL. */
void *kind_free(const struct kind *k, void *obj) _nonnull_(1);
void *kind_copy(const struct kind *k, const void *obj) _nonnull_(1, 2);

/* --- keys, without the root ("/tug/") -------------------------------------------------------------------------- */

/* The parts of a key after the kind's prefix; pointers into buf. */
struct key_parts {
	char buf[1024];
	const char *scope; /* project or node; NULL for KIND_CLUSTER */
	const char *name;  /* may hold '/' for revisions: "web/1a2b3c" */
};

/* 0, or -EINVAL when the key is not one of this kind or a part is not a valid name. */
int key_parse(const struct kind *k, const char *key, struct key_parts *ret) _nonnull_(1, 2, 3) _must_check_;
/* "microservices/default/web"; scope is ignored for KIND_CLUSTER. To be freed. */
char *key_make(const struct kind *k, const char *scope, const char *name) _nonnull_(1, 3);
/* The same in a caller's buffer; aborts when it does not fit (names are bounded). Returns buf. */
const char *key_format(const struct kind *k, const char *scope, const char *name, char *buf, size_t size)
	_nonnull_(1, 3, 4);
#define KEY_SIZE 512 /* enough for every key of a valid object */
