/* Counts of answers by route and status, for /metrics. */
#pragma once

#include <stdint.h>

#include "core/str.h"

#define METRICS_ROUTES 32 /* rows of the table; the last one stands for requests without a route */
#define METRICS_CODES  16

struct metrics {
	uint64_t answers[METRICS_ROUTES][METRICS_CODES];
};

struct route;

/* route NULL: none matched. */
void metrics_count(struct metrics *m, const struct route *route, int status) _nonnull_(1);
/* As samples of the counter tug_api_requests. */
void metrics_print(const struct metrics *m, struct str *out) _nonnull_(1, 2);
