/* What this machine says of itself: /proc/stat, /proc/meminfo, the data directory's file system, uname. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

/* Ticks since boot, over all processors (proc(5), /proc/stat, first line). */
struct cpu_ticks {
	uint64_t busy, total;
};

struct measure {
	struct cpu_ticks ticks;
	int64_t cpu_milli;    /* processors times 1000 */
	int64_t memory_bytes, memory_used_bytes; /* used: MemTotal - MemAvailable */
	int64_t disk_bytes, disk_used_bytes;
	char architecture[32]; /* Debian's and Go's word: "amd64", "arm64" */
	char kernel[80];
};

/* False when the text is not of that form. */
bool measure_parse_stat(const char *text, struct cpu_ticks *ret) _nonnull_(1, 2) _must_check_;
bool measure_parse_meminfo(const char *text, int64_t *ret_total, int64_t *ret_used) _nonnull_(1, 2, 3) _must_check_;
/* Everything now. What cannot be read stays 0 or "". */
void measure_now(const char *data_dir, struct measure *ret) _nonnull_(1, 2);
