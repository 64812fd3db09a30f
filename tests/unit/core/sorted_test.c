#include "core/sorted.h"

#include <stdlib.h>

#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"

struct thing {
	int n;
	char *key;
};

static struct thing *thing_new(const char *key, int n)
{
	struct thing *t = NEW(struct thing);
	t->key = mem_strdup(key);
	t->n = n;
	return t;
}

static void thing_free(void *p)
{
	struct thing *t = p;
	if (t)
		free(t->key);
	free(t);
}

/* Walks everything and checks that order and count are right. */
static void check_order(const struct sorted *s)
{
	const char *last = NULL;
	size_t n = 0;
	struct sorted_place place;
	const struct thing *t;
	sorted_for_each (t, place, s, "") {
		CHECK(!last || strcmp(last, t->key) < 0);
		last = t->key;
		n++;
	}
	CHECK_INT(n, s->count);
}

TEST(empty)
{
	struct sorted s = SORTED_INIT(struct thing, key);
	struct sorted_place place;
	CHECK(!sorted_get(&s, "a"));
	CHECK(!sorted_remove(&s, "a"));
	CHECK(!sorted_seek(&s, "", &place));
	CHECK(!sorted_next(&s, &place));
	sorted_done(&s, NULL);
}

TEST(put_get_replace_remove)
{
	struct sorted s = SORTED_INIT(struct thing, key);
	CHECK(!sorted_put(&s, thing_new("b", 1)));
	CHECK(!sorted_put(&s, thing_new("a", 2)));
	struct thing *old = sorted_put(&s, thing_new("b", 3));
	CHECK_INT(old->n, 1);
	thing_free(old);
	CHECK_INT(((struct thing *)sorted_get(&s, "b"))->n, 3);
	CHECK(!sorted_get(&s, "aa"));
	old = sorted_remove(&s, "a");
	CHECK_STR(old->key, "a");
	thing_free(old);
	CHECK(!sorted_remove(&s, "a"));
	CHECK_INT(s.count, 1);
	sorted_done(&s, thing_free);
	CHECK_INT(s.count, 0);
}

TEST(seek_begins_at_the_first_key_not_less)
{
	struct sorted s = SORTED_INIT(struct thing, key);
	s.key_skip = 5; /* keys below a common "/tug/" */
	char key[32];
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "/tug/k%04d", i * 2);
		CHECK(!sorted_put(&s, thing_new(key, i)));
	}
	struct sorted_place place;
	CHECK_STR(((struct thing *)sorted_seek(&s, "", &place))->key, "/tug/k0000");
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "k%04d", i * 2);
		CHECK_INT(((struct thing *)sorted_seek(&s, key, &place))->n, i);
		(void)snprintf(key, sizeof(key), "k%04d", i * 2 + 1);
		const struct thing *t = sorted_seek(&s, key, &place);
		CHECK(i == 999 ? !t : t->n == i + 1);
	}
	CHECK(!sorted_seek(&s, "l", &place));
	sorted_done(&s, thing_free);
}

static void fill(struct sorted *s, int n, int step)
{
	char key[32];
	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%06d", (int)((int64_t)i * step % n));
		CHECK(!sorted_put(s, thing_new(key, i)));
	}
}

TEST(blocks_stay_reasonably_full_in_every_order_of_insertion)
{
	/* 10007 is a prime: every step is a permutation. 1: ascending, 10006: descending. */
	const int steps[] = {1, 10006, 5003, 37};
	for (size_t i = 0; i < ELEMENTS(steps); i++) {
		struct sorted s = SORTED_INIT(struct thing, key);
		fill(&s, 10007, steps[i]);
		CHECK_INT(s.count, 10007);
		check_order(&s);
		CHECK(s.n_blocks <= 10007 / 32);
		sorted_done(&s, thing_free);
	}
}

TEST(keys_that_descend_between_full_blocks_do_not_make_a_block_each)
{
	struct sorted s = SORTED_INIT(struct thing, key);
	fill(&s, 128, 1);
	char key[32];
	for (int i = 999; i > 0; i--) {
		(void)snprintf(key, sizeof(key), "x%06d", i);
		CHECK(!sorted_put(&s, thing_new(key, i)));
	}
	check_order(&s);
	CHECK(s.n_blocks <= 32);
	sorted_done(&s, thing_free);
}

/* Against a plain table of what must be there. */
TEST(a_long_random_run_keeps_order_and_content)
{
	enum { KEYS = 3000 };
	struct sorted s = SORTED_INIT(struct thing, key);
	static int want[KEYS]; /* 0: absent */
	uint64_t dice = 88172645463325252U;
	char key[32];
	size_t present = 0;
	for (int i = 1; i < 60000; i++) {
		dice ^= dice << 13;
		dice ^= dice >> 7;
		dice ^= dice << 17;
		int k = (int)(dice % KEYS);
		(void)snprintf(key, sizeof(key), "%d", k);
		/* grows, shrinks, grows again */
		if ((dice >> 32) % 100 < (i / 20000 == 1 ? 20U : 70U)) {
			struct thing *old = sorted_put(&s, thing_new(key, i));
			CHECK_INT(old ? old->n : 0, want[k]);
			present += !want[k];
			want[k] = i;
			thing_free(old);
		} else {
			struct thing *old = sorted_remove(&s, key);
			CHECK_INT(old ? old->n : 0, want[k]);
			present -= want[k] != 0;
			want[k] = 0;
			thing_free(old);
		}
		CHECK_INT(s.count, present);
		if (i % 5000 == 0)
			check_order(&s);
	}
	while (s.count) {
		struct sorted_place place;
		struct thing *t = sorted_seek(&s, "", &place);
		CHECK(sorted_remove(&s, t->key) == t);
		thing_free(t);
	}
	CHECK_INT(s.n_blocks, 0);
	sorted_done(&s, NULL);
}
