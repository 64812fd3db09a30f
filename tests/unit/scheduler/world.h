/*
 * A small world for the tests of the plan: one service, its pods, the real index of nodes, and a store that carries
 * plans out. Everything is written and read as short text, so that a test is a table of rows.
 *
 *   nodes   "n1 n2:cordoned n3:draining n4:disabled n5:lost n6:gone"
 *   pods    "web-0-a@n1:run web-0-b@n2:pend web-1-a@n1:fail"   oldest first
 *           none: no status yet · pend · ran: pending, but it ran before · run: and ready · deaf: running, not ready ·
 *           fail · done: succeeded · lost: the engine does not answer
 *   plan    "R+b -web-0-a@n1& +web-0-b@n1=web-0-a E S"         "&": with the next one · "=": replaces
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controllers/scheduler/nodes.h"
#include "controllers/scheduler/plan.h"
#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"

struct world_pod {
	char name[POD_NAME_SIZE], node[64], revision[16];
	char replaces[POD_NAME_SIZE]; /* "": nothing */
	int64_t ordinal, create_rev;
	struct pod_status status;
	struct container_status container;
	bool has_status;
};

struct world {
	struct microservice spec;
	struct container container;
	struct port port;
	struct error invalid;
	bool deleted, not_valid, no_spec;
	char revision[16];
	int64_t desired, mod_rev, now_ms, status_ms, endpoints_ms, next_rev;
	size_t max_pods;
	struct world_pod *pods;
	size_t n_pods, cap_pods;
	struct revision revisions[64];
	char hashes[64][16]; /* those of the revisions, in any order */
	size_t n_revisions;
	struct microservice_status *status;
	struct endpoints *endpoints;
	struct nodes *nodes;
	struct claim claim;
	struct arena arena;
	struct plan plan;
	struct str text; /* of the last plan */
	uint64_t picks;	 /* asked so far */
	struct pick pick;
};

static inline enum pod_phase world_phase(const char *word, bool *ret_ready, int64_t *ret_started)
{
	static const struct {
		const char *word;
		enum pod_phase phase;
		bool ready, started;
	} words[] = {
		{"pend", POD_PENDING, false, false}, {"ran", POD_PENDING, false, true},
		{"run", POD_RUNNING, true, true},    {"deaf", POD_RUNNING, false, true},
		{"fail", POD_FAILED, false, true},   {"done", POD_SUCCEEDED, false, true},
		{"lost", POD_UNKNOWN, false, true},  {"nopull", POD_FAILED, false, false},
	};
	for (size_t i = 0; i < ELEMENTS(words); i++) {
		if (!streq(words[i].word, word))
			continue;
		*ret_ready = words[i].ready;
		*ret_started = words[i].started;
		return words[i].phase;
	}
	test_fail(__FILE__, __LINE__, "no such pod status: %s", word);
}

static inline void world_set_status(struct world_pod *p, const char *word)
{
	static char message[] = "Failed pulling image x", reason[] = "ContainerFailedPulling", app[] = "app",
		    address[] = "10.1.0.9";
	p->has_status = !streq(word, "none");
	if (!p->has_status)
		return;
	int64_t started = 0;
	p->status.phase = (int)world_phase(word, &p->status.ready, &started);
	p->status.message = p->status.phase == POD_FAILED ? message : NULL;
	p->status.reason = p->status.phase == POD_FAILED ? reason : NULL;
	p->status.address = address;
	p->container = (struct container_status){.name = app, .startedAt = started};
	p->status.containers = (struct list_of){.items = &p->container, .count = 1};
}

static inline int world_pod_order(const void *a, const void *b)
{
	const struct world_pod *x = a, *y = b;
	if (x->ordinal != y->ordinal)
		return x->ordinal < y->ordinal ? -1 : 1;
	return x->create_rev < y->create_rev ? -1 : x->create_rev > y->create_rev;
}

/* Adds the pod and books it, unless the pick did. */
static inline struct world_pod *world_add_pod(struct world *w, const char *name, const char *node, bool book)
{
	if (w->n_pods == w->cap_pods) {
		w->cap_pods = w->cap_pods ? 2 * w->cap_pods : 64;
		w->pods = mem_realloc_array(w->pods, w->cap_pods, sizeof(*w->pods));
		/* the statuses point into the array */
		for (size_t i = 0; i < w->n_pods; i++)
			w->pods[i].status.containers.items = &w->pods[i].container;
	}
	struct world_pod *p = &w->pods[w->n_pods++];
	*p = (struct world_pod){.create_rev = ++w->next_rev};
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	(void)snprintf(p->node, sizeof(p->node), "%s", node);
	const char *dash = strchr(name, '-');
	p->ordinal = strtoll(dash + 1, NULL, 10);
	(void)snprintf(p->revision, sizeof(p->revision), "%s", strchr(dash + 1, '-') + 1);
	if (book)
		nodes_book(w->nodes, node, "default/web", &w->claim);
	return p;
}

/* Pods move when others go: sorted by ordinal and age, as a plan wants them. */
static inline void world_sort(struct world *w)
{
	if (w->n_pods)
		qsort(w->pods, w->n_pods, sizeof(*w->pods), world_pod_order);
	for (size_t i = 0; i < w->n_pods; i++)
		w->pods[i].status.containers.items = &w->pods[i].container;
}

static inline struct world_pod *world_pod(struct world *w, const char *name, const char *node)
{
	for (size_t i = 0; i < w->n_pods; i++)
		if (streq(w->pods[i].name, name) && streq(w->pods[i].node, node))
			return &w->pods[i];
	return NULL;
}

/* "n1:lost": one node in the state; its capacity is 4 cores and 1 GB. */
static inline void world_node(struct world *w, const char *text)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "%s", text);
	char *state = strchr(name, ':');
	if (state)
		*state++ = '\0';
	static char address[] = "192.0.2.1", zone[] = "z", key[] = "disk", value[] = "ssd";
	struct pair label = {.key = key, .value = value};
	struct node spec = {.name = name, .zone = zone, .address = address, .labels = {.items = &label, .count = 1}};
	struct health health = {.name = name, .cpus = 4000, .memory = 1000000000};
	bool gone = state && streq(state, "gone"), lost = state && streq(state, "lost");
	if (state && streq(state, "cordoned"))
		spec.state = NODE_INACTIVE;
	if (state && streq(state, "draining"))
		spec.state = NODE_DRAINING;
	if (state && streq(state, "disabled"))
		spec.state = NODE_DISABLED;
	nodes_set_spec(w->nodes, name, gone ? NULL : &spec);
	nodes_set_health(w->nodes, name, gone || lost ? NULL : &health, w->now_ms == 1000000 ? 0 : w->now_ms);
}

static inline void world_each(struct world *w, const char *list, void (*fn)(struct world *w, const char *word))
{
	_cleanup_free_ char *copy = mem_strdup(list);
	char *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		if (*word)
			fn(w, word);
}

static inline void world_pod_word(struct world *w, const char *text)
{
	char name[256];
	(void)snprintf(name, sizeof(name), "%s", text);
	char *node = strchr(name, '@'), *word = strchr(name, ':');
	*node++ = '\0';
	*word++ = '\0';
	world_set_status(world_add_pod(w, name, node, true), word);
}

static inline void world_init(struct world *w, const char *nodes, const char *pods, const char *revision,
			      int64_t desired)
{
	static char app[] = "app", project[] = "default", name[] = "web", image[] = "x";
	*w = (struct world){.desired = desired, .mod_rev = 7, .now_ms = 1000000, .max_pods = 90, .next_rev = 100};
	w->container = (struct container){.name = app, .image = image};
	w->spec = (struct microservice){.project = project,
					.name = name,
					.update = {.parallelism = 1},
					.containers = {.items = &w->container, .count = 1}};
	(void)snprintf(w->revision, sizeof(w->revision), "%s", revision);
	w->nodes = nodes_new();
	world_each(w, nodes, world_node);
	world_each(w, pods, world_pod_word);
	world_sort(w);
}

/* Every pod asks for this much and publishes this port (0: none); before pods are added. */
static inline void world_claim(struct world *w, int64_t memory, int64_t host_port)
{
	for (size_t i = 0; i < w->n_pods; i++)
		nodes_unbook(w->nodes, w->pods[i].node, "default/web", &w->claim);
	static char number[] = "80";
	w->container.requests.memory = memory;
	w->port = (struct port){.name = number, .port = 80, .hostPort = host_port};
	w->container.ports = (struct list_of){.items = &w->port, .count = host_port > 0};
	claim_done(&w->claim);
	claim_init(&w->claim, &w->spec.containers);
	for (size_t i = 0; i < w->n_pods; i++)
		nodes_book(w->nodes, w->pods[i].node, "default/web", &w->claim);
}

static inline void world_done(struct world *w)
{
	free(w->pods);
	(void)kind_free(&kind_microservice_status, w->status);
	(void)kind_free(&kind_endpoints, w->endpoints);
	(void)nodes_free(w->nodes);
	claim_done(&w->claim);
	arena_done(&w->arena);
	str_done(&w->text);
}

/* --- planning --- */

static inline const char *world_pick(void *ctx)
{
	struct world *w = ctx;
	w->picks++;
	return pick_node(&w->pick);
}

static inline bool world_pick_in_place(void *ctx, const struct plan_pod *old)
{
	struct world *w = ctx;
	w->picks++;
	return pick_in_place(&w->pick, old->node, &w->claim);
}

static inline const char *world_why(void *ctx)
{
	return pick_why(&((struct world *)ctx)->pick);
}

static inline void world_print(struct str *out, const struct plan *plan)
{
	str_clear(out);
	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct plan_action *a = &plan->actions[i];
		CHECK(a->why && a->why[0]);
		str_puts(out, i ? " " : "");
		switch (a->verb) {
		case PLAN_REVISION_PUT:
			str_printf(out, "R+%s", a->revision);
			break;
		case PLAN_REVISION_DELETE:
			str_printf(out, "R-%s", a->revision);
			break;
		case PLAN_POD_CREATE:
			str_printf(out, "+%s@%s%s%s", a->pod, a->node, a->replaces ? "=" : "",
				   a->replaces ? a->replaces : "");
			break;
		case PLAN_POD_DELETE:
			str_printf(out, "-%s@%s", a->pod, a->node);
			break;
		case PLAN_ENDPOINTS_PUT:
			str_puts(out, "E");
			break;
		case PLAN_ENDPOINTS_DELETE:
			str_puts(out, "E-");
			break;
		case PLAN_STATUS_PUT:
			str_puts(out, "S");
			break;
		case PLAN_STATUS_DELETE:
			str_puts(out, "S-");
			break;
		}
		str_puts(out, a->with_next ? "&" : "");
	}
}

/* The plan as text; what it created is booked, as an execution in flight would be. */
static inline const char *world_plan(struct world *w)
{
	arena_reset(&w->arena);
	struct plan_pod *pods = ARENA_ARRAY(&w->arena, struct plan_pod, w->n_pods + 1);
	for (size_t i = 0; i < w->n_pods; i++) {
		struct world_pod *p = &w->pods[i];
		struct node_view v = nodes_view(w->nodes, p->node);
		/* copies: the world's own move while the plan is carried out */
		pods[i] = (struct plan_pod){.name = arena_strdup(&w->arena, p->name),
					    .node = arena_strdup(&w->arena, p->node),
					    .revision = p->revision,
					    .ordinal = p->ordinal,
					    .create_rev = p->create_rev,
					    .replaces = p->replaces[0] ? arena_strdup(&w->arena, p->replaces) : NULL,
					    .node_state = v.state,
					    .node_since_ms = v.since_ms,
					    .host_address = v.address,
					    .status = p->has_status ? &p->status : NULL};
	}
	const struct revision **revisions = ARENA_ARRAY(&w->arena, const struct revision *, w->n_revisions + 1);
	for (size_t i = 0; i < w->n_revisions; i++)
		revisions[i] = &w->revisions[i];
	pick_init(&w->pick, w->nodes, &w->arena, "default/web", &w->claim, &w->spec.placement);
	const struct plan_nodes nodes = {
		.ctx = w, .pick = world_pick, .pick_in_place = world_pick_in_place, .why = world_why};
	const struct plan_in in = {
		.project = w->spec.project,
		.name = w->spec.name,
		.mod_rev = w->mod_rev,
		.deleted = w->deleted,
		.spec = w->no_spec ? NULL : &w->spec,
		.invalid = w->not_valid ? &w->invalid : NULL,
		.revision = w->revision,
		.desired = w->desired,
		.fixed_ports = w->claim.n_ports > 0,
		.pods = pods,
		.n_pods = w->n_pods,
		.revisions = revisions,
		.n_revisions = w->n_revisions,
		.endpoints = w->endpoints,
		.status = w->status,
		.status_ms = w->status_ms,
		.endpoints_ms = w->endpoints_ms,
		.now_ms = w->now_ms,
		.wall_ms = 1700000000000 + w->now_ms,
		.max_pods = w->max_pods,
		.nodes = &nodes,
	};
	plan_service(&in, &w->arena, &w->plan);
	world_print(&w->text, &w->plan);
	return str_get(&w->text);
}

static inline void world_delete_pod(struct world *w, const char *name, const char *node)
{
	struct world_pod *p = world_pod(w, name, node);
	CHECK(p);
	nodes_unbook(w->nodes, node, "default/web", &w->claim);
	size_t at = (size_t)(p - w->pods);
	memmove(p, p + 1, (w->n_pods - at - 1) * sizeof(*p));
	w->n_pods--;
}

static inline void world_add_revision(struct world *w, const char *revision)
{
	size_t at = 0;
	for (size_t i = 0; i < w->n_revisions; i++) {
		CHECK(!streq(w->revisions[i].hash, revision));
		if (w->revisions[i].hash == w->hashes[at]) { /* taken: look at the next one from the start */
			at++;
			i = (size_t)-1;
		}
	}
	CHECK(at < ELEMENTS(w->hashes));
	(void)snprintf(w->hashes[at], sizeof(w->hashes[0]), "%s", revision);
	w->revisions[w->n_revisions++] = (struct revision){.hash = w->hashes[at], .createdAt = ++w->next_rev};
}

static inline void world_carry_out(struct world *w, const struct plan_action *a)
{
	switch (a->verb) {
	case PLAN_REVISION_PUT:
		world_add_revision(w, a->revision);
		break;
	case PLAN_REVISION_DELETE:
		for (size_t i = 0; i < w->n_revisions; i++) {
			if (!streq(w->revisions[i].hash, a->revision))
				continue;
			memmove(&w->revisions[i], &w->revisions[i + 1],
				(--w->n_revisions - i) * sizeof(w->revisions[0]));
			break;
		}
		break;
	case PLAN_POD_CREATE: {
		CHECK(!world_pod(w, a->pod, a->node));
		struct world_pod *p = world_add_pod(w, a->pod, a->node, false);
		(void)snprintf(p->replaces, sizeof(p->replaces), "%s", a->replaces ? a->replaces : "");
		break;
	}
	case PLAN_POD_DELETE:
		world_delete_pod(w, a->pod, a->node);
		break;
	case PLAN_ENDPOINTS_PUT:
		(void)kind_free(&kind_endpoints, w->endpoints);
		w->endpoints = kind_copy(&kind_endpoints, w->plan.endpoints);
		w->endpoints_ms = w->now_ms;
		break;
	case PLAN_ENDPOINTS_DELETE:
		w->endpoints = kind_free(&kind_endpoints, w->endpoints);
		break;
	case PLAN_STATUS_PUT:
		(void)kind_free(&kind_microservice_status, w->status);
		w->status = kind_copy(&kind_microservice_status, w->plan.status);
		w->status_ms = w->now_ms;
		break;
	case PLAN_STATUS_DELETE:
		w->status = kind_free(&kind_microservice_status, w->status);
		break;
	}
}

/* The last plan is not carried out: what it booked is free again. */
static inline void world_unplan(struct world *w)
{
	for (size_t i = 0; i < w->plan.n_actions; i++)
		if (w->plan.actions[i].verb == PLAN_POD_CREATE)
			nodes_unbook(w->nodes, w->plan.actions[i].node, "default/web", &w->claim);
	w->plan.n_actions = 0;
}

/* Carries the last plan out. */
static inline void world_apply(struct world *w)
{
	for (size_t i = 0; i < w->plan.n_actions; i++)
		world_carry_out(w, &w->plan.actions[i]);
	world_sort(w);
}

/* Plans and carries out; the text of the plan. */
static inline const char *world_turn(struct world *w)
{
	(void)world_plan(w);
	world_apply(w);
	return str_get(&w->text);
}

/* Gives every pod without a status, or that is pending, this one. */
static inline void world_run(struct world *w, const char *word)
{
	for (size_t i = 0; i < w->n_pods; i++)
		if (!w->pods[i].has_status || w->pods[i].status.phase == POD_PENDING)
			world_set_status(&w->pods[i], word);
}

/* The condition of the last plan's status as "false Unplaceable: 0/1 nodes: 1 cordoned". */
static inline const char *world_condition(struct world *w, const char *type)
{
	const struct list_of *l = &w->plan.status->conditions;
	for (size_t i = 0; i < l->count; i++) {
		const struct condition *c = &LIST_ITEMS(l, const struct condition)[i];
		if (streq(c->type, type))
			return arena_printf(&w->arena, "%s %s: %s", c->status ? "true" : "false", c->reason,
					    c->message);
	}
	return "none";
}

/* "desired/pods/updated/running/ready" of the last plan's status. */
static inline const char *world_counts(struct world *w)
{
	const struct microservice_status *s = w->plan.status;
	return arena_printf(&w->arena, "%lld/%lld/%lld/%lld/%lld", (long long)s->desired, (long long)s->pods,
			    (long long)s->updated, (long long)s->running, (long long)s->ready);
}
