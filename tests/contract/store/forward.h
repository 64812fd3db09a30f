/*
 * A wire with a switch in it: passes bytes between clients and a server on the test's own loop, and can hold
 * them back in either direction or be cut, which no signal to the server can do as precisely.
 */
#pragma once

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/list.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/str.h"
#include "lib/test.h"

struct forward_pair;

struct forward {
	struct loop *loop;
	struct net_address to;
	struct loop_fd accept;
	int fd;
	char url[64];
	struct list pairs;
	bool hold_requests, hold_replies;
	bool cut;          /* connections are refused */
	unsigned accepted; /* connections so far */
	/* May be NULL. Sees what a client sends before the server does; false: the connection ends instead. */
	bool (*on_request)(void *ctx, struct forward_pair *p, const char *data, size_t len);
	void *ctx;
};

struct forward_end {
	struct forward_pair *pair;
	struct loop_fd io;
	int fd;
	struct str out; /* for this end */
};

struct forward_pair {
	struct list link;
	struct forward *f;
	bool mute; /* its replies are held back */
	struct forward_end client, server;
};

static inline void forward_pair_free(struct forward_pair *p)
{
	struct forward_end *ends[] = {&p->client, &p->server};
	for (size_t i = 0; i < 2; i++) {
		loop_fd_stop(&ends[i]->io);
		(void)close(ends[i]->fd);
		str_done(&ends[i]->out);
	}
	list_remove(&p->link);
	free(p);
}

static inline bool forward_held(const struct forward_end *to)
{
	const struct forward_pair *p = to->pair;
	return to == &p->server ? p->f->hold_requests : p->f->hold_replies || p->mute;
}

static inline bool forward_push(struct forward_end *to)
{
	while (to->out.len && !forward_held(to)) {
		ssize_t n = send(to->fd, to->out.data, to->out.len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN))
			break;
		if (n < 0)
			return false;
		str_consume(&to->out, (size_t)n);
	}
	loop_fd_events(&to->io, LOOP_READ | (to->out.len && !forward_held(to) ? LOOP_WRITE : 0U));
	return true;
}

static inline void forward_ready(void *ctx, unsigned events)
{
	struct forward_end *from = ctx;
	struct forward_pair *p = from->pair;
	struct forward_end *to = from == &p->client ? &p->server : &p->client;
	char buf[16384];
	if (events & LOOP_READ) {
		ssize_t n = read(from->fd, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != ENOTCONN)) {
			forward_pair_free(p);
			return;
		}
		if (n > 0 && from == &p->client && p->f->on_request &&
		    !p->f->on_request(p->f->ctx, p, buf, (size_t)n)) {
			forward_pair_free(p);
			return;
		}
		if (n > 0)
			str_add(&to->out, buf, (size_t)n);
	}
	if (!forward_push(to) || !forward_push(from))
		forward_pair_free(p);
}

static inline void forward_accept(void *ctx, unsigned events)
{
	(void)events;
	struct forward *f = ctx;
	int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (f->cut) {
		(void)close(fd);
		return;
	}
	struct forward_pair *p = NEW(struct forward_pair);
	p->f = f;
	p->client = (struct forward_end){.pair = p, .fd = fd};
	p->server = (struct forward_end){.pair = p, .fd = net_connect(&f->to)};
	CHECK(p->server.fd >= 0);
	list_append(&f->pairs, &p->link);
	f->accepted++;
	loop_fd_start(f->loop, &p->client.io, p->client.fd, LOOP_READ, forward_ready, &p->client);
	loop_fd_start(f->loop, &p->server.io, p->server.fd, LOOP_READ | LOOP_WRITE, forward_ready,
	              &p->server);
}

/* Listens on a free port of loopback (f->url) for what is to go to url. */
static inline void forward_begin(struct forward *f, struct loop *l, const char *url)
{
	*f = (struct forward){.loop = l};
	list_init(&f->pairs);
	struct net_address any;
	CHECK_INT(net_address_parse(url, &f->to, NULL), 0);
	CHECK_INT(net_address_parse("127.0.0.1:0", &any, NULL), 0);
	f->fd = net_listen(&any, 16);
	CHECK(f->fd >= 0);
	any.len = sizeof(any.v4);
	CHECK(getsockname(f->fd, &any.any, &any.len) == 0);
	char text[64];
	(void)snprintf(f->url, sizeof(f->url), "http://%s", net_address_format(&any, text, sizeof(text)));
	loop_fd_start(l, &f->accept, f->fd, LOOP_READ, forward_accept, f);
}

/* Ends all connections, and refuses new ones while cut. */
static inline void forward_cut(struct forward *f, bool cut)
{
	f->cut = cut;
	while (!list_empty(&f->pairs))
		forward_pair_free(list_first(&f->pairs, struct forward_pair, link));
}

static inline void forward_hold(struct forward *f, bool requests, bool replies)
{
	f->hold_requests = requests;
	f->hold_replies = replies;
	list_for_each_safe (node, &f->pairs) {
		struct forward_pair *p = list_entry(node, struct forward_pair, link);
		if (!forward_push(&p->client) || !forward_push(&p->server))
			forward_pair_free(p);
	}
}

static inline void forward_end(struct forward *f)
{
	forward_cut(f, true);
	loop_fd_stop(&f->accept);
	(void)close(f->fd);
}
