/*
 * Supervision, decided: which child to start, to signal, or to wait for. Pure; the shell (up.c) carries it out.
 *
 * A child that ends is started again: at once the first time, then after 100 ms doubling to 10 s; a child that ran for
 * 30 s is forgiven. On the way down the roles get SIGTERM together, SIGKILL after STOP_KILL_MS; etcd (stage 0) goes last,
 * when every role is gone, so that they can say their last words.
 *
 * Invariants: a child is never started while it runs, nor while stopping; every signal and start has its reason; when
 * stopping, the plan is done exactly when no child that is to stop runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

#define UP_BACKOFF_FIRST_MS 100
#define UP_BACKOFF_MAX_MS   10000
#define UP_FORGIVEN_MS	    30000
#define UP_STOP_KILL_MS	    10000

enum child_state { CHILD_DOWN, CHILD_RUNNING, CHILD_TERMINATING, CHILD_KILLED };

struct child_view {
	const char *name;
	unsigned stage;	      /* 0: started first and stopped last */
	enum child_state state;
	unsigned failures;    /* ends in a row without a run of UP_FORGIVEN_MS */
	int64_t since_ms;     /* when it entered this state */
};

enum up_verb { UP_START, UP_TERM, UP_KILL };

struct up_action {
	enum up_verb verb;
	size_t child; /* index into the children */
	const char *why;
};

struct up_plan {
	struct up_action *actions;
	size_t n_actions;
	int64_t wake_at_ms; /* 0: only a change wakes it */
	bool done;	    /* stopping: nothing that is to stop runs any more */
};

enum up_goal {
	UP_RUN,
	UP_STOP_ROLES, /* all but stage 0 */
	UP_STOP_ALL,
};

void up_plan(const struct child_view *children, size_t n, enum up_goal goal, int64_t now_ms, struct arena *arena,
	     struct up_plan *ret);
/* The count of failures after an end: 0 when it ran long enough. */
unsigned up_failures(const struct child_view *child, int64_t now_ms);
/* How long a child with so many failures waits for its next start. */
int64_t up_backoff_ms(unsigned failures);
