#include "controllers/scheduler/nodes.h"

#include <stdio.h>

#include "core/map.h"
#include "core/mem.h"

/* Why a node is refused, in the order in which it is asked. */
enum refusal {
	REFUSED_LOST,
	REFUSED_CORDONED,
	REFUSED_DRAINING,
	REFUSED_DISABLED,
	REFUSED_NODES,
	REFUSED_LABELS,
	REFUSED_CPU,
	REFUSED_MEMORY,
	REFUSED_PORT,
	FITS,
};

static const char *const refusal_words[FITS] = {
        [REFUSED_LOST] = "lost",         [REFUSED_CORDONED] = "cordoned", [REFUSED_DRAINING] = "draining",
        [REFUSED_DISABLED] = "disabled", [REFUSED_NODES] = "not named",   [REFUSED_LABELS] = "labels",
        [REFUSED_CPU] = "cpu",           [REFUSED_MEMORY] = "memory",     [REFUSED_PORT] = "host port",
};
_Static_assert(ELEMENTS(((struct pick *)NULL)->refused) == FITS + 1, "one counter for each refusal");

struct slot_port {
	int64_t port;
	int protocol;
	unsigned pods; /* that claim it: two while one replaces the other */
};

struct slot {
	char *name;
	struct node *spec; /* a copy; NULL: no object */
	bool healthy;
	int64_t since_ms;                           /* of healthy; 0: from the start */
	int64_t cpus_milli, memory_bytes, cpu_used; /* of the health; 0: not known, taken as enough */
	int64_t cpu_booked, memory_booked;
	struct slot_port *ports; /* few: searched in order */
	size_t n_ports, cap_ports;
	struct map services; /* service -> how many pods, as a number in the pointer */
};

struct nodes {
	struct map slots;
	size_t n_specs;
};

/* --- claims --- */

void claim_init(struct claim *c, const struct list_of *containers)
{
	*c = (struct claim){0};
	const struct container *items = LIST_ITEMS(containers, const struct container);
	for (size_t i = 0; i < containers->count; i++) {
		c->cpu_milli += items[i].requests.cpus;
		c->memory_bytes += items[i].requests.memory;
		const struct port *ports = LIST_ITEMS(&items[i].ports, const struct port);
		for (size_t k = 0; k < items[i].ports.count; k++) {
			if (ports[k].hostPort <= 0)
				continue;
			c->ports = mem_realloc_array(c->ports, c->n_ports + 1, sizeof(*c->ports));
			c->ports[c->n_ports++] =
			        (struct claim_port){.port = ports[k].hostPort, .protocol = ports[k].protocol};
		}
	}
}

void claim_done(struct claim *c)
{
	free(c->ports);
	*c = (struct claim){0};
}

static unsigned claim_has(const struct claim *c, int64_t port, int protocol)
{
	unsigned n = 0;
	for (size_t i = 0; i < c->n_ports; i++)
		n += c->ports[i].port == port && c->ports[i].protocol == protocol;
	return n;
}

/* --- slots --- */

static void slot_free(void *p)
{
	struct slot *s = p;
	free(s->name);
	(void)kind_free(&kind_node, s->spec);
	free(s->ports);
	map_done(&s->services, NULL);
	free(s);
}

static struct slot *slot_get(struct nodes *n, const char *name)
{
	struct slot *s = map_get(&n->slots, name);
	if (!s) {
		s = NEW(struct slot);
		s->name = mem_strdup(name);
		(void)map_put(&n->slots, name, s);
	}
	return s;
}

/* Forgets a node that nothing speaks of any more. */
static void slot_release(struct nodes *n, struct slot *s)
{
	if (s->spec || s->healthy || s->services.count)
		return;
	(void)map_remove(&n->slots, s->name);
	slot_free(s);
}

static struct slot_port *slot_port(const struct slot *s, int64_t port, int protocol)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (s->ports[i].port == port && s->ports[i].protocol == protocol)
			return &s->ports[i];
	return NULL;
}

static size_t slot_pods_of(const struct slot *s, const char *service)
{
	return (size_t)(uintptr_t)map_get(&s->services, service);
}

struct nodes *nodes_new(void)
{
	return NEW(struct nodes);
}

struct nodes *nodes_free(struct nodes *n)
{
	if (!n)
		return NULL;
	map_done(&n->slots, slot_free);
	free(n);
	return NULL;
}

void nodes_set_spec(struct nodes *n, const char *name, const struct node *spec)
{
	struct slot *s = slot_get(n, name);
	n->n_specs -= s->spec != NULL;
	(void)kind_free(&kind_node, s->spec);
	s->spec = spec ? kind_copy(&kind_node, spec) : NULL;
	n->n_specs += s->spec != NULL;
	slot_release(n, s);
}

void nodes_set_health(struct nodes *n, const char *name, const struct health *health, int64_t now_ms)
{
	struct slot *s = slot_get(n, name);
	if (health && !s->healthy)
		s->since_ms = now_ms;
	s->healthy = health != NULL;
	if (health) {
		s->cpus_milli = health->cpus;
		s->memory_bytes = health->memory;
		s->cpu_used = health->cpuUsed;
	}
	slot_release(n, s);
}

static enum plan_node slot_state(const struct slot *s)
{
	if (!s || !s->spec)
		return PLAN_NODE_GONE;
	if (!s->healthy)
		return PLAN_NODE_LOST;
	switch ((enum node_state)s->spec->state) {
	case NODE_ACTIVE:
		return PLAN_NODE_ACTIVE;
	case NODE_INACTIVE:
		return PLAN_NODE_INACTIVE;
	case NODE_DRAINING:
		return PLAN_NODE_DRAINING;
	case NODE_DISABLED:
		break;
	}
	return PLAN_NODE_DISABLED;
}

struct node_view nodes_view(const struct nodes *n, const char *name)
{
	const struct slot *s = map_get(&n->slots, name);
	return (struct node_view){
	        .state = slot_state(s),
	        .since_ms = s ? s->since_ms : 0,
	        .address = s && s->spec ? s->spec->address : NULL,
	};
}

static void slot_book(struct slot *s, const char *service, const struct claim *c)
{
	s->cpu_booked += c->cpu_milli;
	s->memory_booked += c->memory_bytes;
	for (size_t i = 0; i < c->n_ports; i++) {
		struct slot_port *p = slot_port(s, c->ports[i].port, c->ports[i].protocol);
		if (!p) {
			if (s->n_ports == s->cap_ports) {
				s->cap_ports = s->cap_ports ? 2 * s->cap_ports : 4;
				s->ports = mem_realloc_array(s->ports, s->cap_ports, sizeof(*s->ports));
			}
			p = &s->ports[s->n_ports++];
			*p = (struct slot_port){.port = c->ports[i].port, .protocol = c->ports[i].protocol};
		}
		p->pods++;
	}
	(void)map_put(&s->services, service, (void *)(uintptr_t)(slot_pods_of(s, service) + 1));
}

void nodes_book(struct nodes *n, const char *name, const char *service, const struct claim *c)
{
	slot_book(slot_get(n, name), service, c);
}

void nodes_unbook(struct nodes *n, const char *name, const char *service, const struct claim *c)
{
	struct slot *s = map_get(&n->slots, name);
	size_t pods = s ? slot_pods_of(s, service) : 0;
	if (pods == 0)
		abort(); /* booked and unbooked must match, or the index tells lies for ever */
	s->cpu_booked -= c->cpu_milli;
	s->memory_booked -= c->memory_bytes;
	for (size_t i = 0; i < c->n_ports; i++) {
		struct slot_port *p = slot_port(s, c->ports[i].port, c->ports[i].protocol);
		if (p && --p->pods == 0)
			*p = s->ports[--s->n_ports];
	}
	if (pods == 1)
		(void)map_remove(&s->services, service);
	else
		(void)map_put(&s->services, service, (void *)(uintptr_t)(pods - 1));
	slot_release(n, s);
}

void nodes_services(const struct nodes *n, const char *name, void (*fn)(void *ctx, const char *service),
                    void *ctx)
{
	const struct slot *s = map_get(&n->slots, name);
	if (!s)
		return;
	map_for_each (e, &s->services)
		fn(ctx, e->key);
}

struct claim nodes_booked(const struct nodes *n, const char *name)
{
	const struct slot *s = map_get(&n->slots, name);
	if (!s)
		return (struct claim){0};
	return (struct claim){
	        .cpu_milli = s->cpu_booked, .memory_bytes = s->memory_booked, .n_ports = s->n_ports};
}

/* --- filter --- */

/* leaving: what will be free; NULL: nothing. */
static enum refusal refusal_of(const struct pick *p, const struct slot *s, const struct claim *leaving)
{
	static const struct claim nothing;
	const struct claim *c = p->claim, *free_ = leaving ? leaving : &nothing;
	switch (slot_state(s)) {
	case PLAN_NODE_LOST:
	case PLAN_NODE_GONE:
		return REFUSED_LOST;
	case PLAN_NODE_INACTIVE:
		return REFUSED_CORDONED;
	case PLAN_NODE_DRAINING:
		return REFUSED_DRAINING;
	case PLAN_NODE_DISABLED:
		return REFUSED_DISABLED;
	case PLAN_NODE_ACTIVE:
		break;
	}
	const struct strings *names = &p->placement->nodes;
	bool named = names->count == 0;
	for (size_t i = 0; i < names->count && !named; i++)
		named = streq(names->items[i], s->name);
	if (!named)
		return REFUSED_NODES;
	const struct pairs *labels = &p->placement->labels;
	for (size_t i = 0; i < labels->count; i++)
		if (!str_equal(pairs_get(&s->spec->labels, labels->items[i].key), labels->items[i].value))
			return REFUSED_LABELS;
	/* a pod that asks for nothing fits on a full node: it is the requests that are counted */
	if (c->cpu_milli > 0 && s->cpus_milli > 0 &&
	    s->cpu_booked - free_->cpu_milli + c->cpu_milli > s->cpus_milli)
		return REFUSED_CPU;
	if (c->memory_bytes > 0 && s->memory_bytes > 0 &&
	    s->memory_booked - free_->memory_bytes + c->memory_bytes > s->memory_bytes)
		return REFUSED_MEMORY;
	for (size_t i = 0; i < c->n_ports; i++) {
		const struct slot_port *taken = slot_port(s, c->ports[i].port, c->ports[i].protocol);
		if (taken && taken->pods > claim_has(free_, taken->port, taken->protocol))
			return REFUSED_PORT;
	}
	return FITS;
}

/* --- score --- */

struct pick_candidate {
	struct slot *slot;
	size_t pods;      /* of the service */
	int64_t share;    /* of cpu or memory requested, whichever is more, per mille */
	int64_t cpu_used; /* per cent */
};

static int64_t share(int64_t booked, int64_t total)
{
	return total > 0 ? booked / MAX(total / 1000, 1) : 0;
}

static struct pick_candidate candidate(const struct pick *p, struct slot *s)
{
	return (struct pick_candidate){
	        .slot = s,
	        .pods = slot_pods_of(s, p->service),
	        .share = MAX(share(s->cpu_booked, s->cpus_milli), share(s->memory_booked, s->memory_bytes)),
	        .cpu_used = s->cpu_used,
	};
}

static bool better(const struct pick_candidate *a, const struct pick_candidate *b)
{
	if (a->pods != b->pods)
		return a->pods < b->pods;
	if (a->share != b->share)
		return a->share < b->share;
	if (a->cpu_used != b->cpu_used)
		return a->cpu_used < b->cpu_used;
	return strcmp(a->slot->name, b->slot->name) < 0;
}

static void sift_down(struct pick *p, size_t at)
{
	for (;;) {
		size_t best = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < p->n_heap; child++)
			if (better(&p->heap[child], &p->heap[best]))
				best = child;
		if (best == at)
			return;
		struct pick_candidate c = p->heap[at];
		p->heap[at] = p->heap[best];
		p->heap[best] = c;
		at = best;
	}
}

static void build(struct pick *p)
{
	p->built = true;
	p->heap = ARENA_ARRAY(p->arena, struct pick_candidate, p->nodes->n_specs + 1);
	map_for_each (e, &p->nodes->slots) {
		struct slot *s = e->value;
		if (!s->spec)
			continue;
		enum refusal why = refusal_of(p, s, NULL);
		if (why == FITS)
			p->heap[p->n_heap++] = candidate(p, s);
		else
			p->refused[why]++;
	}
	for (size_t i = p->n_heap / 2; i-- > 0;)
		sift_down(p, i);
}

/* Puts the root, whose node has changed, where it belongs now. */
static void renew_root(struct pick *p)
{
	struct slot *s = p->heap[0].slot;
	enum refusal why = refusal_of(p, s, NULL);
	if (why == FITS) {
		p->heap[0] = candidate(p, s);
	} else {
		p->refused[why]++;
		p->heap[0] = p->heap[--p->n_heap];
	}
	sift_down(p, 0);
}

void pick_init(struct pick *p, struct nodes *n, struct arena *a, const char *service,
               const struct claim *claim, const struct placement *placement)
{
	*p = (struct pick){
	        .nodes = n, .arena = a, .service = service, .claim = claim, .placement = placement};
}

const char *pick_node(struct pick *p)
{
	if (!p->built)
		build(p);
	if (p->n_heap == 0)
		return NULL;
	struct slot *s = p->heap[0].slot;
	slot_book(s, p->service, p->claim);
	renew_root(p);
	return s->name;
}

bool pick_in_place(struct pick *p, const char *node, const struct claim *leaving)
{
	struct slot *s = map_get(&p->nodes->slots, node);
	if (!s || refusal_of(p, s, leaving) != FITS)
		return false;
	slot_book(s, p->service, p->claim);
	/* the heap holds this node as it was: the next pick starts afresh */
	p->built = false;
	p->n_heap = 0;
	for (size_t i = 0; i < ELEMENTS(p->refused); i++)
		p->refused[i] = 0;
	return true;
}

const char *pick_why(struct pick *p)
{
	if (p->nodes->n_specs == 0)
		return "0/0 nodes: no node has joined";
	size_t used = (size_t)snprintf(p->why, sizeof(p->why), "0/%zu nodes:", p->nodes->n_specs);
	unsigned left[FITS];
	for (size_t i = 0; i < FITS; i++)
		left[i] = p->refused[i];
	for (const char *joint = " ";; joint = ", ") { /* the most frequent reason first */
		size_t most = 0;
		for (size_t i = 1; i < FITS; i++)
			if (left[i] > left[most])
				most = i;
		if (left[most] == 0 || used >= sizeof(p->why))
			return p->why;
		char what[48];
		(void)snprintf(what, sizeof(what), "%s", refusal_words[most]);
		if (most == REFUSED_PORT)
			(void)snprintf(what, sizeof(what), "host port %lld taken",
			               (long long)p->claim->ports[0].port);
		used += (size_t)snprintf(p->why + used, sizeof(p->why) - used, "%s%u %s", joint, left[most],
		                         what);
		left[most] = 0;
	}
}
