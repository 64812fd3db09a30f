/* `tugd runner --stop-all`: everything of this node is stopped and removed; what `tug down` ends with. */
#include "controllers/runner/stop_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/map.h"
#include "core/mem.h"

#define GRACE_MS  10000
#define TRIES     5
#define AGAIN_MS  1000
#define SILENT_MS 30000 /* the engine does not answer for so long: given up */

struct stop_all {
	struct stop_all_config cfg;
	struct engine *engine;
	struct map pods; /* name -> struct stopping; none is left: done */
	struct loop_timer silent;
	bool up;
	bool failed;
	bool ended;
};

struct stopping {
	struct stop_all *stop;
	char *project, *name;
	struct engine_op *op;
	struct loop_timer again;
	unsigned tries;
};

static void stopping_free(void *p)
{
	struct stopping *s = p;
	s->stop->engine->ops->cancel(s->stop->engine, s->op);
	loop_timer_stop(&s->again);
	free(s->project);
	free(s->name);
	free(s);
}

static void settle(struct stop_all *t)
{
	if (t->ended || !t->up || t->pods.count > 0)
		return;
	t->ended = true;
	t->cfg.on_end(t->cfg.ctx, t->failed);
}

static void end(struct stopping *s, const char *how, const char *why)
{
	struct stop_all *t = s->stop;
	(void)fprintf(stderr, "%s %s/%s%s%s\n", how, s->project, s->name, why ? ": " : "", why ? why : "");
	(void)map_remove(&t->pods, s->name);
	stopping_free(s);
	settle(t);
}

static void on_removed(void *ctx, enum engine_result result, const struct error *err);

static void begin(void *ctx)
{
	struct stopping *s = ctx;
	if (s->op || !s->stop->up)
		return;
	s->op = s->stop->engine->ops->pod_remove(s->stop->engine, s->name, GRACE_MS, on_removed, s);
}

static void on_removed(void *ctx, enum engine_result result, const struct error *err)
{
	struct stopping *s = ctx;
	s->op = NULL;
	if (result == ENGINE_OK || result == ENGINE_E_GONE) {
		end(s, "removed", NULL);
	} else if (result == ENGINE_E_UNAVAILABLE || result == ENGINE_E_UNKNOWN || ++s->tries < TRIES) {
		loop_timer_in(&s->again, AGAIN_MS); /* or when the engine is back */
	} else {
		s->stop->failed = true;
		end(s, "not removed", err && *err->text ? err->text : engine_result_name(result));
	}
}

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	struct stop_all *t = ctx;
	if (pod->gone || map_get(&t->pods, pod->name))
		return;
	/* after the first list, what is reported is what is being removed */
	if (t->up)
		return;
	struct stopping *s = NEW(struct stopping);
	s->stop = t;
	s->project = mem_strdup(pod->project);
	s->name = mem_strdup(pod->name);
	loop_timer_init(t->cfg.loop, &s->again, begin, s);
	(void)map_put(&t->pods, s->name, s);
}

static void on_up(void *ctx, const struct engine_info *info _unused_)
{
	struct stop_all *t = ctx;
	t->up = true;
	loop_timer_stop(&t->silent);
	map_for_each (e, &t->pods) {
		const struct stopping *s = e->value;
		(void)fprintf(stderr, "stopping %s/%s\n", s->project, s->name);
	}
	map_for_each (e, &t->pods)
		begin(e->value);
	settle(t);
}

static void on_down(void *ctx, const char *text)
{
	struct stop_all *t = ctx;
	(void)fprintf(stderr, "the container engine does not answer: %s\n", text);
	t->up = false;
	if (!loop_timer_active(&t->silent))
		loop_timer_in(&t->silent, SILENT_MS);
}

static void on_image(void *ctx _unused_, const char *ref _unused_, bool present _unused_)
{
}

static void on_silent(void *ctx)
{
	struct stop_all *t = ctx;
	(void)fprintf(stderr, "given up: the container engine does not answer\n");
	t->ended = true;
	t->cfg.on_end(t->cfg.ctx, true);
}

struct stop_all *stop_all_new(const struct stop_all_config *cfg, struct error *err)
{
	static const struct engine_callbacks cbs = {
	        .on_up = on_up, .on_down = on_down, .on_pod = on_pod, .on_image = on_image};
	struct stop_all *t = NEW(struct stop_all);
	t->cfg = *cfg;
	loop_timer_init(cfg->loop, &t->silent, on_silent, t);
	t->engine = cfg->engine_new(cfg->ctx, &cbs, t, err);
	if (!t->engine)
		return stop_all_free(t);
	loop_timer_in(&t->silent, SILENT_MS);
	return t;
}

struct stop_all *stop_all_free(struct stop_all *t)
{
	if (!t)
		return NULL;
	map_done(&t->pods, stopping_free);
	loop_timer_stop(&t->silent);
	t->engine = engine_free(t->engine);
	free(t);
	return NULL;
}
