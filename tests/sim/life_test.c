/* Lives that are the same each time, and those that failed once. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/macro.h"
#include "lib/test.h"
#include "sim/life.h"

TEST(the_same_seed_gives_the_same_steps)
{
	struct life_config c = {.seed = 42, .nodes = 3, .hours = 12};
	struct life_result first, second, other;
	CHECK(life(&c, &first, stderr));
	CHECK(life(&c, &second, stderr));
	c.seed = 43;
	CHECK(life(&c, &other, stderr));
	CHECK(first.steps > 10000 && first.writes > 100 && first.faults > 10);
	CHECK_INT(first.steps, second.steps);
	CHECK(first.hash == second.hash);
	CHECK(first.hash != other.hash);
}

TEST(clusters_of_one_node_and_of_many)
{
	static const unsigned nodes[] = {1, 2, 5, 12};
	for (size_t i = 0; i < ELEMENTS(nodes); i++) {
		struct life_config c = {.seed = 100 + i, .nodes = nodes[i], .hours = 10};
		struct life_result r;
		CHECK(life(&c, &r, stderr));
	}
}

TEST(what_failed_once)
{
	FILE *f = fopen("tests/sim/seeds", "r");
	char line[256];
	unsigned n = 0;
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		struct life_config c = {0};
		struct life_result r;
		if (sscanf(line, "%" SCNu64 " %" SCNd64 " %u", &c.seed, &c.hours, &c.nodes) != 3)
			continue;
		if (!life(&c, &r, stderr))
			test_fail(__FILE__, __LINE__, "again: %s", line);
		n++;
	}
	(void)fclose(f);
	CHECK(n > 0);
}
