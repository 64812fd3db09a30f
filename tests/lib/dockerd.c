#include "lib/dockerd.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"

#define READY_S 60

struct dockerd {
	char folder[48];
	char address[128];
	const char *const *args;
	pid_t pid; /* 0: not running */
	int guard; /* closed: the guard cleans up */
	pid_t guard_pid;
	int notify;
};

/*
 * Outlives a crashed test: waits for our end of a pipe, then kills whatever names our folder (dockerd,
 * containerd, shims), the processes of our containers (their cgroup has the folder's name), and removes the
 * folder. It stays in the namespaces that the test came from, where nothing is mounted below the folder.
 */
static const char guard_script[] =
        "read -r _\n"
        "for round in 1 2; do\n"
        "  for f in /proc/[0-9]*/cmdline; do\n"
        "    p=${f#/proc/}; p=${p%/cmdline}\n"
        "    [ \"$p\" != $$ ] && grep -qs \"$0\" \"$f\" && kill -9 \"$p\" 2>/dev/null\n"
        "  done\n"
        "  for f in /sys/fs/cgroup/*/\"${0##*/}\"/*/cgroup.procs /sys/fs/cgroup/\"${0##*/}\"/*/cgroup.procs; "
        "do\n"
        "    [ -e \"$f\" ] && kill -9 $(cat \"$f\") 2>/dev/null\n"
        "  done\n"
        "done\n"
        "for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$0\" 2>/dev/null && break; read -r -t 0.2 _ "
        "</dev/zero; done\n"
        "rmdir /sys/fs/cgroup/*/\"${0##*/}\"/* /sys/fs/cgroup/*/\"${0##*/}\" /sys/fs/cgroup/\"${0##*/}\" "
        "2>/dev/null\n"
        "exit 0\n";

static void guard_begin(struct dockerd *d)
{
	int ends[2];
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	d->guard_pid = fork();
	CHECK(d->guard_pid >= 0);
	if (d->guard_pid == 0) {
		(void)setsid();
		(void)dup2(ends[0], 0);
		int null = open("/dev/null", O_WRONLY);
		(void)dup2(null, 1); /* who waits for the test's output does not wait for us */
		(void)dup2(null, 2);
		execl("/bin/bash", "bash", "-c", guard_script, d->folder, NULL);
		_exit(127);
	}
	(void)close(ends[0]);
	d->guard = ends[1];
}

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_name = "lo"};
	CHECK(ioctl(fd, SIOCGIFFLAGS, &r) == 0);
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
	CHECK(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	(void)close(fd);
}

/* The data are in memory: what is tested is an engine, not a disk that others write to as well. */
static void enter_namespaces(const char *folder)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		test_fail(__FILE__, __LINE__, "unshare: %s (these tests need root)", strerror(errno));
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0); /* the sockets of the shims */
	CHECK(mount("tmpfs", folder, "tmpfs", 0, NULL) == 0);
	loopback_up();
}

/* dockerd tells systemd when it is ready; here we are systemd (sd_notify(3)). */
static void listen_for_ready(struct dockerd *d)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", d->folder);
	(void)unlink(a.sun_path);
	d->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(d->notify, (struct sockaddr *)&a, sizeof(a)) == 0);
	struct timeval limit = {.tv_sec = READY_S};
	CHECK(setsockopt(d->notify, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(setenv("NOTIFY_SOCKET", a.sun_path, 1) == 0);
}

static void wait_ready(struct dockerd *d)
{
	char text[256];
	for (;;) {
		ssize_t n = recv(d->notify, text, sizeof(text) - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			test_fail(__FILE__, __LINE__, "dockerd was not ready in %d s; see %s/log", READY_S,
			          d->folder);
		text[n] = '\0';
		if (strstr(text, "READY=1"))
			return;
	}
}

void dockerd_restart(struct dockerd *d)
{
	char data[96], exec[96], pid[96], log[96], parent[64], host[160];
	(void)snprintf(data, sizeof(data), "%s/data", d->folder);
	(void)snprintf(exec, sizeof(exec), "%s/exec", d->folder);
	(void)snprintf(pid, sizeof(pid), "%s/pid", d->folder);
	(void)snprintf(log, sizeof(log), "%s/log", d->folder);
	(void)snprintf(parent, sizeof(parent), "/%s", strrchr(d->folder, '/') + 1);
	(void)snprintf(host, sizeof(host), "%s", d->address);
	(void)unlink(pid); /* a killed one leaves it, and its number may be somebody else's by now */
	const char *argv[32] = {"dockerd", "--data-root", data, "--exec-root",     exec,  "-H",
	                        host,      "--pidfile",   pid,  "--cgroup-parent", parent};
	size_t n = 11;
	for (size_t i = 0; d->args && d->args[i] && n < 31; i++)
		argv[n++] = d->args[i];
	d->pid = fork();
	CHECK(d->pid >= 0);
	if (d->pid == 0) {
		(void)setsid();
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
		(void)dup2(null, 0);
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		execv("/usr/sbin/dockerd", (char *const *)argv);
		_exit(127);
	}
	wait_ready(d);
}

struct dockerd *dockerd_start(const char *const *args)
{
	struct dockerd *d = NEW(struct dockerd);
	(void)snprintf(d->folder, sizeof(d->folder), "/tmp/tug-dockerd-XXXXXX");
	CHECK(mkdtemp(d->folder) != NULL);
	(void)snprintf(d->address, sizeof(d->address), "unix://%s/docker.sock", d->folder);
	d->args = args;
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); /* see dockerd_kill() */
	guard_begin(d);
	enter_namespaces(d->folder);
	listen_for_ready(d);
	dockerd_restart(d);
	return d;
}

pid_t dockerd_containerd(const struct dockerd *d)
{
	char path[96];
	int pid = 0;
	(void)snprintf(path, sizeof(path), "%s/exec/containerd/containerd.pid", d->folder);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	int n = fscanf(f, "%d", &pid);
	(void)fclose(f);
	return n == 1 ? pid : 0;
}

void dockerd_kill(struct dockerd *d, int signum)
{
	int status;
	pid_t containerd = signum == SIGKILL ? dockerd_containerd(d) : 0;
	CHECK(kill(d->pid, signum) == 0);
	CHECK(waitpid(d->pid, &status, 0) == d->pid);
	/* It is killed with its parent and becomes our child then. As a zombie it would pass for running: the
	 * next dockerd would wait for it instead of starting another one. */
	if (containerd > 1)
		(void)waitpid(containerd, &status, 0);
	d->pid = 0;
}

void dockerd_stop(struct dockerd *d)
{
	CHECK(kill(d->pid, SIGSTOP) == 0);
}

void dockerd_continue(struct dockerd *d)
{
	CHECK(kill(d->pid, SIGCONT) == 0);
}

struct dockerd *dockerd_free(struct dockerd *d)
{
	if (!d)
		return NULL;
	if (d->pid)
		dockerd_kill(d, SIGKILL);
	(void)close(d->guard);
	(void)close(d->notify);
	int status;
	CHECK(waitpid(d->guard_pid, &status, 0) == d->guard_pid);
	CHECK(access(d->folder, F_OK) < 0);
	free(d);
	return NULL;
}

const char *dockerd_address(const struct dockerd *d)
{
	return d->address;
}

static char *read_all(int fd)
{
	struct str out = STR_INIT;
	char buf[4096];
	ssize_t n;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			str_add(&out, buf, (size_t)n);
	return str_take(&out);
}

char *dockerd_run(const char *const *argv)
{
	int ends[2], status;
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], 1);
		(void)dup2(ends[1], 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	(void)close(ends[1]);
	char *out = read_all(ends[0]);
	(void)close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		test_fail(__FILE__, __LINE__, "%s: status %d: %s", argv[0], status, out);
	return out;
}

char *dockerd_call(struct dockerd *d, const char *method, const char *target, const char *body,
                   int *ret_status)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/docker.sock", d->folder);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = READY_S};
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	struct str out = STR_INIT;
	/* HTTP/1.0: the body ends with the connection */
	str_printf(&out, "%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	           method, target, body ? strlen(body) : 0, body ? body : "");
	CHECK(write(fd, out.data, out.len) == (ssize_t)out.len);
	str_done(&out);
	_cleanup_free_ char *reply = read_all(fd);
	(void)close(fd);
	int status = 0;
	CHECK(sscanf(reply, "HTTP/1.%*d %d", &status) == 1);
	if (ret_status)
		*ret_status = status;
	const char *end = strstr(reply, "\r\n\r\n");
	CHECK(end != NULL);
	return mem_strdup(end + 4);
}
