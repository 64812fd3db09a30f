/*
 * The work queue of a controller: keys, not events. Adding a key that is already waiting changes nothing, so
 * a storm of changes to one object is one turn's work. Level-triggered: the handler looks at the world as it
 * is now.
 *
 * Failures come back with a per-key exponential back-off; a plan's wake-up is queue_at(). The handler runs in
 * a task of the loop, at most `per_turn` keys before other events get their turn.
 */
#pragma once

#include <stdbool.h>

#include "core/loop.h"

struct queue;

/* What the handler says about the key. */
enum queue_result {
	QUEUE_DONE,  /* the back-off is forgotten, unless queue_retry() follows soon (see there) */
	QUEUE_RETRY, /* again after the key's back-off: 100 ms, doubling to 30 s, +-20 % */
	QUEUE_AGAIN, /* again in the next turn (somebody was faster); the tenth in a row is a QUEUE_RETRY */
};

/* per_turn: at least 1. A key that is added while its handler runs is handled again in the next turn. */
struct queue *queue_new(struct loop *loop, unsigned per_turn,
                        enum queue_result (*handle)(void *ctx, const char *key), void *ctx) _nonnull_(1, 3);
/* Not from inside the handler. NULL is fine; returns NULL. */
struct queue *queue_free(struct queue *q);
void queue_add(struct queue *q, const char *key) _nonnull_(1, 2);
/* At due_ms (loop_now), or earlier when something else adds it. An earlier due time stands; 0 forgets it. */
void queue_at(struct queue *q, const char *key, int64_t due_ms) _nonnull_(1, 2);
/*
 * As if the handler had said QUEUE_RETRY, for failures that show later. The handler that began such an action
 * said QUEUE_DONE; a failure that comes within twice the key's last delay plus ten seconds of that goes on
 * with the key's series of delays instead of beginning a new one.
 */
void queue_retry(struct queue *q, const char *key) _nonnull_(1, 2);
/* Forgets the key: back-off, wake-up, waiting. */
void queue_forget(struct queue *q, const char *key) _nonnull_(1, 2);
/* No handler is called while paused; keys collect. */
void queue_pause(struct queue *q, bool pause) _nonnull_(1);
/* Keys that wait for their turn; those that are due later are not counted. */
size_t queue_length(const struct queue *q) _nonnull_(1);

/* The delay after the attempt'th failure in a row (0: the first), ms; dice: random, in [0, 1). Pure. */
int64_t queue_backoff_ms(unsigned attempt, double dice);
