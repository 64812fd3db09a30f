#include "lib/etcd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/proc.h"
#include "core/str.h"
#include "lib/test.h"

#define READY_MS 30000

struct etcd_server {
	struct etcd_server_options options;
	char folder[64];
	char url[64], peer_url[64];
	pid_t pid; /* 0: not running */
	int guard; /* closed: a helper removes the folder */
	int notify;
};

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* A process that outlives a crashed test for as long as removing the folder takes: it waits for our end of a
 * pipe. */
static int guard_folder(const char *folder)
{
	int ends[2];
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)setsid();
		(void)dup2(ends[0], 0);
		execl("/bin/sh", "sh", "-c", "read -r _; rm -rf -- \"$0\" || rm -rf -- \"$0\"", folder, NULL);
		_exit(127);
	}
	(void)close(ends[0]);
	return ends[1];
}

/* etcd tells systemd when it is ready; here we are systemd (sd_notify(3)). */
static int listen_for_ready(const char *folder, char *ret_path, size_t size)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(ret_path, size, "%s/notify", folder);
	CHECK(strlen(ret_path) < sizeof(a.sun_path));
	memcpy(a.sun_path, ret_path, strlen(ret_path) + 1);
	(void)unlink(ret_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void print_log(const struct etcd_server *s)
{
	char path[128], line[4096];
	(void)snprintf(path, sizeof(path), "%s/log", s->folder);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		(void)fputs(line, stderr);
	if (f)
		(void)fclose(f);
}

static bool wait_ready(struct etcd_server *s)
{
	char text[256];
	struct pollfd p = {.fd = s->notify, .events = POLLIN};
	for (int waited_ms = 0; waited_ms < READY_MS; waited_ms += 200) {
		if (poll(&p, 1, 200) == 1) {
			ssize_t n = recv(s->notify, text, sizeof(text) - 1, 0);
			CHECK(n >= 0);
			text[n] = '\0';
			if (strstr(text, "READY=1"))
				return true;
		}
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid) { /* the port was taken, say */
			s->pid = 0;
			return false;
		}
	}
	test_fail(__FILE__, __LINE__, "etcd was not ready within %d ms", READY_MS);
}

void etcd_server_restart_begin(struct etcd_server *s)
{
	CHECK_INT(s->pid, 0);
	char notify[128], notify_env[160], data[128], log[128];
	if (s->notify >= 0)
		(void)close(s->notify);
	s->notify = listen_for_ready(s->folder, notify, sizeof(notify));
	(void)snprintf(notify_env, sizeof(notify_env), "NOTIFY_SOCKET=%s", notify);
	(void)snprintf(data, sizeof(data), "%s/data", s->folder);
	(void)snprintf(log, sizeof(log), "%s/log", s->folder);
	const char *argv[48] = {"etcd",
	                        "--name",
	                        "test",
	                        "--data-dir",
	                        data,
	                        "--listen-client-urls",
	                        s->url,
	                        "--advertise-client-urls",
	                        s->url,
	                        "--listen-peer-urls",
	                        s->peer_url,
	                        "--initial-advertise-peer-urls",
	                        s->peer_url,
	                        "--initial-cluster",
	                        NULL,
	                        "--unsafe-no-fsync",
	                        "--heartbeat-interval",
	                        "20",
	                        "--election-timeout",
	                        "200",
	                        "--logger",
	                        "zap",
	                        "--log-level",
	                        "info"};
	char cluster[96];
	(void)snprintf(cluster, sizeof(cluster), "test=%s", s->peer_url);
	argv[14] = cluster;
	size_t n = 24;
	if (s->options.ca) {
		const char *tls[] = {"--cert-file",       s->options.cert,     "--key-file",
		                     s->options.key,      "--trusted-ca-file", s->options.ca,
		                     "--client-cert-auth"};
		for (size_t i = 0; i < ELEMENTS(tls); i++)
			argv[n++] = tls[i];
	}
	for (const char *const *a = s->options.args; a && *a; a++) {
		CHECK(n + 1 < ELEMENTS(argv));
		argv[n++] = *a;
	}
	const char *env[] = {notify_env, NULL};
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CHECK(out >= 0);
	struct proc_spec spec = {
	        .argv = argv, .env = env, .dir = s->folder, .output = out, .die_with_parent = SIGKILL};
	CHECK_INT(proc_spawn(&spec, &s->pid), 0);
	(void)close(out);
}

void etcd_server_restart(struct etcd_server *s)
{
	etcd_server_restart_begin(s);
	if (!wait_ready(s)) {
		print_log(s);
		test_fail(__FILE__, __LINE__, "etcd ended at its start: its log is above");
	}
}

struct etcd_server *etcd_server_start(const struct etcd_server_options *options)
{
	struct etcd_server *s = NEW(struct etcd_server);
	s->notify = -1;
	if (options)
		s->options = *options;
	/* in memory: etcd waits for the disk after every write, and no test is about the disk */
	(void)snprintf(s->folder, sizeof(s->folder), "/dev/shm/tug-test-etcd-XXXXXX");
	CHECK(mkdtemp(s->folder));
	s->guard = guard_folder(s->folder);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%u", s->options.ca ? "https" : "http",
		               free_port());
		(void)snprintf(s->peer_url, sizeof(s->peer_url), "http://127.0.0.1:%u", free_port());
		etcd_server_restart_begin(s);
		if (wait_ready(s))
			return s;
	}
	print_log(s);
	test_fail(__FILE__, __LINE__, "etcd (Debian package etcd-server) does not start: its log is above");
}

void etcd_server_kill(struct etcd_server *s)
{
	if (!s->pid)
		return;
	(void)kill(s->pid, SIGKILL);
	CHECK_INT(waitpid(s->pid, NULL, 0), s->pid);
	s->pid = 0;
}

static void signal_server(struct etcd_server *s, int signum, int want)
{
	CHECK(s->pid > 0);
	CHECK(kill(s->pid, signum) == 0);
	siginfo_t info;
	CHECK(waitid(P_PID, (id_t)s->pid, &info, want | WNOWAIT) == 0);
}

void etcd_server_stop(struct etcd_server *s)
{
	signal_server(s, SIGSTOP, WSTOPPED);
}

void etcd_server_continue(struct etcd_server *s)
{
	signal_server(s, SIGCONT, WCONTINUED);
}

struct etcd_server *etcd_server_free(struct etcd_server *s)
{
	if (!s)
		return NULL;
	etcd_server_kill(s);
	(void)close(s->guard);
	(void)close(s->notify);
	free(s);
	return NULL;
}

const char *etcd_server_url(const struct etcd_server *s)
{
	return s->url;
}

/* --- other programs --- */

/* What the program printed on stdout and stderr; to be freed. */
static char *run(const char *const *argv, int *ret_status)
{
	int ends[2], status = 0;
	pid_t pid;
	struct str out = STR_INIT;
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	const char *env[] = {"ETCDCTL_API=3", NULL};
	struct proc_spec spec = {.argv = argv, .env = env, .output = ends[1], .die_with_parent = SIGKILL};
	CHECK_INT(proc_spawn(&spec, &pid), 0);
	(void)close(ends[1]);
	char buf[4096];
	ssize_t n;
	while ((n = read(ends[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			str_add(&out, buf, (size_t)n);
	(void)close(ends[0]);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return str_take(&out);
}

static void run_checked(const char *const *argv)
{
	int status;
	char *text = run(argv, &status);
	if (status != 0)
		test_fail(__FILE__, __LINE__, "%s failed:\n%s", argv[0], text);
	free(text);
}

void etcd_server_replace(struct etcd_server *s)
{
	CHECK_INT(s->pid, 0);
	char data[128];
	(void)snprintf(data, sizeof(data), "%s/data", s->folder);
	run_checked((const char *const[]){"rm", "-rf", data, NULL});
	/* the cluster's id is made of its members' addresses */
	(void)snprintf(s->peer_url, sizeof(s->peer_url), "http://127.0.0.1:%u", free_port());
	etcd_server_restart(s);
}

static void copy_data(struct etcd_server *s, const char *from, const char *to)
{
	char source[128], target[128];
	(void)snprintf(source, sizeof(source), "%s/%s", s->folder, from);
	(void)snprintf(target, sizeof(target), "%s/%s", s->folder, to);
	run_checked((const char *const[]){"rm", "-rf", target, NULL});
	run_checked((const char *const[]){"cp", "-a", source, target, NULL});
}

void etcd_server_save(struct etcd_server *s)
{
	CHECK_INT(s->pid, 0);
	copy_data(s, "data", "saved");
}

void etcd_server_restore(struct etcd_server *s)
{
	CHECK_INT(s->pid, 0);
	copy_data(s, "saved", "data");
	etcd_server_restart(s);
}

char *etcd_server_try(struct etcd_server *s, int *ret_status, const char *const *args)
{
	const char *argv[48] = {"etcdctl", "--endpoints", s->url};
	size_t n = 3;
	if (s->options.ca) {
		const char *tls[] = {"--cacert",      s->options.ca, "--cert",
		                     s->options.cert, "--key",       s->options.key};
		for (size_t i = 0; i < ELEMENTS(tls); i++)
			argv[n++] = tls[i];
	}
	for (; *args; args++) {
		CHECK(n + 1 < ELEMENTS(argv));
		argv[n++] = *args;
	}
	return run(argv, ret_status);
}

char *etcd_server_ctl(struct etcd_server *s, const char *first, ...)
{
	const char *args[32] = {first};
	size_t n = 1;
	va_list ap;
	va_start(ap, first);
	while ((args[n] = va_arg(ap, const char *)))
		CHECK(++n < ELEMENTS(args));
	va_end(ap);
	int status;
	char *text = etcd_server_try(s, &status, args);
	if (status != 0)
		test_fail(__FILE__, __LINE__, "etcdctl %s failed:\n%s", first, text);
	return text;
}
