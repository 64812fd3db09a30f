#include "bench/load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/net.h"
#include "core/str.h"
#include "core/tls.h"
#include "lib/test.h"

static const char get[] = "GET /v1/microservices/default/web HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
                          "User-Agent: bench\r\nAccept: */*\r\n\r\n";
static const char get_events[] = "GET /events HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";
#define POST_300                                                                                       \
	"POST /v1/microservice?password=dev HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\n" \
	"Content-Type: application/json\r\nContent-Length: 300\r\n\r\n%0300d"

struct client {
	int fd;
	struct tls *tls;
	size_t got;
};

struct load {
	const char *port;
	unsigned count;
	struct tls_context *tls; /* NULL: plain */
	const char *request;
};

static struct client client_open(const struct load *l)
{
	struct client c = {.fd = -1};
	char text[64];
	struct net_address a;
	(void)snprintf(text, sizeof(text), "127.0.0.1:%s", l->port);
	CHECK(net_address_parse(text, &a, NULL) == 0);
	c.fd = net_connect(&a);
	CHECK(c.fd >= 0);
	struct pollfd p = {.fd = c.fd, .events = POLLOUT};
	CHECK(poll(&p, 1, 10000) == 1 && net_connect_result(c.fd) == 0);
	if (!l->tls)
		return c;
	c.tls = tls_connect(l->tls, c.fd, "127.0.0.1");
	for (int r; (r = tls_handshake(c.tls)) != 0;) {
		CHECK(r == TLS_WANT_READ || r == TLS_WANT_WRITE);
		p.events = r == TLS_WANT_READ ? POLLIN : POLLOUT;
		CHECK(poll(&p, 1, 10000) == 1);
	}
	return c;
}

static void client_close(struct client *c)
{
	c->tls = tls_free(c->tls);
	(void)close(c->fd);
}

static void client_send(struct client *c, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = c->tls ? tls_write(c->tls, text, len) : send(c->fd, text, len, MSG_NOSIGNAL);
	CHECK_INT(n, len);
	c->got = 0;
}

/* Bytes, 0 when there are none yet. */
static size_t client_read(struct client *c, char *buf, size_t len)
{
	ssize_t n = c->tls ? tls_read(c->tls, buf, len) : recv(c->fd, buf, len, 0);
	if (n < 0)
		CHECK(c->tls ? n == TLS_WANT_READ : errno == EAGAIN);
	CHECK(n != 0);
	return n < 0 ? 0 : (size_t)n;
}

/* The first piece of an answer. */
static size_t client_wait(struct client *c, char *buf, size_t len)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	size_t n;
	do
		CHECK(poll(&p, 1, 10000) == 1);
	while ((n = client_read(c, buf, len)) == 0);
	return n;
}

static void watch(int ep, const struct client *c, unsigned number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = number};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) == 0);
}

static void load_requests(const struct load *l)
{
	struct client clients[LOAD_CLIENTS], first = client_open(l);
	char buf[4096];
	int ep = epoll_create1(0);
	unsigned sent = LOAD_CLIENTS, done = 0;
	client_send(&first, l->request);
	size_t answer_len = client_wait(&first, buf, sizeof(buf)); /* all are as long as this one */
	client_close(&first);
	for (unsigned i = 0; i < LOAD_CLIENTS; i++) {
		clients[i] = client_open(l);
		watch(ep, &clients[i], i);
		client_send(&clients[i], l->request);
	}
	while (done < l->count) {
		struct epoll_event events[LOAD_CLIENTS];
		int n = epoll_wait(ep, events, LOAD_CLIENTS, 10000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			struct client *c = &clients[events[i].data.u32];
			c->got += client_read(c, buf, sizeof(buf));
			if (c->got < answer_len)
				continue;
			CHECK_INT(c->got, answer_len);
			done++;
			if (sent++ < l->count)
				client_send(c, l->request);
		}
	}
	for (unsigned i = 0; i < LOAD_CLIENTS; i++)
		client_close(&clients[i]);
	(void)close(ep);
}

static void load_handshakes(const struct load *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		struct client c = client_open(l);
		client_close(&c);
	}
}

/* Opens streams, says so, waits until each has read an event, says when that was, stays until told to go. */
static void load_streams(const struct load *l)
{
	struct client *clients = mem_zalloc(l->count * sizeof(*clients));
	char buf[4096];
	int ep = epoll_create1(0);
	for (unsigned i = 0; i < l->count; i++) {
		clients[i] = client_open(l);
		client_send(&clients[i], l->request);
		(void)client_wait(&clients[i], buf, sizeof(buf));
		watch(ep, &clients[i], i);
	}
	CHECK(write(STDOUT_FILENO, "r", 1) == 1);
	for (unsigned left = l->count; left > 0;) {
		struct epoll_event events[256];
		int n = epoll_wait(ep, events, 256, 60000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++)
			left -= client_read(&clients[events[i].data.u32], buf, sizeof(buf)) > 0;
	}
	int64_t end = now_us();
	CHECK(write(STDOUT_FILENO, &end, sizeof(end)) == sizeof(end));
	(void)!read(STDIN_FILENO, buf, 1);
	for (unsigned i = 0; i < l->count; i++)
		client_close(&clients[i]);
	free(clients);
	(void)close(ep);
}

/* Has the text come, in one piece or cut anywhere? Remembers in tail what may be its begin. */
struct seeker {
	char tail[64];
	size_t tail_len;
};

static bool seek(struct seeker *s, const char *text, const char *data, size_t len)
{
	_cleanup_str_ struct str all = STR_INIT;
	size_t want = strlen(text);
	CHECK(want > 0 && want <= sizeof(s->tail));
	str_add(&all, s->tail, s->tail_len);
	str_add(&all, data, len);
	bool found = memmem(all.data, all.len, text, want) != NULL;
	s->tail_len = MIN(all.len, want - 1);
	memcpy(s->tail, all.data + all.len - s->tail_len, s->tail_len);
	return found;
}

/* Event streams of tug's API: says so when all are in step, and when the last one has been told of a name. */
int load_watch_main(const char *port, const char *count, const char *target, const char *password,
                    const char *name)
{
	char request[500], text[60], buf[16384];
	int64_t n;
	CHECK(str_parse_i64(count, &n) == 0);
	(void)snprintf(request, sizeof(request),
	               "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", target,
	               password);
	(void)snprintf(text, sizeof(text), "\"name\":\"%s\"", name);
	const struct load l = {.port = port, .count = (unsigned)n, .request = request};
	struct client *clients = mem_zalloc(l.count * sizeof(*clients));
	struct seeker *seekers = mem_zalloc(l.count * sizeof(*seekers));
	int ep = epoll_create1(0);
	for (unsigned i = 0; i < l.count; i++) {
		clients[i] = client_open(&l);
		client_send(&clients[i], request);
		while (!seek(&seekers[i], "event: synced", buf, client_wait(&clients[i], buf, sizeof(buf))))
			;
		watch(ep, &clients[i], i);
	}
	CHECK(write(STDOUT_FILENO, "r", 1) == 1);
	for (unsigned left = l.count; left > 0;) {
		struct epoll_event events[256];
		int ready = epoll_wait(ep, events, 256, 60000);
		CHECK(ready > 0);
		for (int i = 0; i < ready; i++) {
			unsigned k = events[i].data.u32;
			if (!seek(&seekers[k], text, buf, client_read(&clients[k], buf, sizeof(buf))))
				continue;
			CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, clients[k].fd, NULL) == 0);
			left--;
		}
	}
	int64_t end = now_us();
	CHECK(write(STDOUT_FILENO, &end, sizeof(end)) == sizeof(end));
	for (unsigned i = 0; i < l.count; i++)
		client_close(&clients[i]);
	free(seekers);
	free(clients);
	(void)close(ep);
	return 0;
}

int load_main(const char *what, const char *port, const char *count, const char *ca)
{
	char post[1000];
	int64_t n;
	CHECK(str_parse_i64(count, &n) == 0);
	(void)snprintf(post, sizeof(post), POST_300, 0);
	struct load l = {.port = port, .count = (unsigned)n, .request = get};
	if (ca)
		CHECK(tls_client_new(ca, NULL, NULL, NULL, false, &l.tls, NULL) == 0);
	if (streq(what, "handshakes")) {
		load_handshakes(&l);
	} else if (streq(what, "streams")) {
		l.request = get_events;
		load_streams(&l);
	} else {
		l.request = streq(what, "post") ? post : get;
		load_requests(&l);
	}
	l.tls = tls_context_unref(l.tls);
	return 0;
}
