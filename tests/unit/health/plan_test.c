#include "controllers/health/plan.h"

#include "core/str.h"
#include "kind/microservice.h"
#include "lib/test.h"

#define GIB (INT64_C(1) << 30)

static struct arena arena;

static struct measure machine(uint64_t busy, uint64_t total)
{
	return (struct measure){
	        .ticks = {busy, total},
	        .cpu_milli = 4000,
	        .memory_bytes = 4 * GIB,
	        .memory_used_bytes = GIB,
	        .disk_bytes = 100 * GIB,
	        .disk_used_bytes = 20 * GIB,
	        .architecture = "arm64",
	        .kernel = "6.1.0",
	};
}

static struct health_input input(const struct measure *now, const struct measure *then,
                                 const struct health *written)
{
	return (struct health_input){.sample = now,
	                             .previous = then,
	                             .cpu_mean = then ? 20 : -1,
	                             .written = written,
	                             .node = "n1",
	                             .version = "1",
	                             .started_wall_ms = 1000,
	                             .now_wall_ms = 5000};
}

TEST(the_first_record_is_written_whole)
{
	struct measure now = machine(250, 1000);
	struct health_input in = input(&now, NULL, NULL);
	struct health_plan p;
	health_plan(&in, &arena, &p);
	CHECK(p.write);
	CHECK_INT(p.record.cpuUsed, 25);
	CHECK_INT(p.record.cpus, 4000);
	CHECK_STR(p.record.name, "n1");
	CHECK_STR(p.record.architecture, "arm64");
	CHECK_INT(p.record.conditions.count, 0);
}

TEST(an_idle_machine_writes_nothing)
{
	struct measure then = machine(1000, 10000), now = machine(1200, 11000);
	struct health_input in = input(&then, NULL, NULL);
	struct health_plan first, p;
	in.cpu_mean = -1;
	health_plan(&in, &arena, &first);
	first.record.cpuUsed = 20;
	in = input(&now, &then, &first.record);
	now.memory_used_bytes += 4 * GIB / 100 * 4;
	now.disk_used_bytes += GIB;
	in.now_wall_ms = 99999;
	health_plan(&in, &arena, &p);
	CHECK(!p.write);
}

TEST(each_figure_that_moves_is_written)
{
	static const struct {
		int64_t memory, disk;
		uint64_t busy;
		const char *why;
	} rows[] = {
	        {0, 0, 200, NULL},
	        {GIB / 4, 0, 200, "memory use moved"},
	        {-GIB / 4, 0, 200, "memory use moved"},
	        {0, 2 * GIB, 200, "disk use moved"},
	        {0, 2 * GIB - 1, 200, NULL},
	        {0, 0, 380, NULL},            /* mean of 20 and 38: 29; 30 would be a step of 10 */
	        {0, 0, 400, "cpu use moved"}, /* mean 30 */
	        {0, 0, 1000, "cpu use moved"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct measure then = machine(1000, 10000), now = machine(1000 + rows[i].busy, 11000);
		struct health_input in = input(&then, NULL, NULL);
		struct health_plan first, p;
		health_plan(&in, &arena, &first);
		first.record.cpuUsed = 20;
		now.memory_used_bytes += rows[i].memory;
		now.disk_used_bytes += rows[i].disk;
		in = input(&now, &then, &first.record);
		health_plan(&in, &arena, &p);
		CHECK_STR(p.why, rows[i].why);
		CHECK(p.write == (rows[i].why != NULL));
	}
}

TEST(counters_that_go_back_tell_nothing)
{
	struct measure then = machine(5000, 10000), now = machine(10, 100);
	struct health_input in = input(&now, &then, NULL);
	struct health_plan p;
	health_plan(&in, &arena, &p);
	CHECK_INT(p.cpu_mean, 20);
}

TEST(a_full_disk_comes_and_goes_with_a_gap)
{
	static const struct {
		int64_t used_gib;
		bool full;
	} rows[] = {{94, false}, {95, true}, {92, true}, {90, true}, {89, false}, {94, false}};
	struct health written = {0};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct measure now = machine(1, 2);
		now.disk_used_bytes = rows[i].used_gib * GIB;
		struct health_input in = input(&now, NULL, i ? &written : NULL);
		struct health_plan p;
		health_plan(&in, &arena, &p);
		CHECK_INT(p.record.conditions.count, rows[i].full);
		if (rows[i].full)
			CHECK_STR(LIST_ITEMS(&p.record.conditions, struct condition)->type, "DiskFull");
		written = p.record;
	}
}

TEST(proc_files_are_read_strictly)
{
	struct cpu_ticks t;
	CHECK(measure_parse_stat("cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3 4\n", &t));
	CHECK_INT(t.total, 531);
	CHECK_INT(t.busy, 81);
	CHECK(!measure_parse_stat("", &t));
	CHECK(!measure_parse_stat("intr 1 2 3 4", &t));
	int64_t total, used;
	CHECK(measure_parse_meminfo("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n",
	                            &total, &used));
	CHECK_INT(total, 1024000);
	CHECK_INT(used, 614400);
	CHECK(!measure_parse_meminfo("MemTotal:       1000 kB\n", &total, &used));
	CHECK(!measure_parse_meminfo("MemTotal: x\nMemAvailable: y\n", &total, &used));
}

TEST(this_machine_can_be_measured)
{
	struct measure m;
	measure_now("/", &m);
	CHECK(m.ticks.total > 0 && m.cpu_milli >= 1000 && m.memory_bytes > m.memory_used_bytes &&
	      m.disk_bytes > 0);
	CHECK(m.architecture[0] && m.kernel[0]);
}
