/*
 * What changed, for watchers: a bounded history of serialised events, shared by all of them. A watcher is a
 * place in that history, so a slow one costs nothing but its place, and ends when the history has gone past
 * it.
 *
 * Changes of one turn of the loop become one batch, in which each object comes once, as it is then.
 */
#pragma once

#include "controllers/api/object.h"

#define FEED_EVENTS 4096
#define FEED_BYTES  (4 * 1024 * 1024)

struct feed *feed_new(struct api *a) _nonnull_(1);
struct feed *feed_free(struct feed *f);

/* A key of the store changed. */
void feed_change(struct feed *f, const char *key, const struct mirror_entry *was,
                 const struct mirror_entry *now) _nonnull_(1, 2);
/* The copy is complete: history begins here. */
void feed_synced(struct feed *f) _nonnull_(1);
/* The store's history is another one: ours is forgotten. */
void feed_reset(struct feed *f) _nonnull_(1);
/* A transaction of ours committed at rev: a client may name it before its event came. */
void feed_wrote(struct feed *f, int64_t rev) _nonnull_(1);

/* Every change up to this revision is in the copy and, where anybody watches, on its way. */
int64_t feed_revision(struct feed *f) _nonnull_(1);
unsigned feed_watchers(const struct feed *f) _nonnull_(1);

/*
 * Answers the call with an event stream. filter: taken over. since: -1: the present objects first; otherwise
 * what changed after that revision, or 410.
 */
void feed_watch(struct feed *f, struct call *c, struct filter *filter, int64_t since) _nonnull_(1, 2, 3);
