#include "controllers/health/plan.h"

#include <stdlib.h>

#include "core/str.h"
#include "kind/microservice.h"

/* Of any two sizes, also where a hundred times them is no number any more. */
static int64_t percent(int64_t part, int64_t whole)
{
	while (part > INT64_MAX / 100) {
		part /= 2;
		whole /= 2;
	}
	return whole > 0 ? part * 100 / whole : 0;
}

static int64_t cpu_percent(const struct health_input *in)
{
	struct cpu_ticks now = in->sample->ticks,
	                 then = in->previous ? in->previous->ticks : (struct cpu_ticks){0};
	/* counters that went back (a checkpointed machine) tell nothing */
	if (now.total <= then.total || now.busy < then.busy)
		return MAX(in->cpu_mean, 0);
	int64_t use = percent((int64_t)(now.busy - then.busy), (int64_t)(now.total - then.total));
	use = CLAMP(use, 0, 100);
	return in->cpu_mean < 0 || !in->previous ? use : (in->cpu_mean + use + 1) / 2;
}

static bool disk_was_full(const struct health *h)
{
	for (size_t i = 0; h && i < h->conditions.count; i++) {
		const struct condition *c = &LIST_ITEMS(&h->conditions, struct condition)[i];
		if (str_equal(c->type, "DiskFull"))
			return c->status;
	}
	return false;
}

static void add_disk_condition(const struct health_input *in, struct arena *arena, struct health *h)
{
	int64_t used = percent(h->diskUsed, h->disk);
	bool was = disk_was_full(in->written), full = used >= (was ? HEALTH_DISK_FINE : HEALTH_DISK_FULL);
	if (!full)
		return;
	struct condition *c = ARENA_NEW(arena, struct condition);
	c->type = arena_strdup(arena, "DiskFull");
	c->status = true;
	c->reason = arena_strdup(arena, "FileSystemFull");
	c->message = arena_printf(arena,
	                          "the file system of the data directory is more than %d %% full: make room",
	                          HEALTH_DISK_FINE);
	c->since = in->now_wall_ms;
	for (size_t i = 0; was && i < in->written->conditions.count; i++)
		if (str_equal(LIST_ITEMS(&in->written->conditions, struct condition)[i].type, "DiskFull"))
			c->since = LIST_ITEMS(&in->written->conditions, struct condition)[i].since;
	h->conditions = (struct list_of){.items = c, .count = 1};
}

static bool moved(int64_t now, int64_t then, int64_t whole, int64_t step)
{
	return percent(llabs(now - then), whole) >= step;
}

/* Why the record has to be written; NULL: it need not. */
static const char *reason(const struct health *now, const struct health *then)
{
	if (!then)
		return "the store has no record";
	if (now->cpus != then->cpus || now->memory != then->memory || now->disk != then->disk)
		return "capacity changed";
	if (!str_equal(now->architecture, then->architecture) || !str_equal(now->kernel, then->kernel) ||
	    !str_equal(now->version, then->version))
		return "kernel or version changed";
	if (now->startedAt != then->startedAt)
		return "started again";
	if (now->conditions.count != then->conditions.count)
		return "a condition changed";
	if (llabs(now->cpuUsed - then->cpuUsed) >= HEALTH_CPU_STEP)
		return "cpu use moved";
	if (moved(now->memoryUsed, then->memoryUsed, now->memory, HEALTH_MEMORY_STEP))
		return "memory use moved";
	if (moved(now->diskUsed, then->diskUsed, now->disk, HEALTH_DISK_STEP))
		return "disk use moved";
	return NULL;
}

void health_plan(const struct health_input *in, struct arena *arena, struct health_plan *ret)
{
	const struct measure *m = in->sample;
	*ret = (struct health_plan){.cpu_mean = cpu_percent(in)};
	struct health *h = &ret->record;
	h->name = arena_strdup(arena, in->node);
	h->cpus = m->cpu_milli;
	h->cpuUsed = ret->cpu_mean;
	h->memory = m->memory_bytes;
	h->memoryUsed = m->memory_used_bytes;
	h->disk = m->disk_bytes;
	h->diskUsed = m->disk_used_bytes;
	h->architecture = arena_strdup(arena, m->architecture);
	h->kernel = arena_strdup(arena, m->kernel);
	h->version = arena_strdup(arena, in->version);
	h->startedAt = in->started_wall_ms;
	h->updatedAt = in->now_wall_ms;
	add_disk_condition(in, arena, h);
	schema_mark(&health_schema, h);
	h->present |= schema_bit(&health_schema, "cpuUsed"); /* an idle machine's 0 is a figure too */
	ret->why = reason(h, in->written);
	ret->write = ret->why != NULL;
}
