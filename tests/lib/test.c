#include "lib/test.h"

#include <stdarg.h>
#include <stdlib.h>

static struct test *first, *last;
static const char *current = "";

void test_register(struct test *t)
{
	if (last)
		last->next = t;
	else
		first = t;
	last = t;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	(void)fprintf(stderr, "%s:%d: in %s: ", file, line, current);
	va_list ap;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\n0 passed, 1 failed\n");
	abort();
}

static bool selected(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]))
			return true;
	return argc < 2;
}

/* weak: programs that only use CHECK and lib/certs.h bring their own */
__attribute__((weak)) int main(int argc, char **argv)
{
	unsigned passed = 0;
	for (struct test *t = first; t; t = t->next) {
		if (!selected(t, argc, argv))
			continue;
		current = t->name;
		t->run();
		passed++;
	}
	printf("%u passed, 0 failed\n", passed);
	return passed == 0; /* a test program that tested nothing has failed */
}
