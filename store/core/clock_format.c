/* Apart from the clocks: pure, and there also where a program brings its own clocks. */
#include <time.h>

#include "core/clock.h"

const char *clock_format(int64_t wall_ms, char *buf, size_t size)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	(void)gmtime_r(&seconds, &tm);
	if (strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
	return buf;
}
