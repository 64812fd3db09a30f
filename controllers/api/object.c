#include "controllers/api/object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/mem.h"
#include "kind/node.h"

#define RAW_MAX (64 * 1024) /* of a value that does not parse; a longer one is left out */

struct value *object_name(const struct kind *k, const char *below)
{
	struct value *v = value_new_object();
	struct key_parts parts;
	value_set(v, "kind", value_new_string(k->name));
	if (key_parse(k, below, &parts) != 0) {
		value_set(v, "name", value_new_string(below));
		return v;
	}
	if (parts.scope)
		value_set(v, k->scope == KIND_NODE ? "node" : "project", value_new_string(parts.scope));
	value_set(v, "name", value_new_string(parts.name));
	return v;
}

static void add_members(struct value *to, const struct kind *k, const void *obj, bool defaults)
{
	_cleanup_value_ struct value *own =
	        schema_print(k->schema, obj, defaults ? PRINT_DEFAULTS : PRINT_GIVEN);
	value_for_each (it, own)
		value_set(to, value_iter_name(it), value_ref(value_iter_value(it)));
}

/* The object of another key that belongs to this one: a status, a node's health. */
static void add_other(const struct api *a, struct value *to, const char *member, const struct kind *k,
                      const char *rest, bool defaults)
{
	char below[KEY_SIZE];
	int n = snprintf(below, sizeof(below), "%s%s", k->key_prefix, rest);
	const struct mirror_entry *e =
	        n > 0 && (size_t)n < sizeof(below) ? mirror_get(a->mirror, below) : NULL;
	void *obj = NULL;
	if (!e || e->orphan || kind_parse_stored(k, below, e->value, e->value_len, &obj, NULL) != 0)
		return;
	struct value *v = value_new_object();
	add_members(v, k, obj, defaults);
	value_set(to, member, v);
	kind_free(k, obj);
}

struct value *object_value(const struct api *a, const struct kind *k, const char *below, const char *text,
                           size_t len, int64_t rev, bool defaults)
{
	struct error err = {0};
	struct value *v = NULL;
	void *obj = NULL;
	if (kind_parse_stored(k, below, text, len, &obj, &err) == 0) {
		v = value_new_object();
		value_set(v, "kind", value_new_string(k->name));
		add_members(v, k, obj, defaults);
		kind_free(k, obj);
		value_set(v, "rev", value_new_int(rev));
	} else {
		char why[1024];
		v = object_name(k, below);
		value_set(v, "rev", value_new_int(rev));
		value_set(v, "invalid", value_new_string(error_format(&err, why, sizeof(why))));
		if (len <= RAW_MAX && str_is_utf8(text, len))
			value_set(v, "raw", value_new_string_n(text, len));
	}
	const char *rest = below + strlen(k->key_prefix);
	if (k->status)
		add_other(a, v, k->status == &kind_health ? "health" : "status", k->status, rest, defaults);
	return v;
}

const struct kind *object_shown(const char *below, char *buf)
{
	const struct kind *k = kind_of_key(below);
	if (!k)
		return NULL;
	const struct kind *shown = k;
	for (const struct kind *const *o = kinds; *o; o++)
		if ((*o)->status == k && k != &kind_health) /* which can be read by itself as well */
			shown = *o;
	int n = snprintf(buf, KEY_SIZE, "%s%s", shown->key_prefix, below + strlen(k->key_prefix));
	return n > 0 && n < KEY_SIZE ? shown : NULL;
}

/* --- filters --- */

static char *dup_param(const struct call *c, const char *name)
{
	return mem_strdup(request_param(&c->req, name));
}

/* Only what the kind has can be asked for. */
static int check_applies(const struct call *c, const char *param, bool applies, struct error *err)
{
	if (applies || !request_param(&c->req, param))
		return 0;
	return error_set(err, -EINVAL, "", "%s cannot be chosen by '%s'", c->at.kind->plural, param);
}

static char *make_prefix(const struct filter *f, const struct route_match *at)
{
	const struct kind *k = f->kind;
	const char *scope = k->scope == KIND_NODE ? f->node : f->project;
	if (k->scope == KIND_CLUSTER)
		scope = NULL;
	if (k == &kind_revision && at->name && at->hash)
		return mem_printf("%s%s/%s/%s", k->key_prefix, at->scope, at->name, at->hash);
	if (k == &kind_revision && at->name)
		return mem_printf("%s%s/%s/", k->key_prefix, at->scope, at->name);
	if (at->name && k->scope == KIND_CLUSTER)
		return mem_printf("%s%s", k->key_prefix, at->name);
	if (at->name && scope)
		return mem_printf("%s%s/%s", k->key_prefix, scope, at->name);
	return scope ? mem_printf("%s%s/", k->key_prefix, scope) : mem_strdup(k->key_prefix);
}

int filter_init(struct filter *f, const struct call *c, struct error *err)
{
	const struct kind *k = c->at.kind;
	*f = (struct filter){.kind = k};
	int r = 0;
	if ((r = check_applies(c, "project", k->scope != KIND_CLUSTER, err)) < 0 ||
	    (r = check_applies(c, "node", k->scope == KIND_NODE || k == &kind_event, err)) < 0 ||
	    (r = check_applies(c, "service", k == &kind_pod, err)) < 0)
		return r;
	f->project = c->at.scope ? mem_strdup(c->at.scope) : dup_param(c, "project");
	f->node = dup_param(c, "node");
	f->service = dup_param(c, "service");
	f->object = dup_param(c, "object");
	f->prefix = make_prefix(f, &c->at);
	f->single = k == &kind_revision ? c->at.hash != NULL : c->at.name != NULL;
	if (f->single && k->scope == KIND_NODE)
		f->name = mem_strdup(c->at.name);
	return 0;
}

void filter_done(struct filter *f)
{
	free(f->prefix);
	free(f->project);
	free(f->node);
	free(f->service);
	free(f->object);
	free(f->name);
	*f = (struct filter){0};
}

bool filter_key(const struct filter *f, const struct kind *k, const char *below)
{
	if (k != f->kind)
		return false;
	const char *rest = str_after(below, f->prefix);
	if (!rest)
		return false;
	if (f->name) {
		const char *slash = strrchr(below, '/');
		return slash && streq(slash + 1, f->name);
	}
	return !f->single || rest[0] == '\0';
}

static bool is(const char *wanted, const struct value *v, const char *member)
{
	const char *have = value_get_string(v, member);
	return !wanted || (have && streq(have, wanted));
}

bool filter_value(const struct filter *f, const struct value *v)
{
	return is(f->project, v, "project") && is(f->node, v, "node") && is(f->service, v, "service") &&
	       is(f->object, v, "object") && (f->since_ms == 0 || value_get_int(v, "at") >= f->since_ms);
}
