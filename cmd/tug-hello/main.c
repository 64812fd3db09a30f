/*
 * tug-hello is a small web server for a first try of tug and for its tests: static, one thread, bounded.
 *
 *   tug-hello [serve]         GET / answers with the host's name and $HELLO, GET /healthz with "ok"; port $PORT (80)
 *   tug-hello exit CODE       ends at once
 *   tug-hello lines N SIZE    writes N lines of SIZE bytes and ends; the last one has no newline
 *   tug-hello crash MS CODE   ends with CODE after MS milliseconds
 *   tug-hello get PORT        asks 127.0.0.1:PORT for / and prints the reply; ends with 0 when there was one
 *
 * serve also obeys $EXIT_AFTER_MS and $EXIT_CODE, and $TERM_MS: how long it takes to end after SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS   128
#define HEAD_SIZE 4096
#define IDLE_MS   30000 /* a client that says nothing for so long is dropped */

struct client {
	int fd; /* -1: free */
	int64_t heard_at;
	size_t len;
	char head[HEAD_SIZE]; /* what was read of the present request */
};

struct server {
	int listener, signals;
	int64_t end_at; /* 0: never */
	int end_code;
	struct client clients[CLIENTS];
};

static int64_t now_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A number of at most eight digits; fallback when it is none. */
static long number(const char *s, long fallback)
{
	long n = 0;
	if (!s || !*s || strlen(s) > 8)
		return fallback;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return fallback;
		n = n * 10 + (*s - '0');
	}
	return n;
}

static void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->len = 0;
}

/* The replies are shorter than any socket's buffer; who does not even take that is dropped. */
static bool client_send(struct client *c, const char *text, size_t len)
{
	return send(c->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool reply(struct client *c, bool head_only, int status, const char *reason, const char *text)
{
	char out[2048];
	int n = snprintf(
	        out, sizeof(out),
	        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
	        status, reason, strlen(text), head_only ? "" : text);
	return n > 0 && (size_t)n < sizeof(out) && client_send(c, out, (size_t)n);
}

static bool answer(struct client *c)
{
	char method[8], path[256], host[256] = "?", text[1024];
	if (sscanf(c->head, "%7s %255s HTTP/1.", method, path) != 2) {
		(void)reply(c, false, 400, "Bad Request", "that is not HTTP\n");
		return false;
	}
	bool head_only = strcmp(method, "HEAD") == 0;
	if (!head_only && strcmp(method, "GET") != 0) {
		(void)reply(c, false, 405, "Method Not Allowed", "only GET and HEAD\n");
		return false; /* there may be a body, which nobody reads */
	}
	bool sent;
	if (strcmp(path, "/healthz") == 0) {
		sent = reply(c, head_only, 200, "OK", "ok\n");
	} else if (strcmp(path, "/") == 0) {
		const char *hello = getenv("HELLO");
		(void)gethostname(host, sizeof(host) - 1);
		(void)snprintf(text, sizeof(text), "%.600s\n%s\n", hello ? hello : "hello from tug", host);
		sent = reply(c, head_only, 200, "OK", text);
	} else {
		sent = reply(c, head_only, 404, "Not Found", "there is only / and /healthz\n");
	}
	/* HTTP/1.0 clients and those that say so wait for the end of the connection */
	return sent && !strstr(c->head, " HTTP/1.0\r\n") && !strcasestr(c->head, "\r\nConnection: close\r\n");
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->head + c->len, sizeof(c->head) - 1 - c->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->len += (size_t)n;
	c->heard_at = now_ms();
	c->head[c->len] = '\0';
	for (char *end; c->fd >= 0 && (end = strstr(c->head, "\r\n\r\n")) != NULL;) {
		size_t used = (size_t)(end - c->head) + 4;
		char next = c->head[used];
		c->head[used] = '\0';
		if (!answer(c)) {
			client_close(c);
			return;
		}
		c->head[used] = next;
		c->len -= used;
		memmove(c->head, c->head + used, c->len + 1);
	}
	if (c->len == sizeof(c->head) - 1) {
		(void)reply(c, false, 431, "Too Large", "the head of the request is too large\n");
		client_close(c);
	}
}

static void accept_one(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct client *oldest = &s->clients[0];
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &s->clients[i];
		if (c->fd < 0) {
			oldest = c;
			break;
		}
		if (c->heard_at < oldest->heard_at)
			oldest = c;
	}
	client_close(oldest); /* when all places are taken, the quietest client gives way */
	oldest->fd = fd;
	oldest->heard_at = now_ms();
}

static void on_signal(struct server *s)
{
	struct signalfd_siginfo info;
	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	s->end_at = now_ms() + number(getenv("TERM_MS"), 0);
	s->end_code = 0;
}

static int wait_ms(const struct server *s)
{
	int64_t due = INT64_MAX, now = now_ms();
	if (s->end_at)
		due = s->end_at;
	for (size_t i = 0; i < CLIENTS; i++)
		if (s->clients[i].fd >= 0 && s->clients[i].heard_at + IDLE_MS < due)
			due = s->clients[i].heard_at + IDLE_MS;
	return due == INT64_MAX ? -1 : due <= now ? 0 : (int)(due - now) + 1;
}

static int run(struct server *s)
{
	for (;;) {
		struct pollfd fds[CLIENTS + 2] = {{.fd = s->listener, .events = POLLIN},
		                                  {.fd = s->signals, .events = POLLIN}};
		for (size_t i = 0; i < CLIENTS; i++)
			fds[i + 2] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
		if (poll(fds, CLIENTS + 2, wait_ms(s)) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 0; i < CLIENTS; i++)
			if (fds[i + 2].fd >= 0 && fds[i + 2].revents)
				client_read(&s->clients[i]);
		if (fds[0].revents)
			accept_one(s);
		if (fds[1].revents)
			on_signal(s);
		int64_t now = now_ms();
		for (size_t i = 0; i < CLIENTS; i++)
			if (s->clients[i].fd >= 0 && now >= s->clients[i].heard_at + IDLE_MS)
				client_close(&s->clients[i]);
		if (s->end_at && now >= s->end_at)
			return s->end_code;
	}
}

static int serve(void)
{
	static struct server s;
	for (size_t i = 0; i < CLIENTS; i++)
		s.clients[i].fd = -1;
	long port = number(getenv("PORT"), 80), after = number(getenv("EXIT_AFTER_MS"), 0);
	if (port < 1 || port > 65535) {
		(void)fprintf(stderr, "PORT has to be a number from 1 to 65535\n");
		return 2;
	}
	if (after) {
		s.end_at = now_ms() + after;
		s.end_code = (int)number(getenv("EXIT_CODE"), 0);
	}
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	s.signals = signalfd(-1, &mask, SFD_CLOEXEC);
	s.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1;
	(void)setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s.listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s.listener, CLIENTS) < 0) {
		(void)fprintf(stderr, "port %ld: %s\n", port, strerror(errno));
		return 1;
	}
	printf("serving on port %ld\n", port);
	(void)fflush(stdout);
	return run(&s);
}

static int get(long port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)port),
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char buf[2048];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
		(void)fprintf(stderr, "127.0.0.1:%ld: %s\n", port, strerror(errno));
		return 1;
	}
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_WAITALL);
	if (n > 0)
		(void)fwrite(buf, 1, (size_t)n, stdout);
	return n > 0 ? 0 : 1;
}

static int lines(long n, long size)
{
	for (long i = 0; i < n; i++) {
		char mark[32];
		int m = snprintf(mark, sizeof(mark), "%ld ", i);
		(void)fputs(mark, stdout);
		for (long k = m; k < size; k++)
			(void)putchar('a' + (int)(k % 26));
		if (i + 1 < n)
			(void)putchar('\n');
	}
	return fflush(stdout) ? 1 : 0;
}

static int crash(long after_ms, int code)
{
	struct timespec ts = {.tv_sec = after_ms / 1000, .tv_nsec = after_ms % 1000 * 1000000};
	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
	return code;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "serve";
	long a = argc > 2 ? number(argv[2], -1) : -1, b = argc > 3 ? number(argv[3], -1) : -1;
	if (strcmp(verb, "serve") == 0 && argc <= 2)
		return serve();
	if (strcmp(verb, "exit") == 0 && a >= 0)
		return (int)a;
	if (strcmp(verb, "lines") == 0 && a >= 0 && b >= 0)
		return lines(a, b);
	if (strcmp(verb, "crash") == 0 && a >= 0 && b >= 0)
		return crash(a, (int)b);
	if (strcmp(verb, "get") == 0 && a > 0 && a < 65536)
		return get(a);
	(void)fprintf(stderr,
	              "usage: tug-hello [serve] | exit CODE | lines N SIZE | crash MS CODE | get PORT\n");
	return 2;
}
