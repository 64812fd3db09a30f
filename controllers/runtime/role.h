/*
 * What every role's process is made of: options, loop, log, store connection, signals, readiness. A role's main calls
 * role_init(), sets itself up, and role_run() until SIGTERM or SIGINT.
 */
#pragma once

#include "controllers/runtime/options.h"
#include "core/loop.h"
#include "store.h"

struct role {
	struct options options;
	const char *name; /* "scheduler" */
	struct loop *loop;
	struct store *store; /* NULL when opened without */
	struct loop_signal term, interrupt;
	bool stopping;
	bool ready;
	int status; /* the exit status that role_run() returns */
	void (*on_stop)(void *ctx); /* a graceful stop began; the role calls role_quit() when done. NULL: at once */
	void *on_stop_ctx;
};

/*
 * options: taken over (zeroed for the caller). Opens the store when with_store; it connects by itself. 0 or -errno
 * after logging why.
 */
int role_init(struct role *r, const char *name, struct options *options, bool with_store)
	_nonnull_(1, 2, 3) _must_check_;
/* The role does its work now: told to the supervisor (NOTIFY_SOCKET), once. */
void role_ready(struct role *r) _nonnull_(1);
/* Runs the loop until role_quit(); returns the exit status. */
int role_run(struct role *r) _nonnull_(1) _must_check_;
/* Ends role_run() with this status. */
void role_quit(struct role *r, int status) _nonnull_(1);
void role_done(struct role *r) _nonnull_(1);
