/* Log streams of the simulated engine: lines that sim_log() and programs wrote. */
#include "controllers/runner/engine_sim/internal.h"

#include <errno.h>

#include "core/clock.h"
#include "core/mem.h"

struct log_stream {
	struct sim_operation op;
	char *pod, *container;
	uint64_t serial; /* of the container that was meant */
	size_t next;     /* line */
	bool follow, timestamps, paused;
	int64_t since_ms;
	bool (*on_data)(void *ctx, int stream, const char *data, size_t len);
	struct loop_task task;
};

static void stream_free(struct sim_operation *op)
{
	struct log_stream *s = container_of(op, struct log_stream, op);
	loop_task_cancel(&s->task);
	list_remove(&op->link);
	free(s->pod);
	free(s->container);
	free(s);
}

static void give(struct log_stream *s, const struct sim_line *line)
{
	struct str out = STR_INIT;
	char stamp[32];
	if (s->timestamps)
		str_printf(&out, "%s ", clock_format(line->at_ms, stamp, sizeof(stamp)));
	str_puts(&out, line->text);
	if (s->on_data && s->op.done && !s->on_data(s->op.ctx, line->stream, out.data, out.len))
		s->paused = true;
	str_done(&out);
}

static void on_stream(void *ctx)
{
	struct log_stream *s = ctx;
	const struct sim_container *c = sim_find(s->op.e->m, s->pod, s->container);
	bool there = c && c->serial == s->serial;
	if (s->op.e->m->hung)
		return;
	while (there && s->op.done && !s->paused && s->next < c->n_lines) {
		const struct sim_line *line = &c->lines[s->next++];
		if (line->at_ms >= s->since_ms)
			give(s, line);
	}
	if (s->paused || !s->op.done || (there && s->follow && c->state == CONTAINER_RUNNING))
		return;
	if (s->on_data)
		(void)s->on_data(s->op.ctx, 1, "", 0);
	sim_operation_end(&s->op, ENGINE_OK, NULL);
}

void sim_logs_wake(struct sim_engine *e, const struct sim_container *c)
{
	list_for_each (node, &e->logs) {
		struct log_stream *s =
		        container_of(list_entry(node, struct sim_operation, link), struct log_stream, op);
		if (s->serial == c->serial)
			loop_task_schedule(&s->task);
	}
}

void sim_logs_resume(struct engine *e _unused_, struct engine_op *handle)
{
	struct log_stream *s = container_of((struct sim_operation *)(void *)handle, struct log_stream, op);
	s->paused = false;
	loop_task_schedule(&s->task);
}

struct engine_op *sim_logs(struct engine *base, const struct engine_logs_request *req)
{
	struct sim_engine *e = container_of(base, struct sim_engine, base);
	struct log_stream *s = NEW(struct log_stream);
	struct error err = {0};
	sim_operation_init(e, &s->op, req->done, req->ctx, stream_free);
	loop_task_init(base->loop, &s->task, on_stream, s);
	s->pod = mem_strdup(req->pod);
	s->container = mem_strdup(req->container);
	s->follow = req->follow;
	s->timestamps = req->timestamps;
	s->since_ms = req->since_ms;
	s->on_data = req->on_data;
	const struct sim_container *c = sim_find(e->m, req->pod, req->container);
	if (!base->up) {
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		sim_operation_end(&s->op, ENGINE_E_UNAVAILABLE, &err);
	} else if (!c || !streq(c->pod->node, e->node)) {
		(void)error_set(&err, -ENOENT, "", "%s has no container %s on this node", req->pod,
		                req->container);
		sim_operation_end(&s->op, ENGINE_E_GONE, &err);
	} else {
		s->serial = c->serial;
		if (req->tail >= 0 && (uint64_t)req->tail < c->n_lines)
			s->next = c->n_lines - (size_t)req->tail;
		list_append(&e->logs, &s->op.link);
		loop_task_schedule(&s->task);
	}
	return (struct engine_op *)(void *)&s->op;
}
