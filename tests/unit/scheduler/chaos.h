/*
 * A world of one service that is driven by bytes: each decides what happens next. Used by the property test with bytes
 * from a seed, and by the fuzzer. A plan is made only after something changed or when the last plan asked for it, so a
 * wake-up that was forgotten shows as a world that never comes to rest.
 */
#pragma once

#include "unit/scheduler/world.h"

struct chaos {
	struct world w;
	const uint8_t *data;
	size_t size;
	int n_nodes;
};

static inline unsigned chaos_byte(struct chaos *c)
{
	if (c->size == 0)
		return 0;
	c->size--;
	return *c->data++;
}

static inline bool chaos_up(struct world *w, size_t i)
{
	const struct world_pod *p = &w->pods[i];
	enum plan_node state = nodes_view(w->nodes, p->node).state;
	return p->has_status && state != PLAN_NODE_LOST && state != PLAN_NODE_GONE &&
	       (p->status.phase == POD_SUCCEEDED || (p->status.phase == POD_RUNNING && p->status.ready));
}

static inline bool chaos_deleted(const struct plan *plan, const struct world_pod *p)
{
	for (size_t i = 0; i < plan->n_actions; i++)
		if (plan->actions[i].verb == PLAN_POD_DELETE && streq(plan->actions[i].pod, p->name) &&
		    streq(plan->actions[i].node, p->node))
			return true;
	return false;
}

/* A pod that is up stays in the ordinal. */
static inline bool chaos_stays_up(struct world *w, int64_t ordinal)
{
	for (size_t i = 0; i < w->n_pods; i++)
		if (w->pods[i].ordinal == ordinal && chaos_up(w, i) && !chaos_deleted(&w->plan, &w->pods[i]))
			return true;
	return false;
}

/* The plan stops before it starts: the order says so, or a port that both want. */
static inline bool chaos_stops_first(const struct world *w, int64_t ordinal)
{
	if (w->spec.update.order == ORDER_STOP_FIRST)
		return true;
	for (size_t i = 0; i < w->plan.n_actions; i++)
		if (w->plan.actions[i].replaces && w->plan.actions[i].ordinal == ordinal)
			return true;
	return false;
}

static inline void chaos_check_delete(struct chaos *c, const struct plan_action *a)
{
	struct world *w = &c->w;
	struct world_pod *p = world_pod(w, a->pod, a->node);
	CHECK(p);
	bool was_up = chaos_up(w, (size_t)(p - w->pods));
	if (w->deleted || p->ordinal >= w->desired || !was_up || chaos_stops_first(w, p->ordinal))
		return;
	if (nodes_view(w->nodes, p->node).state != PLAN_NODE_DISABLED)
		CHECK(chaos_stays_up(w, p->ordinal));
}

/* In the same transaction the pod whose place it takes leaves the node, or one that had not taken that place yet. */
static inline bool chaos_place_is_left(struct world *w, const struct plan_action *a)
{
	for (const struct plan_action *d = a; d > w->plan.actions && d[-1].with_next; d--) {
		const struct world_pod *p = world_pod(w, d[-1].pod, d[-1].node);
		if (d[-1].verb == PLAN_POD_DELETE && p && streq(p->node, a->node) &&
		    (streq(p->name, a->replaces) || streq(p->replaces, a->replaces)))
			return true;
	}
	return false;
}

static inline void chaos_check_create(struct chaos *c, const struct plan_action *a)
{
	struct world *w = &c->w;
	CHECK(!w->deleted);
	CHECK(a->ordinal >= 0 && a->ordinal < w->desired);
	CHECK_INT(nodes_view(w->nodes, a->node).state, PLAN_NODE_ACTIVE);
	CHECK(!world_pod(w, a->pod, a->node));
	for (size_t i = 0; i < w->n_pods; i++) {
		enum plan_node state = nodes_view(w->nodes, w->pods[i].node).state;
		bool seat = w->pods[i].ordinal == a->ordinal && streq(w->pods[i].revision, w->revision) &&
			    (state == PLAN_NODE_ACTIVE || state == PLAN_NODE_INACTIVE);
		CHECK(!seat);
	}
	if (a->replaces)
		CHECK(chaos_place_is_left(w, a));
}

/* What holds of every plan. */
static inline void chaos_check(struct chaos *c)
{
	struct world *w = &c->w;
	const struct plan *plan = &w->plan;
	size_t pods = 0, status = 0;
	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct plan_action *a = &plan->actions[i];
		CHECK(a->why && a->why[0]);
		CHECK(!a->with_next || i + 1 < plan->n_actions);
		pods += a->verb == PLAN_POD_CREATE || a->verb == PLAN_POD_DELETE;
		status += a->verb == PLAN_STATUS_PUT;
		if (a->verb == PLAN_POD_DELETE)
			chaos_check_delete(c, a);
		if (a->verb == PLAN_POD_CREATE)
			chaos_check_create(c, a);
	}
	CHECK(pods <= w->max_pods);
	CHECK(w->deleted || pods == 0 || status == 1);
	CHECK(!w->no_spec || pods == 0);
	CHECK(plan->wake_at_ms == 0 || plan->wake_at_ms > w->now_ms);
}

/* Plans twice: the second time the same must come out. */
static inline void chaos_plan(struct chaos *c)
{
	(void)world_plan(&c->w);
	_cleanup_free_ char *first = mem_strdup(str_get(&c->w.text));
	world_unplan(&c->w);
	CHECK_STR(world_plan(&c->w), first);
	chaos_check(c);
}

/* Only the first n actions are carried out, and the status, as when a transaction is full. */
static inline void chaos_apply_some(struct chaos *c, size_t n)
{
	struct plan *plan = &c->w.plan;
	while (n > 0 && n < plan->n_actions && plan->actions[n - 1].with_next)
		n--;
	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct plan_action *a = &plan->actions[i];
		if (i < n || a->verb == PLAN_STATUS_PUT)
			world_carry_out(&c->w, a);
		else if (a->verb == PLAN_POD_CREATE)
			nodes_unbook(c->w.nodes, a->node, "default/web", &c->w.claim);
	}
	world_sort(&c->w);
}

static inline void chaos_node(struct chaos *c, unsigned byte)
{
	static const char *const states[] = {"", ":cordoned", ":draining", ":disabled", ":lost", ":gone"};
	char text[32];
	(void)snprintf(text, sizeof(text), "n%u%s", byte % (unsigned)c->n_nodes, states[byte / 8 % ELEMENTS(states)]);
	world_node(&c->w, text);
}

static inline void chaos_pod(struct chaos *c, unsigned byte)
{
	static const char *const words[] = {"none", "pend", "ran", "run", "deaf", "fail", "done", "lost"};
	if (c->w.n_pods)
		world_set_status(&c->w.pods[byte / 8 % c->w.n_pods], words[byte % ELEMENTS(words)]);
}

static inline void chaos_step(struct chaos *c)
{
	struct world *w = &c->w;
	unsigned op = chaos_byte(c), byte = chaos_byte(c);
	size_t some = (size_t)-1;
	switch (op % 12) {
	case 0:
		w->desired = byte % 8;
		w->mod_rev++;
		break;
	case 1:
		(void)snprintf(w->revision, sizeof(w->revision), "%c", 'a' + (int)(byte % 4));
		w->mod_rev++;
		break;
	case 2:
		chaos_node(c, byte);
		break;
	case 3:
	case 4:
	case 5:
		chaos_pod(c, byte);
		break;
	case 6:
		w->now_ms += byte * 20;
		break;
	case 7:
		w->not_valid = byte % 2;
		break;
	case 8:
		some = byte % 4;
		break;
	case 9:
		if (w->n_pods) {
			const struct world_pod p = w->pods[byte % w->n_pods];
			world_delete_pod(w, p.name, p.node);
		}
		break;
	case 10:
		w->spec.update.order = byte & 1 ? ORDER_STOP_FIRST : ORDER_START_FIRST;
		w->spec.update.parallelism = 1 + byte / 2 % 3;
		break;
	default:
		w->deleted = byte % 4 == 0;
		break;
	}
	chaos_plan(c);
	chaos_apply_some(c, some);
}

/* Everything is well from now on: the world comes to rest, as it is wanted. */
static inline void chaos_settle(struct chaos *c)
{
	struct world *w = &c->w;
	w->not_valid = false;
	for (unsigned i = 0; i < (unsigned)c->n_nodes; i++)
		chaos_node(c, i);
	if (w->claim.n_ports)
		w->desired = MIN(w->desired, c->n_nodes);
	for (int turns = 0;; turns++) {
		CHECK(turns < 300);
		bool started = false;
		for (size_t i = 0; i < w->n_pods; i++)
			if (!chaos_up(w, i)) {
				world_set_status(&w->pods[i], "run");
				started = true;
			}
		chaos_plan(c);
		bool acted = w->plan.n_actions > 0;
		int64_t wake_at_ms = w->plan.wake_at_ms;
		bool more = w->plan.more;
		world_apply(w);
		CHECK(!more || acted);
		if (acted || started)
			continue;
		if (wake_at_ms == 0)
			break;
		w->now_ms = wake_at_ms;
	}
	CHECK_INT(w->n_pods, w->deleted ? 0 : w->desired);
	CHECK((w->status != NULL) == !w->deleted);
	CHECK(!w->deleted || (!w->endpoints && w->n_revisions == 0));
	size_t ready = 0;
	for (size_t i = 0; i < w->n_pods; i++) {
		CHECK_STR(w->pods[i].revision, w->revision);
		CHECK_INT(w->pods[i].ordinal, i);
		ready += w->pods[i].status.phase == POD_RUNNING;
	}
	if (w->deleted)
		return;
	CHECK_INT(w->status->pods, w->desired);
	CHECK_INT(w->status->ready, ready);
	CHECK_INT(w->endpoints ? w->endpoints->ready.count : 0, ready);
	CHECK_STR(world_condition(w, "Progressing"), "true RolledOut: ");
}

static inline void chaos_run(const uint8_t *data, size_t size)
{
	struct chaos c = {.data = data, .size = MIN(size, (size_t)800)};
	unsigned shape = chaos_byte(&c), more = chaos_byte(&c);
	c.n_nodes = 1 + (int)(shape % 4);
	world_init(&c.w, "", "", "a", shape / 4 % 8);
	world_claim(&c.w, 50000000, shape & 32 ? 8080 : 0);
	c.w.max_pods = 2 + more % 8;
	for (unsigned i = 0; i < (unsigned)c.n_nodes; i++)
		chaos_node(&c, i);
	while (c.size > 0)
		chaos_step(&c);
	chaos_settle(&c);
	world_done(&c.w);
}
