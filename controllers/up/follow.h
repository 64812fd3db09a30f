/*
 * The parent's side of `tugd up --detach`: follows what the child says of its start until it is ready, has failed, has
 * ended, or patience is over. What is waited for is told now and then, so that a slow disk is no riddle.
 *
 * The child writes lines (up.c): "wait: WHAT" as often as that changes, then one of "ready", "failed: WHY" and
 * "already: WHAT" (another one is up), and closes its end.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "core/macro.h"

#define FOLLOW_PATIENCE_MS 120000
#define FOLLOW_WORD_MS	   3000

struct follow {
	int fd;	     /* the end to read; closed when it is over */
	pid_t child; /* ours; waited for when it ends without a verdict */
	const char *log;
	int64_t patience_ms, word_ms; /* how long it may take; between two words about it */
	FILE *out, *err;	      /* results; everything else */
};

/* Blocks. The exit status: 0 when tug is up (or was already), 124 when patience is over, else 1. */
int follow_start(const struct follow *f) _nonnull_(1) _must_check_;
