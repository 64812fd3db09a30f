#include "controllers/up/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/proc.h"
#include "core/str.h"

enum { EXIT_TIMEOUT = 124, UNDECIDED = -1, TAIL_BYTES = 4000, TAIL_LINES = 10 };

struct progress {
	const struct follow *f;
	int64_t since_ms;
	char buf[2048]; /* what was read and is not a line yet */
	size_t used;
	char waits_for[1024];
};

/* The end of the log: where the reason is when nobody told it. */
static void show_log(const struct follow *f)
{
	char buf[TAIL_BYTES + 1];
	int fd = open(f->log, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return;
	off_t from = fstat(fd, &st) == 0 ? MAX(st.st_size - TAIL_BYTES, (off_t)0) : 0;
	ssize_t n = pread(fd, buf, TAIL_BYTES, from);
	(void)close(fd);
	if (n <= 0)
		return;
	size_t len = (size_t)n, at = len, lines = 0;
	const char *newline = from > 0 ? memchr(buf, '\n', len) : NULL; /* the first line may be cut */
	size_t first = newline ? (size_t)(newline + 1 - buf) : 0;
	while (at > first && (buf[at - 1] != '\n' || at == len || ++lines < TAIL_LINES))
		at--;
	buf[len] = '\0';
	(void)fprintf(f->err, "it ends with:\n%s%s", buf + at, buf[len - 1] == '\n' ? "" : "\n");
}

static int failed(const struct progress *p, const char *why)
{
	(void)fprintf(p->f->err, "tugd: %s\nits log is %s\n", why, p->f->log);
	return 1;
}

static int take_line(struct progress *p, const char *line)
{
	const char *rest;
	if ((rest = str_after(line, "wait: ")) != NULL) {
		(void)snprintf(p->waits_for, sizeof(p->waits_for), "%s", rest);
	} else if (streq(line, "ready")) {
		(void)fprintf(p->f->out, "tug is up; its log is %s\n", p->f->log);
		return 0;
	} else if ((rest = str_after(line, "already: ")) != NULL) {
		(void)fprintf(p->f->out, "%s\n", rest);
		return 0;
	} else if ((rest = str_after(line, "failed: ")) != NULL) {
		return failed(p, rest);
	}
	return UNDECIDED;
}

/* The child closed its end without a verdict: it has ended, or is about to. */
static int ended(const struct progress *p)
{
	int status = 0;
	pid_t pid;
	do
		pid = waitpid(p->f->child, &status, 0);
	while (pid < 0 && errno == EINTR);
	char how[96] = "is gone", why[1400];
	if (pid > 0)
		(void)proc_describe(status, how, sizeof(how));
	(void)snprintf(why, sizeof(why), "it %s before it was ready%s%s", how,
	               p->waits_for[0] ? "; it waited for " : "", p->waits_for);
	(void)failed(p, why);
	show_log(p->f);
	return 1;
}

static int take_input(struct progress *p)
{
	if (p->used + 1 >= sizeof(p->buf))
		p->used = 0; /* no line of ours is that long */
	ssize_t n = read(p->f->fd, p->buf + p->used, sizeof(p->buf) - 1 - p->used);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return UNDECIDED;
	if (n <= 0)
		return ended(p);
	p->used += (size_t)n;
	char *line = p->buf, *end;
	int verdict = UNDECIDED;
	while (verdict == UNDECIDED && (end = memchr(line, '\n', p->used - (size_t)(line - p->buf)))) {
		*end = '\0';
		verdict = take_line(p, line);
		line = end + 1;
	}
	p->used -= (size_t)(line - p->buf);
	memmove(p->buf, line, p->used);
	return verdict;
}

static int out_of_patience(const struct progress *p)
{
	(void)fprintf(
	        p->f->err,
	        "tugd: not ready after %" PRId64 " s; it waits for %s\n"
	        "it goes on trying in the background (process %d); `tug down` stops it; its log is %s\n",
	        p->f->patience_ms / 1000, p->waits_for[0] ? p->waits_for : "its own start", (int)p->f->child,
	        p->f->log);
	return EXIT_TIMEOUT;
}

int follow_start(const struct follow *f)
{
	struct progress p = {.f = f, .since_ms = clock_monotonic_ms()};
	int64_t word_ms = p.since_ms + f->word_ms, end_ms = p.since_ms + f->patience_ms;
	int verdict = UNDECIDED;
	while (verdict == UNDECIDED) {
		int64_t now = clock_monotonic_ms();
		if (now >= end_ms) {
			verdict = out_of_patience(&p);
			break;
		}
		if (now >= word_ms) {
			(void)fprintf(f->err, "waiting for %s (%" PRId64 " s)\n",
			              p.waits_for[0] ? p.waits_for : "its start", (now - p.since_ms) / 1000);
			(void)fflush(f->err);
			word_ms = now + f->word_ms;
		}
		struct pollfd readable = {.fd = f->fd, .events = POLLIN};
		if (poll(&readable, 1, (int)(MIN(word_ms, end_ms) - now)) > 0)
			verdict = take_input(&p);
	}
	(void)close(f->fd);
	return verdict;
}
