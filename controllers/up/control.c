#include "controllers/up/control.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/httpd/httpd.h"
#include "core/list.h"
#include "core/mem.h"

struct listener {
	struct list link;
	struct httpd_exchange *exchange;
};

struct control {
	struct httpd *server;
	struct list listeners; /* struct listener: clients of /v1/down */
	const struct control_callbacks *cbs;
	void *ctx;
};

static void reply_error(struct httpd_exchange *x, int status, const char *message)
{
	char body[256];
	int n = snprintf(body, sizeof(body), "{\"message\":\"%s\",\"status\":%d}\n", message, status);
	httpd_reply(x, status, NULL, body, (size_t)n);
}

static void on_request(void *ctx, struct httpd_exchange *x, const struct httpd_request *req)
{
	struct control *c = ctx;
	if (http1_slice_is(req->path, "/v1/status") && http1_slice_is(req->method, "GET")) {
		_cleanup_str_ struct str body = STR_INIT;
		c->cbs->on_status(c->ctx, &body);
		httpd_reply(x, 200, NULL, str_get(&body), body.len);
	} else if (http1_slice_is(req->path, "/v1/down") && http1_slice_is(req->method, "POST")) {
		struct listener *l = NEW(struct listener);
		l->exchange = x;
		list_append(&c->listeners, &l->link);
		httpd_set_data(x, l);
		httpd_stream_begin(x, 200, "text/plain", false);
		c->cbs->on_down(c->ctx);
	} else if (http1_slice_is(req->path, "/v1/status") || http1_slice_is(req->path, "/v1/down")) {
		httpd_header(x, "Allow", http1_slice_is(req->path, "/v1/down") ? "POST" : "GET");
		reply_error(x, 405, "this path knows another method: see Allow");
	} else {
		reply_error(x, 404, "there are GET /v1/status and POST /v1/down");
	}
}

static void on_gone(void *ctx _unused_, struct httpd_exchange *x)
{
	struct listener *l = httpd_data(x);
	if (!l)
		return;
	list_remove(&l->link);
	free(l);
}

static const struct httpd_handler handler = {.on_request = on_request, .on_gone = on_gone};

struct control *control_new(struct loop *loop, const char *path, const struct control_callbacks *cbs,
                            void *ctx, struct error *err)
{
	struct control *c = NEW(struct control);
	list_init(&c->listeners);
	c->cbs = cbs;
	c->ctx = ctx;
	c->server = httpd_new(loop, NULL, &handler, c);
	_cleanup_free_ char *address = mem_printf("unix://%s", path);
	if (httpd_listen(c->server, address, NULL, NULL, err) < 0)
		return control_free(c);
	return c;
}

struct control *control_free(struct control *c)
{
	if (!c)
		return NULL;
	list_for_each_safe (node, &c->listeners) {
		struct listener *l = list_entry(node, struct listener, link);
		httpd_stream_end(l->exchange);
		free(l);
	}
	c->server = httpd_free(c->server);
	free(c);
	return NULL;
}

void control_say(struct control *c, const char *line, size_t len)
{
	list_for_each (node, &c->listeners) {
		struct listener *l = list_entry(node, struct listener, link);
		(void)httpd_stream_write(l->exchange, line, len);
	}
}
