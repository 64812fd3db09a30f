/*
 * The shell around the plan: change -> key in the queue; in its turn gather, plan, one transaction; its
 * outcome is a key in the queue again. Nothing is decided here, and nothing is done inside an event callback.
 */
#include "controllers/scheduler/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "controllers/runtime/events.h"
#include "controllers/runtime/leader.h"
#include "controllers/runtime/queue.h"
#include "controllers/scheduler/execute.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

enum {
	LEASE_MS = 4000,
	PER_TURN = 16, /* services in one round of the loop */
	BATCH = 90,    /* pods in one transaction: with revision, endpoints and status below LIMIT_TXN_OPS */
	CALM_PODS = 500,    /* from here on a service's changes of pod statuses are gathered ... */
	CALM_DIVISOR = 100, /* ... for as many ms as it has pods, divided by this */
};

struct scheduler {
	struct loop *loop;
	struct store *store;
	char *root;
	struct scheduler_config config;
	struct mirror *mirror;
	struct leader *leader;
	struct queue *queue;
	struct events *events;
	struct services services;
	struct arena arena; /* of one turn */
	bool leading;
};

/* What the plan goes by, from the service's value or, when that is not valid, from its last good revision. */
struct wanted {
	const struct microservice *spec;
	const struct error *invalid;
	char revision[REVISION_SIZE];
	int64_t desired;
	struct claim claim;
};

/* --- gather --- */

static const struct microservice *last_good(const struct service *s, const char *hash)
{
	for (size_t i = 0; i < s->n_revisions; i++) {
		const struct revision *r = s->revisions[i]->obj;
		if (r && r->hash && streq(r->hash, hash))
			return &r->spec;
	}
	return NULL;
}

static void wanted_init(struct wanted *w, const struct service *s)
{
	static const struct error unread = {.text = "cannot be read"};
	*w = (struct wanted){0};
	const struct microservice_status *status = s->status ? s->status->obj : NULL;
	if (s->entry && s->entry->obj) {
		w->spec = s->entry->obj;
		(void)microservice_revision(w->spec, w->revision);
		w->desired = w->spec->scale.min;
	} else if (s->entry) {
		w->invalid = s->entry->err ? s->entry->err : &unread;
		const char *hash = status && status->revision ? status->revision : "";
		w->spec = last_good(s, hash);
		/* the scale may have changed since the revision was made */
		w->desired = status ? status->desired : 0;
		(void)snprintf(w->revision, sizeof(w->revision), "%s", hash);
	}
	if (w->spec)
		claim_init(&w->claim, &w->spec->containers);
}

static const struct plan_pod *gather_pods(struct scheduler *t, const struct service *s)
{
	struct plan_pod *pods = ARENA_ARRAY(&t->arena, struct plan_pod, s->n_pods + 1);
	for (size_t i = 0; i < s->n_pods; i++) {
		const struct service_pod *p = s->pods[i];
		const struct pod *pod = p->entry->obj;
		const struct node_view node = nodes_view(t->services.nodes, pod->node);
		pods[i] = (struct plan_pod){
		        .name = pod->name,
		        .node = pod->node,
		        .revision = pod->revision,
		        .ordinal = pod->ordinal,
		        .create_rev = p->entry->create_rev,
		        .replaces = pod->replaces,
		        .node_state = node.state,
		        .node_since_ms = node.since_ms,
		        .host_address = node.address,
		        .status = p->status ? p->status->obj : NULL,
		};
	}
	return pods;
}

static const struct revision *const *gather_revisions(struct scheduler *t, const struct service *s,
                                                      size_t *ret_n)
{
	const struct revision **revisions =
	        ARENA_ARRAY(&t->arena, const struct revision *, s->n_revisions + 1);
	*ret_n = 0;
	for (size_t i = 0; i < s->n_revisions; i++)
		if (s->revisions[i]->obj)
			revisions[(*ret_n)++] = s->revisions[i]->obj;
	return revisions;
}

/* The index of nodes, as a plan asks it. */
struct asking {
	struct scheduler *scheduler;
	struct pick pick;
};

static const char *ask_node(void *ctx)
{
	struct asking *a = ctx;
	return pick_node(&a->pick);
}

static bool ask_in_place(void *ctx, const struct plan_pod *old)
{
	struct asking *a = ctx;
	char key[KEY_SIZE];
	(void)snprintf(key, sizeof(key), "%s/%s", old->node, old->name);
	const struct service_pod *pod = map_get(&a->scheduler->services.pods, key);
	return pod && pick_in_place(&a->pick, old->node, &pod->claim);
}

static const char *ask_why(void *ctx)
{
	struct asking *a = ctx;
	return pick_why(&a->pick);
}

/* --- execute and record --- */

static void feed(struct scheduler *t, const char *key, int64_t now_ms);

static void tell(struct scheduler *t, const struct flight *f)
{
	char object[KEY_SIZE];
	const struct service *s = f->service;
	(void)snprintf(object, sizeof(object), "microservice/%s", s->key);
	if (f->created == 1)
		events_add(t->events, false, object, "Scheduled", "%s", f->first);
	else if (f->created > 1)
		events_add(t->events, false, object, "Scheduled", "%zu pods, the first %s", f->created,
		           f->first);
	for (size_t i = 0; i < f->n_events; i++)
		events_add(t->events, f->events[i].warning, object, f->events[i].reason, "%s",
		           f->events[i].message);
	log_event(LOG_INFO, "service.written", s->key, "created=%zu deleted=%zu pods=%zu", f->created,
	          f->deleted, s->n_pods);
}

/* What we wrote is part of what we know before the watch says so. */
static void record(struct scheduler *t, const struct flight *f, int64_t rev)
{
	size_t skip = strlen(t->root) + 1;
	int64_t now_ms = loop_now(t->loop);
	for (size_t i = 0; i < f->n_thens; i++) {
		const struct store_then *w = &f->thens[i];
		mirror_wrote(t->mirror, w->key + skip, w->what == STORE_PUT ? w->value : NULL, w->value_len,
		             rev);
		feed(t, w->key + skip, now_ms);
	}
	if (f->status)
		f->service->status_ms = now_ms;
	if (f->endpoints)
		f->service->endpoints_ms = now_ms;
}

static void retry_unplaced(struct scheduler *t)
{
	if (!t->services.room)
		return;
	t->services.room = false;
	list_for_each (node, &t->services.unplaced)
		queue_add(t->queue, list_entry(node, struct service, unplaced)->key);
}

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	struct flight *f = ctx;
	struct scheduler *t = f->scheduler;
	struct service *s = f->service;
	s->flight = NULL;
	if (outcome == STORE_OK) {
		record(t, f, rev);
		service_unreserve(&t->services, s);
		tell(t, f);
		queue_add(t->queue, s->key);
	} else {
		/* where nobody knows whether it was carried out, the room stays taken until the next turn */
		if (outcome != STORE_E_UNKNOWN) {
			service_unreserve(&t->services, s);
			t->services.room = true;
		}
		log_event(outcome == STORE_E_CONFLICT ? LOG_DEBUG : LOG_WARN, "service.not_written", s->key,
		          "outcome=%s why=%s", store_outcome_name(outcome), log_quote(err ? err->text : ""));
		queue_retry(t->queue, s->key);
	}
	(void)flight_free(f);
	retry_unplaced(t);
}

static void submit(struct scheduler *t, struct flight *f)
{
	f->scheduler = t;
	f->service->flight = f;
	const struct store_txn txn = {.ifs = f->ifs,
	                              .n_ifs = f->n_ifs,
	                              .thens = f->thens,
	                              .n_thens = f->n_thens,
	                              .retry_safe = true};
	f->op = store_txn(t->store, &txn, on_written, f);
}

static void log_plan(const struct service *s, const struct plan *plan)
{
	static const char *const verbs[] = {
	        [PLAN_REVISION_PUT] = "revision.put",   [PLAN_REVISION_DELETE] = "revision.delete",
	        [PLAN_POD_CREATE] = "pod.create",       [PLAN_POD_DELETE] = "pod.delete",
	        [PLAN_ENDPOINTS_PUT] = "endpoints.put", [PLAN_ENDPOINTS_DELETE] = "endpoints.delete",
	        [PLAN_STATUS_PUT] = "status.put",       [PLAN_STATUS_DELETE] = "status.delete",
	};
	if (!log_enabled(LOG_DEBUG))
		return;
	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct plan_action *a = &plan->actions[i];
		log_event(LOG_DEBUG, verbs[a->verb], s->key, "pod=%s node=%s why=%s", a->pod ? a->pod : "-",
		          a->node ? a->node : "-", log_quote(a->why));
	}
}

/* --- one turn of one service --- */

static void note_unplaced(struct scheduler *t, struct service *s, bool unplaced)
{
	list_remove(&s->unplaced);
	if (unplaced)
		list_append(&t->services.unplaced, &s->unplaced);
}

static void turn(struct scheduler *t, struct service *s)
{
	static const struct placement anywhere;
	struct wanted w;
	wanted_init(&w, s);
	struct asking asking = {.scheduler = t};
	pick_init(&asking.pick, t->services.nodes, &t->arena, s->key, &w.claim,
	          w.spec ? &w.spec->placement : &anywhere);
	const struct plan_nodes nodes = {
	        .ctx = &asking, .pick = ask_node, .pick_in_place = ask_in_place, .why = ask_why};
	struct plan_in in = {
	        .project = s->project,
	        .name = s->name,
	        .mod_rev = s->entry ? s->entry->mod_rev : 0,
	        .deleted = !s->entry,
	        .spec = w.spec,
	        .invalid = w.invalid,
	        .revision = w.revision,
	        .desired = w.desired,
	        .fixed_ports = w.claim.n_ports > 0,
	        .pods = gather_pods(t, s),
	        .n_pods = s->n_pods,
	        .endpoints = s->endpoints ? s->endpoints->obj : NULL,
	        .status = s->status ? s->status->obj : NULL,
	        .status_ms = s->status_ms,
	        .endpoints_ms = s->endpoints_ms,
	        .now_ms = loop_now(t->loop),
	        .wall_ms = clock_wall_ms(),
	        .max_pods = BATCH,
	        .nodes = &nodes,
	};
	in.revisions = gather_revisions(t, s, &in.n_revisions);
	struct plan plan;
	plan_service(&in, &t->arena, &plan);
	log_plan(s, &plan);
	struct flight *f =
	        flight_new(&t->services, s, &in, &plan, &w.claim, t->root, leader_fence(t->leader));
	note_unplaced(t, s, plan.unplaced > 0);
	queue_at(t->queue, s->key, plan.wake_at_ms);
	if (f)
		submit(t, f);
	claim_done(&w.claim);
}

static enum queue_result handle(void *ctx, const char *key)
{
	struct scheduler *t = ctx;
	struct service *s = services_get(&t->services, key);
	if (!s || s->flight || !t->leading || !mirror_synced(t->mirror))
		return QUEUE_DONE; /* the end of each of these adds the key again */
	if (s->entry && s->entry->orphan)
		return QUEUE_DONE;
	service_unreserve(&t->services, s);
	if (!services_forget(&t->services, s))
		turn(t, s);
	arena_reset(&t->arena);
	return QUEUE_DONE;
}

/* --- what changes --- */

static void on_touch(void *ctx, struct service *s, bool status_only)
{
	struct scheduler *t = ctx;
	if (status_only && s->n_pods > CALM_PODS)
		queue_at(t->queue, s->key, loop_now(t->loop) + (int64_t)s->n_pods / CALM_DIVISOR);
	else
		queue_add(t->queue, s->key);
}

static void tell_lost(struct scheduler *t, const char *node)
{
	char object[KEY_SIZE];
	(void)snprintf(object, sizeof(object), "node/%s", node);
	log_event(LOG_WARN, "node.lost", node, "why=\"its health is gone\"");
	if (t->leading)
		events_add(t->events, true, object, "NodeLost",
		           "its lease ran out: its pods do not count, and are replaced where there is room");
}

/*
 * A key below microservices/ that no microservice can have, since a part of it is no name: there is no place for its
 * status either, so it is told once and otherwise passed over.
 */
static bool names_nothing(struct scheduler *t, const char *key)
{
	struct key_parts parts;
	const char *rest = str_after(key, kind_microservice.key_prefix);
	if (!rest || key_parse(&kind_microservice, key, &parts) == 0)
		return false;
	if (mirror_get(t->mirror, key) && t->leading) {
		_cleanup_free_ char *object = mem_printf("microservice/%s", rest);
		log_event(LOG_WARN, "key.refused", key, "why=\"a part of it is no name\"");
		events_add(
		        t->events, true, object, "Invalid",
		        "This is not the key of a microservice: %sPROJECT/NAME is, each a name of lower-case "
		        "letters, digits and inner hyphens",
		        kind_microservice.key_prefix);
	}
	return true;
}

/* The mirror's entry of the key, whatever it is now. */
static void feed(struct scheduler *t, const char *key, int64_t now_ms)
{
	if (names_nothing(t, key))
		return;
	struct mirror_entry *e = (struct mirror_entry *)(uintptr_t)mirror_get(t->mirror, key);
	const char *node = str_after(key, "health/"), *pod = str_after(key, "pods/");
	if (services_feed(&t->services, key, e, now_ms) && node)
		tell_lost(t, node);
	if (pod) { /* the status may have been there before the pod */
		char status[KEY_SIZE];
		(void)snprintf(status, sizeof(status), "status/%s", key);
		feed(t, status, now_ms);
	}
}

static void on_change(void *ctx, const char *key, const struct mirror_entry *was _unused_,
                      const struct mirror_entry *now _unused_)
{
	struct scheduler *t = ctx;
	feed(t, key, loop_now(t->loop));
	retry_unplaced(t);
}

static void feed_listed(void *ctx, const struct mirror_entry *e)
{
	struct scheduler *t = ctx;
	feed(t, e->key + strlen(t->root) + 1, 0);
}

static void add_all(struct scheduler *t)
{
	map_for_each (e, &t->services.by_key)
		queue_add(t->queue, e->key);
}

static void feed_all(struct scheduler *t)
{
	for (size_t i = 0; services_prefixes[i]; i++)
		mirror_list(t->mirror, services_prefixes[i], feed_listed, t);
	add_all(t);
}

static void on_synced(void *ctx)
{
	struct scheduler *t = ctx;
	feed_all(t);
	t->services.room = false;
	log_event(LOG_INFO, "scheduler.synced", NULL, "services=%zu pods=%zu", t->services.by_key.count,
	          t->services.pods.count);
	if (t->config.on_ready)
		t->config.on_ready(t->config.ctx);
}

/* Another history: what it lacks is marked in the mirror and has to be taken out of the index. */
static void on_identity(void *ctx, struct store_identity was, struct store_identity now)
{
	struct scheduler *t = ctx;
	log_event(LOG_WARN, "store.identity", NULL,
	          "cluster=%" PRIx64 " revision=%" PRId64 " was_cluster=%" PRIx64 " was_revision=%" PRId64,
	          now.cluster_id, now.revision, was.cluster_id, was.revision);
	feed_all(t);
}

/* --- leadership --- */

static void on_elected(void *ctx)
{
	struct scheduler *t = ctx;
	t->leading = true;
	log_event(LOG_INFO, "leader.elected", NULL, "services=%zu", t->services.by_key.count);
	queue_pause(t->queue, false);
	add_all(t);
}

static void on_deposed(void *ctx)
{
	struct scheduler *t = ctx;
	t->leading = false;
	queue_pause(t->queue, true);
	log_event(LOG_WARN, "leader.deposed", NULL, "why=\"the lease ran out or the key went\"");
}

static const struct mirror_callbacks mirror_callbacks = {
        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};
static const struct leader_callbacks leader_callbacks = {.on_elected = on_elected, .on_deposed = on_deposed};

struct scheduler *scheduler_new(const struct scheduler_config *config)
{
	struct scheduler *t = NEW(struct scheduler);
	char identity[128];
	t->config = *config;
	t->loop = config->loop;
	t->store = config->store;
	t->root = mem_strdup(config->root);
	(void)snprintf(identity, sizeof(identity), "%s/%d", config->node, (int)getpid());
	services_init(&t->services, on_touch, t);
	t->queue = queue_new(t->loop, PER_TURN, handle, t);
	queue_pause(t->queue, true);
	t->events = events_new(t->store, t->root, "scheduler", config->node);
	t->mirror = mirror_new(t->store, t->root, services_prefixes, true, &mirror_callbacks, t);
	t->leader = leader_new(t->store, t->root, "scheduler", identity, LEASE_MS, &leader_callbacks, t);
	return t;
}

static void cancel_flights(struct scheduler *t)
{
	map_for_each (e, &t->services.by_key) {
		struct service *s = e->value;
		if (!s->flight)
			continue;
		store_cancel(t->store, s->flight->op);
		s->flight = flight_free(s->flight);
	}
}

struct scheduler *scheduler_free(struct scheduler *t)
{
	if (!t)
		return NULL;
	cancel_flights(t);
	t->leader = leader_free(t->leader);
	t->queue = queue_free(t->queue);
	t->mirror = mirror_free(t->mirror);
	t->events = events_free(t->events);
	services_done(&t->services);
	arena_done(&t->arena);
	free(t->root);
	free(t);
	return NULL;
}

static void on_ready(void *ctx)
{
	role_ready(ctx);
}

int scheduler_run(struct role *r)
{
	const struct scheduler_config config = {
	        .loop = r->loop,
	        .store = r->store,
	        .root = r->options.prefix,
	        .node = r->options.node,
	        .on_ready = on_ready,
	        .ctx = r,
	};
	struct scheduler *s = scheduler_new(&config);
	int status = role_run(r);
	(void)scheduler_free(s);
	return status;
}
