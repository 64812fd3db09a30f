/*
 * What the HTTP server costs: CPU per request and per handshake, memory per idle event stream, the time of
 * one event to many watchers. The server runs in this process, the load comes from a forked child, so that
 * the figures are the server's own. Prints NAME<TAB>VALUE<TAB>UNIT lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/httpd/httpd.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/tls.h"
#include "lib/certs.h"
#include "lib/test.h"

enum { REQUESTS = 100000, CLIENTS = 50, HANDSHAKES = 2000, PLAIN_STREAMS = 5000, TLS_STREAMS = 1000 };

/* --- the server
 * ------------------------------------------------------------------------------------------------------ */

struct server {
	struct loop *loop;
	struct httpd *httpd;
	struct httpd_exchange *streams[PLAIN_STREAMS];
	unsigned n_streams;
	struct loop_fd child; /* the load's end of the pipe: closed when it is done */
	bool done;
};

static void on_request(void *ctx, struct httpd_exchange *x, const struct httpd_request *req)
{
	static const char answer[] = "{\"kind\":\"microservice\",\"project\":\"default\",\"name\":\"web\"}\n";
	struct server *s = ctx;
	if (http1_slice_is(req->path, "/events")) {
		httpd_stream_begin(x, 200, NULL, true);
		CHECK(s->n_streams < PLAIN_STREAMS);
		s->streams[s->n_streams++] = x;
	} else {
		httpd_reply(x, 200, NULL, answer, sizeof(answer) - 1);
	}
}

static void on_gone(void *ctx, struct httpd_exchange *x)
{
	struct server *s = ctx;
	for (unsigned i = 0; i < s->n_streams; i++)
		if (s->streams[i] == x) {
			s->streams[i] = s->streams[--s->n_streams];
			return;
		}
}

static double cpu_us(void)
{
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long pss_kib(void)
{
	char line[200];
	long kib = 0;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %ld", &kib) == 1)
			break;
	(void)fclose(f);
	return kib;
}

static void on_child(void *ctx, unsigned events _unused_)
{
	struct server *s = ctx;
	s->done = true;
}

/* --- the load
 * -------------------------------------------------------------------------------------------------------- */

struct client {
	int fd;
	struct tls *tls;
	size_t got;
};

struct load {
	uint16_t port;
	struct tls_context *tls; /* NULL: plain */
	const char *request;
	size_t answer_len; /* each has the same: learnt from the first */
	struct client clients[CLIENTS];
};

static struct client client_open(const struct load *l)
{
	struct client c = {.fd = -1};
	char text[64];
	struct net_address a;
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", l->port);
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
	ssize_t n = c->tls ? tls_write(c->tls, text, strlen(text))
	                   : send(c->fd, text, strlen(text), MSG_NOSIGNAL);
	CHECK_INT(n, strlen(text));
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

static size_t learn_length(const struct load *l)
{
	char buf[4096];
	struct client c = client_open(l);
	client_send(&c, l->request);
	size_t n;
	struct pollfd p = {.fd = c.fd, .events = POLLIN};
	do
		CHECK(poll(&p, 1, 10000) == 1);
	while ((n = client_read(&c, buf, sizeof(buf))) == 0);
	client_close(&c);
	return n;
}

static void run_requests(struct load *l, unsigned requests)
{
	int ep = epoll_create1(0);
	unsigned sent = 0, done = 0;
	l->answer_len = learn_length(l);
	for (unsigned i = 0; i < CLIENTS; i++, sent++) {
		l->clients[i] = client_open(l);
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, l->clients[i].fd, &e) == 0);
		client_send(&l->clients[i], l->request);
	}
	while (done < requests) {
		struct epoll_event events[CLIENTS];
		int n = epoll_wait(ep, events, CLIENTS, 10000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			char buf[4096];
			struct client *c = &l->clients[events[i].data.u32];
			c->got += client_read(c, buf, sizeof(buf));
			if (c->got < l->answer_len)
				continue;
			CHECK_INT(c->got, l->answer_len);
			done++;
			if (sent++ < requests)
				client_send(c, l->request);
		}
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_close(&l->clients[i]);
	(void)close(ep);
}

static void run_handshakes(struct load *l, unsigned handshakes)
{
	for (unsigned i = 0; i < handshakes; i++) {
		struct client c = client_open(l);
		client_close(&c);
	}
}

/* --- both
 * -------------------------------------------------------------------------------------------------------------
 */

/* Forks the load, serves until it is done, and returns the CPU time that the server took. */
static double serve(struct server *s, struct load *l, void (*run)(struct load *, unsigned), unsigned count)
{
	int ends[2];
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		run(l, count);
		_exit(0);
	}
	(void)close(ends[1]);
	s->done = false;
	s->child = (struct loop_fd){0};
	loop_fd_start(s->loop, &s->child, ends[0], LOOP_READ, on_child, s);
	double before = cpu_us();
	while (!s->done)
		loop_step(s->loop, 1000);
	double used = cpu_us() - before;
	loop_fd_stop(&s->child);
	(void)close(ends[0]);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	while (httpd_connections(s->httpd) > 0)
		loop_step(s->loop, 100);
	return used;
}

/* Opens streams and, for each line on stdin's place, reports when all of them have read an event. */
static void watch(struct load *l, unsigned count, int ready, int go)
{
	struct client *clients = mem_zalloc(count * sizeof(*clients));
	int ep = epoll_create1(0);
	for (unsigned i = 0; i < count; i++) {
		char buf[4096];
		clients[i] = client_open(l);
		client_send(&clients[i], l->request);
		struct pollfd p = {.fd = clients[i].fd, .events = POLLIN};
		do
			CHECK(poll(&p, 1, 10000) == 1);
		while (client_read(&clients[i], buf, sizeof(buf)) == 0);
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &e) == 0);
	}
	CHECK(write(ready, "r", 1) == 1);
	for (unsigned left = count; left > 0;) {
		struct epoll_event events[256];
		int n = epoll_wait(ep, events, 256, 60000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			char buf[4096];
			if (client_read(&clients[events[i].data.u32], buf, sizeof(buf)) > 0)
				left--;
		}
	}
	int64_t end = now_us();
	CHECK(write(ready, &end, sizeof(end)) == sizeof(end));
	char c;
	(void)!read(go, &c, 1); /* until the server has measured */
}

/* Memory of idle streams, then one event to all of them. */
static void bench_streams(struct server *s, struct load *l, unsigned count, const char *kind)
{
	int ready[2], go[2];
	CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
	long before = pss_kib();
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)close(go[1]);
		watch(l, count, ready[1], go[0]);
		_exit(0);
	}
	(void)close(go[0]);
	s->done = false;
	s->child = (struct loop_fd){0};
	loop_fd_start(s->loop, &s->child, ready[0], LOOP_READ, on_child, s);
	while (!s->done)
		loop_step(s->loop, 1000);
	CHECK_INT(s->n_streams, count);
	char c;
	CHECK(read(ready[0], &c, 1) == 1);
	/* the child shares our pages copy-on-write, which would halve what we count: both sides of it are
	 * summed */
	long after = pss_kib();
	printf("httpd.idle_stream.%s\t%.2f\tKB\n", kind, (double)(after - before) * 1.024 / count);

	static const char event[] =
	        "id: 4711\nevent: put\ndata: {\"kind\":\"pod\",\"name\":\"web-0-1a2b3c\",\"status\":"
	        "{\"phase\":\"running\",\"ready\":true}}\n\n";
	s->done = false;
	double cpu = cpu_us();
	int64_t start = now_us(), end;
	for (unsigned i = 0; i < s->n_streams; i++)
		CHECK(httpd_stream_write(s->streams[i], event, sizeof(event) - 1));
	while (!s->done)
		loop_step(s->loop, 1000);
	cpu = cpu_us() - cpu;
	CHECK(read(ready[0], &end, sizeof(end)) == sizeof(end));
	printf("httpd.event_to_%u.%s\t%.1f\tms\n", count, kind, (double)(end - start) / 1000.);
	printf("httpd.event_cpu.%s\t%.2f\tus per watcher\n", kind, cpu / count);
	loop_fd_stop(&s->child);
	(void)close(go[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	while (httpd_connections(s->httpd) > 0)
		loop_step(s->loop, 100);
}

static struct server server_new(const struct httpd_tls *tls, const struct httpd_handler *h, struct server *s)
{
	struct error err;
	s->loop = loop_new();
	s->httpd = httpd_new(s->loop, NULL, h, s);
	if (httpd_listen(s->httpd, "127.0.0.1:0", tls, NULL, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", err.text);
	return *s;
}

int main(void)
{
	static const struct httpd_handler handler = {.on_request = on_request, .on_gone = on_gone};
	static struct server s;
	struct rlimit files;
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	setvbuf(stdout, NULL, _IOLBF, 0);

	char post[1000];
	(void)snprintf(
	        post, sizeof(post),
	        "POST /v1/microservice?password=dev HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\n"
	        "Content-Type: application/json\r\nContent-Length: 300\r\n\r\n%0300d",
	        0);
	static const char get[] = "GET /v1/microservices/default/web HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
	                          "User-Agent: bench\r\nAccept: */*\r\n\r\n";
	static const char events[] = "GET /events HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";

	(void)server_new(NULL, &handler, &s);
	struct load l = {.port = httpd_port(s.httpd, 0)};
	l.request = get;
	printf("httpd.get\t%.2f\tus CPU\n", serve(&s, &l, run_requests, REQUESTS) / REQUESTS);
	l.request = post;
	printf("httpd.post_300\t%.2f\tus CPU\n", serve(&s, &l, run_requests, REQUESTS) / REQUESTS);
	l.request = events;
	bench_streams(&s, &l, PLAIN_STREAMS, "plain");
	s.httpd = httpd_free(s.httpd);
	s.loop = loop_free(s.loop);

	struct httpd_tls tls = {.cert_file = certs_cert("server"), .key_file = certs_key("server")};
	(void)server_new(&tls, &handler, &s);
	l.port = httpd_port(s.httpd, 0);
	CHECK(tls_client_new(certs_cert("ca"), NULL, NULL, NULL, false, &l.tls, NULL) == 0);
	l.request = get;
	printf("httpd.get.tls\t%.2f\tus CPU\n", serve(&s, &l, run_requests, REQUESTS) / REQUESTS);
	printf("httpd.handshake\t%.3f\tms CPU\n",
	       serve(&s, &l, run_handshakes, HANDSHAKES) / HANDSHAKES / 1000.);
	l.request = events;
	bench_streams(&s, &l, TLS_STREAMS, "tls");
	l.tls = tls_context_unref(l.tls);
	s.httpd = httpd_free(s.httpd);
	s.loop = loop_free(s.loop);
	return 0;
}
