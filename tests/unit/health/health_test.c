/* The reporter on the store in memory and on virtual time: how often it writes. */
#include "controllers/health/health.h"

#include "controllers/health/plan.h"
#include "lib/test.h"
#include "memory/memory.h"

#define GIB (INT64_C(1) << 30)

static struct measure machine;

/* In place of measure.c's. */
void measure_now(const char *data_dir _unused_, struct measure *ret)
{
	*ret = machine;
}

static void work(uint64_t busy)
{
	machine.ticks.busy += busy;
	machine.ticks.total += 1000;
}

/* Lets the time pass; returns the number of writes in it. */
static int64_t writes_in(struct loop *l, struct store *s, int64_t ms)
{
	int64_t before = memory_store_revision(s), end = loop_now(l) + ms;
	while (loop_now(l) < end)
		loop_step(l, end - loop_now(l));
	return memory_store_revision(s) - before;
}

TEST(one_sample_is_written_at_most_once)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	machine = (struct measure){.ticks = {1000, 10000},
	                           .cpu_milli = 4000,
	                           .memory_bytes = 4 * GIB,
	                           .memory_used_bytes = GIB,
	                           .disk_bytes = 100 * GIB,
	                           .disk_used_bytes = GIB,
	                           .architecture = "arm64",
	                           .kernel = "6.1.0"};
	struct health_reporter *h = health_new(&(struct health_config){
	        .loop = l, .store = s, .root = "/tug", .node = "n1", .data_dir = "/"});
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS / 2), 1);
	/* the event of its own write makes it look again: what it wrote has to stand */
	work(900);
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 1);
	work(550);
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 0);
	for (unsigned i = 0; i < 6; i++) {
		work(550);
		CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 0);
	}
	(void)health_free(h);
	store_free(s);
	loop_free(l);
}
