/*
 * A scripted engine: an HTTP server on the test's own loop that answers requests by the first row whose words their
 * first line holds, and keeps event streams open, into which the test writes.
 */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controllers/runner/engine.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/str.h"
#include "lib/test.h"

struct scripted_row {
	const char *words; /* "GET /version" */
	int status;
	const char *body;
};

struct scripted_client {
	struct scripted *s;
	struct loop_fd io;
	int fd;
	struct str in;
	bool events;
	struct scripted_client *next;
};

struct scripted {
	struct loop *loop;
	struct loop_fd accept;
	int fd;
	char url[64];
	struct scripted_row rows[16]; /* up to one without words */
	struct scripted_client *clients;
	struct str log; /* first lines of requests */
	/* the engine under test */
	struct engine *e;
	unsigned ups, downs, pods, gone;
	char text[512];
	struct engine_info info;
	enum engine_state state; /* of the first container of the last pod reported */
	int64_t exit_code;
	uint64_t exits;
};

static inline void scripted_write(struct scripted_client *c, const char *data, size_t len)
{
	CHECK(send(c->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline void scripted_reply(struct scripted_client *c, const char *line)
{
	struct str out = STR_INIT;
	str_printf(&c->s->log, "%s\n", line);
	if (strstr(line, "/events?")) {
		c->events = strstr(line, "container") != NULL;
		str_puts(&out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	}
	for (const struct scripted_row *r = c->s->rows; r->words && !out.len; r++)
		if (strstr(line, r->words))
			str_printf(&out, "HTTP/1.1 %d Words\r\nContent-Length: %zu\r\n\r\n%s", r->status,
			           strlen(r->body), r->body);
	if (!out.len)
		str_puts(&out, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found");
	scripted_write(c, out.data, out.len);
	str_done(&out);
}

static inline void scripted_ready(void *ctx, unsigned events)
{
	struct scripted_client *c = ctx;
	char buf[4096];
	(void)events;
	ssize_t n = read(c->fd, buf, sizeof(buf));
	if (n <= 0) {
		loop_fd_stop(&c->io);
		return;
	}
	str_add(&c->in, buf, (size_t)n);
	const char *end = strstr(c->in.data, "\r\n\r\n");
	if (!end) /* no request of these tests has a body */
		return;
	_cleanup_free_ char *line = mem_strndup(c->in.data, (size_t)(strchr(c->in.data, '\r') - c->in.data));
	str_consume(&c->in, (size_t)(end - c->in.data) + 4);
	scripted_reply(c, line);
}

static inline void scripted_accept(void *ctx, unsigned events)
{
	struct scripted *s = ctx;
	(void)events;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct scripted_client *c = NEW(struct scripted_client);
	c->s = s;
	c->fd = fd;
	c->next = s->clients;
	s->clients = c;
	loop_fd_start(s->loop, &c->io, fd, LOOP_READ, scripted_ready, c);
}

/* An event for whoever listens to those of containers; pieces of any size make no difference. */
static inline void scripted_event(struct scripted *s, const char *text)
{
	size_t len = strlen(text);
	for (struct scripted_client *c = s->clients; c; c = c->next) {
		for (size_t at = 0; c->events && at < len; at += 1000) {
			struct str out = STR_INIT;
			size_t n = MIN((size_t)1000, len - at);
			str_printf(&out, "%zx\r\n%.*s\r\n", n, (int)n, text + at);
			scripted_write(c, out.data, out.len);
			str_done(&out);
		}
	}
}

static inline void scripted_up(void *ctx, const struct engine_info *info)
{
	struct scripted *s = ctx;
	s->ups++;
	s->info = *info;
}

static inline void scripted_down(void *ctx, const char *text)
{
	struct scripted *s = ctx;
	s->downs++;
	(void)snprintf(s->text, sizeof(s->text), "%s", text);
}

static inline void scripted_pod(void *ctx, const struct engine_pod *pod)
{
	struct scripted *s = ctx;
	s->pods++;
	s->gone += pod->gone;
	s->state = pod->n_containers ? pod->containers[0].state : CONTAINER_MISSING;
	s->exit_code = pod->n_containers ? pod->containers[0].exit_code : 0;
	s->exits = pod->n_containers ? pod->containers[0].exits : 0;
}

/* Starts the server with these rows and an engine on it. */
static inline void scripted_begin(struct scripted *s, const struct scripted_row *rows, size_t n)
{
	static const struct engine_callbacks cbs = {
	        .on_up = scripted_up, .on_down = scripted_down, .on_pod = scripted_pod};
	struct net_address a;
	char text[64];
	*s = (struct scripted){.loop = loop_new()};
	CHECK(n < ELEMENTS(s->rows));
	memcpy(s->rows, rows, n * sizeof(*rows));
	CHECK_INT(net_address_parse("127.0.0.1:0", &a, NULL), 0);
	s->fd = net_listen(&a, 16);
	a.len = sizeof(a.v4);
	CHECK(s->fd >= 0 && getsockname(s->fd, &a.any, &a.len) == 0);
	(void)snprintf(s->url, sizeof(s->url), "http://%s", net_address_format(&a, text, sizeof(text)));
	loop_fd_start(s->loop, &s->accept, s->fd, LOOP_READ, scripted_accept, s);
	struct engine_config cfg = {.address = s->url, .node = "n1"};
	s->e = engine_docker_new(s->loop, &cfg, &cbs, s, NULL);
	CHECK(s->e != NULL);
}

static inline void scripted_end(struct scripted *s)
{
	s->e = engine_free(s->e);
	loop_fd_stop(&s->accept);
	(void)close(s->fd);
	while (s->clients) {
		struct scripted_client *c = s->clients;
		s->clients = c->next;
		loop_fd_stop(&c->io);
		(void)close(c->fd);
		str_done(&c->in);
		free(c);
	}
	str_done(&s->log);
	s->loop = loop_free(s->loop);
}

#define SCRIPTED_WAIT(s, cond) \
	do { \
		int64_t end_ = clock_monotonic_ms() + 10000; \
		while (!(cond)) { \
			if (clock_monotonic_ms() > end_) \
				test_fail(__FILE__, __LINE__, "not within 10 s: %s (%s)\n%s", #cond, (s)->text, \
				          str_get(&(s)->log)); \
			loop_step((s)->loop, 20); \
		} \
	} while (0)
