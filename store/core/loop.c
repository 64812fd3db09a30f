#include "core/loop.h"

#include <errno.h>
#include <ev.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

struct loop {
	struct ev_loop *ev;
	ev_check woken;   /* counts the wake-ups */
	ev_prepare turn;  /* runs the tasks before the loop sleeps */
	ev_idle no_sleep; /* active while a task waits, so that the loop only polls */
	struct list tasks;
	uint64_t wakeups;
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_fd *)NULL)->priv), "loop_fd.priv holds an ev_io");
_Static_assert(sizeof(ev_timer) <= sizeof(((struct loop_timer *)NULL)->priv),
               "loop_timer.priv holds an ev_timer");
_Static_assert(sizeof(ev_signal) <= sizeof(((struct loop_signal *)NULL)->priv),
               "loop_signal.priv holds an ev_signal");

static void on_woken(struct ev_loop *ev _unused_, ev_check *w, int revents _unused_)
{
	container_of(w, struct loop, woken)->wakeups++;
}

static void on_no_sleep(struct ev_loop *ev _unused_, ev_idle *w _unused_, int revents _unused_)
{
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int revents _unused_)
{
	struct loop *l = container_of(w, struct loop, turn);
	if (list_empty(&l->tasks))
		return;
	/* what is scheduled from here on waits for the next round */
	struct list now;
	list_init(&now);
	while (!list_empty(&l->tasks)) {
		struct list *node = l->tasks.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct loop_task *t = list_first(&now, struct loop_task, link);
		list_remove(&t->link);
		t->on_turn(t->ctx);
	}
	if (list_empty(&l->tasks))
		ev_idle_stop(ev, &l->no_sleep);
	else
		ev_idle_start(ev, &l->no_sleep);
}

struct loop *loop_new(void)
{
	struct loop *l = NEW(struct loop);
	/* signals are taken only by the default loop of a process; tests make several, so none is the default */
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev)
		abort();
	list_init(&l->tasks);
	ev_check_init(&l->woken, on_woken);
	ev_check_start(l->ev, &l->woken);
	ev_prepare_init(&l->turn, on_prepare);
	ev_prepare_start(l->ev, &l->turn);
	ev_idle_init(&l->no_sleep, on_no_sleep);
	return l;
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	ev_loop_destroy(l->ev);
	free(l);
	return NULL;
}

void loop_run(struct loop *l)
{
	(void)ev_run(l->ev, 0);
}

static void on_step_timeout(struct ev_loop *ev _unused_, ev_timer *w _unused_, int revents _unused_)
{
}

void loop_step(struct loop *l, int64_t timeout_ms)
{
	ev_timer limit;
	ev_timer_init(&limit, on_step_timeout, (double)timeout_ms / 1000.0, 0.);
	if (timeout_ms > 0)
		ev_timer_start(l->ev, &limit);
	(void)ev_run(l->ev, timeout_ms == 0 ? EVRUN_NOWAIT : EVRUN_ONCE);
	ev_timer_stop(l->ev, &limit);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

/* libev's own time is wall-clock; its timers run on the monotonic clock, and so does everything of ours. */
int64_t loop_now(const struct loop *l _unused_)
{
	return clock_monotonic_ms();
}

uint64_t loop_wakeups(const struct loop *l)
{
	return l->wakeups;
}

/* --- file descriptors --- */

static void on_io(struct ev_loop *ev _unused_, ev_io *w, int revents)
{
	struct loop_fd *f = w->data;
	unsigned events = (revents & EV_READ ? LOOP_READ : 0U) | (revents & EV_WRITE ? LOOP_WRITE : 0U);
	if (revents & EV_ERROR)
		events = LOOP_READ | LOOP_WRITE;
	f->on_ready(f->ctx, events);
}

static int ev_events(unsigned events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

void loop_fd_start(struct loop *l, struct loop_fd *w, int fd, unsigned events,
                   void (*on_ready)(void *, unsigned), void *ctx)
{
	loop_fd_stop(w);
	ev_io *io = (ev_io *)(void *)w->priv;
	ev_io_init(io, on_io, fd, ev_events(events));
	io->data = w;
	w->loop = l;
	w->on_ready = on_ready;
	w->ctx = ctx;
	if (events)
		ev_io_start(l->ev, io);
}

void loop_fd_events(struct loop_fd *w, unsigned events)
{
	ev_io *io = (ev_io *)(void *)w->priv;
	int want = ev_events(events), have = ev_is_active(io) ? io->events & (EV_READ | EV_WRITE) : 0;
	if (want == have)
		return;
	ev_io_stop(w->loop->ev, io);
	ev_io_set(io, io->fd, want);
	if (want)
		ev_io_start(w->loop->ev, io);
}

void loop_fd_stop(struct loop_fd *w)
{
	if (w->loop)
		ev_io_stop(w->loop->ev, (ev_io *)(void *)w->priv);
}

void loop_fd_feed(struct loop_fd *w, unsigned events)
{
	ev_feed_event(w->loop->ev, (void *)w->priv, ev_events(events));
}

/* --- timers --- */

static void on_timer(struct ev_loop *ev _unused_, ev_timer *w, int revents _unused_)
{
	struct loop_timer *t = w->data;
	t->on_due(t->ctx);
}

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*on_due)(void *), void *ctx)
{
	ev_timer *w = (ev_timer *)(void *)t->priv;
	ev_timer_init(w, on_timer, 0., 0.);
	w->data = t;
	t->loop = l;
	t->on_due = on_due;
	t->ctx = ctx;
}

void loop_timer_in(struct loop_timer *t, int64_t delay_ms)
{
	ev_timer *w = (ev_timer *)(void *)t->priv;
	struct ev_loop *ev = t->loop->ev;
	ev_timer_stop(ev, w);
	/* libev counts from the start of the round; ours is from now */
	ev_now_update(ev);
	ev_timer_set(w, delay_ms > 0 ? (double)delay_ms / 1000.0 : 0., 0.);
	ev_timer_start(ev, w);
}

void loop_timer_at(struct loop_timer *t, int64_t due_ms)
{
	loop_timer_in(t, due_ms - loop_now(t->loop));
}

void loop_timer_stop(struct loop_timer *t)
{
	if (t->loop)
		ev_timer_stop(t->loop->ev, (ev_timer *)(void *)t->priv);
}

bool loop_timer_active(const struct loop_timer *t)
{
	return t->loop && ev_is_active((const ev_timer *)(const void *)t->priv);
}

/* --- tasks --- */

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
	ev_idle_start(t->loop->ev, &t->loop->no_sleep);
}

void loop_task_cancel(struct loop_task *t)
{
	if (t->loop)
		list_remove(&t->link);
}

/* --- signals and children --- */

static void on_signal_event(struct ev_loop *ev _unused_, ev_signal *w, int revents _unused_)
{
	struct loop_signal *s = w->data;
	s->on_signal(s->ctx, w->signum);
}

void loop_signal_start(struct loop *l, struct loop_signal *s, int signum, void (*on_signal)(void *, int),
                       void *ctx)
{
	loop_signal_stop(s);
	ev_signal *w = (ev_signal *)(void *)s->priv;
	ev_signal_init(w, on_signal_event, signum);
	w->data = s;
	s->loop = l;
	s->on_signal = on_signal;
	s->ctx = ctx;
	ev_signal_start(l->ev, w);
}

void loop_signal_stop(struct loop_signal *s)
{
	if (s->loop)
		ev_signal_stop(s->loop->ev, (ev_signal *)(void *)s->priv);
}

static void on_child(void *ctx, unsigned events _unused_)
{
	struct loop_child *c = ctx;
	int status = 0;
	pid_t r = waitpid(c->pid, &status, WNOHANG);
	if (r == 0 || (r < 0 && errno == EINTR))
		return;
	loop_child_stop(c);
	c->on_exit(c->ctx, r < 0 ? 0 : status);
}

int loop_child_start(struct loop *l, struct loop_child *c, pid_t pid, void (*on_exit)(void *, int), void *ctx)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	*c = (struct loop_child){.pidfd = fd, .pid = pid, .on_exit = on_exit, .ctx = ctx};
	loop_fd_start(l, &c->fd, fd, LOOP_READ, on_child, c);
	return 0;
}

void loop_child_stop(struct loop_child *c)
{
	if (!c->pid)
		return;
	loop_fd_stop(&c->fd);
	(void)close(c->pidfd);
	c->pid = 0;
}
