#include "controllers/scheduler/execute.h"

#include <stdio.h>

#include "core/limits.h"
#include "core/mem.h"

/* What else a transaction takes on the wire for a key or a compare; and for itself. */
enum { OP_BYTES = 64, TXN_BYTES = 4096 };

struct build {
	struct flight *f;
	struct services *all;
	struct service *s;
	const struct plan_in *in;
	const struct plan *plan;
	const struct claim *claim;
	const char *root;
	struct pod *template; /* of a pod created: everything but name, node and ordinal */
	struct str text;      /* scratch */
};

static const char *full_key(struct build *b, const char *prefix, const char *scope, const char *name)
{
	return arena_printf(&b->f->arena, "%s/%s%s/%s", b->root, prefix, scope, name);
}

static void add_if(struct flight *f, enum store_compare what, const char *key, int64_t rev)
{
	f->ifs[f->n_ifs++] = (struct store_if){.what = what, .key = key, .rev = rev};
	f->bytes += strlen(key) + OP_BYTES;
}

static void add_delete(struct flight *f, const char *key)
{
	f->thens[f->n_thens++] = (struct store_then){.what = STORE_DELETE, .key = key};
	f->bytes += strlen(key) + OP_BYTES;
}

/*
 * Unless `was` is that value already, byte for byte. The plan compares what it decodes, which may differ for ever: text
 * that is no UTF-8, say, is stored with its bad bytes replaced. False: not added.
 */
static bool add_changed(struct build *b, const char *key, const struct kind *kind, const void *obj,
                        const struct mirror_entry *was)
{
	struct flight *f = b->f;
	str_clear(&b->text);
	kind_print(kind, obj, &b->text);
	if (was && was->value_len == b->text.len &&
	    memcmp(was->value, str_get(&b->text), was->value_len) == 0)
		return false;
	f->thens[f->n_thens++] = (struct store_then){
	        .what = STORE_PUT,
	        .key = key,
	        .value = arena_dup(&f->arena, str_get(&b->text), b->text.len + 1),
	        .value_len = b->text.len,
	};
	f->bytes += strlen(key) + b->text.len + OP_BYTES;
	return true;
}

static void add_put(struct build *b, const char *key, const struct kind *kind, const void *obj)
{
	(void)add_changed(b, key, kind, obj, NULL);
}

/* --- values --- */

/* The pod of this microservice without name and node: its containers, whose domains are the ingress's
 * business. */
static struct pod *template_new(const struct plan_in *in)
{
	struct microservice *m = kind_copy(&kind_microservice, in->spec);
	struct pod *pod = mem_zalloc(kind_pod.schema->size);
	schema_init(kind_pod.schema, pod);
	pod->project = TAKE_PTR(m->project);
	pod->service = TAKE_PTR(m->name);
	pod->revision = mem_strdup(in->revision);
	pod->stopGrace = m->stopGrace;
	pod->containers = m->containers;
	m->containers = (struct list_of){0};
	(void)kind_free(&kind_microservice, m);
	struct container *c = LIST_ITEMS(&pod->containers, struct container);
	for (size_t i = 0; i < pod->containers.count; i++) {
		for (size_t k = 0; k < c[i].httpPorts.count; k++) {
			free(c[i].httpPorts.items[k].value);
			c[i].httpPorts.items[k].value = mem_strdup("");
		}
	}
	return pod;
}

static void add_pod(struct build *b, const struct plan_action *a)
{
	if (!b->template)
		b->template = template_new(b->in);
	struct pod pod = *b->template; /* shares what the template owns */
	pod.name = arena_strdup(&b->f->arena, a->pod);
	pod.node = arena_strdup(&b->f->arena, a->node);
	pod.replaces = arena_strdup(&b->f->arena, a->replaces);
	pod.ordinal = a->ordinal;
	const char *key = full_key(b, kind_pod.key_prefix, a->node, a->pod);
	add_if(b->f, STORE_IF_MOD_REV, key, 0);
	add_put(b, key, &kind_pod, &pod);
	if (!b->f->first)
		b->f->first = arena_printf(&b->f->arena, "%s on %s", a->pod, a->node);
	b->f->created++;
}

static void add_revision(struct build *b, const char *key)
{
	const struct revision r = {
	        .project = arena_strdup(&b->f->arena, b->in->project),
	        .name = arena_strdup(&b->f->arena, b->in->name),
	        .hash = arena_strdup(&b->f->arena, b->in->revision),
	        .createdAt = b->in->wall_ms,
	        .spec = *b->in->spec, /* borrowed for printing */
	};
	add_if(b->f, STORE_IF_MOD_REV, key, 0);
	add_put(b, key, &kind_revision, &r);
}

static int64_t pod_mod_rev(const struct build *b, const struct plan_pod *p)
{
	char key[KEY_SIZE];
	(void)snprintf(key, sizeof(key), "%s/%s", p->node, p->name);
	const struct service_pod *pod = map_get(&b->all->pods, key);
	return pod->entry->mod_rev;
}

/* --- actions --- */

static bool changes_pods(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_actions; i++)
		if (plan->actions[i].verb == PLAN_POD_CREATE || plan->actions[i].verb == PLAN_POD_DELETE)
			return true;
	return false;
}

static void add_action(struct build *b, const struct plan_action *a)
{
	struct flight *f = b->f;
	const char *key;
	char hash_key[KEY_SIZE];
	switch (a->verb) {
	case PLAN_REVISION_PUT:
	case PLAN_REVISION_DELETE:
		(void)snprintf(hash_key, sizeof(hash_key), "%s/%s", b->in->name, a->revision);
		key = full_key(b, kind_revision.key_prefix, b->in->project, hash_key);
		if (a->verb == PLAN_REVISION_PUT)
			add_revision(b, key);
		else
			add_delete(f, key);
		break;
	case PLAN_POD_CREATE:
		add_pod(b, a);
		f->pods++;
		break;
	case PLAN_POD_DELETE:
		key = full_key(b, kind_pod.key_prefix, a->node, a->pod);
		add_if(f, STORE_IF_MOD_REV, key, pod_mod_rev(b, a->old));
		add_delete(f, key);
		f->pods++;
		f->deleted++;
		break;
	case PLAN_ENDPOINTS_PUT:
		key = full_key(b, kind_endpoints.key_prefix, b->in->project, b->in->name);
		f->endpoints = add_changed(b, key, &kind_endpoints, b->plan->endpoints, b->s->endpoints);
		break;
	case PLAN_ENDPOINTS_DELETE:
		add_delete(f, full_key(b, kind_endpoints.key_prefix, b->in->project, b->in->name));
		break;
	case PLAN_STATUS_PUT:
		key = full_key(b, kind_microservice_status.key_prefix, b->in->project, b->in->name);
		/* with pods in any case: its revision orders the plans of a service */
		f->status = add_changed(b, key, &kind_microservice_status, b->plan->status,
		                        changes_pods(b->plan) ? NULL : b->s->status);
		break;
	case PLAN_STATUS_DELETE:
		add_delete(f, full_key(b, kind_microservice_status.key_prefix, b->in->project, b->in->name));
		break;
	}
}

/* The actions from `from` on that belong together; returns the one behind them. */
static size_t chain_end(const struct plan *plan, size_t from)
{
	while (from + 1 < plan->n_actions && plan->actions[from].with_next)
		from++;
	return from + 1;
}

/* Adds the chain if it fits beside what is there; false: nothing was added. */
static bool add_chain(struct build *b, size_t from, size_t end)
{
	struct flight *f = b->f;
	size_t ifs = f->n_ifs, thens = f->n_thens, bytes = f->bytes;
	const struct flight before = *f;
	if (thens + (end - from) > LIMIT_TXN_OPS || ifs + (end - from) > LIMIT_TXN_OPS)
		return false;
	for (size_t i = from; i < end; i++)
		add_action(b, &b->plan->actions[i]);
	bool first =
	        before.pods == 0 && !before.endpoints && thens <= 1; /* at least one, whatever its size */
	if (f->bytes <= LIMIT_TXN_BYTES - TXN_BYTES || first)
		return true;
	/* the arena keeps what was printed until the flight ends: at most one chain */
	f->n_ifs = ifs;
	f->n_thens = thens;
	f->bytes = bytes;
	f->pods = before.pods;
	f->status = before.status;
	f->endpoints = before.endpoints;
	f->first = before.first;
	f->created = before.created;
	f->deleted = before.deleted;
	return false;
}

static bool is_status(const struct plan_action *a)
{
	return a->verb == PLAN_STATUS_PUT;
}

/* Books the nodes of the pods that travel, gives back those of the pods that do not. */
static void reserve(struct build *b, size_t from, size_t end, bool travels)
{
	for (size_t i = from; i < end; i++) {
		const struct plan_action *a = &b->plan->actions[i];
		if (a->verb != PLAN_POD_CREATE)
			continue;
		if (travels)
			service_reserve(b->s, a->node, b->claim);
		else
			nodes_unbook(b->all->nodes, a->node, b->s->key, b->claim);
	}
}

static void add_fences(struct build *b, struct store_if fence)
{
	struct flight *f = b->f;
	add_if(f, fence.what, arena_strdup(&f->arena, fence.key), fence.rev);
	add_if(f, STORE_IF_MOD_REV, full_key(b, kind_microservice.key_prefix, b->in->project, b->in->name),
	       b->s->entry ? b->s->entry->mod_rev : 0);
	add_if(f, STORE_IF_MOD_REV,
	       full_key(b, kind_microservice_status.key_prefix, b->in->project, b->in->name),
	       b->s->status ? b->s->status->mod_rev : 0);
}

/* Events are told when the transaction is through, so they are kept with it. */
static void keep_events(struct build *b)
{
	struct flight *f = b->f;
	for (size_t i = 0; i < b->plan->n_events; i++) {
		const struct plan_event *e = &b->plan->events[i];
		f->events[f->n_events++] = (struct plan_event){
		        .warning = e->warning,
		        .reason = arena_strdup(&f->arena, e->reason),
		        .message = arena_strdup(&f->arena, e->message),
		};
	}
}

struct flight *flight_new(struct services *all, struct service *s, const struct plan_in *in,
                          const struct plan *plan, const struct claim *claim, const char *root,
                          struct store_if fence)
{
	if (plan->n_actions == 0)
		return NULL;
	struct flight *f = NEW(struct flight);
	f->service = s;
	f->ifs = ARENA_ARRAY(&f->arena, struct store_if, LIMIT_TXN_OPS + 4);
	f->thens = ARENA_ARRAY(&f->arena, struct store_then, LIMIT_TXN_OPS + 1);
	struct build b = {.f = f, .all = all, .s = s, .in = in, .plan = plan, .claim = claim, .root = root};
	add_fences(&b, fence);
	for (size_t i = 0; i < plan->n_actions; i++)
		if (is_status(&plan->actions[i]))
			add_action(&b, &plan->actions[i]);
	bool full = false;
	for (size_t i = 0, end; i < plan->n_actions; i = end) {
		end = chain_end(plan, i);
		if (is_status(&plan->actions[i]))
			continue;
		if (!full)
			full = !add_chain(&b, i, end);
		reserve(&b, i, end, !full);
	}
	keep_events(&b);
	str_done(&b.text);
	if (b.template)
		(void)kind_free(&kind_pod, b.template);
	return f->n_thens ? f : flight_free(f);
}

struct flight *flight_free(struct flight *f)
{
	if (!f)
		return NULL;
	arena_done(&f->arena);
	free(f);
	return NULL;
}
