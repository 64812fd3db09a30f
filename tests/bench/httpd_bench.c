/*
 * What the HTTP server costs: CPU per request and per handshake, memory per idle event stream, the time of
 * one event to many watchers. The server runs in this process; the load is this program started again, so
 * that time and memory measured here are the server's own. Prints NAME<TAB>VALUE<TAB>UNIT lines. Times per
 * request are medians of rounds that alternate between what is measured, since other work on the machine
 * slows all of them alike.
 *
 * "cpu per bare answer" is what the same bytes cost with recv and send alone, or with OpenSSL alone: the
 * kernel's and its share, which no server can go below and which differs much between machines.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"
#include "core/httpd/httpd.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/tls.h"
#include "lib/certs.h"
#include "lib/test.h"

enum {
	REQUESTS = 30000, /* in one round */
	ROUNDS = 7,
	HANDSHAKES = 1000,
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

/* --- the load --- */

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

/* A connection without a server around it; tls NULL: plain. */
struct bare {
	int fd;
	struct tls *tls;
	bool open; /* the handshake is done */
};

static void bare_accept(int ep, int listener, struct tls_context *tls, struct bare *b)
{
	int one = 1;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = b};
	b->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(b->fd >= 0);
	b->tls = tls ? tls_accept(tls, b->fd) : NULL;
	b->open = !tls;
	(void)setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, b->fd, &e) == 0);
}

/* False: the peer has left. */
static bool bare_turn(struct bare *b)
{
	char buf[4096];
	if (!b->open) {
		b->open = tls_handshake(b->tls) == 0;
		if (!b->open)
			return true;
	}
	ssize_t n = b->tls ? tls_read(b->tls, buf, sizeof(buf)) : recv(b->fd, buf, sizeof(buf), 0);
	if (b->tls && n == TLS_WANT_READ)
		return true;
	if (n <= 0)
		return false;
	memset(buf, 'x', BARE_ANSWER);
	n = b->tls ? tls_write(b->tls, buf, BARE_ANSWER) : send(b->fd, buf, BARE_ANSWER, MSG_NOSIGNAL);
	CHECK_INT(n, BARE_ANSWER);
	return true;
}

static void bare_close(struct bare *b)
{
	b->tls = tls_free(b->tls);
	(void)close(b->fd);
}

/* The same bytes in and out without a server around them. */
static double measure_bare(unsigned count, struct tls_context *tls, const char *ca)
{
	struct bare conns[LOAD_CLIENTS + 1]; /* the load opens one to see how long an answer is */
	struct net_address a;
	CHECK(net_address_parse("127.0.0.1:0", &a, NULL) == 0);
	int listener = net_listen(&a, LOAD_CLIENTS), ep = epoll_create1(0);
	CHECK(listener >= 0 && getsockname(listener, &a.any, &a.len) == 0);
	double before = cpu_us();
	struct child c = child_start(ntohs(a.v4.sin_port), "get", count, ca);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) == 0);
	for (unsigned open = 0, seen = 0; open > 0 || seen <= LOAD_CLIENTS;) {
		struct epoll_event events[LOAD_CLIENTS];
		int n = epoll_wait(ep, events, LOAD_CLIENTS, 10000);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			struct bare *b = events[i].data.ptr;
			if (!b) {
				bare_accept(ep, listener, tls, &conns[seen++]);
				open++;
			} else if (!bare_turn(b)) {
				bare_close(b);
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

enum what { BARE, GET, POST, TLS_BARE, TLS_GET, TLS_HANDSHAKE, N_WHATS };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void measure_cpu(struct server *plain, struct server *tls, struct tls_context *bare, const char *ca)
{
	static const char *const names[] = {
	        [BARE] = "cpu per bare answer (recv and send alone)",
	        [GET] = "cpu per GET",
	        [POST] = "cpu per POST 300 B",
	        [TLS_BARE] = "cpu per bare TLS answer (tls_read and tls_write alone)",
	        [TLS_GET] = "cpu per TLS GET",
	        [TLS_HANDSHAKE] = "cpu per TLS handshake",
	};
	double us[N_WHATS][ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++) {
		us[BARE][i] = measure_bare(REQUESTS, NULL, NULL);
		us[GET][i] = measure(plain, "get", REQUESTS, NULL);
		us[POST][i] = measure(plain, "post", REQUESTS, NULL);
		us[TLS_BARE][i] = measure_bare(REQUESTS, bare, ca);
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
		return load_watch_main(argv[2], argv[3], argv[4], argv[5], argv[6]);
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
	struct tls_context *bare;
	CHECK(tls_server_new(files_of_tls.cert_file, files_of_tls.key_file, NULL, &bare, NULL) == 0);
	measure_cpu(&plain, &tls, bare, ca);
	bare = tls_context_unref(bare);
	server_stop(&plain);
	server_stop(&tls);
	return 0;
}
