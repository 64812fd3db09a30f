#include "controllers/runner/shell.h"
#include "controllers/runner/stop_all.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/mem.h"

/* --- slots --- */

struct slot *runner_slot(struct runner *r, const char *name)
{
	struct slot *s = map_get(&r->slots, name);
	if (s)
		return s;
	s = slot_new(r, name);
	(void)map_put(&r->slots, name, s);
	return s;
}

static void wake_all(struct runner *r)
{
	map_for_each (e, &r->slots) {
		reconcile_claim(r, e->value);
		queue_add(r->queue, e->key);
	}
}

/* Images that nobody wants any more are not kept on file. */
static void forget_images(struct runner *r, const struct pod *pod)
{
	for (size_t i = 0; pod && i < pod->containers.count; i++) {
		const char *ref = LIST_ITEMS(&pod->containers, struct container)[i].image;
		const struct image *image = map_get(&r->images, ref);
		if (image)
			reconcile_image(r, ref, image->state);
	}
}

void runner_forget(struct runner *r, struct slot *s)
{
	log_event(
	        LOG_INFO, "pod.gone", s->name, "why=%s",
	        log_quote(s->claim == CLAIM_HELD ? "its containers were removed by hand" : "it was removed"));
	if (s->want)
		remember_soon(r);
	char key[KEY_SIZE];
	const struct mirror_entry *e =
	        mirror_get(r->mirror, key_format(&kind_pod, r->node, s->name, key, sizeof(key)));
	if (e && e->orphan)
		mirror_wrote(r->mirror, key, NULL, 0, 0);
	(void)map_remove(&r->slots, s->name);
	forget_images(r, s->want);
	map_for_each (other, &r->slots) {
		const struct slot *o = other->value;
		if (o->want && o->want->replaces && streq(o->want->replaces, s->name))
			queue_add(r->queue, o->name);
	}
	/* the status in the store is tidied up in the name's next turn */
	queue_add(r->queue, s->name);
	slot_free(s, r->engine);
}

/* --- the store --- */

/* The rest of a key that begins with KIND_PREFIX NODE "/", or NULL. */
static const char *name_of(const struct runner *r, const char *key, const char *kind_prefix)
{
	const char *rest = str_after(key, kind_prefix);
	rest = rest ? str_after(rest, r->node) : NULL;
	return rest && *rest == '/' && strlen(rest + 1) < POD_NAME_SIZE ? rest + 1 : NULL;
}

static void see_revision(struct runner *r, int64_t rev)
{
	r->list.rev = MAX(r->list.rev, rev);
}

/* What the store knows is known: a slot for a pod, a turn for a status without one, a stream for a session. */
static void take_key(struct runner *r, const char *key, const struct mirror_entry *now)
{
	const char *name;
	if ((name = name_of(r, key, kind_pod.key_prefix))) {
		struct slot *s = now ? runner_slot(r, name) : map_get(&r->slots, name);
		if (s)
			reconcile_claim(r, s);
		queue_add(r->queue, name);
	} else if ((name = name_of(r, key, kind_pod_status.key_prefix))) {
		queue_add(r->queue, name);
	} else if ((name = name_of(r, key, kind_session.key_prefix))) {
		sessions_change(r->sessions, name, now ? now->obj : NULL);
	}
}

static void on_change(void *ctx, const char *key, const struct mirror_entry *was _unused_,
                      const struct mirror_entry *now)
{
	struct runner *r = ctx;
	see_revision(r, now ? now->mod_rev : 0);
	see_revision(r, mirror_identity(r->mirror).revision);
	take_key(r, key, now);
}

static void take_listed(void *ctx, const struct mirror_entry *e)
{
	struct runner *r = ctx;
	const char *key = str_after(e->key, r->cfg.root);
	if (!key || *key != '/')
		return;
	see_revision(r, e->mod_rev);
	take_key(r, key + 1, e);
}

static void ready(struct runner *r)
{
	loop_timer_stop(&r->autonomy);
	if (r->cfg.on_ready)
		r->cfg.on_ready(r->cfg.ctx);
}

static void on_synced(void *ctx)
{
	struct runner *r = ctx;
	struct store_identity id = mirror_identity(r->mirror);
	r->list = (struct history){.cluster = id.cluster_id, .rev = id.revision};
	r->synced = true;
	log_event(LOG_INFO, "store.synced", NULL, "cluster=%016" PRIx64 " rev=%" PRId64 " keys=%zu",
	          id.cluster_id, id.revision, mirror_count(r->mirror));
	mirror_list(r->mirror, "", take_listed, r);
	wake_all(r);
	ready(r);
}

static void on_identity(void *ctx, struct store_identity was, struct store_identity now)
{
	struct runner *r = ctx;
	log_event(LOG_WARN, "store.another", NULL,
	          "was=%016" PRIx64 " was_rev=%" PRId64 " now=%016" PRIx64 " now_rev=%" PRId64 " why=%s",
	          was.cluster_id, was.revision, now.cluster_id, now.revision,
	          log_quote("another store, or an older state of it: what it lacks is kept running"));
	/* what was wanted until now was wanted in the old history, up to its last revision */
	map_for_each (e, &r->slots) {
		struct slot *s = e->value;
		if (s->present)
			s->known = r->list;
	}
	r->list = (struct history){.cluster = now.cluster_id, .rev = now.revision};
	remember_soon(r);
	wake_all(r);
}

static void on_store_state(void *ctx, enum store_state state, const char *text)
{
	struct runner *r = ctx;
	if (r->store_state)
		r->store_state(r->store_state_ctx, state, text);
	if (state == STORE_READY)
		report_all(r);
}

static void on_autonomy(void *ctx)
{
	struct runner *r = ctx;
	r->autonomous = true;
	log_event(LOG_WARN, "store.silent", NULL, "pods=%zu why=%s", r->slots.count,
	          log_quote("the store does not answer: the last known pods are run without it"));
	wake_all(r);
	ready(r);
}

/* --- turns, and the sessions that wait for them --- */

static enum queue_result on_turn(void *ctx, const char *name)
{
	struct runner *r = ctx;
	enum queue_result result = reconcile(r, name);
	sessions_turn(r->sessions, name);
	return result;
}

static const struct slot *slot_of(void *ctx, const char *pod)
{
	const struct runner *r = ctx;
	return map_get(&r->slots, pod);
}

static void look_at(void *ctx, const char *pod)
{
	const struct runner *r = ctx;
	queue_add(r->queue, pod);
}

/* --- the engine --- */

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	struct runner *r = ctx;
	struct slot *s = map_get(&r->slots, pod->name);
	if (!s && pod->gone)
		return;
	s = runner_slot(r, pod->name);
	slot_have(s, pod);
	if (!s->want && s->known.cluster == 0 && !s->held)
		s->known = (struct history){.cluster = pod->cluster, .rev = pod->rev};
	queue_add(r->queue, s->name);
}

static void on_image(void *ctx, const char *ref, bool present)
{
	struct runner *r = ctx;
	if (map_get(&r->images, ref))
		reconcile_image(r, ref, present ? IMAGE_PRESENT : IMAGE_ABSENT);
}

static void wake_status(void *ctx, const struct mirror_entry *e)
{
	struct runner *r = ctx;
	const char *name = strrchr(e->key, '/');
	if (name && !map_get(&r->slots, name + 1))
		queue_add(r->queue, name + 1);
}

static void on_up(void *ctx, const struct engine_info *info)
{
	struct runner *r = ctx;
	(void)snprintf(r->engine_name, sizeof(r->engine_name), "%s %s", info->name, info->version);
	r->engine_up = true;
	r->engine_since_ms = loop_now(r->loop);
	loop_timer_stop(&r->away);
	log_event(LOG_INFO, "engine.up", NULL, "engine=%s", log_quote(r->engine_name));
	if (r->away_told) {
		_cleanup_free_ char *object = mem_printf("node/%s", r->node);
		events_add(r->events, false, object, "EngineUp", "The container engine answers again: %s",
		           r->engine_name);
	}
	r->away_told = false;
	/* the list is complete: what it lacks is gone */
	map_for_each (e, &r->slots) {
		struct slot *s = e->value;
		if (s->have && !s->reported)
			slot_have(s, NULL);
	}
	if (r->synced) {
		_cleanup_free_ char *prefix = mem_printf("%s%s/", kind_pod_status.key_prefix, r->node);
		mirror_list(r->mirror, prefix, wake_status, r);
	}
	wake_all(r);
}

static void on_down(void *ctx, const char *text)
{
	struct runner *r = ctx;
	free(r->engine_text);
	r->engine_text = mem_strdup(text);
	if (r->engine_up) {
		r->engine_up = false;
		r->engine_since_ms = loop_now(r->loop);
		loop_timer_in(&r->away, ENGINE_AWAY_MS);
	}
	log_event(LOG_WARN, "engine.down", NULL, "why=%s", log_quote(text));
	map_for_each (e, &r->slots)
		((struct slot *)e->value)->reported = false;
	map_for_each (e, &r->images)
		((struct image *)e->value)->state = IMAGE_UNKNOWN; /* it may come back with others */
	wake_all(r);
}

static void on_away(void *ctx)
{
	struct runner *r = ctx;
	_cleanup_free_ char *object = mem_printf("node/%s", r->node);
	r->away_told = true;
	events_add(r->events, true, object, "EngineDown", "The container engine does not answer: %s",
	           r->engine_text ? r->engine_text : "it was not heard yet");
}

/* --- life --- */

static void open_mirror(struct runner *r)
{
	static const struct mirror_callbacks cbs = {
	        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};
	const struct kind *const read[] = {&kind_pod, &kind_pod_status, &kind_session};
	char *prefixes[ELEMENTS(read) + 1] = {0};
	for (size_t i = 0; i < ELEMENTS(read); i++)
		prefixes[i] = mem_printf("%s%s/", read[i]->key_prefix, r->node);
	r->mirror = mirror_new(r->store, r->cfg.root, (const char *const *)prefixes, true, &cbs, r);
	for (size_t i = 0; i < ELEMENTS(read); i++)
		free(prefixes[i]);
	r->store_state = r->store->on_state;
	r->store_state_ctx = r->store->on_state_ctx;
	r->store->on_state = on_store_state;
	r->store->on_state_ctx = r;
}

struct runner *runner_new(const struct runner_config *cfg, struct error *err)
{
	static const struct engine_callbacks cbs = {
	        .on_up = on_up, .on_down = on_down, .on_pod = on_pod, .on_image = on_image};
	struct runner *r = NEW(struct runner);
	r->cfg = *cfg;
	r->cfg.root = mem_strdup(cfg->root);
	r->cfg.node = r->node = mem_strdup(cfg->node);
	r->cfg.data_dir = mem_strdup(cfg->data_dir);
	r->loop = cfg->loop;
	r->store = cfg->store;
	r->engine_since_ms = loop_now(r->loop);
	loop_timer_init(r->loop, &r->away, on_away, r);
	loop_timer_init(r->loop, &r->autonomy, on_autonomy, r);
	r->queue = queue_new(r->loop, 64, on_turn, r);
	r->events = events_new(r->store, r->cfg.root, "runner", r->node);
	remember_load(r);
	r->engine = cfg->engine_new(cfg->ctx, &cbs, r, err);
	if (!r->engine)
		return runner_free(r);
	r->sessions = sessions_new(r->loop, r->engine,
	                           &(struct sessions_host){.slot = slot_of, .look = look_at, .ctx = r});
	open_mirror(r);
	loop_timer_in(&r->away, ENGINE_AWAY_MS);
	loop_timer_in(&r->autonomy, AUTONOMY_MS);
	return r;
}

struct runner *runner_free(struct runner *r)
{
	if (!r)
		return NULL;
	if (r->mirror) {
		remember_now(r);
		report_cancel(r);
		r->store->on_state = r->store_state;
		r->store->on_state_ctx = r->store_state_ctx;
	}
	remember_done(r);
	loop_timer_stop(&r->away);
	loop_timer_stop(&r->autonomy);
	r->queue = queue_free(r->queue);
	r->sessions = sessions_free(r->sessions);
	r->mirror = mirror_free(r->mirror);
	map_for_each (e, &r->slots)
		slot_free(e->value, r->engine);
	map_done(&r->slots, NULL);
	map_done(&r->images, free);
	r->engine = engine_free(r->engine);
	r->events = events_free(r->events);
	arena_done(&r->arena);
	free(r->engine_text);
	free((char *)(uintptr_t)r->cfg.root);
	free((char *)(uintptr_t)r->cfg.node);
	free((char *)(uintptr_t)r->cfg.data_dir);
	free(r);
	return NULL;
}

/* --- the role --- */

static struct engine *new_engine(void *ctx, const struct engine_callbacks *cbs, void *cbs_ctx,
                                 struct error *err)
{
	const struct role *role = ctx;
	const struct engine_config cfg = {.address = role->options.engine, .node = role->options.node};
	return engine_docker_new(role->loop, &cfg, cbs, cbs_ctx, err);
}

static void on_ready(void *ctx)
{
	role_ready(ctx);
}

int runner_run(struct role *role)
{
	const struct runner_config cfg = {
	        .loop = role->loop,
	        .store = role->store,
	        .root = role->options.prefix,
	        .node = role->options.node,
	        .data_dir = role->options.data_dir,
	        .engine_new = new_engine,
	        .on_ready = on_ready,
	        .ctx = role,
	};
	struct error err = {0};
	struct runner *r = runner_new(&cfg, &err);
	if (!r) {
		char text[768];
		log_event(LOG_ERROR, "role.failed", NULL, "why=%s",
		          log_quote(error_format(&err, text, sizeof(text))));
		return 1;
	}
	int status = role_run(role);
	(void)runner_free(r);
	return status;
}

static void on_stopped(void *ctx, bool failed)
{
	role_quit(ctx, failed);
}

int runner_stop_all(struct role *role)
{
	const struct stop_all_config cfg = {
	        .loop = role->loop, .engine_new = new_engine, .on_end = on_stopped, .ctx = role};
	struct error err = {0};
	struct stop_all *t = stop_all_new(&cfg, &err);
	if (!t) {
		char text[768];
		(void)fprintf(stderr, "%s\n", error_format(&err, text, sizeof(text)));
		return 1;
	}
	int status = role_run(role);
	(void)stop_all_free(t);
	return status;
}
