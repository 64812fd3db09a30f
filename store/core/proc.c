#include "core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"

/* In the child, until exec: only async-signal-safe calls. Returns what went wrong. */
static int prepare(const struct proc_spec *spec, pid_t parent)
{
	if (spec->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, spec->die_with_parent) < 0)
			return -errno;
		if (getppid() != parent)
			return -ESRCH; /* it died before we asked */
	}
	(void)setpgid(0, 0);
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_DFL);
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -errno;
	if (spec->output >= 0 &&
	    (dup2(spec->output, STDOUT_FILENO) < 0 || dup2(spec->output, STDERR_FILENO) < 0))
		return -errno;
	if (spec->dir && chdir(spec->dir) < 0)
		return -errno;
	return 0;
}

int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid_t parent = getpid(), pid = fork();
	if (pid < 0) {
		int r = -errno;
		(void)close(report[0]);
		(void)close(report[1]);
		return r;
	}
	if (pid == 0) {
		int r = prepare(spec, parent);
		if (r == 0) {
			for (size_t i = 0; spec->env && spec->env[i]; i++)
				(void)putenv((char *)(uintptr_t)spec->env[i]);
			(void)execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
			r = -errno;
		}
		ssize_t n = write(report[1], &r, sizeof(r));
		(void)n;
		_exit(127);
	}
	(void)close(report[1]);
	int r = 0;
	ssize_t n;
	do
		n = read(report[0], &r,
		         sizeof(r)); /* ends at once: by the exec, or with the reason why not */
	while (n < 0 && errno == EINTR);
	(void)close(report[0]);
	if (n == sizeof(r)) {
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return 0;
}

char *proc_beside(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return mem_strdup(name);
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	return mem_printf("%s/%s", self, name);
}

const char *proc_describe(int wait_status, char *buf, size_t size)
{
	if (WIFSIGNALED(wait_status))
		(void)snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(wait_status),
		               strsignal(WTERMSIG(wait_status)));
	else
		(void)snprintf(buf, size, "exited with status %d", WEXITSTATUS(wait_status));
	return buf;
}
