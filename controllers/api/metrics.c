#include "controllers/api/metrics.h"

#include <assert.h>
#include <inttypes.h>

#include "controllers/api/route.h"

/* The last one stands for all others. */
static const int codes[METRICS_CODES] = {200, 201, 400, 403, 404, 405, 409, 410,
                                         413, 415, 429, 502, 503, 504, 507, 0};

static size_t code_index(int status)
{
	size_t i = 0;
	while (codes[i] && codes[i] != status)
		i++;
	return i;
}

void metrics_count(struct metrics *m, const struct route *route, int status)
{
	size_t i = route ? (size_t)(route - routes) : METRICS_ROUTES - 1;
	assert(i < METRICS_ROUTES);
	m->answers[i][code_index(status)]++;
}

void metrics_print(const struct metrics *m, struct str *out)
{
	str_puts(out,
	         "# TYPE tug_api_requests counter\n# HELP tug_api_requests Answers by route and status.\n");
	bool in_table = true;
	for (size_t i = 0; i < METRICS_ROUTES; i++) {
		in_table = in_table && routes[i].pattern;
		for (size_t k = 0; k < METRICS_CODES; k++) {
			if (!m->answers[i][k])
				continue;
			str_puts(out, "tug_api_requests_total{method=\"");
			str_puts(out, in_table ? method_name((enum method)routes[i].method) : "");
			str_printf(out, "\",route=\"%s\",code=\"", in_table ? routes[i].pattern : "other");
			if (codes[k])
				str_printf(out, "%d", codes[k]);
			else
				str_puts(out, "other");
			str_printf(out, "\"} %" PRIu64 "\n", m->answers[i][k]);
		}
	}
}
