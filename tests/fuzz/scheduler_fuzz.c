/*
 * The scheduler's plan under any sequence of events: deterministic, within its bounds, and at rest as wanted
 * once everything is well. The checks are those of the property test.
 */
#include <stdarg.h>

#include "unit/scheduler/chaos.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	chaos_run(data, size);
	return 0;
}
