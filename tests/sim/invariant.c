#include "sim/invariant.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "controllers/runner/engine_sim/internal.h"
#include "core/mem.h"
#include "kind/endpoints.h"
#include "kind/microservice.h"
#include "kind/node.h"
#include "kind/pod.h"

#define SLOW_LIST_MS (26 * 60 * 1000) /* twenty minutes, and the fault that has yet to strike */
#define STARTS       32               /* of a container: a status is not that late */

struct history_of {
	int64_t started_at[STARTS]; /* wall clock; a ring */
	size_t n;
};

struct invariants {
	struct world *world;
	const struct process *leader;
	unsigned leader_start; /* which of its lives */
	int64_t rev;
	bool calm; /* the world was as wanted, and no node went since */
	int64_t blind_until_ms;
	struct map pods;   /* "n1/web-0-abc": all that ever were */
	struct map starts; /* "n1/pod/container" -> struct history_of */
};

struct invariants *invariants_new(struct world *w)
{
	struct invariants *iv = NEW(struct invariants);
	iv->world = w;
	return iv;
}

struct invariants *invariants_free(struct invariants *iv)
{
	if (!iv)
		return NULL;
	map_done(&iv->pods, NULL);
	map_done(&iv->starts, free);
	free(iv);
	return NULL;
}

static void *parse(const struct kind *k, const char *key, const char *value)
{
	struct error err = {0};
	void *obj = NULL;
	return kind_parse_stored(k, key, value, strlen(value), &obj, &err) < 0 ? NULL : obj;
}

/* "web-0-abc" of service "web"; false: it is not of that form. */
static bool split_name(const char *pod, size_t *ret_service_len, int64_t *ret_ordinal,
                       const char **ret_revision)
{
	const char *last = strrchr(pod, '-');
	if (!last)
		return false;
	const char *at = last;
	while (at > pod && at[-1] != '-')
		at--;
	if (at == pod)
		return false;
	*ret_service_len = (size_t)(at - 1 - pod);
	*ret_ordinal = 0;
	for (; at < last; at++)
		*ret_ordinal = *ret_ordinal * 10 + (*at - '0');
	*ret_revision = last + 1;
	return true;
}

/* --- one writer --- */

enum writer { BY_USER, BY_LEADER, BY_SCHEDULER, BY_RUNNER, BY_HEALTH, BY_ANY };

static const struct {
	const char *prefix;
	enum writer writer;
} writers[] = {
        {"microservices/", BY_USER},
        {"nodes/", BY_USER},
        {"pods/", BY_LEADER},
        {"revisions/", BY_LEADER},
        {"endpoints/", BY_LEADER},
        {"status/microservices/", BY_LEADER},
        {"leader/scheduler", BY_SCHEDULER},
        {"status/pods/", BY_RUNNER},
        {"health/", BY_HEALTH},
        {"events/", BY_ANY},
};

static bool own_node(const struct process *p, const char *rest)
{
	const char *end = str_after(rest, p->node->name);
	return end && (*end == '/' || *end == '\0');
}

static void check_writer(struct invariants *iv, const struct process *by, const char *other, const char *key)
{
	const char *rest = NULL;
	bool good = false;
	for (size_t i = 0; i < ELEMENTS(writers) && !rest; i++) {
		rest = str_after(key, writers[i].prefix);
		if (!rest)
			continue;
		switch (writers[i].writer) {
		case BY_USER:
			good = other && streq(other, "user");
			break;
		case BY_LEADER:
			good = by && by->role == ROLE_SCHEDULER;
			if (good && (iv->leader != by || iv->leader_start != by->starts))
				world_fail(iv->world, "%s wrote %s and does not lead", by->name, key);
			break;
		case BY_SCHEDULER:
			good = by ? by->role == ROLE_SCHEDULER : streq(other, "server");
			break;
		case BY_RUNNER:
			good = by && by->role == ROLE_RUNNER && own_node(by, rest);
			break;
		case BY_HEALTH:
			good = by ? by->role == ROLE_HEALTH && own_node(by, rest) : streq(other, "server");
			break;
		case BY_ANY:
			good = true;
			break;
		}
	}
	if (!good)
		world_fail(iv->world, "%s wrote %s, which is another's", by ? by->name : other, key);
}

/* --- never more pods than the plan allows --- */

struct count {
	const char *service;
	size_t service_len;
	int64_t pods;
	const char *name; /* the pod that was created */
	int64_t twins;    /* of its ordinal and revision, itself included */
};

static void count_pod(void *ctx, const char *key, const struct store_kv *kv _unused_)
{
	struct count *c = ctx;
	const char *name = strrchr(key, '/') + 1, *revision;
	size_t len;
	int64_t ordinal;
	if (!split_name(name, &len, &ordinal, &revision) || len != c->service_len ||
	    strncmp(name, c->service, len) != 0)
		return;
	c->pods++;
	c->twins += streq(name, c->name);
}

static void check_pods(struct invariants *iv, const char *name)
{
	struct count c = {.service = name, .name = name};
	int64_t ordinal;
	const char *revision;
	if (!iv->calm || !split_name(name, &c.service_len, &ordinal, &revision))
		return;
	char key[KEY_SIZE];
	(void)snprintf(key, sizeof(key), "microservices/default/%.*s", (int)c.service_len, name);
	const char *value = world_get(iv->world, key);
	struct microservice *m = value ? parse(&kind_microservice, key, value) : NULL;
	if (!m)
		return;
	world_list(iv->world, "pods/", count_pod, &c);
	int64_t most = m->scale.min + m->update.parallelism;
	if (c.pods > most)
		world_fail(iv->world, "%s has %" PRId64 " pods, of at most %" PRId64, key, c.pods, most);
	if (c.twins > 1)
		world_fail(iv->world, "%" PRId64 " pods are named %s", c.twins, name);
	(void)kind_free(&kind_microservice, m);
}

/* --- a status claims only what the engine did --- */

static void check_status(struct invariants *iv, const char *key, const char *value)
{
	struct pod_status *s = parse(&kind_pod_status, key, value);
	if (!s) {
		world_fail(iv->world, "the status %s is not valid: %s", key, value);
		return;
	}
	for (size_t i = 0; i < s->containers.count; i++) {
		const struct container_status *c = &LIST_ITEMS(&s->containers, struct container_status)[i];
		if (!c->state || !streq(c->state, "running") || !c->startedAt)
			continue;
		char path[KEY_SIZE];
		(void)snprintf(path, sizeof(path), "%s/%s/%s", s->node, s->name, c->name);
		const struct history_of *h = map_get(&iv->starts, path);
		bool known = false;
		for (size_t k = 0; h && k < MIN(h->n, (size_t)STARTS); k++)
			known |= h->started_at[k] == c->startedAt;
		if (!known)
			world_fail(iv->world, "%s says that %s runs since %" PRId64 ", which no engine did",
			           key, c->name, c->startedAt);
	}
	(void)kind_free(&kind_pod_status, s);
}

void invariants_write(struct invariants *iv, const struct process *by, const char *other,
                      const struct store_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct store_kv *kv = &events[i].kv;
		const char *key = kv->key + strlen(WORLD_ROOT) + 1, *rest;
		bool deleted = events[i].deleted;
		if (kv->mod_rev < iv->rev || (i == 0 && kv->mod_rev == iv->rev))
			world_fail(iv->world, "the revision went from %" PRId64 " to %" PRId64, iv->rev,
			           kv->mod_rev);
		iv->rev = kv->mod_rev;
		if (streq(key, "leader/scheduler")) {
			iv->leader = deleted ? NULL : by;
			iv->leader_start = by ? by->starts : 0;
		}
		check_writer(iv, by, other, key);
		if (!deleted && (rest = str_after(key, "pods/")) != NULL)
			(void)map_put(&iv->pods, rest, iv);
		if (!deleted && str_after(key, "status/pods/"))
			check_status(iv, key, kv->value);
		if ((deleted && str_after(key, "health/")) || str_after(key, "nodes/"))
			iv->calm = false;
	}
	for (size_t i = 0; i < count && iv->calm; i++) {
		const char *name = str_after(events[i].kv.key, WORLD_ROOT "/pods/");
		if (name && !events[i].deleted && (name = strchr(name, '/')))
			check_pods(iv, name + 1);
	}
}

void invariants_blind(struct invariants *iv)
{
	iv->calm = false;
	iv->blind_until_ms = world_now(iv->world) + SLOW_LIST_MS;
}

void invariants_restore(struct invariants *iv)
{
	iv->calm = false;
}

void invariants_restored(struct invariants *iv)
{
	struct world *w = iv->world;
	iv->rev = memory_store_revision(w->store);
	/* whoever led then leads again, if it still lives */
	const char *leader = world_get(w, "leader/scheduler");
	iv->leader = NULL;
	for (unsigned i = 0; leader && i < w->n_nodes; i++) {
		const char *rest = str_after(leader, w->nodes[i].name);
		if (!rest || *rest != '/')
			continue;
		iv->leader = &w->nodes[i].processes[ROLE_SCHEDULER];
		iv->leader_start = iv->leader->starts;
	}
}

/* --- engines --- */

uint64_t invariants_operations(const struct invariants *iv)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < iv->world->n_nodes; i++)
		n += sim_operations(iv->world->nodes[i].machine);
	return n;
}

static void note_start(struct invariants *iv, const struct world_node *n, const struct sim_container *c)
{
	char path[KEY_SIZE];
	(void)snprintf(path, sizeof(path), "%s/%s/%s", n->name, c->pod->name, c->name);
	struct history_of *h = map_get(&iv->starts, path);
	if (!h) {
		h = NEW(struct history_of);
		(void)map_put(&iv->starts, path, h);
	}
	if (h->n && h->started_at[(h->n - 1) % STARTS] == c->started_at)
		return;
	h->started_at[h->n++ % STARTS] = c->started_at;
}

static void look_at_node(struct invariants *iv, struct world_node *n)
{
	map_for_each (e, &n->machine->pods) {
		const struct sim_pod *pod = e->value;
		char path[KEY_SIZE];
		(void)snprintf(path, sizeof(path), "%s/%s", n->name, pod->name);
		if (!map_get(&iv->pods, path))
			world_fail(iv->world, "%s has a container of %s, which never was", n->name,
			           pod->name);
		for (size_t i = 0; i < pod->n; i++)
			if (pod->containers[i]->started_at)
				note_start(iv, n, pod->containers[i]);
	}
	if (!sim_foreign_intact(n->machine))
		world_fail(iv->world, "%s: somebody else's container was touched", n->name);
}

void invariants_step(struct invariants *iv)
{
	for (unsigned i = 0; i < iv->world->n_nodes; i++) {
		struct world_node *n = &iv->world->nodes[i];
		uint64_t now = sim_operations(n->machine);
		if (now == n->seen_operations)
			continue;
		n->seen_operations = now;
		look_at_node(iv, n);
	}
}

/* --- convergence --- */

struct judge {
	struct invariants *iv;
	struct str *why;
	bool good;
	/* of the service that is looked at */
	const struct microservice *spec;
	char revision[REVISION_SIZE];
	int64_t pods;
	uint64_t ordinals;
	int64_t all_pods;
};

static void no(struct judge *j, const char *fmt, ...) _printf_(2, 3);
static void no(struct judge *j, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (j->good)
		str_puts(j->why, text);
	j->good = false;
}

static void judge_engine(struct judge *j, const struct pod *pod)
{
	for (unsigned i = 0; i < j->iv->world->n_nodes; i++) {
		const struct world_node *n = &j->iv->world->nodes[i];
		if (!streq(n->name, pod->node))
			continue;
		const struct sim_pod *have = map_get(&n->machine->pods, pod->name);
		if (!have || have->n != pod->containers.count)
			no(j, "%s has not all containers of %s", n->name, pod->name);
		for (size_t k = 0; have && k < have->n; k++)
			if (have->containers[k]->state != CONTAINER_RUNNING)
				no(j, "container %s of %s does not run", have->containers[k]->name,
				   pod->name);
	}
}

static void judge_pod(void *ctx, const char *key, const struct store_kv *kv)
{
	struct judge *j = ctx;
	struct pod *pod = parse(&kind_pod, key, kv->value);
	if (!pod) {
		no(j, "%s is not valid", key);
		return;
	}
	if (!streq(pod->service, j->spec->name))
		goto out;
	j->pods++;
	if (!streq(pod->revision, j->revision))
		no(j, "%s is of an old revision", key);
	if (pod->ordinal >= j->spec->scale.min || (j->ordinals & UINT64_C(1) << pod->ordinal))
		no(j, "%s is one too many", key);
	j->ordinals |= UINT64_C(1) << pod->ordinal;
	char status_key[KEY_SIZE];
	(void)snprintf(status_key, sizeof(status_key), "status/%s", key);
	const char *text = world_get(j->iv->world, status_key);
	struct pod_status *s = text ? parse(&kind_pod_status, status_key, text) : NULL;
	if (!s || s->phase != POD_RUNNING || !s->ready)
		no(j, "%s says %s", status_key, text ? text : "nothing");
	if (s)
		(void)kind_free(&kind_pod_status, s);
	judge_engine(j, pod);
out:
	(void)kind_free(&kind_pod, pod);
}

static void judge_service(void *ctx, const char *key, const struct store_kv *kv)
{
	struct judge *j = ctx;
	struct microservice *m = parse(&kind_microservice, key, kv->value);
	if (!m) {
		no(j, "%s is not valid", key);
		return;
	}
	j->spec = m;
	j->pods = 0;
	j->ordinals = 0;
	(void)microservice_revision(m, j->revision);
	world_list(j->iv->world, "pods/", judge_pod, j);
	if (j->pods != m->scale.min)
		no(j, "%s has %" PRId64 " pods, wants %" PRId64, key, j->pods, m->scale.min);
	j->all_pods += j->pods;
	char other[KEY_SIZE];
	(void)snprintf(other, sizeof(other), "status/%s", key);
	const char *text = world_get(j->iv->world, other);
	struct microservice_status *s = text ? parse(&kind_microservice_status, other, text) : NULL;
	if (!s || s->desired != j->pods || s->ready != j->pods || s->updated != j->pods ||
	    s->pods != j->pods || s->observed != kv->mod_rev)
		no(j, "%s says %s", other, text ? text : "nothing");
	if (s)
		(void)kind_free(&kind_microservice_status, s);
	(void)snprintf(other, sizeof(other), "endpoints/default/%s", m->name);
	text = world_get(j->iv->world, other);
	struct endpoints *e = text ? parse(&kind_endpoints, other, text) : NULL;
	if ((int64_t)(e ? e->ready.count : 0) != j->pods)
		no(j, "%s has %zu addresses, wants %" PRId64, other, e ? e->ready.count : 0, j->pods);
	if (e)
		(void)kind_free(&kind_endpoints, e);
	(void)kind_free(&kind_microservice, m);
}

static void judge_leftover(void *ctx, const char *key, const struct store_kv *kv _unused_)
{
	struct judge *j = ctx;
	char owner[KEY_SIZE];
	const char *rest = str_after(key, "status/");
	if (rest) /* status/pods/n1/web-0 -> pods/n1/web-0 */
		(void)snprintf(owner, sizeof(owner), "%s", rest);
	else
		(void)snprintf(owner, sizeof(owner), "microservices/%s", strchr(key, '/') + 1);
	if (!world_get(j->iv->world, owner))
		no(j, "%s is left over", key);
}

static void count_one(void *ctx, const char *key _unused_, const struct store_kv *kv _unused_)
{
	++*(int64_t *)ctx;
}

bool invariants_converged(struct invariants *iv, struct str *why)
{
	struct judge j = {.iv = iv, .why = why, .good = true};
	struct world *w = iv->world;
	int64_t pods = 0, healths = 0;
	for (unsigned i = 0; i < w->n_nodes; i++)
		for (unsigned k = 0; k < ROLE_KINDS; k++) {
			const struct process *p = &w->nodes[i].processes[k];
			if (!p->off && (!p->loop || p->paused))
				no(&j, "%s does not run", p->name);
		}
	world_list(w, "health/", count_one, &healths);
	if (healths != w->n_nodes)
		no(&j, "%" PRId64 " of %u nodes have health", healths, w->n_nodes);
	if (!world_get(w, "leader/scheduler"))
		no(&j, "nobody leads");
	world_list(w, "microservices/", judge_service, &j);
	world_list(w, "pods/", count_one, &pods);
	if (pods != j.all_pods)
		no(&j, "%" PRId64 " pods belong to no service", pods - j.all_pods);
	world_list(w, "status/", judge_leftover, &j);
	world_list(w, "endpoints/", judge_leftover, &j);
	for (unsigned i = 0; i < w->n_nodes; i++)
		map_for_each (e, &w->nodes[i].machine->pods) {
			char key[KEY_SIZE];
			(void)snprintf(key, sizeof(key), "pods/%s/%s", w->nodes[i].name, e->key);
			if (!world_get(w, key))
				no(&j, "%s has containers of %s, which is no pod", w->nodes[i].name, e->key);
		}
	iv->calm |= j.good && world_now(w) >= iv->blind_until_ms;
	return j.good;
}

void invariants_tidy(struct invariants *iv)
{
	for (unsigned i = 0; i < iv->world->n_nodes; i++) {
		struct world_node *n = &iv->world->nodes[i];
		for (size_t k = n->machine->pods.count; k-- > 0;) {
			const struct sim_pod *pod = n->machine->pods.entries[k].value;
			char key[KEY_SIZE];
			(void)snprintf(key, sizeof(key), "pods/%s/%s", n->name, pod->name);
			if (world_get(iv->world, key))
				continue;
			_cleanup_free_ char *name = mem_strdup(pod->name);
			bool infra = pod->infra;
			world_note(iv->world, "somebody removes %s from %s by hand", name, n->name);
			for (size_t c = pod->n; c-- > 0;) {
				_cleanup_free_ char *container = mem_strdup(pod->containers[c]->name);
				bool last = c == 0 && !infra;
				sim_rm(n->machine, name, container);
				if (last)
					break;
			}
			if (infra)
				sim_rm(n->machine, name, NULL);
		}
	}
}

static void describe(void *ctx, const char *key, const struct store_kv *kv)
{
	struct str *out = ctx;
	struct pod *pod = parse(&kind_pod, key, kv->value);
	if (!pod)
		return;
	str_printf(out, "%s %s %zu\n", pod->service, pod->name, pod->containers.count);
	(void)kind_free(&kind_pod, pod);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void invariants_describe(struct invariants *iv, struct str *out)
{
	_cleanup_str_ struct str text = STR_INIT;
	char *lines[1024], *save = NULL;
	size_t n = 0;
	world_list(iv->world, "pods/", describe, &text);
	_cleanup_free_ char *copy = mem_strdup(str_get(&text));
	for (char *l = strtok_r(copy, "\n", &save); l && n < ELEMENTS(lines); l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < n; i++)
		str_printf(out, "%s\n", lines[i]);
}

void invariants_each_pod(struct invariants *iv, unsigned node, const char *service, const char *container,
                         void (*fn)(struct sim_machine *, const char *, const char *))
{
	struct sim_machine *m = iv->world->nodes[node].machine;
	for (size_t i = m->pods.count; i-- > 0;) {
		const struct sim_pod *pod = m->pods.entries[i].value;
		if (!streq(pod->service, service))
			continue;
		_cleanup_free_ char *name = mem_strdup(pod->name);
		fn(m, name, container);
	}
}
