/*
 * The event loop of a process: one thread, libev beneath, typed callbacks above. The only file that includes ev.h
 * is loop.c.
 *
 * Rules for callbacks: they note what happened and return. Work is done in a turn: loop_task_schedule() asks for
 * the task's callback once at the end of the current round of events, however often it was asked. No callback is
 * ever called from inside a function of this header.
 *
 * Time is monotonic milliseconds since an arbitrary start. Functions that need the time take it as a parameter
 * (`now_ms`) where they are pure, and ask loop_now() where they own a loop.
 *
 * A watcher's storage belongs to the caller and must not move while it is active. *_stop() may be called at any
 * time, also from the watcher's own callback and on one that was never started (zeroed).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/list.h"
#include "core/macro.h"

struct loop;

struct loop *loop_new(void) __attribute__((returns_nonnull));
/* All watchers must be stopped. NULL is fine; returns NULL. */
struct loop *loop_free(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l) _nonnull_(1);
/* One round: waits for at most timeout_ms (-1: until something happens, 0: not at all). */
void loop_step(struct loop *l, int64_t timeout_ms) _nonnull_(1);
void loop_stop(struct loop *l) _nonnull_(1);
/* The time of this round, monotonic, ms. */
int64_t loop_now(const struct loop *l) _nonnull_(1);
/* How often the process has woken up so far; for the health page and the benchmark. */
uint64_t loop_wakeups(const struct loop *l) _nonnull_(1);

/* --- file descriptors: level-triggered ------------------------------------------------------------------------ */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_fd {
	uint64_t priv[7];
	struct loop *loop;
	/* events: what is ready, a subset of what was asked for (an error shows as all of it) */
	void (*on_ready)(void *ctx, unsigned events);
	void *ctx;
};

/* Watches fd (not owned). Starting again with other events changes them; 0 stops. */
void loop_fd_start(struct loop *l, struct loop_fd *w, int fd, unsigned events, void (*on_ready)(void *, unsigned),
		   void *ctx) _nonnull_(1, 2, 5);
/* Changes what is waited for, keeping descriptor and callback. */
void loop_fd_events(struct loop_fd *w, unsigned events) _nonnull_(1);
void loop_fd_stop(struct loop_fd *w) _nonnull_(1);
/* Makes on_ready be called in this round as if the events had occurred (data buffered in a TLS layer, say). */
void loop_fd_feed(struct loop_fd *w, unsigned events) _nonnull_(1);

/* --- timers --------------------------------------------------------------------------------------------------- */

struct loop_timer {
	uint64_t priv[6];
	struct loop *loop;
	void (*on_due)(void *ctx);
	void *ctx;
};

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*on_due)(void *), void *ctx) _nonnull_(1, 2, 3);
/* Fires once, at due_ms of loop_now() or as soon as possible after it; replaces an earlier due time. */
void loop_timer_at(struct loop_timer *t, int64_t due_ms) _nonnull_(1);
/* loop_timer_at(now + delay_ms). */
void loop_timer_in(struct loop_timer *t, int64_t delay_ms) _nonnull_(1);
void loop_timer_stop(struct loop_timer *t) _nonnull_(1);
bool loop_timer_active(const struct loop_timer *t) _nonnull_(1);

/* --- tasks: run once at the end of the round --------------------------------------------------------------------- */

struct loop_task {
	struct list link; /* in the loop's list while scheduled */
	struct loop *loop;
	void (*on_turn)(void *ctx);
	void *ctx;
};

void loop_task_init(struct loop *l, struct loop_task *t, void (*on_turn)(void *), void *ctx) _nonnull_(1, 2, 3);
/* A task scheduled from within a task runs in the next round, so that I/O gets its turn in between. */
void loop_task_schedule(struct loop_task *t) _nonnull_(1);
void loop_task_cancel(struct loop_task *t) _nonnull_(1);

/* --- signals and children ---------------------------------------------------------------------------------------- */

struct loop_signal {
	uint64_t priv[6];
	struct loop *loop;
	void (*on_signal)(void *ctx, int signum);
	void *ctx;
};

void loop_signal_start(struct loop *l, struct loop_signal *s, int signum, void (*on_signal)(void *, int), void *ctx)
	_nonnull_(1, 2, 4);
void loop_signal_stop(struct loop_signal *s) _nonnull_(1);

struct loop_child {
	struct loop_fd fd; /* on a pidfd */
	int pidfd;
	pid_t pid;
	void (*on_exit)(void *ctx, int wait_status);
	void *ctx;
};

/* Reaps the child when it ends and calls on_exit once with its wait status. 0 or -errno. */
int loop_child_start(struct loop *l, struct loop_child *c, pid_t pid, void (*on_exit)(void *, int), void *ctx)
	_nonnull_(1, 2, 4) _must_check_;
/* Stops watching; the child is not touched (and not reaped). */
void loop_child_stop(struct loop_child *c) _nonnull_(1);
