#include "core/httpd/conn.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"

/* --- deadlines: one list for each kind, one timer for all --- */

static int64_t earliest(struct httpd *s)
{
	int64_t due = INT64_MAX;
	for (unsigned kind = 0; kind < DEADLINE_KINDS; kind++)
		if (!list_empty(&s->deadlines[kind]))
			due = MIN(due, list_first(&s->deadlines[kind], struct conn, deadline)->due_ms);
	return due;
}

static void arm(struct httpd *s, int64_t due_ms)
{
	s->armed_ms = due_ms;
	if (due_ms == INT64_MAX)
		loop_timer_stop(&s->deadline_timer);
	else
		loop_timer_at(&s->deadline_timer, due_ms);
}

void server_set_deadline(struct conn *c, enum deadline kind)
{
	struct httpd *s = c->server;
	c->kind = (uint8_t)kind;
	list_remove(&c->deadline);
	if (kind == DEADLINE_NONE)
		return;
	c->due_ms = s->now_ms + s->lengths_ms[kind];
	list_append(&s->deadlines[kind], &c->deadline);
	/* a later one waits until the timer has fired: a request costs no change of the timer */
	if (c->due_ms < s->armed_ms)
		arm(s, c->due_ms);
}

static void on_deadline(void *ctx)
{
	struct httpd *s = ctx;
	s->now_ms = loop_now(s->loop);
	for (unsigned kind = 0; kind < DEADLINE_KINDS; kind++) {
		while (!list_empty(&s->deadlines[kind])) {
			struct conn *c = list_first(&s->deadlines[kind], struct conn, deadline);
			if (c->due_ms > s->now_ms)
				break;
			server_set_deadline(c, DEADLINE_NONE);
			conn_expire(c);
		}
	}
	arm(s, earliest(s));
}

/* --- comment lines on event streams --- */

static void on_comment(void *ctx)
{
	struct httpd *s = ctx;
	list_for_each (node, &s->streams) {
		struct httpd_exchange *x = list_entry(node, struct httpd_exchange, stream);
		/* who has not taken what there is needs no sign of life */
		if (conn_unsent(x->conn) == 0)
			(void)httpd_stream_write(x, ":\n\n", 3);
	}
	if (!list_empty(&s->streams))
		loop_timer_in(&s->comment_timer, s->limits.comment_ms);
}

/* --- the date --- */

const char *server_date(struct httpd *s)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(clock_wall_ms() / 1000);
	if (now == s->date_s)
		return s->date;
	struct tm tm;
	if (!gmtime_r(&now, &tm))
		return s->date;
	s->date_s = now;
	(void)snprintf(s->date, sizeof(s->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
	               days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
	               tm.tm_hour, tm.tm_min, tm.tm_sec);
	return s->date;
}

/* --- life --- */

static void set_default(int64_t *value, int64_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void set_default_size(size_t *value, size_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void set_limits(struct httpd *s, const struct httpd_limits *limits)
{
	struct httpd_limits *l = &s->limits;
	if (limits)
		*l = *limits;
	l->connections = l->connections ? l->connections : 10000;
	l->per_address = l->per_address ? l->per_address : 6000;
	set_default_size(&l->body, LIMIT_HTTP_BODY);
	set_default_size(&l->bodies, (size_t)64 * 1024 * 1024);
	set_default_size(&l->stream_queue, (size_t)256 * 1024);
	set_default(&l->head_ms, 5000);
	set_default(&l->body_ms, 30000);
	set_default(&l->idle_ms, 30000);
	set_default(&l->write_ms, 20000);
	set_default(&l->relay_ms, 600000);
	set_default(&l->linger_ms, 1000);
	set_default(&l->comment_ms, 15000);
	s->lengths_ms[DEADLINE_HEAD] = l->head_ms;
	s->lengths_ms[DEADLINE_BODY] = l->body_ms;
	s->lengths_ms[DEADLINE_IDLE] = l->idle_ms;
	s->lengths_ms[DEADLINE_WRITE] = l->write_ms;
	s->lengths_ms[DEADLINE_RELAY] = l->relay_ms;
	s->lengths_ms[DEADLINE_LINGER] = l->linger_ms;
}

static void close_connections(struct httpd *s)
{
	while (!list_empty(&s->conns))
		conn_close(list_first(&s->conns, struct conn, link));
}

static void stopped(struct httpd *s)
{
	void (*done)(void *) = s->stop_done;
	loop_timer_stop(&s->grace_timer);
	loop_task_cancel(&s->stop_task);
	s->stop_done = NULL;
	if (done)
		done(s->stop_ctx); /* may free the server */
}

static void on_stop(void *ctx)
{
	struct httpd *s = ctx;
	s->now_ms = loop_now(s->loop);
	list_for_each_safe (node, &s->conns) {
		conn_stop(list_entry(node, struct conn, link));
	}
	if (s->n_conns == 0)
		stopped(s);
}

static void on_grace(void *ctx)
{
	struct httpd *s = ctx;
	close_connections(s);
	stopped(s);
}

struct httpd *httpd_new(struct loop *loop, const struct httpd_limits *limits, const struct httpd_handler *h,
                        void *ctx)
{
	struct httpd *s = NEW(struct httpd);
	s->loop = loop;
	s->handler = *h;
	s->ctx = ctx;
	set_limits(s, limits);
	list_init(&s->listeners);
	list_init(&s->conns);
	list_init(&s->streams);
	for (unsigned kind = 0; kind < DEADLINE_KINDS; kind++)
		list_init(&s->deadlines[kind]);
	s->armed_ms = INT64_MAX;
	loop_timer_init(loop, &s->deadline_timer, on_deadline, s);
	loop_timer_init(loop, &s->comment_timer, on_comment, s);
	loop_timer_init(loop, &s->grace_timer, on_grace, s);
	loop_task_init(loop, &s->stop_task, on_stop, s);
	return s;
}

struct httpd *httpd_free(struct httpd *s)
{
	if (!s)
		return NULL;
	assert(!s->turning);
	list_for_each (node, &s->conns) {
		struct conn *c = list_entry(node, struct conn, link);
		if (c->state != CONN_HANDSHAKE)
			conn_flush(c);
	}
	close_connections(s);
	while (!list_empty(&s->listeners))
		listener_free(list_first(&s->listeners, struct listener, link));
	loop_timer_stop(&s->deadline_timer);
	loop_timer_stop(&s->comment_timer);
	loop_timer_stop(&s->grace_timer);
	loop_task_cancel(&s->stop_task);
	map_done(&s->peers, free);
	free(s);
	return NULL;
}

void httpd_stop(struct httpd *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx)
{
	assert(!s->turning);
	list_for_each (node, &s->listeners)
		listener_close(list_entry(node, struct listener, link));
	s->stopping = true;
	s->stop_done = done;
	s->stop_ctx = ctx;
	loop_timer_in(&s->grace_timer, grace_ms);
	loop_task_schedule(&s->stop_task);
}

unsigned httpd_connections(const struct httpd *s)
{
	return s->n_conns;
}
