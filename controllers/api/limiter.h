/*
 * Guessing passwords is made slow: after LIMITER_FAILURES wrong ones from one address within a minute nothing
 * of that address is looked at for a while. Pure; bounded memory (the address that failed longest ago makes
 * room).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

#define LIMITER_FAILURES  10
#define LIMITER_WINDOW_MS 60000
#define LIMITER_BLOCK_MS  30000
#define LIMITER_ADDRESSES 512

struct limiter_entry {
	uint64_t address; /* hash */
	int64_t since_ms; /* first failure of the window */
	int64_t last_ms;
	unsigned failures;
};

struct limiter {
	struct limiter_entry *entries; /* LIMITER_ADDRESSES, made at the first failure */
	size_t count;
};

void limiter_done(struct limiter *l) _nonnull_(1);
/* peer: "10.0.0.7:51234"; the port does not count. 0: go on; otherwise ms until it is looked at again. */
int64_t limiter_blocked(const struct limiter *l, const char *peer, int64_t now_ms) _nonnull_(1, 2);
void limiter_failed(struct limiter *l, const char *peer, int64_t now_ms) _nonnull_(1, 2);
