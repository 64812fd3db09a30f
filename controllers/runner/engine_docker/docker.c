#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/json.h"
#include "core/mem.h"

#define QUICK_CONNECTIONS 4

struct http_call *docker_call(struct docker *d, struct http_client *c, const char *method, char *target,
                              const char *body, int64_t timeout_ms,
                              void (*on_done)(void *ctx, const struct http_response *r), void *ctx)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	_cleanup_free_ char *rest = target, *path = mem_printf("%s%s", d->api, target);
	return http_call(c, &(struct http_request){.method = method,
	                                           .target = path,
	                                           .fields = body ? json : NULL,
	                                           .body = body,
	                                           .body_len = body ? strlen(body) : 0,
	                                           .timeout_ms = timeout_ms,
	                                           .on_done = on_done,
	                                           .ctx = ctx});
}

enum engine_result docker_reply_error(const struct docker *d, enum dialect_call call,
                                      const struct http_response *r, struct error *err)
{
	if (r->result != HTTP_OK) {
		(void)error_set(err, -EIO, "", "the engine: %s", r->text);
		return r->result == HTTP_E_CONNECT ? ENGINE_E_UNAVAILABLE : ENGINE_E_UNKNOWN;
	}
	_cleanup_value_ struct value *body = NULL;
	const char *message = NULL;
	if (json_parse(r->body, r->body_len, &body, NULL) == 0)
		message = value_get_string(body, "message");
	if (!message)
		message = r->body;
	enum dialect_hint hint;
	(void)error_set(err, r->status, "", "%s", *message ? message : "the engine refused without a word");
	return dialect_error(d->dialect, call, r->status, value_get_string(body, "cause"), message, NULL,
	                     &hint);
}

/* --- the turn: callbacks are made here and nowhere else --- */

static void report_changed(struct docker *d)
{
	while (!list_empty(&d->changed)) {
		struct docker_pod *pod = list_first(&d->changed, struct docker_pod, changed);
		list_remove(&pod->changed);
		state_report(d, pod);
	}
}

static void on_turn(void *ctx)
{
	struct docker *d = ctx;
	if (d->phase == PHASE_UP)
		report_changed(d);
	if (d->tell_down) {
		_cleanup_free_ char *text = TAKE_PTR(d->tell_down);
		if (d->cbs.on_down)
			d->cbs.on_down(d->ctx, text);
	}
	if (d->tell_up && d->phase == PHASE_UP) {
		d->tell_up = false;
		d->base.up = true;
		if (d->cbs.on_up)
			d->cbs.on_up(d->ctx, &d->base.info);
	}
	struct list now;
	list_init(&now);
	while (!list_empty(&d->finished)) {
		struct list *node = d->finished.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct docker_op *op = list_first(&now, struct docker_op, finished);
		list_remove(&op->finished);
		engine_done_fn *done = op->done;
		void *done_ctx = op->ctx;
		enum engine_result result = op->result;
		struct error err = op->err;
		op->free(op);
		if (done)
			done(done_ctx, result, &err);
	}
}

/* --- operations --- */

void docker_op_init(struct docker *d, struct docker_op *op, engine_done_fn *done, void *ctx,
                    void (*cancel)(struct docker_op *), void (*free_op)(struct docker_op *))
{
	op->d = d;
	op->done = done;
	op->ctx = ctx;
	op->cancel = cancel;
	op->free = free_op;
	list_init(&op->finished);
	list_append(&d->ops, &op->link);
}

void docker_op_finish(struct docker_op *op, enum engine_result result, const struct error *err)
{
	op->result = result;
	op->err = err ? *err : (struct error){0};
	if (result && !op->err.text[0])
		(void)error_set(&op->err, -EIO, "", "%s", engine_result_name(result));
	if (list_empty(&op->finished))
		list_append(&op->d->finished, &op->finished);
	loop_task_schedule(&op->d->turn);
}

static void docker_cancel(struct engine *e _unused_, struct engine_op *handle)
{
	struct docker_op *op = (struct docker_op *)(void *)handle;
	if (!op)
		return;
	op->done = NULL;
	if (!list_empty(&op->finished))
		return; /* it ends in the turn */
	op->cancel(op);
}

/* --- beginning and end --- */

static void docker_free(struct engine *e)
{
	struct docker *d = docker_of(e);
	session_end(d);
	actions_done(d);
	while (!list_empty(&d->ops)) {
		struct docker_op *op = list_first(&d->ops, struct docker_op, link);
		list_remove(&op->finished);
		op->free(op);
	}
	pulls_done(d);
	/* calls hold pointers to what is freed above: their clients go last and call nobody */
	d->quick = http_client_free(d->quick);
	d->creates = http_client_free(d->creates);
	d->works = http_client_free(d->works);
	d->streams = http_client_free(d->streams);
	state_done(d);
	map_done(&d->images, NULL);
	map_done(&d->asked, NULL);
	map_done(&d->locks, free);
	loop_task_cancel(&d->turn);
	loop_task_cancel(&d->refresh);
	free(d->tell_down);
	free(d->node);
	free(d->pause_path);
	free(d->pause_ref);
	free(d);
}

static const struct engine_ops ops = {
        .free = docker_free,
        .image_find = image_find,
        .image_pull = image_pull,
        .image_import = image_import,
        .pod_create = pod_create,
        .container_start = container_start,
        .container_stop = container_stop,
        .pod_remove = pod_remove,
        .pod_repair = pod_repair,
        .logs = logs_open,
        .logs_resume = logs_resume,
        .cancel = docker_cancel,
};

static unsigned default_parallel(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores > 2 ? 2 * (unsigned)cores : 4;
}

struct engine *engine_docker_new(struct loop *loop, const struct engine_config *cfg,
                                 const struct engine_callbacks *cbs, void *ctx, struct error *err)
{
	unsigned parallel = cfg->parallel ? cfg->parallel : default_parallel();
	struct http_client *quick = http_client_new(loop, cfg->address, QUICK_CONNECTIONS, err);
	if (!quick)
		return NULL;
	struct docker *d = NEW(struct docker);
	d->base.ops = &ops;
	d->base.loop = loop;
	d->cbs = *cbs;
	d->ctx = ctx;
	d->node = mem_strdup(cfg->node);
	d->pause_path = mem_strdup(cfg->pause_path);
	d->parallel = parallel;
	d->dialect = &dialect_docker;
	d->quick = quick;
	d->creates = http_client_new(loop, cfg->address, parallel, NULL);
	d->works = http_client_new(loop, cfg->address, parallel, NULL);
	d->streams = http_client_new(loop, cfg->address, 1, NULL);
	list_init(&d->changed);
	list_init(&d->ops);
	list_init(&d->finished);
	list_init(&d->actions);
	list_init(&d->waiting);
	list_init(&d->pause_waiters);
	if (getrandom(&d->dice, sizeof(d->dice), GRND_NONBLOCK) != sizeof(d->dice))
		d->dice = (uint64_t)loop_now(loop);
	d->dice |= 1;
	loop_task_init(loop, &d->turn, on_turn, d);
	loop_task_init(loop, &d->refresh, state_refresh, d);
	session_begin(d);
	return &d->base;
}
