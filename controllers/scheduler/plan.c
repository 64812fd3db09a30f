/*
 * The decisions about pods. One walk down from the top removes what is beyond the scale, one walk up gives
 * each ordinal its seat, and a last walk, only when there is something to replace, takes as many steps of the
 * rollout or the drain as the budget allows. What the plan says of itself is in report.c.
 */
#include "controllers/scheduler/plan.h"

#include "controllers/scheduler/report.h"
#include "core/str.h"

struct turn {
	const struct plan_in *in;
	struct arena *arena;
	struct plan *plan;
	bool *dropped;
	size_t pods_left; /* of in->max_pods */
	int64_t created;
	int64_t pending;   /* seats that are not up, those just created included */
	int64_t moving;    /* of these, with a pod that waits to be replaced by them */
	int64_t replacing; /* live pods of other revisions that stay for now */
	int64_t missing;   /* ordinals that end this turn without a seat */
	int64_t steps;     /* ordinals whose pods wait for a replacement that is not there yet */
	const struct plan_pod *failed;
	const char *unplaced_why;
};

/* The pods of one ordinal. */
struct group {
	int64_t ordinal;
	size_t first, end;           /* of in->pods */
	const struct plan_pod *seat; /* NULL: to be created */
	bool seat_up;
	const struct plan_pod *keeper; /* of another revision: the one that stays until the seat is up */
	const struct plan_pod
	        *leaver; /* live, stays until the seat is up: of another revision, or on a draining node */
	const struct plan_pod *useless; /* dropped by this plan; its place on its node may be taken */
	size_t useless_action;          /* the index of the action that drops it */
};

static bool current(const struct turn *t, const struct plan_pod *p)
{
	return streq(p->revision, t->in->revision);
}

/* The node keeps the pods that it has. */
static bool stays(const struct plan_pod *p)
{
	return p->node_state == PLAN_NODE_ACTIVE || p->node_state == PLAN_NODE_INACTIVE;
}

/* A pod that may be the seat of its ordinal. */
static bool seatable(const struct turn *t, const struct plan_pod *p)
{
	return current(t, p) && stays(p);
}

static bool failed(const struct plan_pod *p)
{
	return p->status && p->status->phase == POD_FAILED;
}

/* Whether a container of the pod was ever started. */
static bool ran(const struct plan_pod *p)
{
	if (!p->status)
		return false;
	switch ((enum pod_phase)p->status->phase) {
	case POD_RUNNING:
	case POD_SUCCEEDED:
	case POD_STOPPING:
	case POD_UNKNOWN:
		return true;
	case POD_PENDING:
	case POD_FAILED:
		break;
	}
	const struct container_status *c = LIST_ITEMS(&p->status->containers, const struct container_status);
	for (size_t i = 0; i < p->status->containers.count; i++)
		if (c[i].startedAt > 0)
			return true;
	return false;
}

/* A node that was away may come back with what its runner said before: that is believed only after a while. */
static bool settled(const struct plan_in *in, const struct plan_pod *p)
{
	return p->node_since_ms == 0 || in->now_ms - p->node_since_ms >= PLAN_SETTLE_MS;
}

bool plan_pod_up(const struct plan_in *in, const struct plan_pod *p)
{
	if (!plan_pod_live(p) || !p->status || !settled(in, p))
		return false;
	return p->status->phase == POD_SUCCEEDED || (p->status->phase == POD_RUNNING && p->status->ready);
}

struct plan_action *plan_add(struct plan *plan, struct arena *a, enum plan_verb verb, const char *why)
{
	/* a power of two that is reached is doubled: the array starts at 16 */
	size_t n = plan->n_actions;
	if (n == 0) {
		plan->actions = ARENA_ARRAY(a, struct plan_action, 16);
	} else if (n >= 16 && (n & (n - 1)) == 0) {
		struct plan_action *more = ARENA_ARRAY(a, struct plan_action, 2 * n);
		for (size_t i = 0; i < n; i++)
			more[i] = plan->actions[i];
		plan->actions = more;
	}
	struct plan_action *action = &plan->actions[plan->n_actions++];
	*action = (struct plan_action){.verb = verb, .why = why};
	return action;
}

void plan_wake(struct plan *plan, int64_t at_ms)
{
	if (plan->wake_at_ms == 0 || at_ms < plan->wake_at_ms)
		plan->wake_at_ms = at_ms;
}

/* Takes n pods from what this plan may change; false: the rest is for the next plan. */
static bool take(struct turn *t, size_t n)
{
	if (t->pods_left < n) {
		t->plan->more = true;
		t->pods_left = 0; /* nothing smaller overtakes */
		return false;
	}
	t->pods_left -= n;
	return true;
}

static void drop_taken(struct turn *t, const struct plan_pod *p, const char *why)
{
	t->dropped[p - t->in->pods] = true;
	struct plan_action *a = plan_add(t->plan, t->arena, PLAN_POD_DELETE, why);
	a->pod = p->name;
	a->node = p->node;
	a->old = p;
}

static bool drop(struct turn *t, const struct plan_pod *p, const char *why)
{
	if (!take(t, 1))
		return false;
	drop_taken(t, p, why);
	return true;
}

static void create_taken(struct turn *t, int64_t ordinal, const char *node, const char *replaces,
                         const char *why)
{
	char name[POD_NAME_SIZE];
	struct plan_action *a = plan_add(t->plan, t->arena, PLAN_POD_CREATE, why);
	a->pod = arena_strdup(t->arena, pod_name(t->in->name, ordinal, t->in->revision, name, sizeof(name)));
	a->node = arena_strdup(t->arena, node);
	a->ordinal = ordinal;
	a->replaces = replaces;
	t->created++;
	t->pending++;
}

static void unplaced(struct turn *t)
{
	t->plan->unplaced++;
	if (!t->unplaced_why)
		t->unplaced_why = t->in->nodes->why(t->in->nodes->ctx);
}

/*
 * Whose place the new pod takes when it takes that of `old`. One that waited for its images in vain has not taken any
 * yet: what it was to replace runs on, and is to do so until the new one has its images.
 */
static const char *place_of(const struct plan_pod *old)
{
	return old->replaces && !ran(old) ? old->replaces : old->name;
}

/*
 * The node for a pod that may take the place of `old` (NULL: of none). In place comes first when the order is
 * stop-first; otherwise only where a fixed host port leaves no other way.
 */
static const char *find_node(struct turn *t, const struct plan_pod *old, bool stop_first,
                             const char **ret_replaces)
{
	const struct plan_nodes *nodes = t->in->nodes;
	bool place_free = old && old->node_state == PLAN_NODE_ACTIVE;
	*ret_replaces = NULL;
	if (place_free && stop_first && nodes->pick_in_place(nodes->ctx, old)) {
		*ret_replaces = place_of(old);
		return old->node;
	}
	const char *node = nodes->pick(nodes->ctx);
	if (!node && place_free && !stop_first && t->in->fixed_ports &&
	    nodes->pick_in_place(nodes->ctx, old)) {
		*ret_replaces = place_of(old);
		return old->node;
	}
	return node;
}

/* --- what is beyond the scale --- */

static void plan_surplus(struct turn *t)
{
	const char *why = arena_printf(t->arena, "%lld pods are wanted", (long long)t->in->desired);
	for (size_t i = t->in->n_pods; i-- > 0 && t->in->pods[i].ordinal >= t->in->desired;)
		if (!drop(t, &t->in->pods[i], why))
			return;
}

/* --- one seat for each ordinal --- */

/* The oldest pod that may be the seat, unless it failed while a newer one is up. */
static const struct plan_pod *find_seat(const struct turn *t, const struct group *g)
{
	const struct plan_pod *seat = NULL;
	for (size_t i = g->first; i < g->end; i++) {
		const struct plan_pod *p = &t->in->pods[i];
		if (!seatable(t, p))
			continue;
		if (!seat || (failed(seat) && plan_pod_up(t->in, p)))
			seat = p;
	}
	return seat;
}

/* Why the pod goes now; NULL: it stays. Sets what the group's step needs to know of a pod that stays. */
static const char *reason_to_drop(struct turn *t, struct group *g, const struct plan_pod *p)
{
	switch (p->node_state) {
	case PLAN_NODE_DISABLED:
		return "its node is disabled";
	case PLAN_NODE_GONE:
		return g->seat_up ? "its node does not exist any more and its replacement is up" : NULL;
	case PLAN_NODE_LOST:
		return g->seat_up && !current(t, p) ? "a newer revision is up in its place" : NULL;
	case PLAN_NODE_DRAINING:
	case PLAN_NODE_ACTIVE:
	case PLAN_NODE_INACTIVE:
		break;
	}
	if (!current(t, p)) {
		if (failed(p))
			return "it failed and is of another revision";
		if (!ran(p))
			return "it never ran and is of another revision";
		if (g->seat_up)
			return "the wanted revision is up in its place";
		if (g->keeper && g->keeper != p)
			return "another pod of its ordinal stays until the wanted revision is up";
		g->leaver = p;
		return NULL;
	}
	if (p->node_state == PLAN_NODE_DRAINING) {
		if (g->seat_up)
			return "its node is draining and its replacement is up";
		if (!g->leaver)
			g->leaver = p;
		return NULL;
	}
	if (p == g->seat)
		return NULL;
	if (g->seat_up)
		return "another pod of this ordinal is up";
	return failed(p) ? "it failed and another pod has its ordinal" : NULL;
}

/* Of the pods of other revisions the oldest that is up; when none is, the oldest that ran, once all can be believed. */
static const struct plan_pod *find_keeper(const struct turn *t, const struct group *g)
{
	const struct plan_pod *oldest = NULL;
	bool believed = true;
	for (size_t i = g->first; i < g->end; i++) {
		const struct plan_pod *p = &t->in->pods[i];
		if (current(t, p) || !plan_pod_live(p) || p->node_state == PLAN_NODE_DISABLED)
			continue;
		bool up = plan_pod_up(t->in, p);
		if (up && stays(p))
			return p;
		believed &= settled(t->in, p) && !up; /* up on a draining node: it stays as well */
		if (!oldest && stays(p) && ran(p) && !failed(p))
			oldest = p;
	}
	return believed ? oldest : NULL;
}

static void tidy(struct turn *t, struct group *g)
{
	g->seat = find_seat(t, g);
	g->seat_up = g->seat && plan_pod_up(t->in, g->seat);
	g->keeper = find_keeper(t, g);
	for (size_t i = g->first; i < g->end; i++) {
		const struct plan_pod *p = &t->in->pods[i];
		const char *why = reason_to_drop(t, g, p);
		if (!why) {
			if (plan_pod_live(p) && !settled(t->in, p))
				plan_wake(t->plan, p->node_since_ms + PLAN_SETTLE_MS);
			if (plan_pod_live(p) && !current(t, p))
				t->replacing++;
			continue;
		}
		bool useless = plan_pod_live(p) && p->node_state != PLAN_NODE_DISABLED && !g->seat;
		if (drop(t, p, why) && useless && !g->useless) {
			g->useless = p;
			g->useless_action = t->plan->n_actions - 1;
		}
	}
}

/* A pod where there is none to wait for. */
static void fill(struct turn *t, struct group *g)
{
	if (t->pods_left == 0) {
		t->plan->more = true;
		t->missing++;
		return;
	}
	/* one that was to take a place hands it on */
	bool in_place = g->useless && g->useless->replaces && !ran(g->useless) &&
	                t->in->spec->update.order == ORDER_STOP_FIRST;
	const char *replaces, *node = find_node(t, g->useless, in_place, &replaces);
	if (!node) {
		unplaced(t);
		t->missing++;
		return;
	}
	(void)take(t, 1);
	/* the pod whose place is taken goes in the same transaction, or the runner would see both */
	for (size_t i = g->useless_action; replaces && i < t->plan->n_actions; i++)
		t->plan->actions[i].with_next = true;
	bool lost = g->first < g->end && !plan_pod_live(&t->in->pods[g->first]);
	create_taken(t, g->ordinal, node, replaces,
	             lost ? "the node of this ordinal is lost" : "no pod has this ordinal");
}

static void note_seat(struct turn *t, const struct group *g)
{
	if (!g->seat || g->seat_up)
		return;
	t->pending++;
	t->moving += g->leaver != NULL;
	if (failed(g->seat) && !t->failed)
		t->failed = g->seat;
}

/* The group of the ordinal; *at moves behind it. */
static struct group group_of(const struct plan_in *in, int64_t ordinal, size_t *at)
{
	struct group g = {.ordinal = ordinal, .first = *at};
	while (*at < in->n_pods && in->pods[*at].ordinal == ordinal)
		++*at;
	g.end = *at;
	return g;
}

static void plan_seats(struct turn *t)
{
	size_t at = 0;
	for (int64_t ordinal = 0; ordinal < t->in->desired; ordinal++) {
		struct group g = group_of(t->in, ordinal, &at);
		tidy(t, &g);
		note_seat(t, &g);
		if (g.seat)
			continue;
		if (g.leaver)
			t->steps++;
		else
			fill(t, &g);
	}
}

/* --- steps of a rollout or a drain --- */

/* Whether the budget allows one more replacement of the leaver. */
static bool may_step(const struct turn *t, const struct plan_pod *leaver)
{
	int64_t parallelism = MAX(t->in->spec->update.parallelism, 1);
	if (current(t, leaver)) /* a drain: pods elsewhere that are not up do not hold it up */
		return t->moving < parallelism;
	return !t->failed && t->pending < parallelism;
}

static void step(struct turn *t, const struct group *g)
{
	const struct plan_pod *old = g->leaver;
	bool rollout = !current(t, old);
	bool stop_first = rollout && t->in->spec->update.order == ORDER_STOP_FIRST;
	t->missing++;
	if (!may_step(t, old))
		return;
	if (t->pods_left < 2) {
		t->plan->more = true;
		return;
	}
	const char *replaces, *node = find_node(t, old, stop_first, &replaces);
	if (!node) {
		unplaced(t);
		return;
	}
	t->missing--;
	t->moving++;
	const char *why = rollout ? "the revision changed" : "the node of this ordinal is draining";
	if (stop_first || replaces) {
		(void)take(t, 2);
		t->replacing -= rollout;
		drop_taken(t, old, replaces ? "the wanted revision takes its place" : why);
		t->plan->actions[t->plan->n_actions - 1].with_next = true;
	} else {
		(void)take(t, 1);
	}
	create_taken(t, g->ordinal, node, replaces, why);
}

static void plan_steps(struct turn *t)
{
	size_t at = 0;
	for (int64_t ordinal = 0; ordinal < t->in->desired && at < t->in->n_pods; ordinal++) {
		struct group g = group_of(t->in, ordinal, &at);
		if (find_seat(t, &g))
			continue;
		for (size_t i = g.first; i < g.end; i++) {
			const struct plan_pod *p = &t->in->pods[i];
			if (plan_pod_live(p) && !t->dropped[i] && (!g.leaver || !current(t, p)))
				g.leaver = p;
		}
		if (g.leaver)
			step(t, &g);
	}
}

/* --- revisions --- */

static bool revision_stored(const struct plan_in *in)
{
	for (size_t i = 0; i < in->n_revisions; i++)
		if (streq(in->revisions[i]->hash, in->revision))
			return true;
	return false;
}

static bool revision_used(const struct plan_in *in, const char *hash)
{
	if (streq(hash, in->revision))
		return true;
	for (size_t i = 0; i < in->n_pods; i++)
		if (streq(in->pods[i].revision, hash))
			return true;
	return false;
}

/* How many stored revisions are newer than this one. */
static size_t revision_rank(const struct plan_in *in, const struct revision *r)
{
	size_t rank = 0;
	for (size_t i = 0; i < in->n_revisions; i++) {
		const struct revision *o = in->revisions[i];
		rank += o->createdAt > r->createdAt ||
		        (o->createdAt == r->createdAt && strcmp(o->hash, r->hash) > 0);
	}
	return rank;
}

static void plan_revisions(struct turn *t)
{
	const struct plan_in *in = t->in;
	if (!in->invalid && !revision_stored(in))
		plan_add(t->plan, t->arena, PLAN_REVISION_PUT, "a new revision")->revision = in->revision;
	if (in->n_revisions <= PLAN_REVISIONS)
		return;
	for (size_t i = 0; i < in->n_revisions; i++) {
		const struct revision *r = in->revisions[i];
		if (revision_rank(in, r) >= PLAN_REVISIONS && !revision_used(in, r->hash))
			plan_add(t->plan, t->arena, PLAN_REVISION_DELETE,
			         "beyond the revisions kept for rollback")
			        ->revision = r->hash;
	}
}

/* --- the whole --- */

/* Traffic stops first; the status goes last, because it is what a restarted scheduler finds the rest by. */
static void plan_deletion(struct turn *t)
{
	static const char why[] = "the microservice was deleted";
	const struct plan_in *in = t->in;
	if (in->endpoints)
		(void)plan_add(t->plan, t->arena, PLAN_ENDPOINTS_DELETE, why);
	for (size_t i = in->n_pods; i-- > 0;)
		if (!drop(t, &in->pods[i], why))
			return;
	for (size_t i = 0; i < in->n_revisions; i++) {
		if (!take(t, 1))
			return;
		plan_add(t->plan, t->arena, PLAN_REVISION_DELETE, why)->revision = in->revisions[i]->hash;
	}
	if (in->status)
		(void)plan_add(t->plan, t->arena, PLAN_STATUS_DELETE, why);
}

void plan_service(const struct plan_in *in, struct arena *a, struct plan *ret)
{
	*ret = (struct plan){0};
	struct turn t = {
	        .in = in,
	        .arena = a,
	        .plan = ret,
	        .dropped = ARENA_ARRAY(a, bool, in->n_pods + 1),
	        .pods_left = in->max_pods,
	};
	if (in->deleted) {
		plan_deletion(&t);
		return;
	}
	size_t before = 0;
	if (in->spec) {
		plan_revisions(&t);
		before = ret->n_actions;
		plan_surplus(&t);
		plan_seats(&t);
		if (t.steps)
			plan_steps(&t);
	}
	struct report r = {
	        .in = in,
	        .arena = a,
	        .dropped = t.dropped,
	        .created = t.created,
	        .replacing = t.replacing,
	        .missing = t.missing,
	        .failed = t.failed,
	        .unplaced_why = t.unplaced_why,
	        .changes_pods = ret->n_actions > before,
	};
	report_service(&r, ret);
}
