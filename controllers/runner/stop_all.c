/* `tugd runner --stop-all`: everything of this node is stopped and removed; what `tug down` ends with. */
#include <stdio.h>
#include <stdlib.h>

#include "controllers/runner/runner.h"
#include "core/log.h"
#include "core/map.h"
#include "core/mem.h"

#define GRACE_MS  10000
#define TRIES     5
#define AGAIN_MS  1000
#define SILENT_MS 30000 /* the engine does not answer for so long: given up */

struct stop {
	struct role *role;
	struct engine *engine;
	struct map pods; /* name -> struct stopping; none is left: done */
	struct loop_timer silent;
	bool up;
	bool failed;
	size_t removed;
};

struct stopping {
	struct stop *stop;
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

static void settle(struct stop *t)
{
	if (t->up && t->pods.count == 0)
		role_quit(t->role, t->failed);
}

static void end(struct stopping *s, const char *how, const char *why)
{
	struct stop *t = s->stop;
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
		s->stop->removed++;
		end(s, "removed", NULL);
	} else if (result == ENGINE_E_UNAVAILABLE || result == ENGINE_E_UNKNOWN) {
		loop_timer_in(&s->again, AGAIN_MS); /* or when the engine is back */
	} else if (++s->tries < TRIES) {
		loop_timer_in(&s->again, AGAIN_MS);
	} else {
		s->stop->failed = true;
		end(s, "not removed", err && *err->text ? err->text : engine_result_name(result));
	}
}

static void on_pod(void *ctx, const struct engine_pod *pod)
{
	struct stop *t = ctx;
	if (pod->gone || map_get(&t->pods, pod->name))
		return;
	/* after the first list, what is reported is what is being removed */
	if (t->up)
		return;
	struct stopping *s = NEW(struct stopping);
	s->stop = t;
	s->project = mem_strdup(pod->project);
	s->name = mem_strdup(pod->name);
	loop_timer_init(t->role->loop, &s->again, begin, s);
	(void)map_put(&t->pods, s->name, s);
}

static void on_up(void *ctx, const struct engine_info *info _unused_)
{
	struct stop *t = ctx;
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
	struct stop *t = ctx;
	(void)fprintf(stderr, "the container engine does not answer: %s\n", text);
	t->up = false;
	loop_timer_in(&t->silent, SILENT_MS);
}

static void on_image(void *ctx _unused_, const char *ref _unused_, bool present _unused_)
{
}

static void on_silent(void *ctx)
{
	struct stop *t = ctx;
	(void)fprintf(stderr, "given up: the container engine %s does not answer\n", t->role->options.engine);
	role_quit(t->role, 1);
}

int runner_stop_all(struct role *role)
{
	static const struct engine_callbacks cbs = {
	        .on_up = on_up, .on_down = on_down, .on_pod = on_pod, .on_image = on_image};
	struct stop t = {.role = role};
	struct error err = {0};
	const struct engine_config cfg = {.address = role->options.engine, .node = role->options.node};
	t.engine = engine_docker_new(role->loop, &cfg, &cbs, &t, &err);
	if (!t.engine) {
		char text[768];
		(void)fprintf(stderr, "%s\n", error_format(&err, text, sizeof(text)));
		return 1;
	}
	loop_timer_init(role->loop, &t.silent, on_silent, &t);
	loop_timer_in(&t.silent, SILENT_MS);
	int status = role_run(role);
	map_done(&t.pods, stopping_free);
	loop_timer_stop(&t.silent);
	t.engine = engine_free(t.engine);
	return status;
}
