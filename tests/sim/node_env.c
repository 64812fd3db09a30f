/* What a machine is made of in a simulation: its figures, and the disk behind the runner's snapshot. */
#include <stdio.h>
#include <stdlib.h>

#include "controllers/health/measure.h"
#include "controllers/runner/snapshot.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/mem.h"

void measure_now(const char *data_dir _unused_, struct measure *ret)
{
	uint64_t ticks = (uint64_t)clock_monotonic_ms();
	*ret = (struct measure){
	        .ticks = {.busy = ticks / 10, .total = ticks},
	        .cpu_milli = 4000,
	        .memory_bytes = INT64_C(8000000000),
	        .memory_used_bytes = INT64_C(1000000000),
	        .disk_bytes = INT64_C(100000000000),
	        .disk_used_bytes = INT64_C(20000000000),
	        .architecture = "amd64",
	        .kernel = "6.1.0",
	};
}

/* Without a thread: the disk takes its time, and whoever is killed meanwhile has the old file. */
struct snapshot_writer {
	char *path;
	struct loop_timer timer;
	struct str text;
	bool busy;
	void (*on_done)(void *ctx, int result);
	void *ctx;
};

enum { DISK_MS = 20 };

static int carry_out(struct snapshot_writer *w)
{
	int q = file_write(w->path, str_get(&w->text), w->text.len, 0600);
	str_done(&w->text);
	w->busy = false;
	return q;
}

static void on_timer(void *ctx)
{
	struct snapshot_writer *w = ctx;
	w->on_done(w->ctx, carry_out(w));
}

struct snapshot_writer *snapshot_writer_new(struct loop *loop, const char *path, void (*on_done)(void *, int),
                                            void *ctx)
{
	struct snapshot_writer *w = NEW(struct snapshot_writer);
	w->path = mem_strdup(path);
	w->on_done = on_done;
	w->ctx = ctx;
	loop_timer_init(loop, &w->timer, on_timer, w);
	return w;
}

struct snapshot_writer *snapshot_writer_free(struct snapshot_writer *w)
{
	if (!w)
		return NULL;
	loop_timer_stop(&w->timer);
	if (w->busy)
		(void)carry_out(w);
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
	w->text = *text;
	*text = STR_INIT;
	w->busy = true;
	loop_timer_in(&w->timer, DISK_MS);
	return 0;
}
