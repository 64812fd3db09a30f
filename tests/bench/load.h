/*
 * The other side of httpd_bench: clients in a process of their own (this program started again), so that what is measured
 * in the first one is the server's. They say on their standard output how far they are.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "core/macro.h"

enum { LOAD_CLIENTS = 50 };

static inline int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * what: "get" and "post" (count requests over LOAD_CLIENTS connections), "handshakes", or "streams": opens count event
 * streams, writes one byte, waits until each has read an event, writes the now_us() of the last, stays until its standard
 * input ends. ca: a file, for TLS; NULL: plain. Returns the exit status.
 */
int load_main(const char *what, const char *port, const char *count, const char *ca) _nonnull_(1, 2, 3);
/* Event streams of tug's API: one byte when all are in step, now_us() when the last one was told of the object of that name. */
int load_watch_main(const char *port, const char *count, const char *target, const char *password, const char *name)
	_nonnull_(1, 2, 3, 4, 5);
