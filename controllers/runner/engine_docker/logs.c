/* Log streams: frames of eight bytes of head and a payload, cut anywhere, or plain bytes of a terminal. */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <inttypes.h>

#include "controllers/runner/engine_docker/frames.h"
#include "core/mem.h"

struct logs_op {
	struct docker_op op;
	struct http_call *call;
	bool (*on_data)(void *ctx, int stream, const char *data, size_t len);
	bool paused, tty;
	int status;
	struct frames frames;
	struct str held; /* what came after on_data said stop; of a refusal the body */
	bool ended;      /* the stream is over; what is held comes first */
	struct loop_task resume;
};

static void logs_free(struct docker_op *op)
{
	struct logs_op *l = container_of(op, struct logs_op, op);
	http_cancel(l->call);
	loop_task_cancel(&l->resume);
	list_remove(&op->link);
	str_done(&l->held);
	free(l);
}

/* It may come from inside of on_data: the operation itself ends in the turn. */
static void logs_cancel(struct docker_op *op)
{
	struct logs_op *l = container_of(op, struct logs_op, op);
	http_cancel(TAKE_PTR(l->call));
	loop_task_cancel(&l->resume);
	l->paused = true;
	docker_op_finish(op, ENGINE_OK, NULL);
}

/* Gives pieces until it is told to stop; returns how many bytes were taken. */
static size_t give(struct logs_op *l, const char *data, size_t len)
{
	const char *begin = data;
	while (len && !l->paused) {
		struct frame_piece piece = {.stream = 1, .data = data, .len = len};
		if (l->tty) {
			data += len;
			len = 0;
		} else if (!frames_next(&l->frames, &data, &len, &piece)) {
			break;
		}
		if (l->on_data && l->op.done && !l->on_data(l->op.ctx, piece.stream, piece.data, piece.len))
			l->paused = true;
	}
	return (size_t)(data - begin);
}

static void finish(struct logs_op *l)
{
	if (l->on_data && l->op.done)
		(void)l->on_data(l->op.ctx, 1, "", 0);
	docker_op_finish(&l->op, ENGINE_OK, NULL);
}

static void on_head(void *ctx, const struct http1_head *head)
{
	struct logs_op *l = ctx;
	l->status = head->status;
}

static void on_log_data(void *ctx, const char *data, size_t len)
{
	struct logs_op *l = ctx;
	if (l->status != 200) {
		if (l->held.len + len < 4096)
			str_add(&l->held, data, len);
		return;
	}
	size_t used = give(l, data, len);
	if (!l->paused || !l->call)
		return;
	str_add(&l->held, data + used, len - used);
	http_call_pause(l->call, true);
}

static void on_log_done(void *ctx, const struct http_response *r)
{
	struct logs_op *l = ctx;
	l->call = NULL;
	struct error err = {0};
	if (r->result == HTTP_OK && r->status == 200) {
		l->ended = true;
		if (!l->paused)
			finish(l);
		return;
	}
	struct http_response refusal = *r;
	refusal.body = str_get(&l->held);
	refusal.body_len = l->held.len;
	enum engine_result result = docker_reply_error(l->op.d, CALL_LOGS, &refusal, &err);
	docker_op_finish(&l->op, result == ENGINE_E_UNKNOWN ? ENGINE_E_UNAVAILABLE : result, &err);
}

static void on_resume(void *ctx)
{
	struct logs_op *l = ctx;
	if (l->paused)
		return;
	struct str held = l->held;
	l->held = STR_INIT;
	size_t used = give(l, str_get(&held), held.len);
	if (l->paused)
		str_add(&l->held, str_get(&held) + used, held.len - used);
	else if (l->call)
		http_call_pause(l->call, false);
	str_done(&held);
	if (!l->paused && l->ended)
		finish(l);
}

void logs_resume(struct engine *e _unused_, struct engine_op *handle)
{
	struct logs_op *l = container_of((struct docker_op *)(void *)handle, struct logs_op, op);
	if (!l->paused || !l->op.done)
		return;
	l->paused = false;
	loop_task_schedule(&l->resume);
}

static char *logs_target(const struct docker *d, const struct docker_container *c,
                         const struct engine_logs_request *req)
{
	struct str s = STR_INIT;
	str_printf(&s, "%s/containers/%s/logs?stdout=1&stderr=1&follow=%d&timestamps=%d", d->api, c->id,
	           req->follow, req->timestamps);
	if (req->tail >= 0)
		str_printf(&s, "&tail=%" PRId64, req->tail);
	else
		str_puts(&s, "&tail=all");
	if (req->since_ms > 0)
		str_printf(&s, "&since=%" PRId64 ".%03d", req->since_ms / 1000, (int)(req->since_ms % 1000));
	return str_take(&s);
}

struct engine_op *logs_open(struct engine *e, const struct engine_logs_request *req)
{
	struct docker *d = docker_of(e);
	struct logs_op *l = NEW(struct logs_op);
	docker_op_init(d, &l->op, req->done, req->ctx, logs_cancel, logs_free);
	loop_task_init(d->base.loop, &l->resume, on_resume, l);
	l->on_data = req->on_data;
	struct error err = {0};
	struct docker_container *c = state_find(d, req->pod, req->container);
	if (d->phase != PHASE_UP) {
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		docker_op_finish(&l->op, ENGINE_E_UNAVAILABLE, &err);
	} else if (!c || c->state == CONTAINER_MISSING) {
		(void)error_set(&err, -ENOENT, "", "%s has no container %s on this node", req->pod,
		                req->container);
		docker_op_finish(&l->op, ENGINE_E_GONE, &err);
	} else {
		_cleanup_free_ char *target = logs_target(d, c, req);
		l->tty = c->tty;
		l->call = http_call(d->streams, &(struct http_request){.method = "GET",
		                                                       .target = target,
		                                                       .timeout_ms = 0,
		                                                       .on_head = on_head,
		                                                       .on_data = on_log_data,
		                                                       .on_done = on_log_done,
		                                                       .ctx = l});
	}
	return (struct engine_op *)(void *)l;
}
