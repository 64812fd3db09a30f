#include "etcd/op.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"
#include "etcd/client.h"

#define TIMEOUT_MS     5000
#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS   1000
#define TOKENS_MAX     3 /* tries with a new token before a refusal is believed */

static int64_t now_of(const struct ops *o)
{
	return loop_now(o->etcd->store.loop);
}

static void op_free(struct store_op *op)
{
	if (op->anonymous) /* it holds a password */
		explicit_bzero(op->request.data, op->request.len);
	free(op->request.data);
	free(op);
}

static void finish(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len)
{
	struct ops *o = op->ops;
	struct error err = {0};
	if (outcome != STORE_OK)
		(void)error_set(&err, (int)outcome, "", "%s", op->text);
	list_remove(&op->link);
	if (list_empty(&o->waiting) && list_empty(&o->sent))
		loop_timer_stop(&o->timer);
	op->complete(op, outcome, reply, len, &err);
	op_free(op);
}

/* --- time --- */

/* Only ever moved closer: when the timer comes too early it is set again. */
static void wake_at(struct ops *o, int64_t due_ms)
{
	if (loop_timer_active(&o->timer) && o->timer_ms <= due_ms)
		return;
	o->timer_ms = due_ms;
	loop_timer_at(&o->timer, due_ms);
}

static void expire(struct store_op *op)
{
	char last[160];
	(void)snprintf(last, sizeof(last), "%.150s", op->text[0] ? op->text : op->ops->why);
	(void)snprintf(op->text, sizeof(op->text), "etcd gave no answer within %" PRId64 " ms%s%s%s",
	               op->deadline_ms - op->submitted_ms, *last ? " (" : "", last, *last ? ")" : "");
	if (op->call) {
		op->perhaps = true;
		call_cancel(op->call);
	}
	finish(op, op->writes && op->perhaps ? STORE_E_UNKNOWN : STORE_E_UNAVAILABLE, NULL, 0);
}

/* A callback may cancel any operation, so that the list is walked from its head after each. */
static bool expire_one(struct list *list, int64_t now_ms)
{
	list_for_each (node, list) {
		struct store_op *op = list_entry(node, struct store_op, link);
		if (op->deadline_ms <= now_ms) {
			expire(op);
			return true;
		}
	}
	return false;
}

static void on_timer(void *ctx)
{
	struct ops *o = ctx;
	int64_t now_ms = now_of(o), next = INT64_MAX;
	while (expire_one(&o->waiting, now_ms) || expire_one(&o->sent, now_ms))
		;
	list_for_each (node, &o->sent)
		next = MIN(next, list_entry(node, struct store_op, link)->deadline_ms);
	list_for_each (node, &o->waiting)
		next = MIN(next, list_entry(node, struct store_op, link)->deadline_ms);
	if (next < INT64_MAX)
		wake_at(o, next);
	ops_pump(o);
}

/* --- sending --- */

static const struct call_events call_events;

static void send_op(struct store_op *op)
{
	struct etcd *e = op->ops->etcd;
	op->attempts++;
	op->sent_ms = loop_now(e->store.loop);
	list_remove(&op->link);
	list_append(&op->ops->sent, &op->link);
	op->call = call_unary(e->calls.transport, op->path, op->anonymous ? NULL : e->auth.token,
	                      op->request.data, op->request.len, &call_events, op);
}

void ops_pump(struct ops *o)
{
	struct etcd *e = o->etcd;
	int64_t now_ms = now_of(o);
	list_for_each_safe (node, &o->waiting) {
		struct store_op *op = list_entry(node, struct store_op, link);
		if (op->retry_ms > now_ms) {
			wake_at(o, op->retry_ms);
			continue;
		}
		if (!op->anonymous && !auth_ready(&e->auth))
			continue;
		if (!link_usable(&e->calls)) {
			link_want(&e->calls);
			return;
		}
		o->why[0] = '\0';
		send_op(op);
	}
}

static void wait_again(struct store_op *op)
{
	struct ops *o = op->ops;
	op->call = NULL;
	list_remove(&op->link);
	list_append(&o->waiting, &op->link);
	unsigned n = op->attempts;
	int64_t delay = n < 2 ? 0 : MIN((int64_t)RETRY_FIRST_MS << MIN(n - 2, 10U), (int64_t)RETRY_MAX_MS);
	op->retry_ms = delay ? now_of(o) + endpoints_jitter(&o->etcd->endpoints, delay) : 0;
	/* from a task of its own: this may be in the middle of losing the connection */
	loop_task_schedule(&o->turn);
}

static void on_message(void *ctx, const uint8_t *data, size_t len)
{
	struct store_op *op = ctx;
	call_forget(op->call); /* what follows is a status that can only be 0 */
	op->call = NULL;
	finish(op, STORE_OK, data, len);
}

static void on_end(void *ctx, const struct call_end *end)
{
	struct store_op *op = ctx;
	struct etcd *e = op->ops->etcd;
	op->call = NULL;
	(void)snprintf(op->text, sizeof(op->text), "%s", end->text);
	struct wire_verdict v = wire_judge(end->status, end->text);
	if (v.refused && v.outcome == STORE_E_UNAVAILABLE && !v.token && e->endpoints.n > 1)
		link_fail(&e->calls, end->text); /* cut off from the rest: another member may not be */
	if (v.token && (!auth_wanted(&e->auth) || op->attempts > TOKENS_MAX))
		v = (struct wire_verdict){.outcome = STORE_E_DENIED, .refused = true};
	bool perhaps = !v.refused && !end->unsent;
	op->perhaps = op->perhaps || perhaps;
	bool again = v.outcome == STORE_E_UNAVAILABLE && (!op->writes || op->retry_safe || !perhaps);
	if (!again) {
		finish(op, op->writes && perhaps ? STORE_E_UNKNOWN : v.outcome, NULL, 0);
		return;
	}
	if (v.token)
		auth_renew(&e->auth);
	wait_again(op);
}

static const struct call_events call_events = {.on_message = on_message, .on_end = on_end};

void ops_unreachable(struct ops *o, const char *why)
{
	(void)snprintf(o->why, sizeof(o->why), "%s", why);
	if (!list_empty(&o->waiting))
		loop_task_schedule(&o->turn);
}

/* --- refusals --- */

static void on_turn(void *ctx)
{
	struct ops *o = ctx;
	while (!list_empty(&o->refused)) {
		struct store_op *op = list_first(&o->refused, struct store_op, link);
		finish(op, op->refusal, NULL, 0);
	}
	ops_pump(o);
}

static void refuse(struct store_op *op, enum store_outcome outcome)
{
	op->refusal = outcome;
	list_remove(&op->link);
	list_append(&op->ops->refused, &op->link);
	loop_task_schedule(&op->ops->turn);
}

void op_refuse(struct store_op *op, enum store_outcome outcome, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
	refuse(op, outcome);
}

void ops_deny(struct ops *o, const char *why)
{
	list_for_each_safe (node, &o->waiting) {
		struct store_op *op = list_entry(node, struct store_op, link);
		if (op->anonymous)
			continue;
		(void)snprintf(op->text, sizeof(op->text), "%s", why);
		refuse(op, op->writes && op->perhaps ? STORE_E_UNKNOWN : STORE_E_DENIED);
	}
}

/* --- life --- */

struct store_op *op_new(struct ops *o, const char *path, struct wire_bytes request, int64_t timeout_ms,
                        op_complete_fn *complete, void *ctx)
{
	struct store_op *op = NEW(struct store_op);
	list_init(&op->link);
	op->ops = o;
	op->path = path;
	op->request = request;
	op->submitted_ms = now_of(o);
	op->deadline_ms = op->submitted_ms + (timeout_ms > 0 ? timeout_ms : TIMEOUT_MS);
	op->complete = complete;
	op->ctx = ctx;
	return op;
}

void op_submit(struct store_op *op)
{
	struct ops *o = op->ops;
	struct etcd *e = o->etcd;
	if (!op->anonymous && auth_denied(&e->auth)) {
		op_refuse(op, STORE_E_DENIED, "%s", e->auth.why);
		return;
	}
	wake_at(o, op->deadline_ms);
	list_append(&o->waiting, &op->link);
	if (link_usable(&e->calls) && (op->anonymous || auth_ready(&e->auth)))
		send_op(op);
	else
		link_want(&e->calls);
}

void op_cancel(struct store_op *op)
{
	if (!op)
		return;
	struct ops *o = op->ops;
	call_cancel(op->call);
	list_remove(&op->link);
	if (list_empty(&o->waiting) && list_empty(&o->sent))
		loop_timer_stop(&o->timer);
	op_free(op);
}

void ops_init(struct ops *o, struct etcd *e)
{
	*o = (struct ops){.etcd = e};
	list_init(&o->waiting);
	list_init(&o->sent);
	list_init(&o->refused);
	loop_timer_init(e->store.loop, &o->timer, on_timer, o);
	loop_task_init(e->store.loop, &o->turn, on_turn, o);
}

void ops_done(struct ops *o)
{
	if (!o->etcd)
		return;
	struct list *lists[] = {&o->waiting, &o->sent, &o->refused};
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		while (!list_empty(lists[i]))
			op_cancel(list_first(lists[i], struct store_op, link));
	loop_timer_stop(&o->timer);
	loop_task_cancel(&o->turn);
	o->etcd = NULL;
}
