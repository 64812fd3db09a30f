#include "controllers/health/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/file.h"

#define PROC_MAX (256 * 1024)

bool measure_parse_stat(const char *text, struct cpu_ticks *ret)
{
	uint64_t t[8] = {0};
	/* user nice system idle iowait irq softirq steal; guest time is contained in user */
	int n = sscanf(text,
	               "cpu %18" SCNu64 " %18" SCNu64 " %18" SCNu64 " %18" SCNu64 " %18" SCNu64 " %18" SCNu64
	               " %18" SCNu64 " %18" SCNu64,
	               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
	if (n < 4)
		return false;
	struct cpu_ticks c = {0};
	for (size_t i = 0; i < ELEMENTS(t); i++) {
		if (t[i] > INT64_MAX / ELEMENTS(t)) /* or below zero: sscanf wraps it round */
			return false;
		c.total += t[i];
	}
	c.busy = c.total - t[3] - t[4];
	*ret = c;
	return true;
}

static bool meminfo_field(const char *text, const char *name, int64_t *ret)
{
	const char *line = strstr(text, name);
	int64_t kib;
	if (!line || sscanf(line + strlen(name), ": %18" SCNd64 " kB", &kib) != 1 || kib < 0 ||
	    kib > INT64_MAX / 1024)
		return false;
	*ret = kib * 1024;
	return true;
}

bool measure_parse_meminfo(const char *text, int64_t *ret_total, int64_t *ret_used)
{
	int64_t total, available;
	if (!meminfo_field(text, "MemTotal", &total) || !meminfo_field(text, "MemAvailable", &available))
		return false;
	*ret_total = total;
	*ret_used = MAX(total - available, 0);
	return true;
}

static const char *architecture(const char *machine)
{
	static const char *const names[][2] = {
	        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
	        {"armv6l", "arm"},   {"i686", "386"},      {"ppc64le", "ppc64le"},
	};
	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (streq(machine, names[i][0]))
			return names[i][1];
	return machine;
}

void measure_now(const char *data_dir, struct measure *ret)
{
	*ret = (struct measure){0};
	_cleanup_str_ struct str text = STR_INIT;
	if (file_read("/proc/stat", PROC_MAX, &text) < 0 || !measure_parse_stat(str_get(&text), &ret->ticks))
		ret->ticks = (struct cpu_ticks){0};
	str_clear(&text);
	if (file_read("/proc/meminfo", PROC_MAX, &text) < 0 ||
	    !measure_parse_meminfo(str_get(&text), &ret->memory_bytes, &ret->memory_used_bytes))
		ret->memory_bytes = 0;
	ret->cpu_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000;
	struct statvfs fs;
	if (statvfs(data_dir, &fs) == 0) {
		ret->disk_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
		/* what root alone may use counts as used: programs cannot have it */
		ret->disk_used_bytes = ret->disk_bytes - (int64_t)(fs.f_bavail * fs.f_frsize);
	}
	struct utsname u;
	if (uname(&u) == 0) {
		(void)snprintf(ret->architecture, sizeof(ret->architecture), "%s", architecture(u.machine));
		(void)snprintf(ret->kernel, sizeof(ret->kernel), "%s", u.release);
	}
}
