/*
 * Leadership of a role that decides for the whole cluster. The leader holds `leader/<role>`, written under its lease
 * when nobody does; everybody else watches that key. Every write of a leader carries leader_fence() as a compare: an old
 * leader cannot write, whatever it believes.
 */
#pragma once

#include <stdbool.h>

#include "store.h"

struct leader;

struct leader_callbacks {
	void (*on_elected)(void *ctx);
	/* Lost: the lease ran out or the key went. No more writes (they would fail anyway). */
	void (*on_deposed)(void *ctx);
};

/* identity: who we are, for people ("n1/4711"). root: "/tug". ttl_ms: of the lease. */
struct leader *leader_new(struct store *s, const char *root, const char *role, const char *identity, int64_t ttl_ms,
			  const struct leader_callbacks *cbs, void *ctx) _nonnull_(1, 2, 3, 4, 6);
/* Gives the key up at once. NULL is fine; returns NULL. */
struct leader *leader_free(struct leader *l);
bool leader_is(const struct leader *l) _nonnull_(1);
/* The compare for every transaction; only while leader_is(). */
struct store_if leader_fence(const struct leader *l) _nonnull_(1);
