/*
 * The whole test framework: TEST(name) registers itself, CHECK...() ends the process at the first failure, and the
 * program ends with "N passed, N failed". Arguments select tests by substring of their name.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *t);
/* Prints where and what, then aborts (so that a debugger and a sanitizer see the place). */
void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

#define TEST(id) \
	static void test_##id(void); \
	__attribute__((constructor)) static void test_register_##id(void) \
	{ \
		static struct test t = {.name = #id, .run = test_##id}; \
		test_register(&t); \
	} \
	static void test_##id(void)

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			test_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)

#define CHECK_INT(have, want) \
	do { \
		int64_t have_ = (int64_t)(have), want_ = (int64_t)(want); \
		if (have_ != want_) \
			test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", want %" PRId64, #have, have_, want_); \
	} while (0)

#define CHECK_STR(have, want) \
	do { \
		const char *have_ = (have), *want_ = (want); \
		if ((have_ == NULL) != (want_ == NULL) || (have_ && strcmp(have_, want_) != 0)) \
			test_fail(__FILE__, __LINE__, "%s is\n  %s\nwant\n  %s", #have, have_ ? have_ : "(null)", \
				  want_ ? want_ : "(null)"); \
	} while (0)

/* want is part of have */
#define CHECK_HAS(have, want) \
	do { \
		const char *have_ = (have), *want_ = (want); \
		if (!have_ || !strstr(have_, want_)) \
			test_fail(__FILE__, __LINE__, "%s is\n  %s\nwhich lacks\n  %s", #have, \
				  have_ ? have_ : "(null)", want_); \
	} while (0)
