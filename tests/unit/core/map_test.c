/* The hash map against a plain list, through thousands of random steps. */
#include "core/map.h"

#include <stdlib.h>

#include "core/mem.h"
#include "lib/test.h"

TEST(put_get_remove)
{
	struct map m = MAP_INIT;
	int a, b;
	CHECK(map_get(&m, "x") == NULL);
	CHECK(map_remove(&m, "x") == NULL);
	CHECK(map_put(&m, "x", &a) == NULL);
	CHECK(map_put(&m, "x", &b) == &a);
	CHECK(map_get(&m, "x") == &b);
	CHECK(map_put(&m, "", &a) == NULL);
	CHECK_INT(m.count, 2);
	CHECK(map_get(&m, "") == &a);
	CHECK(map_remove(&m, "x") == &b);
	CHECK(map_get(&m, "x") == NULL);
	CHECK(map_remove(&m, "x") == NULL);
	map_done(&m, NULL);
	map_done(&m, NULL);
	CHECK(map_get(&m, "") == NULL);
}

TEST(keys_are_copies)
{
	struct map m = MAP_INIT;
	char key[] = "a";
	(void)map_put(&m, key, key);
	key[0] = 'b';
	CHECK(map_get(&m, "a") == key);
	CHECK(map_get(&m, "b") == NULL);
	map_done(&m, NULL);
}

TEST(iteration_is_in_order_of_insertion)
{
	struct map m = MAP_INIT;
	char name[8], order[64] = "";
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		(void)map_put(&m, name, &m);
	}
	(void)map_remove(&m, "1");
	map_for_each (e, &m)
		(void)strncat(order, e->key, sizeof(order) - strlen(order) - 1);
	CHECK_STR(order, "0423");
	map_done(&m, NULL);
	map_for_each (e, &m)
		CHECK(false);
}

static void count_free(void *value)
{
	++*(int *)value;
}

TEST(done_frees_the_values)
{
	struct map m = MAP_INIT;
	int freed = 0;
	(void)map_put(&m, "a", &freed);
	(void)map_put(&m, "b", &freed);
	map_done(&m, count_free);
	CHECK_INT(freed, 2);
}

/* A small generator, so that every run does the same. */
static uint32_t step(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

TEST(agrees_with_a_plain_list)
{
	enum { KEYS = 600, STEPS = 60000 };
	static int values[KEYS];
	bool there[KEYS] = {false};
	size_t count = 0;
	struct map m = MAP_INIT;
	uint32_t seed = 7;
	for (int i = 0; i < STEPS; i++) {
		unsigned k = step(&seed) % KEYS;
		char key[32];
		(void)snprintf(key, sizeof(key), "status/pods/n1/web-%u", k);
		if (step(&seed) % 2) {
			CHECK(map_put(&m, key, &values[k]) == (there[k] ? &values[k] : NULL));
			count += !there[k];
			there[k] = true;
		} else {
			CHECK(map_remove(&m, key) == (there[k] ? &values[k] : NULL));
			count -= there[k];
			there[k] = false;
		}
		CHECK_INT(m.count, count);
		if (i % 5000)
			continue;
		for (unsigned n = 0; n < KEYS; n++) {
			(void)snprintf(key, sizeof(key), "status/pods/n1/web-%u", n);
			CHECK(map_get(&m, key) == (there[n] ? &values[n] : NULL));
		}
	}
	map_done(&m, NULL);
}
