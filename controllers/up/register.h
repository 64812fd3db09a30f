/*
 * Tells the store that this machine exists: nodes/<node>, made when it is not there. What people changed since (state,
 * labels) is kept; zone, labels and address given as options are set. A node of that name with another machine id is
 * not taken over.
 */
#pragma once

#include "controllers/runtime/options.h"
#include "store.h"

struct registration;

/* on_done: NULL when it is registered, or a sentence why it never will be. Unavailable stores are waited for. */
struct registration *registration_new(struct store *s, const struct options *o,
				      void (*on_done)(void *ctx, const char *why_not), void *ctx) _nonnull_(1, 2, 3);
/* NULL is fine; returns NULL. */
struct registration *registration_free(struct registration *r);
