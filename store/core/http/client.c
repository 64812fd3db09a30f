#include "core/http/internal.h"

#include <errno.h>
#include <string.h>

#include "core/limits.h"
#include "core/mem.h"

const char *http_result_name(enum http_result r)
{
	switch (r) {
	case HTTP_OK:
		return "ok";
	case HTTP_E_CONNECT:
		return "no connection";
	case HTTP_E_CUT:
		return "connection cut";
	case HTTP_E_TIMEOUT:
		return "timeout";
	case HTTP_E_TOO_LARGE:
		return "reply too large";
	case HTTP_E_PROTOCOL:
		return "not HTTP";
	}
	return "?";
}

static void call_free(struct http_call *call)
{
	loop_timer_stop(&call->timer);
	list_remove(&call->link);
	str_done(&call->out);
	str_done(&call->head_text);
	str_done(&call->body);
	free(call->head);
	free(call->text);
	free(call);
}

void http_call_finish(struct http_call *call, enum http_result result, const char *text)
{
	list_remove(&call->link);
	loop_timer_stop(&call->timer);
	call->conn = NULL;
	struct http_response response = {
	        .result = result,
	        .status = call->head ? call->head->status : 0,
	        .head = call->head,
	        .body = str_get(&call->body),
	        .body_len = call->body.len,
	        .text = text,
	};
	if (call->on_done)
		call->on_done(call->ctx, &response);
	call_free(call);
}

/* Failures that are found inside of http_call() are told from the loop, one in each turn. */
static void call_fail_later(struct http_call *call, enum http_result result, char *text)
{
	list_remove(&call->link);
	list_append(&call->client->failed, &call->link);
	loop_timer_stop(&call->timer);
	call->result = result;
	call->text = text;
	loop_task_schedule(&call->client->task);
}

static void on_turn(void *ctx)
{
	struct http_client *c = ctx;
	if (list_empty(&c->failed))
		return;
	struct http_call *call = list_first(&c->failed, struct http_call, link);
	list_remove(&call->link);
	if (!list_empty(&c->failed))
		loop_task_schedule(&c->task);
	http_call_finish(call, call->result, call->text); /* the client may be gone after this */
}

static void call_start(struct http_client *c, struct http_call *call)
{
	int r = http_connection_open(c, call);
	if (r < 0)
		call_fail_later(call, HTTP_E_CONNECT, mem_printf("connect to %s: %s", c->name, strerror(-r)));
}

void http_client_dispatch(struct http_client *c)
{
	while (!list_empty(&c->queue)) {
		struct http_call *call = list_first(&c->queue, struct http_call, link);
		if (!list_empty(&c->idle)) {
			struct http_connection *conn = list_first(&c->idle, struct http_connection, idle);
			/* a dead one frees its place, and the next round finds another one */
			(void)!http_connection_reuse(conn, call);
			continue;
		}
		if (c->open >= c->max)
			return;
		call_start(c, call);
	}
}

void http_call_repeat(struct http_call *call)
{
	call->repeated = true;
	call->touched = false;
	call->sent = 0;
	call->conn = NULL;
	list_remove(&call->link);
	/* a fresh connection, ahead of the others: its turn had come */
	list_append(&call->client->active, &call->link);
	call_start(call->client, call);
}

/* --- deadlines --- */

static void call_arm(struct http_call *call)
{
	int64_t due = call->deadline;
	if (call->idle_ms && (!due || call->heard_at + call->idle_ms < due))
		due = call->heard_at + call->idle_ms;
	if (due)
		loop_timer_at(&call->timer, due);
}

void http_call_heard(struct http_call *call)
{
	if (call->idle_ms)
		call->heard_at = loop_now(call->client->loop); /* the timer notices when it fires */
}

static void on_due(void *ctx)
{
	struct http_call *call = ctx;
	int64_t now = loop_now(call->client->loop);
	bool over = call->deadline && now >= call->deadline;
	if (call->paused)
		call->heard_at = now; /* the silence is ours */
	bool silent = call->idle_ms && now >= call->heard_at + call->idle_ms;
	if (!over && !silent) {
		call_arm(call);
		return;
	}
	struct http_client *c = call->client;
	bool sent = call->touched;
	list_remove(&call->link); /* dispatching below must not see it */
	struct http_connection *conn = call->conn;
	call->conn = NULL;
	if (conn) {
		conn->call = NULL;
		http_connection_close(conn);
	}
	_cleanup_free_ char *text = mem_printf(!sent  ? "there was no connection to %s in time"
	                                       : over ? "%s did not answer in time"
	                                              : "%s went silent",
	                                       c->name);
	http_client_dispatch(c);
	http_call_finish(call, sent ? HTTP_E_TIMEOUT : HTTP_E_CONNECT, text);
}

/* --- the interface --- */

struct http_client *http_client_new(struct loop *loop, const char *address, unsigned max_connections,
                                    struct error *err)
{
	struct net_address a;
	if (net_address_parse(address, &a, err) < 0)
		return NULL;
	if (a.tls) {
		(void)error_set(err, -EINVAL, "",
		                "%s: this client does not speak TLS; use http:// or unix://", address);
		return NULL;
	}
	struct http_client *c = NEW(struct http_client);
	c->loop = loop;
	c->address = a;
	c->name = mem_strdup(address);
	if (a.any.sa_family == AF_UNIX)
		memcpy(c->host, "localhost", sizeof("localhost"));
	else
		(void)net_address_format(&a, c->host, sizeof(c->host));
	c->max = MAX(max_connections, 1U);
	list_init(&c->queue);
	list_init(&c->active);
	list_init(&c->failed);
	list_init(&c->connections);
	list_init(&c->idle);
	loop_task_init(loop, &c->task, on_turn, c);
	return c;
}

static void calls_free(struct list *calls)
{
	while (!list_empty(calls))
		call_free(list_first(calls, struct http_call, link));
}

struct http_client *http_client_free(struct http_client *c)
{
	if (!c)
		return NULL;
	loop_task_cancel(&c->task);
	while (!list_empty(&c->connections)) {
		struct http_connection *conn = list_first(&c->connections, struct http_connection, link);
		conn->call = NULL;
		http_connection_close(conn);
	}
	calls_free(&c->queue);
	calls_free(&c->active);
	calls_free(&c->failed);
	free(c->name);
	free(c);
	return NULL;
}

void http_escape(struct str *target, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text; text++) {
		if (strchr(plain, *text))
			str_putc(target, *text);
		else
			str_printf(target, "%%%02X", (unsigned char)*text);
	}
}

/* What would end the request line or the field early must not get in, whoever wrote it. */
static bool is_token(const char *s, const char *refused)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || strchr(refused, *s))
			return false;
	return true;
}

static bool request_format(const struct http_client *c, const struct http_request *req, struct str *out)
{
	if (!is_token(req->method, " ") || !is_token(req->target, " ") || req->target[0] != '/')
		return false;
	str_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", req->method, req->target, c->host);
	for (const char *const *f = req->fields; f && *f; f++) {
		if (!is_token(*f, ""))
			return false;
		str_printf(out, "%s\r\n", *f);
	}
	bool get = streq(req->method, "GET") || streq(req->method, "HEAD");
	if (req->upload)
		str_puts(out, "Transfer-Encoding: chunked\r\n");
	else if (req->body || !get)
		str_printf(out, "Content-Length: %zu\r\n", req->body ? req->body_len : 0);
	str_puts(out, "\r\n");
	if (req->body && !req->upload)
		str_add(out, req->body, req->body_len);
	return true;
}

struct http_call *http_call(struct http_client *c, const struct http_request *req)
{
	struct http_call *call = NEW(struct http_call);
	list_init(&call->link);
	call->client = c;
	call->no_body = streq(req->method, "HEAD");
	call->safe = (call->no_body || streq(req->method, "GET")) && !req->upload;
	call->streamed = req->on_data != NULL;
	call->upload = req->upload;
	call->own = call->streamed || call->upload;
	call->on_head = req->on_head;
	call->on_data = req->on_data;
	call->on_done = req->on_done;
	call->ctx = req->ctx;
	call->idle_ms = req->idle_ms;
	loop_timer_init(c->loop, &call->timer, on_due, call);
	if (req->timeout_ms || req->idle_ms) {
		call->heard_at = loop_now(c->loop);
		call->deadline = req->timeout_ms ? call->heard_at + req->timeout_ms : 0;
		call_arm(call);
	}
	if (!request_format(c, req, &call->out)) {
		call_fail_later(
		        call, HTTP_E_PROTOCOL,
		        mem_strdup("the request line or a field holds a byte that HTTP forbids there"));
		return call;
	}
	list_append(&c->queue, &call->link);
	if (call->own)
		call_start(c, call);
	else
		http_client_dispatch(c);
	return call;
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	struct http_client *c = call->client;
	struct http_connection *conn = call->conn;
	if (conn) {
		conn->call = NULL;
		http_connection_close(conn);
	}
	call_free(call);
	http_client_dispatch(c);
}

bool http_call_send(struct http_call *call, const char *data, size_t len)
{
	if (!call->upload || call->upload_ended || !len)
		return true;
	if (call->conn && call->conn->write_dead)
		return true; /* the reply is on its way; nobody reads this */
	str_printf(&call->out, "%zx\r\n", len);
	str_add(&call->out, data, len);
	str_puts(&call->out, "\r\n");
	if (call->conn)
		http_connection_turn(call->conn);
	call->full = call->out.len - call->sent > HTTP_UPLOAD_HIGH;
	return !call->full;
}

void http_call_on_sent(struct http_call *call, void (*on_sent)(void *ctx))
{
	call->on_sent = on_sent;
}

void http_call_end(struct http_call *call)
{
	if (!call->upload || call->upload_ended)
		return;
	str_puts(&call->out, "0\r\n\r\n");
	call->upload_ended = true;
	if (call->conn)
		http_connection_turn(call->conn);
}

void http_call_pause(struct http_call *call, bool pause)
{
	if (call->paused == pause)
		return;
	call->paused = pause;
	if (!call->conn)
		return;
	if (pause)
		http_connection_turn(call->conn);
	else
		http_connection_resume(call->conn);
}
