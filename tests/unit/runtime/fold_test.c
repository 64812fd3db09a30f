#include "controllers/runtime/fold.h"

#include "lib/test.h"

TEST(once_within_the_window)
{
	struct fold f;
	fold_init(&f, 60000);
	CHECK(fold_is_new(&f, "a", 1000));
	CHECK(!fold_is_new(&f, "a", 1000));
	CHECK(fold_is_new(&f, "b", 2000));
	CHECK(!fold_is_new(&f, "a", 60999));
	CHECK(fold_is_new(&f, "a",
	                  61000)); /* the window counts from what was said, not from what was swallowed */
	CHECK(!fold_is_new(&f, "b", 61999));
	CHECK(!fold_is_new(&f, "a", 120999));
	CHECK(fold_is_new(&f, "a", 121000));
	fold_done(&f);
}

TEST(what_is_old_is_thrown_out)
{
	struct fold f;
	fold_init(&f, 1000);
	char text[16];
	for (int i = 0; i < 500; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		CHECK(fold_is_new(&f, text, i));
	}
	CHECK_INT(f.said.count, 500);
	CHECK(fold_is_new(&f, "x", 1250));
	CHECK_INT(f.said.count, 250); /* those since 251, and the new one */
	CHECK(!fold_is_new(&f, "251", 1250));
	CHECK(fold_is_new(&f, "250", 1250));
	fold_done(&f);
}

TEST(its_memory_is_bounded)
{
	struct fold f;
	fold_init(&f, 60000);
	char text[16];
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		CHECK(fold_is_new(&f, text, 5));
		CHECK(f.said.count <= FOLD_MOST);
	}
	CHECK(!fold_is_new(&f, text, 5));
	fold_done(&f);
}
