/* The turn's allocator: alignment, zeroes, large pieces, and what a reset keeps. */
#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "lib/test.h"

TEST(memory_is_zeroed_and_aligned)
{
	struct arena a = ARENA_INIT;
	for (int turn = 0; turn < 3; turn++) {
		for (size_t size = 0; size < 200; size++) {
			unsigned char *p = arena_alloc(&a, size);
			CHECK_INT((uintptr_t)p % alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				CHECK_INT(p[i], 0);
			memset(p, 0xff, size);
		}
		arena_reset(&a);
		CHECK_INT(a.used, 0);
	}
	arena_done(&a);
}

TEST(pieces_do_not_overlap)
{
	struct arena a = ARENA_INIT;
	enum { PIECES = 500 };
	unsigned char *p[PIECES];
	for (size_t i = 0; i < PIECES; i++) {
		p[i] = arena_alloc(&a, 100 + i);
		memset(p[i], (int)(i & 0xff), 100 + i);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t k = 0; k < 100 + i; k++)
			CHECK_INT(p[i][k], i & 0xff);
	arena_done(&a);
}

TEST(large_pieces_are_given_back)
{
	struct arena a = ARENA_INIT;
	char *small = arena_alloc(&a, 100);
	char *large = arena_alloc(&a, 1 << 20);
	large[(1 << 20) - 1] = 'x';
	arena_reset(&a);
	CHECK(arena_alloc(&a, 100) == small); /* the ordinary block is the one that is kept */
	arena_reset(&a);
	arena_reset(&a);
	arena_done(&a);
	arena_done(&a);
	CHECK(a.head == NULL);
	CHECK(*(char *)arena_alloc(&a, 1) == 0);
	arena_done(&a);
}

TEST(strings)
{
	struct arena a = ARENA_INIT;
	CHECK_STR(arena_strdup(&a, "abc"), "abc");
	CHECK(arena_strdup(&a, NULL) == NULL);
	CHECK(arena_dup(&a, NULL, 5) == NULL);
	CHECK_STR(arena_printf(&a, "%s-%d", "web", 7), "web-7");
	CHECK_STR(arena_printf(&a, "%s", ""), "");
	char *text = arena_printf(&a, "%020000d", 1);
	CHECK_INT(strlen(text), 20000);
	int *numbers = ARENA_ARRAY(&a, int, 10);
	CHECK_INT(numbers[9], 0);
	arena_done(&a);
}
