/*
 * tug-pause holds the namespaces of a pod that has several containers: it is process 1 of an otherwise empty
 * container, waits for signals, reaps what is left to it, and ends on TERM or INT. Static, and it takes no
 * memory worth naming.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	sigset_t all;
	sigfillset(&all);
	/* blocked signals are waited for below, so that none is lost between two waits */
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return 1;
	for (;;) {
		int signum = sigwaitinfo(&all, NULL);
		if (signum == SIGTERM || signum == SIGINT)
			return 0;
		if (signum == SIGCHLD)
			reap();
		if (signum < 0 && errno != EINTR)
			return 1;
	}
}
