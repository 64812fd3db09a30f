/* Waiting for microservices to be ready or gone, with progress on stderr; what --wait and --timeout mean. */
#pragma once

#include <stdint.h>

#include "cmd/tug/cli.h"

/* What is waited for. Everything is asked for first and waited for then: one may depend on the next. */
struct wait_list {
	struct awaited *items;
	size_t count;
};

void wait_add(struct wait_list *l, const char *project, const char *name, int64_t rev) _nonnull_(1, 2, 3);
void wait_list_done(struct wait_list *l) _nonnull_(1);
#define _cleanup_wait_list_ _cleanup_(wait_list_done)

/* Until each microservice, as of its revision, is ready. An exit code: EXIT_TIMEOUT after --timeout in all. */
int wait_ready(struct cli *c, const struct wait_list *l) _nonnull_(1, 2) _must_check_;
/* Until none of them has a pod left. */
int wait_gone(struct cli *c, const struct wait_list *l) _nonnull_(1, 2) _must_check_;
