/* What `tugd up --detach` tells, with a child of a few lines at the other end of the pipe. */
#include "controllers/up/follow.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

struct told {
	char *out, *err;
	size_t out_len, err_len;
	int status;
};

static const char *log_path = "/x/tugd.log";

/* Follows a child that writes these lines one by one, then ends so or (negative) waits until it is killed. */
static struct told follow_lines(const char *const *lines, int end, int64_t patience_ms)
{
	struct told t = {0};
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		for (; *lines; lines++)
			if (write(fds[1], *lines, strlen(*lines)) < 0)
				_exit(99);
		while (end < 0)
			(void)pause();
		_exit(end);
	}
	(void)close(fds[1]);
	struct follow f = {
	        .fd = fds[0], .child = pid, .log = log_path, .patience_ms = patience_ms, .word_ms = 20};
	f.out = open_memstream(&t.out, &t.out_len);
	f.err = open_memstream(&t.err, &t.err_len);
	CHECK(f.out && f.err);
	t.status = follow_start(&f);
	(void)fclose(f.out);
	(void)fclose(f.err);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return t;
}

static void told_done(struct told *t)
{
	free(t->out);
	free(t->err);
}

TEST(ready)
{
	static const char *const lines[] = {"wait: et", "cd\nwait: the roles\nrea", "dy\n", NULL};
	struct told t = follow_lines(lines, -1, 20000);
	CHECK_INT(t.status, 0);
	CHECK_STR(t.out, "tug is up; its log is /x/tugd.log\n");
	told_done(&t);
}

TEST(another_one_is_up_already)
{
	static const char *const lines[] = {"already: tug is up here already (process 7, /x)\n", NULL};
	struct told t = follow_lines(lines, 0, 20000);
	CHECK_INT(t.status, 0);
	CHECK_STR(t.out, "tug is up here already (process 7, /x)\n");
	told_done(&t);
}

TEST(why_it_failed)
{
	static const char *const lines[] = {"failed: etcd is not installed\n", NULL};
	struct told t = follow_lines(lines, 1, 20000);
	CHECK_INT(t.status, 1);
	CHECK_STR(t.err, "tugd: etcd is not installed\nits log is /x/tugd.log\n");
	told_done(&t);
}

TEST(a_child_that_ends_without_a_word_is_described)
{
	static const char *const lines[] = {"wait: etcd: Connection refused\n", NULL};
	struct told t = follow_lines(lines, 3, 20000);
	CHECK_INT(t.status, 1);
	CHECK_HAS(t.err,
	          "it exited with status 3 before it was ready; it waited for etcd: Connection refused\n");
	CHECK_HAS(t.err, "/x/tugd.log");
	told_done(&t);
}

TEST(what_is_waited_for_is_told_and_patience_ends)
{
	static const char *const lines[] = {"wait: etcd: timed out\n", NULL};
	struct told t = follow_lines(lines, -1, 200);
	CHECK_INT(t.status, 124);
	CHECK_HAS(t.err, "waiting for etcd: timed out (0 s)\n");
	CHECK_HAS(t.err, "it waits for etcd: timed out\n");
	CHECK_HAS(t.err, "goes on trying in the background");
	CHECK_HAS(t.err, "`tug down` stops it");
	told_done(&t);
}

/* The last lines, whatever the log is like. */
static void check_tail(const char *text, const char *want)
{
	static const char *const lines[] = {NULL};
	char path[] = "/tmp/tug-follow-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, strlen(text)), (int64_t)strlen(text));
	(void)close(fd);
	log_path = path;
	struct told t = follow_lines(lines, 1, 20000);
	log_path = "/x/tugd.log";
	CHECK_INT(remove(path), 0);
	const char *end = strstr(t.err, "it ends with:\n");
	CHECK_STR(end ? end + strlen("it ends with:\n") : NULL, want);
	told_done(&t);
}

TEST(the_end_of_the_log_is_shown_when_nobody_told_why)
{
	static char longest[5000];
	check_tail("", NULL);
	check_tail("\n", "\n");
	check_tail("one\n", "one\n");
	check_tail("one", "one\n");
	check_tail("one\ntwo\n", "one\ntwo\n");
	check_tail("1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\nc\n", "3\n4\n5\n6\n7\n8\n9\na\nb\nc\n");
	check_tail("1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\nc", "3\n4\n5\n6\n7\n8\n9\na\nb\nc\n");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[2999] = '\n';
	longest[sizeof(longest) - 2] = '\n';
	check_tail(longest, longest + 3000);
}

TEST(a_flood_without_a_line_is_bounded)
{
	static char flood[9000];
	memset(flood, 'x', sizeof(flood) - 1);
	const char *const lines[] = {flood, "\nready\n", NULL};
	struct told t = follow_lines(lines, -1, 20000);
	CHECK_INT(t.status, 0);
	told_done(&t);
}
