/*
 * Status, conditions, endpoints and events. Everything is computed for the world as it is once the plan is
 * carried out, compared with what is stored, and written only where it differs.
 */
#include "controllers/scheduler/report.h"

#include <inttypes.h>

#include "core/str.h"

enum { CONDITIONS = 5, MESSAGE_SIZE = 700, PENDING_PATHS = 20 };

struct counts {
	int64_t pods, updated, running, ready;
	bool all_up; /* every seat is up and nothing waits to be replaced */
};

static bool ready(const struct plan_pod *p)
{
	return p->status && p->status->phase == POD_RUNNING && p->status->ready;
}

static struct counts count(const struct report *r)
{
	struct counts c = {.pods = r->created, .updated = r->created};
	int64_t up = 0;
	for (size_t i = 0; i < r->in->n_pods; i++) {
		const struct plan_pod *p = &r->in->pods[i];
		if (r->dropped[i] || !plan_pod_live(p))
			continue;
		bool of_wanted = r->in->revision && streq(p->revision, r->in->revision);
		c.pods++;
		c.updated += of_wanted;
		c.running += p->status && p->status->phase == POD_RUNNING;
		c.ready += ready(p);
		up += of_wanted && plan_pod_up(r->in, p);
	}
	c.all_up = r->missing == 0 && r->replacing == 0 && up >= r->in->desired;
	return c;
}

/* --- endpoints --- */

/* "app/80/tcp" -> host port, by key, as a list that is read back would be. */
static struct pairs endpoint_ports(struct arena *a, const struct pod_status *s)
{
	const struct container_status *c = LIST_ITEMS(&s->containers, const struct container_status);
	struct pairs ports = {0};
	size_t n = 0;
	for (size_t i = 0; i < s->containers.count; i++)
		n += c[i].ports.count;
	if (n == 0)
		return ports;
	ports.items = ARENA_ARRAY(a, struct pair, n);
	for (size_t i = 0; i < s->containers.count; i++) {
		for (size_t k = 0; k < c[i].ports.count; k++) {
			const struct pair *p = &c[i].ports.items[k];
			struct pair new = {.key = arena_printf(a, "%s/%s", c[i].name, p->key),
			                   .value = p->value};
			size_t at = ports.count++;
			for (; at > 0 && strcmp(ports.items[at - 1].key, new.key) > 0; at--)
				ports.items[at] = ports.items[at - 1];
			ports.items[at] = new;
		}
	}
	return ports;
}

/* About what the endpoint takes as JSON: names of members and punctuation are 64 bytes, of a port 8. */
static size_t endpoint_size(const struct endpoint *e)
{
	size_t size = 64 + strlen(e->pod) + strlen(e->node);
	size += (e->address ? strlen(e->address) : 0) + (e->hostAddress ? strlen(e->hostAddress) : 0);
	for (size_t i = 0; i < e->ports.count; i++)
		size += 8 + strlen(e->ports.items[i].key) + strlen(e->ports.items[i].value);
	return size;
}

static struct endpoints *endpoints_of(const struct report *r, size_t n_ready)
{
	const struct plan_in *in = r->in;
	struct endpoints *e = ARENA_NEW(r->arena, struct endpoints);
	e->project = arena_strdup(r->arena, in->project);
	e->name = arena_strdup(r->arena, in->name);
	struct endpoint *items = n_ready ? ARENA_ARRAY(r->arena, struct endpoint, n_ready) : NULL;
	e->ready.items = items;
	size_t size = 0;
	for (size_t i = 0; i < in->n_pods && e->ready.count < n_ready; i++) {
		const struct plan_pod *p = &in->pods[i];
		if (r->dropped[i] || !plan_pod_live(p) || !ready(p))
			continue;
		struct endpoint *to = &items[e->ready.count];
		to->pod = arena_strdup(r->arena, p->name);
		to->node = arena_strdup(r->arena, p->node);
		to->address = p->status->address;
		to->hostAddress = arena_strdup(r->arena, p->host_address);
		to->ports = endpoint_ports(r->arena, p->status);
		size += endpoint_size(to);
		if (size > PLAN_ENDPOINTS_BYTES)
			break;
		e->ready.count++;
	}
	return e;
}

/* Whether each stored endpoint is still there as it is: then the rest is additions, which are less urgent. */
static bool only_added(const struct endpoints *was, const struct endpoints *now)
{
	const struct endpoint *w = LIST_ITEMS(&was->ready, const struct endpoint);
	const struct endpoint *n = LIST_ITEMS(&now->ready, const struct endpoint);
	const struct schema *item = schema_find(&endpoints_schema, "ready")->item;
	size_t k = 0;
	for (size_t i = 0; i < was->ready.count; i++, k++) {
		while (k < now->ready.count && !(streq(w[i].pod, n[k].pod) && streq(w[i].node, n[k].node)))
			k++;
		if (k == now->ready.count || !schema_equal(item, &w[i], &n[k]))
			return false;
	}
	return true;
}

static void report_endpoints(const struct report *r, const struct counts *c, struct plan *plan)
{
	const struct plan_in *in = r->in;
	struct endpoints *e = plan->endpoints = endpoints_of(r, (size_t)c->ready);
	if (in->endpoints ? schema_equal(&endpoints_schema, in->endpoints, e) : e->ready.count == 0)
		return;
	/* a long list is large: while it grows it is written less often, so that the store is not filled with
	 * it */
	int64_t due_ms = in->endpoints_ms + (int64_t)e->ready.count / 10;
	if (e->ready.count > PLAN_ENDPOINTS_CALM && in->endpoints_ms && in->now_ms < due_ms && !c->all_up &&
	    in->endpoints && only_added(in->endpoints, e)) {
		plan_wake(plan, due_ms);
		return;
	}
	(void)plan_add(plan, r->arena, PLAN_ENDPOINTS_PUT, "the ready pods changed");
}

/* --- conditions --- */

static const struct condition *condition_of(const struct microservice_status *s, const char *type)
{
	const struct condition *c = s ? LIST_ITEMS(&s->conditions, const struct condition) : NULL;
	for (size_t i = 0; s && i < s->conditions.count; i++)
		if (c[i].type && streq(c[i].type, type))
			return &c[i];
	return NULL;
}

static void condition_add(const struct report *r, struct microservice_status *s, const char *type, bool holds,
                          const char *reason, const char *message)
{
	struct arena *a = r->arena;
	const struct condition *was = condition_of(r->in->status, type);
	LIST_ITEMS(&s->conditions, struct condition)
	[s->conditions.count++] = (struct condition){
	        .type = arena_strdup(a, type),
	        .status = holds,
	        .reason = arena_strdup(a, reason),
	        .message = arena_strdup(a, message),
	        .since = was && was->status == holds ? was->since : r->in->wall_ms,
	};
}

static void condition_valid(const struct report *r, struct microservice_status *s)
{
	if (!r->in->invalid) {
		condition_add(r, s, "Valid", true, "Valid", "");
		return;
	}
	char text[MESSAGE_SIZE];
	condition_add(r, s, "Valid", false, "Invalid",
	              arena_printf(r->arena, "%s%s", error_format(r->in->invalid, text, sizeof(text)),
	                           r->in->spec ? "; the last good revision is kept" : ""));
}

static void condition_placed(const struct report *r, const struct plan *plan, struct microservice_status *s)
{
	if (!r->unplaced_why) {
		condition_add(r, s, "Placed", true, "Placed", "");
		return;
	}
	condition_add(r, s, "Placed", false, "Unplaceable",
	              arena_printf(r->arena, "%s (%" PRId64 " of %" PRId64 " pods wait for room)",
	                           r->unplaced_why, plan->unplaced, s->desired));
}

/* "web-0-1a2b3c4d5e: Failed pulling image x": what is wrong with a pod, in its runner's words. */
static const char *pod_trouble(const struct report *r, const struct plan_pod *p)
{
	const struct pod_status *s = p->status;
	const char *text = s->message && s->message[0] ? s->message : s->reason ? s->reason : "failed";
	return arena_printf(r->arena, "%s: %.512s", p->name, text);
}

static void condition_available(const struct report *r, const struct counts *c, const struct plan *plan,
                                struct microservice_status *s)
{
	int64_t listed = plan->endpoints ? (int64_t)plan->endpoints->ready.count : c->ready;
	const char *left_out = "";
	if (listed < c->ready)
		left_out = arena_printf(
		        r->arena, "; the first %" PRId64 " are endpoints, which is all that one value holds",
		        listed);
	bool holds = c->ready >= s->desired;
	condition_add(r, s, "Available", holds, holds ? "Ready" : "NotReady",
	              arena_printf(r->arena, "%" PRId64 " of %" PRId64 " pods are ready%s", c->ready,
	                           s->desired, left_out));
}

static void condition_progressing(const struct report *r, const struct counts *c,
                                  struct microservice_status *s)
{
	const struct condition *was = condition_of(r->in->status, "Progressing");
	/* a rollout is over when everything is up, not when the last old pod went */
	bool updating =
	        r->replacing > 0 || (was && was->reason && streq(was->reason, "Updating") && !c->all_up);
	if (r->failed)
		condition_add(r, s, "Progressing", false, "PodFailed", pod_trouble(r, r->failed));
	else if (r->unplaced_why)
		condition_add(r, s, "Progressing", false, "Unplaceable", r->unplaced_why);
	else if (updating)
		condition_add(r, s, "Progressing", true, "Updating",
		              arena_printf(r->arena, "%" PRId64 " of %" PRId64 " pods are of revision %s",
		                           c->updated, s->desired, s->revision));
	else if (!c->all_up)
		condition_add(r, s, "Progressing", true, "Starting", "");
	else
		condition_add(r, s, "Progressing", true, "RolledOut", "");
}

struct pending {
	char buf[PENDING_PATHS * 64];
	size_t used, count;
};

static void on_pending(void *ctx, const char *path, const struct field *f _unused_)
{
	struct pending *p = ctx;
	size_t len = strlen(path), need = len + (p->used ? 2 : 0);
	p->count++;
	if (p->used + need + 24 > sizeof(p->buf)) /* room for the closing words */
		return;
	if (p->used) {
		p->buf[p->used++] = ',';
		p->buf[p->used++] = ' ';
	}
	for (size_t i = 0; i < len; i++)
		p->buf[p->used++] = path[i];
	p->buf[p->used] = '\0';
}

static void condition_pending(const struct report *r, struct microservice_status *s)
{
	struct pending p = {0};
	if (r->in->spec)
		schema_pending(&microservice_schema, r->in->spec, on_pending, &p);
	if (p.count)
		condition_add(
		        r, s, "Pending", true, "NotCarriedOutYet",
		        arena_printf(r->arena, "accepted, but this version does not act on: %s", p.buf));
}

/* --- status --- */

static struct microservice_status *status_of(const struct report *r, const struct counts *c,
                                             const struct plan *plan)
{
	const struct plan_in *in = r->in;
	struct microservice_status *s = ARENA_NEW(r->arena, struct microservice_status);
	s->project = arena_strdup(r->arena, in->project);
	s->name = arena_strdup(r->arena, in->name);
	s->observed = in->mod_rev;
	s->revision = arena_strdup(r->arena, in->revision ? in->revision : "");
	s->desired = in->desired;
	s->pods = c->pods;
	s->updated = c->updated;
	s->running = c->running;
	s->ready = c->ready;
	s->conditions.items = ARENA_ARRAY(r->arena, struct condition, CONDITIONS);
	condition_valid(r, s);
	if (!in->spec)
		return s;
	condition_placed(r, plan, s);
	condition_available(r, c, plan, s);
	condition_progressing(r, c, s);
	condition_pending(r, s);
	return s;
}

static void event_add(struct plan *plan, bool warning, const char *reason, const char *message)
{
	if (plan->n_events < PLAN_EVENTS)
		plan->events[plan->n_events++] =
		        (struct plan_event){.warning = warning, .reason = reason, .message = message};
}

static bool became(const struct plan_in *in, const struct microservice_status *s, const char *type,
                   bool holds)
{
	const struct condition *was = condition_of(in->status, type), *now = condition_of(s, type);
	return now && now->status == holds && (!was || was->status != holds);
}

static void report_events(const struct report *r, struct plan *plan)
{
	const struct plan_in *in = r->in;
	const struct microservice_status *s = plan->status;
	if (became(in, s, "Valid", false))
		event_add(plan, true, "Invalid", condition_of(s, "Valid")->message);
	if (became(in, s, "Placed", false))
		event_add(plan, true, "Unplaceable", condition_of(s, "Placed")->message);
	if (in->status && in->spec && in->status->desired != s->desired)
		event_add(plan, false, "Scaled",
		          arena_printf(r->arena, "from %" PRId64 " to %" PRId64 " pods", in->status->desired,
		                       s->desired));
	const struct condition *was = condition_of(in->status, "Progressing"),
	                       *now = condition_of(s, "Progressing");
	if (was && now && was->reason && streq(was->reason, "Updating") && streq(now->reason, "RolledOut"))
		event_add(plan, false, "RolledOut",
		          arena_printf(r->arena, "revision %s runs on all %" PRId64 " pods", s->revision,
		                       s->desired));
}

void report_service(const struct report *r, struct plan *plan)
{
	const struct plan_in *in = r->in;
	const struct counts c = count(r);
	if (in->spec || in->endpoints)
		report_endpoints(r, &c, plan);
	plan->status = status_of(r, &c, plan);
	bool differs = !in->status || !schema_equal(&microservice_status_schema, in->status, plan->status);
	if (!differs && !r->changes_pods)
		return;
	/* in a burst of pods that come up the figures are written now and then, and at its end at once */
	int64_t due_ms = in->status_ms + PLAN_STATUS_MS;
	if (!r->changes_pods && in->status && in->status_ms && in->now_ms < due_ms && !c.all_up &&
	    in->status->observed == plan->status->observed) {
		plan_wake(plan, due_ms);
		return;
	}
	(void)plan_add(plan, r->arena, PLAN_STATUS_PUT, "the status differs");
	if (differs)
		report_events(r, plan);
}
