#include "controllers/runtime/queue.h"

#include <stdlib.h>

#include "core/dice.h"
#include "core/map.h"
#include "core/mem.h"

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MOST_MS = 30000,
	BACKOFF_CALM_MS = 10000, /* beside twice the last delay: how long after success a failure belongs to
	                            the series */
	AGAIN_MOST = 10,
	NO_PLACE = -1,
};

struct item {
	struct list link; /* in queue.waiting, or in no list */
	char *key;
	int64_t due_ms;     /* 0: none */
	int64_t delay_ms;   /* the last one */
	int64_t calm_until; /* after success: when the failures before it are forgotten; 0: no success since
	                     */
	unsigned failures;  /* in a row */
	unsigned agains;    /* in a row */
	ptrdiff_t place;    /* in queue.heap, or NO_PLACE */
	bool running;
	bool retry; /* queue_retry() came from inside the handler */
};

struct queue {
	struct loop *loop;
	unsigned per_turn;
	enum queue_result (*handle)(void *ctx, const char *key);
	void *ctx;
	struct map items; /* every key about which anything is known */
	struct list waiting;
	size_t n_waiting;
	struct item **heap; /* binary heap of what is due later, the earliest first */
	size_t n_heap, heap_cap;
	struct loop_task turn;
	struct loop_timer timer; /* for the top of the heap */
	int64_t timer_ms;        /* what it is set to; 0: stopped */
	bool paused;
};

int64_t queue_backoff_ms(unsigned attempt, double dice)
{
	int64_t ms = BACKOFF_FIRST_MS;
	while (attempt-- && ms < BACKOFF_MOST_MS)
		ms *= 2;
	ms = MIN(ms, BACKOFF_MOST_MS);
	return (int64_t)((double)ms * (0.8 + 0.4 * dice));
}

/* --- what is due later --- */

/* When the item has to be looked at: at its wake-up, or to be forgotten. */
static int64_t item_time(const struct item *it)
{
	return it->due_ms ? it->due_ms : it->calm_until;
}

static void heap_set(struct queue *q, size_t i, struct item *it)
{
	q->heap[i] = it;
	it->place = (ptrdiff_t)i;
}

static void heap_up(struct queue *q, size_t i, struct item *it)
{
	for (; i && item_time(it) < item_time(q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_set(q, i, q->heap[(i - 1) / 2]);
	heap_set(q, i, it);
}

static void heap_down(struct queue *q, size_t i, struct item *it)
{
	for (size_t child; (child = 2 * i + 1) < q->n_heap; i = child) {
		if (child + 1 < q->n_heap && item_time(q->heap[child + 1]) < item_time(q->heap[child]))
			child++;
		if (item_time(it) <= item_time(q->heap[child]))
			break;
		heap_set(q, i, q->heap[child]);
	}
	heap_set(q, i, it);
}

static void timer_update(struct queue *q)
{
	int64_t first = q->n_heap ? item_time(q->heap[0]) : 0;
	if (first == q->timer_ms)
		return;
	q->timer_ms = first;
	if (first)
		loop_timer_at(&q->timer, first);
	else
		loop_timer_stop(&q->timer);
}

/* Puts the item where its times say, or takes it out when it has none. */
static void heap_update(struct queue *q, struct item *it)
{
	if (it->place != NO_PLACE) {
		size_t at = (size_t)it->place;
		struct item *last = q->heap[--q->n_heap];
		it->place = NO_PLACE;
		if (last != it) {
			if (at && item_time(last) < item_time(q->heap[(at - 1) / 2]))
				heap_up(q, at, last);
			else
				heap_down(q, at, last);
		}
	}
	if (item_time(it)) {
		if (q->n_heap == q->heap_cap) {
			q->heap_cap = q->heap_cap ? q->heap_cap * 2 : 16;
			q->heap = mem_realloc_array(q->heap, q->heap_cap, sizeof(struct item *));
		}
		heap_up(q, q->n_heap++, it);
	}
	timer_update(q);
}

/* --- items --- */

static struct item *item_of(struct queue *q, const char *key)
{
	struct item *it = map_get(&q->items, key);
	if (it)
		return it;
	it = NEW(struct item);
	list_init(&it->link);
	it->key = mem_strdup(key);
	it->place = NO_PLACE;
	(void)map_put(&q->items, key, it);
	return it;
}

static void item_free(void *p)
{
	struct item *it = p;
	free(it->key);
	free(it);
}

/* Frees the item when nothing is left to know about its key. */
static void item_settle(struct queue *q, struct item *it)
{
	if (it->running || !list_empty(&it->link) || item_time(it) || it->failures || it->agains)
		return;
	(void)map_remove(&q->items, it->key);
	item_free(it);
}

static void item_wait(struct queue *q, struct item *it)
{
	if (list_empty(&it->link)) {
		list_append(&q->waiting, &it->link);
		q->n_waiting++;
	}
	if (!q->paused)
		loop_task_schedule(&q->turn);
}

static void item_wait_no_more(struct queue *q, struct item *it)
{
	if (list_empty(&it->link))
		return;
	list_remove(&it->link);
	q->n_waiting--;
}

static void item_due(struct queue *q, struct item *it, int64_t due_ms)
{
	if (it->due_ms && it->due_ms <= due_ms)
		return;
	it->due_ms = due_ms;
	heap_update(q, it);
}

static void item_failed(struct queue *q, struct item *it)
{
	int64_t now = loop_now(q->loop);
	if (it->calm_until && it->calm_until <= now)
		it->failures = 0;
	it->calm_until = 0;
	it->agains = 0;
	it->delay_ms = queue_backoff_ms(it->failures++, dice_fraction());
	item_due(q, it, now + it->delay_ms);
	heap_update(q, it);
}

static void item_succeeded(struct queue *q, struct item *it)
{
	it->agains = 0;
	if (it->failures)
		it->calm_until = loop_now(q->loop) + 2 * it->delay_ms + BACKOFF_CALM_MS;
	heap_update(q, it);
}

static void item_handle(struct queue *q, struct item *it)
{
	/* the handler sees the world as it is now: what was asked for before is done with */
	it->due_ms = 0;
	heap_update(q, it);
	it->running = true;
	it->retry = false;
	enum queue_result result = q->handle(q->ctx, it->key);
	it->running = false;
	if (it->retry)
		result = QUEUE_RETRY;
	if (result == QUEUE_AGAIN && ++it->agains >= AGAIN_MOST)
		result = QUEUE_RETRY;
	switch (result) {
	case QUEUE_DONE:
		item_succeeded(q, it);
		break;
	case QUEUE_RETRY:
		item_failed(q, it);
		break;
	case QUEUE_AGAIN:
		item_wait(q, it);
		break;
	}
	item_settle(q, it);
}

static void on_turn(void *ctx)
{
	struct queue *q = ctx;
	/* what the handlers add waits for the next turn */
	for (size_t n = MIN(q->n_waiting, (size_t)q->per_turn); n && q->n_waiting && !q->paused; n--) {
		struct item *it = list_first(&q->waiting, struct item, link);
		item_wait_no_more(q, it);
		item_handle(q, it);
	}
	if (q->n_waiting && !q->paused)
		loop_task_schedule(&q->turn);
}

static void on_due(void *ctx)
{
	struct queue *q = ctx;
	int64_t now = loop_now(q->loop);
	q->timer_ms = 0; /* it fired, so that it is to be set anew even for the same time */
	while (q->n_heap && item_time(q->heap[0]) <= now) {
		struct item *it = q->heap[0];
		if (it->due_ms) {
			it->due_ms = 0;
			item_wait(q, it);
		} else {
			it->calm_until = 0;
			it->failures = 0;
		}
		heap_update(q, it);
		item_settle(q, it);
	}
	timer_update(q);
}

/* --- the interface --- */

struct queue *queue_new(struct loop *loop, unsigned per_turn,
                        enum queue_result (*handle)(void *ctx, const char *key), void *ctx)
{
	struct queue *q = NEW(struct queue);
	q->loop = loop;
	q->per_turn = MAX(per_turn, 1U);
	q->handle = handle;
	q->ctx = ctx;
	list_init(&q->waiting);
	loop_task_init(loop, &q->turn, on_turn, q);
	loop_timer_init(loop, &q->timer, on_due, q);
	return q;
}

struct queue *queue_free(struct queue *q)
{
	if (!q)
		return NULL;
	loop_task_cancel(&q->turn);
	loop_timer_stop(&q->timer);
	map_done(&q->items, item_free);
	free(q->heap);
	free(q);
	return NULL;
}

void queue_add(struct queue *q, const char *key)
{
	item_wait(q, item_of(q, key));
}

void queue_at(struct queue *q, const char *key, int64_t due_ms)
{
	if (due_ms == 0) {
		struct item *it = map_get(&q->items, key);
		if (!it)
			return;
		it->due_ms = 0;
		heap_update(q, it);
		item_settle(q, it);
		return;
	}
	item_due(q, item_of(q, key), MAX(due_ms, 1));
}

void queue_retry(struct queue *q, const char *key)
{
	struct item *it = item_of(q, key);
	if (it->running)
		it->retry = true; /* counted once, whatever the handler says too */
	else
		item_failed(q, it);
}

void queue_forget(struct queue *q, const char *key)
{
	struct item *it = map_get(&q->items, key);
	if (!it)
		return;
	item_wait_no_more(q, it);
	it->due_ms = it->calm_until = 0;
	it->failures = it->agains = 0;
	it->retry = false;
	heap_update(q, it);
	item_settle(q, it);
}

void queue_pause(struct queue *q, bool pause)
{
	q->paused = pause;
	if (pause)
		loop_task_cancel(&q->turn);
	else if (q->n_waiting)
		loop_task_schedule(&q->turn);
}

size_t queue_length(const struct queue *q)
{
	return q->n_waiting;
}
