#include "sim/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/dice.h"
#include "core/file.h"
#include "core/map.h"
#include "core/mem.h"

#define BEGIN_MS INT64_C(1000000)       /* monotonic: 0 means "never" to many */
#define WALL_MS  INT64_C(1700000000000) /* 2023-11-14 */

struct loop {
	struct timeline *time;
	uint64_t id;
	const int64_t *wall_offset_ms;
	struct list tasks;
	struct loop_timer wake; /* of a slow process */
	int64_t slow_ms;
	size_t timers; /* active, `wake` not counted */
	bool ready;    /* in timeline.ready */
	bool held, dead;
	uint64_t wakeups;
};

struct timeline {
	int64_t now_ms;
	uint64_t dice, choices;
	uint64_t hash, steps, restless, sequence, ids;
	struct loop_timer **heap;
	size_t n_heap, heap_cap;
	struct loop **ready; /* processes with tasks, in no order that means anything */
	size_t n_ready, ready_cap;
	struct loop *running;
	size_t loops;
	struct map files; /* path -> struct str */
};

/* The clocks have no parameter: see loop.h. */
static struct timeline *present;

/* --- chance: splitmix64 --- */

static uint64_t roll(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t timeline_roll(struct timeline *t)
{
	return roll(&t->choices);
}

uint64_t timeline_below(struct timeline *t, uint64_t n)
{
	return roll(&t->choices) % n;
}

uint64_t dice_roll(void)
{
	return roll(&present->dice);
}

static void mix(struct timeline *t, uint64_t value)
{
	t->hash = (t->hash ^ value) * UINT64_C(0x100000001b3);
	t->hash ^= t->hash >> 29;
}

void timeline_mix(struct timeline *t, const void *data, size_t len)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++)
		t->hash = (t->hash ^ p[i]) * UINT64_C(0x100000001b3);
}

/* --- the heap of timers: due, then in the order in which they were set --- */

enum {
	DUE,
	SEQUENCE,
	PLACE /* in the heap, from 1; 0: not active */,
	LATE /* what was due while it was held */
};

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->priv[DUE] != b->priv[DUE] ? a->priv[DUE] < b->priv[DUE]
	                                    : a->priv[SEQUENCE] < b->priv[SEQUENCE];
}

static void place(struct timeline *t, size_t i, struct loop_timer *w)
{
	t->heap[i] = w;
	w->priv[PLACE] = i + 1;
}

static void sift_up(struct timeline *t, size_t i, struct loop_timer *w)
{
	for (; i && before(w, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(t, i, t->heap[(i - 1) / 2]);
	place(t, i, w);
}

static void sift_down(struct timeline *t, size_t i, struct loop_timer *w)
{
	for (size_t child; (child = 2 * i + 1) < t->n_heap; i = child) {
		if (child + 1 < t->n_heap && before(t->heap[child + 1], t->heap[child]))
			child++;
		if (before(w, t->heap[child]))
			break;
		place(t, i, t->heap[child]);
	}
	place(t, i, w);
}

static void heap_remove(struct timeline *t, struct loop_timer *w)
{
	size_t at = (size_t)w->priv[PLACE] - 1;
	struct loop_timer *last = t->heap[--t->n_heap];
	w->priv[PLACE] = 0;
	if (last == w)
		return;
	if (at && before(last, t->heap[(at - 1) / 2]))
		sift_up(t, at, last);
	else
		sift_down(t, at, last);
}

static void heap_add(struct timeline *t, struct loop_timer *w, int64_t due_ms)
{
	if (t->n_heap == t->heap_cap) {
		t->heap_cap = t->heap_cap ? t->heap_cap * 2 : 64;
		t->heap = mem_realloc_array(t->heap, t->heap_cap, sizeof(struct loop_timer *));
	}
	w->priv[DUE] = (uint64_t)due_ms;
	w->priv[SEQUENCE] = ++t->sequence;
	sift_up(t, t->n_heap++, w);
}

/* --- the timeline --- */

static void free_file(void *p)
{
	str_done(p);
	free(p);
}

struct timeline *timeline_new(uint64_t seed)
{
	struct timeline *t = NEW(struct timeline);
	t->now_ms = BEGIN_MS;
	t->dice = seed * 2 + 1;
	t->choices = ~seed;
	t->hash = UINT64_C(0xcbf29ce484222325);
	present = t;
	return t;
}

struct timeline *timeline_free(struct timeline *t)
{
	if (!t)
		return NULL;
	if (t->loops)
		abort();
	map_done(&t->files, free_file);
	free(t->heap);
	free(t->ready);
	if (present == t)
		present = NULL;
	free(t);
	return NULL;
}

int64_t timeline_now(const struct timeline *t)
{
	return t->now_ms;
}

uint64_t timeline_steps(const struct timeline *t)
{
	return t->steps;
}

uint64_t timeline_hash(const struct timeline *t)
{
	return t->hash;
}

uint64_t timeline_restless(const struct timeline *t)
{
	return t->restless;
}

static void make_ready(struct loop *l)
{
	struct timeline *t = l->time;
	if (l->ready || l->held || l->dead)
		return;
	if (t->n_ready == t->ready_cap) {
		t->ready_cap = t->ready_cap ? t->ready_cap * 2 : 16;
		t->ready = mem_realloc_array(t->ready, t->ready_cap, sizeof(struct loop *));
	}
	l->ready = true;
	t->ready[t->n_ready++] = l;
}

static void unready(struct loop *l)
{
	struct timeline *t = l->time;
	for (size_t i = 0; l->ready && i < t->n_ready; i++)
		if (t->ready[i] == l)
			t->ready[i] = t->ready[--t->n_ready];
	l->ready = false;
}

/* There are tasks: when will it do them? */
static void stir(struct loop *l)
{
	if (l->held || l->dead || l->ready || loop_timer_active(&l->wake))
		return;
	int64_t ms = l->slow_ms ? (int64_t)(roll(&l->time->choices) % (uint64_t)(l->slow_ms + 1)) : 0;
	if (ms)
		loop_timer_in(&l->wake, ms);
	else
		make_ready(l);
}

static void on_wake(void *ctx)
{
	make_ready(ctx);
}

static void run_tasks(struct loop *l)
{
	struct list now;
	list_init(&now);
	while (!list_empty(&l->tasks)) {
		struct list *node = l->tasks.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now) && !l->dead && !l->held) {
		struct loop_task *task = list_first(&now, struct loop_task, link);
		list_remove(&task->link);
		task->on_turn(task->ctx);
	}
	while (!list_empty(&now)) { /* it was stopped in the middle: the rest comes first later */
		struct list *node = now.prev;
		list_remove(node);
		list_insert(l->tasks.next, node);
	}
	if (!list_empty(&l->tasks))
		stir(l);
}

static struct loop_timer *next_due(struct timeline *t, int64_t until_ms)
{
	while (t->n_heap && (int64_t)t->heap[0]->priv[DUE] <= until_ms) {
		struct loop_timer *w = t->heap[0];
		if (!w->loop->held && !w->loop->dead)
			return w;
		uint64_t due = w->priv[DUE];
		heap_remove(t, w);
		heap_add(t, w, INT64_MAX);
		w->priv[LATE] = due;
	}
	return NULL;
}

bool timeline_step(struct timeline *t, int64_t until_ms)
{
	struct loop *l;
	if (t->n_ready) {
		size_t i = t->n_ready > 1 ? (size_t)(roll(&t->choices) % t->n_ready) : 0;
		l = t->ready[i];
		t->ready[i] = t->ready[--t->n_ready];
		l->ready = false;
		t->running = l;
		run_tasks(l);
	} else {
		struct loop_timer *w = next_due(t, until_ms);
		if (!w) {
			t->now_ms = MAX(t->now_ms, until_ms);
			return false;
		}
		if ((int64_t)w->priv[DUE] > t->now_ms) {
			t->now_ms = (int64_t)w->priv[DUE];
			t->restless = 0;
		}
		l = w->loop;
		loop_timer_stop(w);
		t->running = l;
		w->on_due(w->ctx);
	}
	l->wakeups++;
	t->running = NULL;
	t->steps++;
	t->restless++;
	mix(t, (uint64_t)t->now_ms << 8 | (l->id & 255));
	return true;
}

/* --- processes --- */

struct loop *timeline_loop(struct timeline *t, const int64_t *wall_offset_ms)
{
	struct loop *l = NEW(struct loop);
	l->time = t;
	l->id = ++t->ids;
	l->wall_offset_ms = wall_offset_ms;
	list_init(&l->tasks);
	loop_timer_init(l, &l->wake, on_wake, l);
	t->loops++;
	return l;
}

struct loop *loop_new(void)
{
	return timeline_loop(present, NULL);
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	loop_timer_stop(&l->wake);
	unready(l);
	if (!loop_at_rest(l))
		abort();
	l->time->loops--;
	if (l->time->running == l)
		l->time->running = NULL;
	free(l);
	return NULL;
}

bool loop_at_rest(const struct loop *l)
{
	return list_empty(&l->tasks) && l->timers == 0;
}

void loop_slow(struct loop *l, int64_t most_ms)
{
	l->slow_ms = most_ms;
}

void loop_hold(struct loop *l, bool hold)
{
	struct timeline *t = l->time;
	if (l->held == hold)
		return;
	l->held = hold;
	if (hold) {
		unready(l);
		return;
	}
	/* what came due meanwhile, in its order */
	for (size_t i = 0; i < t->n_heap;) {
		struct loop_timer *w = t->heap[i];
		if (w->loop != l || !w->priv[LATE]) {
			i++;
			continue;
		}
		w->priv[DUE] = w->priv[LATE];
		w->priv[LATE] = 0;
		sift_up(t, i, w);
		i = 0;
	}
	if (!list_empty(&l->tasks))
		make_ready(l);
}

void loop_kill(struct loop *l)
{
	l->dead = true;
	unready(l);
}

void loop_enter(struct loop *l)
{
	l->time->running = l;
}

void loop_leave(struct loop *l)
{
	l->time->running = NULL;
}

int64_t loop_now(const struct loop *l)
{
	return l->time->now_ms;
}

uint64_t loop_wakeups(const struct loop *l)
{
	return l->wakeups;
}

/* The world runs the processes, none runs itself. */
void loop_run(struct loop *l _unused_)
{
	abort();
}

void loop_step(struct loop *l _unused_, int64_t timeout_ms _unused_)
{
	abort();
}

void loop_stop(struct loop *l _unused_)
{
	abort();
}

/* --- timers and tasks --- */

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*on_due)(void *), void *ctx)
{
	*t = (struct loop_timer){.loop = l, .on_due = on_due, .ctx = ctx};
}

void loop_timer_at(struct loop_timer *t, int64_t due_ms)
{
	struct timeline *time = t->loop->time;
	loop_timer_stop(t);
	heap_add(time, t, MAX(due_ms, time->now_ms));
	t->loop->timers += t != &t->loop->wake;
}

void loop_timer_in(struct loop_timer *t, int64_t delay_ms)
{
	loop_timer_at(t, t->loop->time->now_ms + MAX(delay_ms, (int64_t)0));
}

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->loop || !t->priv[PLACE])
		return;
	heap_remove(t->loop->time, t);
	t->priv[LATE] = 0;
	t->loop->timers -= t != &t->loop->wake;
}

bool loop_timer_active(const struct loop_timer *t)
{
	return t->loop && t->priv[PLACE];
}

void loop_task_init(struct loop *l, struct loop_task *t, void (*on_turn)(void *), void *ctx)
{
	list_init(&t->link);
	t->loop = l;
	t->on_turn = on_turn;
	t->ctx = ctx;
}

void loop_task_schedule(struct loop_task *t)
{
	if (!list_empty(&t->link))
		return;
	list_append(&t->loop->tasks, &t->link);
	stir(t->loop);
}

void loop_task_cancel(struct loop_task *t)
{
	if (t->loop)
		list_remove(&t->link);
}

/* --- there are no descriptors, signals and children in a simulation --- */

void loop_fd_start(struct loop *l _unused_, struct loop_fd *w _unused_, int fd _unused_,
                   unsigned events _unused_, void (*on_ready)(void *, unsigned) _unused_, void *ctx _unused_)
{
	abort();
}

void loop_fd_events(struct loop_fd *w _unused_, unsigned events _unused_)
{
	abort();
}

void loop_fd_stop(struct loop_fd *w)
{
	if (w->loop)
		abort();
}

void loop_fd_feed(struct loop_fd *w _unused_, unsigned events _unused_)
{
	abort();
}

void loop_signal_start(struct loop *l _unused_, struct loop_signal *s _unused_, int signum _unused_,
                       void (*on_signal)(void *, int) _unused_, void *ctx _unused_)
{
	abort();
}

void loop_signal_stop(struct loop_signal *s _unused_)
{
}

int loop_child_start(struct loop *l _unused_, struct loop_child *c _unused_, pid_t pid _unused_,
                     void (*on_exit)(void *, int) _unused_, void *ctx _unused_)
{
	return -ENOSYS;
}

void loop_child_stop(struct loop_child *c _unused_)
{
}

/* --- clocks and files --- */

int64_t clock_monotonic_ms(void)
{
	return present ? present->now_ms : BEGIN_MS;
}

int64_t clock_wall_ms(void)
{
	const struct loop *l = present ? present->running : NULL;
	return clock_monotonic_ms() - BEGIN_MS + WALL_MS + (l && l->wall_offset_ms ? *l->wall_offset_ms : 0);
}

int file_read(const char *path, size_t max, struct str *out)
{
	const struct str *have = map_get(&present->files, path);
	if (!have)
		return -ENOENT;
	if (have->len > max)
		return -E2BIG;
	str_add(out, str_get(have), have->len);
	return 0;
}

int file_write(const char *path, const void *data, size_t len, mode_t mode _unused_)
{
	if (present->running && present->running->dead)
		return -EIO;
	struct str *file = map_get(&present->files, path);
	if (!file) {
		file = NEW(struct str);
		(void)map_put(&present->files, path, file);
	}
	str_clear(file);
	str_add(file, data, len);
	return 0;
}

int file_mkdirs(const char *path _unused_, mode_t mode _unused_)
{
	return 0;
}

void timeline_file_remove(struct timeline *t, const char *path)
{
	struct str *file = map_remove(&t->files, path);
	if (file)
		free_file(file);
}
