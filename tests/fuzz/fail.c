/* A CHECK of lib/test.h that does not hold is a crash here: that is what a fuzzer looks for. */
#include <stdarg.h>
#include <stdlib.h>

#include "lib/test.h"

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)fprintf(stderr, "%s:%d: ", file, line);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	abort();
}
