/* One pod's turn: gather what is wanted and what is there, plan, carry the plan out. */
#include "controllers/runner/shell.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

/* --- images --- */

static enum image_state image_state(const struct runner *r, const char *ref)
{
	const struct image *i = map_get(&r->images, ref);
	return i ? i->state : IMAGE_UNKNOWN;
}

static bool wants_image(const struct slot *s, const char *ref)
{
	for (size_t i = 0; s->want && i < s->want->containers.count; i++)
		if (streq(LIST_ITEMS(&s->want->containers, struct container)[i].image, ref))
			return true;
	return false;
}

void reconcile_image(struct runner *r, const char *ref, enum image_state state)
{
	bool wanted = false;
	map_for_each (e, &r->slots) {
		struct slot *s = e->value;
		if (!wants_image(s, ref))
			continue;
		wanted = true;
		queue_add(r->queue, s->name);
	}
	struct image *image = map_get(&r->images, ref);
	if (!wanted) {
		free(map_remove(&r->images, ref));
		return;
	}
	if (!image) {
		image = NEW(struct image);
		(void)map_put(&r->images, ref, image);
	}
	image->state = state;
}

/* --- gather --- */

static void take_wanted(struct runner *r, struct slot *s, const struct mirror_entry *e)
{
	char text[768] = "";
	if (!e->obj && e->err)
		(void)error_format(e->err, text, sizeof(text));
	if (slot_want(s, e->obj, text, e->value, e->create_rev, e->mod_rev)) {
		remember_soon(r);
		if (!e->obj)
			log_event(LOG_WARN, "pod.invalid", s->name, "rev=%" PRId64 " why=%s", e->mod_rev,
			          log_quote(text));
	}
	s->known = r->list;
}

void reconcile_claim(struct runner *r, struct slot *s)
{
	char key[KEY_SIZE];
	const struct mirror_entry *e =
	        r->synced ? mirror_get(r->mirror, key_format(&kind_pod, r->node, s->name, key, sizeof(key)))
	                  : NULL;
	s->present = e && !e->orphan;
	if (s->present)
		take_wanted(r, s, e);

	enum plan_claim was = s->claim;
	const struct identity_in in = {
	        .synced = r->synced,
	        .present = s->present,
	        .list = r->list,
	        .known = s->known,
	        .text = s->want != NULL,
	        .was_held = s->held,
	        .autonomous = r->autonomous,
	};
	s->claim = identity_claim(&in);
	if (was == CLAIM_REMOVED && !s->present)
		s->claim = CLAIM_REMOVED; /* that was believed; a store that changes meanwhile takes nothing
		                             back */
	bool held = s->claim == CLAIM_HELD;
	if (held && !s->held)
		report_held(r, s);
	if (held && s->known.cluster == r->list.cluster)
		s->known.cluster =
		        0; /* its history was undone: no later revision of this one vouches for it */
	if (held != s->held || was != s->claim)
		remember_soon(r);
	if (r->synced)
		s->held = held;
}

/* The pod whose place this one takes, while anything of it is there. */
static const char *predecessor(const struct runner *r, const struct slot *s)
{
	const char *name = s->want ? s->want->replaces : NULL;
	if (!name || streq(name, s->name))
		return NULL;
	const struct slot *old = map_get(&r->slots, name);
	if (!old || (old->claim == CLAIM_REMOVED && !old->have && !slot_busy(old)))
		return NULL;
	return old->name;
}

/* The pod that takes this one's place lacks an image, so that this one stays. */
static bool successor_pulls(const struct runner *r, const struct slot *s)
{
	map_for_each (e, &r->slots) {
		const struct slot *next = e->value;
		bool takes_place = next->claim == CLAIM_WANTED && next->want && next->want->replaces &&
		                   streq(next->want->replaces, s->name) && !next->have;
		for (size_t i = 0; takes_place && i < next->want->containers.count; i++)
			if (image_state(r, LIST_ITEMS(&next->want->containers, struct container)[i].image) !=
			    IMAGE_PRESENT)
				return true;
	}
	return false;
}

/* Back-off and times of an earlier process, from the status in the store. */
static void restore_memory(struct runner *r, struct slot *s)
{
	if (s->restored || !r->synced || !s->want || !s->present)
		return;
	s->restored = true;
	char key[KEY_SIZE];
	const struct mirror_entry *e =
	        mirror_get(r->mirror, key_format(&kind_pod_status, r->node, s->name, key, sizeof(key)));
	/* one that is older than the pod is about another pod of the name */
	if (e && e->obj && !e->orphan && e->mod_rev > s->create_rev && s->memory.step == STEP_NEW)
		memory_restore(&s->memory, s->want, e->obj, loop_now(r->loop), clock_wall_ms());
}

static void gather(struct runner *r, struct slot *s, struct plan_in *in)
{
	*in = (struct plan_in){
	        .name = s->name,
	        .node = r->node,
	        .claim = s->claim,
	        .want = s->want,
	        .invalid = s->present ? s->invalid : NULL,
	        .have = s->have,
	        .older = s->present && s->have && s->have->cluster == r->list.cluster &&
	                 s->have->rev < s->create_rev,
	        .engine_up = r->engine_up,
	        .engine_since_ms = r->engine_since_ms,
	        .engine_text = r->engine_text,
	        .engine_name = *r->engine_name ? r->engine_name : NULL,
	        .waits_for = predecessor(r, s),
	        .successor_pulling = s->claim == CLAIM_REMOVED && successor_pulls(r, s),
	        .now_ms = loop_now(r->loop),
	        .wall_ms = clock_wall_ms(),
	};
	slot_works(s, in, &r->arena, image_state);
}

/* --- act
 * ---------------------------------------------------------------------------------------------------------
 */

static void note_images(struct runner *r, struct slot *s, const struct work *w, enum engine_result result)
{
	switch (w->kind) {
	case ACTION_FIND:
		if (result == ENGINE_OK || result == ENGINE_E_NO_IMAGE)
			reconcile_image(r, w->image, result == ENGINE_OK ? IMAGE_PRESENT : IMAGE_ABSENT);
		break;
	case ACTION_PULL:
		if (result == ENGINE_OK) {
			reconcile_image(r, w->image, IMAGE_PRESENT);
			report_event(r, s, false, "Pulled", "Pulled image %s in %.1f s", w->image,
			             (double)(loop_now(r->loop) - w->since_ms) / 1000);
		}
		break;
	case ACTION_CREATE:
		for (size_t i = 0; result == ENGINE_E_NO_IMAGE && s->want && i < s->want->containers.count;
		     i++)
			reconcile_image(r, LIST_ITEMS(&s->want->containers, struct container)[i].image,
			                IMAGE_UNKNOWN);
		break;
	case ACTION_START:
	case ACTION_REPAIR:
	case ACTION_REMOVE:
	case ACTION_MAX:
		break;
	}
}

static void on_done(void *ctx, enum engine_result result, const struct error *err)
{
	struct work *w = ctx;
	struct slot *s = w->slot;
	struct runner *r = s->runner;
	const char *text = err && *err->text     ? err->text
	                   : result == ENGINE_OK ? NULL
	                                         : engine_result_name(result);
	log_event(LOG_DEBUG, "engine.done", s->name, "what=%s result=%s ms=%" PRId64 " why=%s",
	          action_name(w->kind), log_quote(engine_result_name(result)),
	          loop_now(r->loop) - w->since_ms, log_quote(text ? text : ""));
	note_images(r, s, w, result);
	size_t n = s->want ? s->want->containers.count : 0;
	if (w->container < (int)n)
		memory_result(&s->memory, s->want, s->name, w->kind, w->container, w->image, result, text,
		              loop_now(r->loop), clock_wall_ms());
	work_free(w);
	queue_add(r->queue, s->name);
}

static void act(struct runner *r, struct slot *s, const struct plan_action *a)
{
	struct engine *e = r->engine;
	const struct engine_ops *ops = e->ops;
	struct work *w = work_new(s, a, loop_now(r->loop));
	const char *container =
	        a->kind == ACTION_START
	                ? LIST_ITEMS(&s->want->containers, struct container)[a->container].name
	                : "";
	log_event(LOG_DEBUG, "pod.act", s->name, "what=%s of=%s why=%s", action_name(a->kind),
	          log_quote(a->image ? a->image : container), log_quote(a->why));
	switch (a->kind) {
	case ACTION_FIND:
		w->op = ops->image_find(e, a->image, on_done, w);
		break;
	case ACTION_PULL:
		report_event(r, s, false, "Pulling", "Pulling image %s", a->image);
		w->op = ops->image_pull(e, a->image, NULL, on_done, w);
		break;
	case ACTION_CREATE:
		w->op = ops->pod_create(e, s->want, s->known.cluster, s->create_rev, on_done, w);
		break;
	case ACTION_START:
		w->op = ops->container_start(e, s->name, container, on_done, w);
		break;
	case ACTION_REPAIR:
		w->op = ops->pod_repair(e, s->name, a->grace_ms, on_done, w);
		break;
	case ACTION_REMOVE:
		w->op = ops->pod_remove(e, s->name, a->grace_ms, on_done, w);
		break;
	case ACTION_MAX:
		break;
	}
}

enum queue_result reconcile(void *ctx, const char *name)
{
	struct runner *r = ctx;
	struct slot *s = map_get(&r->slots, name);
	if (!s)
		return report_tidy(r, name);
	arena_reset(&r->arena);
	reconcile_claim(r, s);
	restore_memory(r, s);

	struct plan_in in;
	struct plan plan;
	gather(r, s, &in);
	enum step was_step = s->memory.step;
	enum reason was_reason = s->memory.reason;
	unsigned was_attempts = report_attempts(s);
	plan_pod(&in, &s->memory, &r->arena, &plan);
	for (size_t i = 0; i < plan.n; i++)
		act(r, s, &plan.actions[i]);
	/* after the engine was asked: what is said delays nothing that is done */
	report_change(r, s, &plan, was_step, was_reason, was_attempts);
	report_status(r, s, &plan);
	if (plan.wake_at_ms)
		queue_at(r->queue, name, plan.wake_at_ms);
	/* the pod whose place it takes may go when the images are here, or when this one is not wanted any more */
	if (s->want && s->want->replaces && map_get(&r->slots, s->want->replaces) && !s->have)
		queue_add(r->queue, s->want->replaces);
	if (plan.finished)
		runner_forget(r, s);
	return QUEUE_DONE;
}
