/* A client and its peer in one process: requests with what came of them, and a server that is written by hand. */
#pragma once

#include "lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/http/client.h"
#include "core/mem.h"
#include "core/net.h"

#define WAIT_MS 5000

static struct {
	struct loop *loop;
	struct http_client *client;
	char dir[64], address[128];
	int listener;
} w;

/* What became of one call. */
struct outcome {
	bool done;
	unsigned calls; /* of on_done */
	enum http_result result;
	int status;
	struct str body, streamed;
	char text[256];
	struct http_call *call;
	bool pause_on_data, cancel_on_data, heads;
};

static inline void world_begin(unsigned connections)
{
	(void)snprintf(w.dir, sizeof(w.dir), "/tmp/tug-http-XXXXXX");
	CHECK(mkdtemp(w.dir) != NULL);
	(void)snprintf(w.address, sizeof(w.address), "unix://%s/s", w.dir);
	struct net_address a;
	CHECK_INT(net_address_parse(w.address, &a, NULL), 0);
	w.listener = net_listen(&a, 16);
	CHECK(w.listener >= 0);
	w.loop = loop_new();
	w.client = http_client_new(w.loop, w.address, connections, NULL);
	CHECK(w.client != NULL);
}

static inline void world_end(void)
{
	w.client = http_client_free(w.client);
	w.loop = loop_free(w.loop);
	(void)close(w.listener);
	(void)unlink(w.address + strlen("unix://"));
	(void)rmdir(w.dir);
}

static inline void outcome_done(struct outcome *o)
{
	str_done(&o->body);
	str_done(&o->streamed);
}

static inline void on_done(void *ctx, const struct http_response *r)
{
	struct outcome *o = ctx;
	o->done = true;
	o->calls++;
	o->result = r->result;
	o->status = r->status;
	str_add(&o->body, r->body, r->body_len);
	(void)snprintf(o->text, sizeof(o->text), "%s", r->text);
}

static inline void on_data(void *ctx, const char *data, size_t len)
{
	struct outcome *o = ctx;
	str_add(&o->streamed, data, len);
	if (o->pause_on_data)
		http_call_pause(o->call, true);
	if (o->cancel_on_data) {
		http_cancel(o->call);
		o->done = true;
	}
}

static inline void on_head(void *ctx, const struct http1_head *head)
{
	struct outcome *o = ctx;
	o->heads = true;
	o->status = head->status;
}

static inline void ask(struct outcome *o, const char *method, const char *target)
{
	*o = (struct outcome){0};
	o->call = http_call(w.client, &(struct http_request){.method = method,
	                                                     .target = target,
	                                                     .timeout_ms = WAIT_MS,
	                                                     .on_done = on_done,
	                                                     .ctx = o});
	CHECK(!o->done);
}

static inline void stream(struct outcome *o, const char *target)
{
	*o = (struct outcome){0};
	o->call = http_call(w.client, &(struct http_request){.method = "GET",
	                                                     .target = target,
	                                                     .on_head = on_head,
	                                                     .on_data = on_data,
	                                                     .on_done = on_done,
	                                                     .ctx = o});
}

#define UNTIL(cond)                                                                                    \
	do {                                                                                           \
		int64_t end_ = clock_monotonic_ms() + WAIT_MS;                                         \
		while (!(cond)) {                                                                      \
			if (clock_monotonic_ms() > end_)                                               \
				test_fail(__FILE__, __LINE__, "not within %d ms: %s", WAIT_MS, #cond); \
			loop_step(w.loop, 5);                                                          \
		}                                                                                      \
	} while (0)

/* --- the peer --- */

static inline int try_accept(int *fd)
{
	*fd = accept4(w.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return *fd;
}

static inline int peer_accept(void)
{
	int fd;
	UNTIL(try_accept(&fd) >= 0);
	return fd;
}

static inline bool try_read(int fd, struct str *in, const char *end)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));
	if (n > 0)
		str_add(in, buf, (size_t)n);
	size_t len = strlen(end);
	return in->len >= len && strcmp(in->data + in->len - len, end) == 0;
}

/* Reads until what was read ends with `end`; the text has to be freed. */
static inline char *peer_read(int fd, const char *end)
{
	struct str in = STR_INIT;
	UNTIL(try_read(fd, &in, end));
	return str_take(&in);
}

static inline void peer_skip(int fd)
{
	free(peer_read(fd, "\r\n\r\n"));
}

static inline void peer_write(int fd, const char *text)
{
	CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), (int64_t)strlen(text));
}

static inline bool peer_closed(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
