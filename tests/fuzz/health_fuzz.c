/*
 * What the health reporter makes of any figures: the files of /proc, and a sample with the records before it. The plan
 * is the same twice, its figures are within bounds, and what it wrote it does not write again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "controllers/health/plan.h"
#include "core/mem.h"
#include "core/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *data;
	size_t size;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Any number from 0 on; small ones as often as large ones. */
static int64_t number(struct bytes *b)
{
	uint64_t n = 0;
	unsigned width = b->size ? *b->data % 9 : 0;
	if (b->size) {
		b->data++;
		b->size--;
	}
	for (; width && b->size; width--, b->data++, b->size--)
		n = n << 8 | *b->data;
	return (int64_t)(n & INT64_MAX);
}

static struct measure sample(struct bytes *b)
{
	struct measure m = {.architecture = "arm64", .kernel = "6.1"};
	m.ticks.busy = (uint64_t)number(b);
	m.ticks.total = (uint64_t)number(b);
	m.cpu_milli = number(b);
	m.memory_bytes = number(b);
	m.memory_used_bytes = number(b);
	m.disk_bytes = number(b);
	m.disk_used_bytes = number(b);
	return m;
}

static void check_plan(struct bytes b)
{
	struct measure m[2];
	m[0] = sample(&b);
	m[1] = sample(&b);
	struct health_input in = {.sample = &m[1],
	                          .previous = number(&b) % 2 ? &m[0] : NULL,
	                          .cpu_mean = number(&b) % 102 - 1,
	                          .node = "n",
	                          .version = "1",
	                          .started_wall_ms = number(&b),
	                          .now_wall_ms = number(&b)};
	struct arena a = ARENA_INIT;
	struct health_plan first, again, later;
	struct health_input before = in;
	before.sample = &m[0];
	before.previous = NULL;
	health_plan(&before, &a, &first);
	in.written = number(&b) % 2 ? &first.record : NULL;
	health_plan(&in, &a, &first);
	health_plan(&in, &a, &again);
	must(first.write == again.write && first.cpu_mean == again.cpu_mean);
	must(schema_equal(&health_schema, &first.record, &again.record));
	must(first.write == (first.why != NULL) && (in.written || first.write));
	must(first.cpu_mean >= 0 && first.cpu_mean <= 100);
	/* the same sample once more: nothing moved */
	in.written = &first.record;
	in.previous = in.sample;
	in.cpu_mean = first.cpu_mean;
	health_plan(&in, &a, &later);
	must(!later.write);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_str_ struct str text = STR_INIT;
	str_add(&text, data, size);
	struct cpu_ticks ticks;
	if (measure_parse_stat(str_get(&text), &ticks))
		must(ticks.busy <= ticks.total);
	int64_t total, used;
	if (measure_parse_meminfo(str_get(&text), &total, &used))
		must(total >= 0 && used >= 0 && used <= total);
	check_plan((struct bytes){data, size});
	return 0;
}
