/* The thread that writes the snapshot, and the descriptor by which it says that it has. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "controllers/runner/snapshot.h"
#include "core/file.h"
#include "core/mem.h"

struct snapshot_writer {
	char *path;
	struct loop_fd ready; /* on `done` */
	int done;             /* eventfd: the thread has finished */
	pthread_t thread;
	bool busy;
	/* the thread's while busy */
	char *text;
	size_t len;
	int result;
	void (*on_done)(void *ctx, int result);
	void *ctx;
};

static void *write_it(void *arg)
{
	struct snapshot_writer *w = arg;
	w->result = file_write(w->path, w->text, w->len, 0600);
	(void)eventfd_write(w->done, 1);
	return NULL;
}

static void join(struct snapshot_writer *w)
{
	if (!w->busy)
		return;
	(void)pthread_join(w->thread, NULL);
	w->busy = false;
	free(w->text);
	w->text = NULL;
}

static void on_ready(void *ctx, unsigned events _unused_)
{
	struct snapshot_writer *w = ctx;
	eventfd_t n;
	if (eventfd_read(w->done, &n) < 0 || !w->busy)
		return;
	join(w);
	w->on_done(w->ctx, w->result);
}

struct snapshot_writer *snapshot_writer_new(struct loop *loop, const char *path, void (*on_done)(void *, int),
                                            void *ctx)
{
	struct snapshot_writer *w = NEW(struct snapshot_writer);
	w->path = mem_strdup(path);
	w->on_done = on_done;
	w->ctx = ctx;
	w->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->done >= 0)
		loop_fd_start(loop, &w->ready, w->done, LOOP_READ, on_ready, w);
	return w;
}

struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w)
{
	if (!w)
		return NULL;
	join(w);
	loop_fd_stop(&w->ready);
	if (w->done >= 0)
		(void)close(w->done);
	free(w->path);
	free(w);
	return NULL;
}

bool snapshot_writer_busy(const struct snapshot_writer *w)
{
	return w->busy;
}

int snapshot_write(struct snapshot_writer *w, struct str *text)
{
	assert(!w->busy);
	if (w->done < 0)
		return -EMFILE;
	w->len = text->len;
	w->text = str_take(text);
	int q = pthread_create(&w->thread, NULL, write_it, w);
	if (q != 0) {
		free(w->text);
		w->text = NULL;
		return -q;
	}
	w->busy = true;
	return 0;
}
