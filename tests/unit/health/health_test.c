/* The reporter on the store in memory and on virtual time: how often it writes. */
#include "controllers/health/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What the record says of the CPU. */
static int64_t cpu_used(const struct store *s)
{
	struct store_range range;
	int64_t n;
	CHECK_INT(memory_store_peek(s, &(struct store_range_request){.key = "/tug/health/n1"}, &range),
	          STORE_OK);
	CHECK_INT(range.count, 1);
	const char *at = memmem(range.kvs[0].value, range.kvs[0].value_len, "\"cpuUsed\":", 10);
	CHECK(at);
	CHECK_INT(sscanf(at + 10, "%" SCNd64, &n), 1);
	free((void *)(uintptr_t)range.kvs);
	return n;
}

static void remove_record(struct store *s)
{
	const struct store_then then = {.what = STORE_DELETE, .key = "/tug/health/n1"};
	CHECK_INT(memory_store_apply(s, &(struct store_txn){.thens = &then, .n_thens = 1}), STORE_OK);
}

TEST(a_record_that_was_undone_is_written_again)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	machine = (struct measure){.ticks = {1000, 10000}, .cpu_milli = 4000, .memory_bytes = 4 * GIB};
	struct health_reporter *h = health_new(&(struct health_config){
	        .loop = l, .store = s, .root = "/tug", .node = "n1", .data_dir = "/"});
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS / 2), 1);
	/* to before the record; the lease was there by then */
	memory_store_restore(s, 1);
	CHECK_INT(writes_in(l, s, 1000), 1);
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 0);
	(void)health_free(h);
	store_free(s);
	loop_free(l);
}

TEST(a_sample_counts_once_however_often_it_is_looked_at)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l), *other = memory_store_open(s);
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
	CHECK_INT(cpu_used(s), 10);
	work(900);
	CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 1);
	CHECK_INT(cpu_used(s), 50);
	/* whatever makes it look again is no further sample */
	for (unsigned i = 0; i < 3; i++) {
		remove_record(other);
		CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS / 20), 1);
		CHECK_INT(cpu_used(s), 50);
	}
	for (unsigned i = 0; i < 6; i++) {
		work(550);
		CHECK_INT(writes_in(l, s, HEALTH_SAMPLE_MS), 0);
	}
	(void)health_free(h);
	store_free(other);
	store_free(s);
	loop_free(l);
}
