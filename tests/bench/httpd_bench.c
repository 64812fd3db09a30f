/*
 * What the HTTP server costs: CPU per request and per handshake, memory per idle event stream, the time of
 * one event to many watchers. The server runs in this process; the load is this program started again, so
 * that time and memory measured here are the server's own. Prints NAME<TAB>VALUE<TAB>UNIT lines. Times per
 * request are medians of rounds that alternate between what is measured, since other work on the machine
 * slows all of them alike.
 *
 * "cpu per bare answer" is what the same bytes cost with recv and send alone: the kernel's share, which no
 * server can go below and which differs much between machines.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
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

enum {
	REQUESTS = 60000, /* in one round */
	ROUNDS = 7,
	CLIENTS = 50,
	HANDSHAKES = 2000,
	PLAIN_STREAMS = 5000,
	TLS_STREAMS = 1000,
	BARE_ANSWER = 190,
};

/* --- the server --- */

struct server {
	struct loop *loop;
	struct httpd *httpd;
	struct httpd_exchange *streams[PLAIN_STREAMS];
	unsigned n_streams;
	struct loop_fd child; /* the load's standard output */
	bool done;            /* it said something, or ended */
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

static void on_child(void *ctx, unsigned events _unused_)
{
	struct server *s = ctx;
	s->done = true;
}

static void server_start(struct server *s, const struct httpd_tls *tls)
{
	static const struct httpd_handler handler = {.on_request = on_request, .on_gone = on_gone};
	struct error err;
	s->loop = loop_new();
	s->httpd = httpd_new(s->loop, NULL, &handler, s);
	if (httpd_listen(s->httpd, "127.0.0.1:0", tls, NULL, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", err.text);
}

static void server_stop(struct server *s)
{
	s->httpd = httpd_free(s->httpd);
	s->loop = loop_free(s->loop);
}

/* --- the load: this program again, as `httpd_bench LOAD PORT COUNT [CA]` --- */

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

static int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

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
	struct client clients[CLIENTS], first = client_open(l);
	char buf[4096];
	int ep = epoll_create1(0);
	unsigned sent = CLIENTS, done = 0;
	client_send(&first, l->request);
	size_t answer_len = client_wait(&first, buf, sizeof(buf)); /* all are as long as this one */
	client_close(&first);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = client_open(l);
		watch(ep, &clients[i], i);
		client_send(&clients[i], l->request);
	}
	while (done < l->count) {
		struct epoll_event events[CLIENTS];
		int n = epoll_wait(ep, events, CLIENTS, 10000);
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
	for (unsigned i = 0; i < CLIENTS; i++)
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
static int watch_main(const char *port, const char *count, const char *target, const char *password,
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

static int load_main(const char *what, const char *port, const char *count, const char *ca)
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

struct child {
	pid_t pid;
	int in, out;
};

static struct child child_start(uint16_t port, const char *what, unsigned count, const char *ca)
{
	struct child c;
	int in[2], out[2];
	char port_text[16], count_text[16];
	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	(void)snprintf(count_text, sizeof(count_text), "%u", count);
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	c.pid = fork();
	CHECK(c.pid >= 0);
	if (c.pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl("/proc/self/exe", "httpd_bench", what, port_text, count_text, ca, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	c.in = in[1];
	c.out = out[0];
	return c;
}

static void child_end(struct child *c)
{
	int status;
	(void)close(c->in);
	CHECK(waitpid(c->pid, &status, 0) == c->pid);
	CHECK_INT(status, 0);
	(void)close(c->out);
}

/* --- measuring --- */

static double cpu_us(void)
{
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* What is not shared with files: those pages count by how many processes map them. */
static long memory_kib(void)
{
	char line[200];
	long kib = -1;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	CHECK(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Pss_Anon: %ld", &kib);
	(void)fclose(f);
	return kib;
}

/* Serves until the child says something, or ends. */
static void serve(struct server *s, const struct child *c)
{
	s->done = false;
	s->child = (struct loop_fd){0};
	loop_fd_start(s->loop, &s->child, c->out, LOOP_READ, on_child, s);
	while (!s->done)
		loop_step(s->loop, 1000);
	loop_fd_stop(&s->child);
}

static void serve_until_empty(struct server *s)
{
	while (httpd_connections(s->httpd) > 0)
		loop_step(s->loop, 100);
}

/* The CPU time of one of count such things, in us. */
static double measure(struct server *s, const char *what, unsigned count, const char *ca)
{
	double before = cpu_us();
	struct child c = child_start(httpd_port(s->httpd, 0), what, count, ca);
	serve(s, &c);
	child_end(&c);
	serve_until_empty(s);
	return (cpu_us() - before) / count;
}

static void measure_streams(struct server *s, unsigned count, const char *ca)
{
	static const char event[] =
	        "id: 4711\nevent: put\ndata: {\"kind\":\"pod\",\"name\":\"web-0-1a2b3c\",\"status\":"
	        "{\"phase\":\"running\",\"ready\":true}}\n\n";
	const char *kind = ca ? "TLS" : "plain";
	char byte;
	long before = memory_kib();
	struct child c = child_start(httpd_port(s->httpd, 0), "streams", count, ca);
	serve(s, &c);
	CHECK(read(c.out, &byte, 1) == 1);
	CHECK_INT(s->n_streams, count);
	printf("idle event stream %s\t%.2f\tKB\n", kind, (double)(memory_kib() - before) * 1.024 / count);

	double cpu = cpu_us();
	int64_t start = now_us(), end;
	for (unsigned i = 0; i < s->n_streams; i++)
		CHECK(httpd_stream_write(s->streams[i], event, sizeof(event) - 1));
	serve(s, &c);
	cpu = cpu_us() - cpu;
	CHECK(read(c.out, &end, sizeof(end)) == sizeof(end));
	printf("event to %u watchers%s\t%.1f\tms\n", count, ca ? " over TLS" : "",
	       (double)(end - start) / 1000.);
	printf("cpu per event and watcher %s\t%.2f\tus\n", kind, cpu / count);
	(void)close(c.in);
	c.in = -1;
	serve_until_empty(s);
	child_end(&c);
}

static void bare_accept(int ep, int listener)
{
	int one = 1;
	struct epoll_event e = {.events = EPOLLIN};
	e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(e.data.fd >= 0);
	(void)setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e) == 0);
}

/* The same bytes in and out without a server around them. */
static double measure_bare(unsigned count)
{
	char buf[BARE_ANSWER];
	struct net_address a;
	CHECK(net_address_parse("127.0.0.1:0", &a, NULL) == 0);
	int listener = net_listen(&a, CLIENTS), ep = epoll_create1(0);
	CHECK(listener >= 0 && getsockname(listener, &a.any, &a.len) == 0);
	memset(buf, 'x', sizeof(buf));
	double before = cpu_us();
	struct child c = child_start(ntohs(a.v4.sin_port), "get", count, NULL);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) == 0);
	for (unsigned open = 0, seen = 0; open > 0 || seen <= CLIENTS;) {
		struct epoll_event events[CLIENTS];
		int n = epoll_wait(ep, events, CLIENTS, 10000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) {
				bare_accept(ep, listener);
				open++;
				seen++;
			} else if (recv(fd, buf, sizeof(buf), 0) > 0) {
				CHECK_INT(send(fd, buf, sizeof(buf), MSG_NOSIGNAL), sizeof(buf));
			} else {
				(void)close(fd);
				open--;
			}
		}
	}
	child_end(&c);
	(void)close(ep);
	(void)close(listener);
	return (cpu_us() - before) / count;
}

/* --- rounds --- */

enum what { BARE, GET, POST, TLS_GET, TLS_HANDSHAKE, N_WHATS };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void measure_cpu(struct server *plain, struct server *tls, const char *ca)
{
	static const char *const names[] = {
	        [BARE] = "cpu per bare answer (recv and send alone)",
	        [GET] = "cpu per GET",
	        [POST] = "cpu per POST 300 B",
	        [TLS_GET] = "cpu per TLS GET",
	        [TLS_HANDSHAKE] = "cpu per TLS handshake",
	};
	double us[N_WHATS][ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++) {
		us[BARE][i] = measure_bare(REQUESTS);
		us[GET][i] = measure(plain, "get", REQUESTS, NULL);
		us[POST][i] = measure(plain, "post", REQUESTS, NULL);
		us[TLS_GET][i] = measure(tls, "get", REQUESTS, ca);
		us[TLS_HANDSHAKE][i] = measure(tls, "handshakes", HANDSHAKES, ca);
	}
	for (unsigned k = 0; k < N_WHATS; k++) {
		qsort(us[k], ROUNDS, sizeof(us[k][0]), by_value);
		printf("%s\t%.*f\tus\n", names[k], k == TLS_HANDSHAKE ? 0 : 1, us[k][ROUNDS / 2]);
	}
}

int main(int argc, char **argv)
{
	static struct server plain, tls;
	struct rlimit files;
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	if (argc == 7 && streq(argv[1], "watch"))
		return watch_main(argv[2], argv[3], argv[4], argv[5], argv[6]);
	if (argc >= 4)
		return load_main(argv[1], argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);

	const struct httpd_tls files_of_tls = {.cert_file = certs_cert("server"),
	                                       .key_file = certs_key("server")};
	const char *ca = certs_cert("ca");
	server_start(&plain, NULL);
	measure_streams(&plain, PLAIN_STREAMS, NULL);
	server_stop(&plain);
	server_start(&tls, &files_of_tls);
	measure_streams(&tls, TLS_STREAMS, ca);
	server_stop(&tls);

	server_start(&plain, NULL);
	server_start(&tls, &files_of_tls);
	measure_cpu(&plain, &tls, ca);
	server_stop(&plain);
	server_stop(&tls);
	return 0;
}
