/*
 * Virtual time for the whole process: the clocks stand still while anything runs, and when the event loop would sleep
 * they jump to the end of its sleep. Hours of a cluster pass in seconds, and no test waits. Done by taking the place of
 * the two functions of libc that libev and core/clock.c ask, so that what is tested has no hook for it.
 */
#include <sys/epoll.h>
#include <time.h>

#define BASE_S    1000000 /* an uptime, so that 0 stays "never" */
#define EPOCH_S   1700000000
#define SECOND_NS 1000000000LL

static long long passed_ns; /* of the process: two loops would share it */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	ts->tv_sec = passed_ns / SECOND_NS + (clock == CLOCK_REALTIME ? EPOCH_S : BASE_S);
	ts->tv_nsec = passed_ns % SECOND_NS;
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
	/* what other threads and the kernel have ready comes first */
	int n = epoll_pwait(fd, events, most, 0, NULL);
	/* libev's timers are due after their time, not at it, and it asks for no wait when less than a microsecond is left */
	if (n == 0)
		passed_ns += (timeout_ms > 0 ? timeout_ms : 0) * 1000000LL + 1000;
	return n;
}
