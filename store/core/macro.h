/* Attributes and small macros that every file may use. Nothing here allocates or logs. */
#pragma once

#include <stddef.h>

/* A variable that is only there to be cleaned up is in use: clang does not see that by itself. */
#define _cleanup_(f)	 __attribute__((cleanup(f), unused))
#define _printf_(a, b)	 __attribute__((format(printf, a, b)))
#define _must_check_	 __attribute__((warn_unused_result))
#define _nonnull_(...)	 __attribute__((nonnull(__VA_ARGS__)))
#define _noreturn_	 __attribute__((noreturn))
#define _unused_	 __attribute__((unused))
#define ELEMENTS(a)	 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define MAX(a, b)	 ((a) > (b) ? (a) : (b))
#define CLAMP(x, lo, hi) (MAX(MIN(x, hi), lo))

/* The structure that embeds MEMBER at PTR. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Moves a pointer out and leaves NULL, so that a _cleanup_ on the variable does nothing. */
#define TAKE_PTR(p) \
	({ \
		__typeof__(p) taken_ = (p); \
		(p) = NULL; \
		taken_; \
	})

/* The same for a file descriptor: leaves -1. */
#define TAKE_FD(fd) \
	({ \
		int taken_ = (fd); \
		(fd) = -1; \
		taken_; \
	})
