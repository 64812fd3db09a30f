/*
 * Tells the store that this machine exists: nodes/<node>, made when it is not there. What people changed since (state,
 * labels) is kept; zone, labels and address given as options are set. A node of that name with another machine id is
 * not taken over.
 *
 * It goes on as long as it lives: when the store was away and is another one now, or an older state from before the
 * machine was registered, the machine is registered there too. In the store that knew it nothing is made again: a node
 * that people deleted there stays deleted.
 */
#pragma once

#include "controllers/runtime/options.h"
#include "store.h"

struct registration;

/*
 * on_done: NULL when it is registered, or a sentence why it never will be; again for each later store. Unavailable
 * stores are waited for. s->on_state is passed on to who had it before, until registration_free().
 */
struct registration *registration_new(struct store *s, const struct options *o,
				      void (*on_done)(void *ctx, const char *why_not), void *ctx) _nonnull_(1, 2, 3);
/* NULL is fine; returns NULL. */
struct registration *registration_free(struct registration *r);
