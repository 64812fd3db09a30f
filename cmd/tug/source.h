/* Where documents come from: each -f of a command line is a file, a directory, a URL or "-" for stdin. */
#pragma once

#include "cmd/tug/cli.h"

/* What is done to each document; source is what people call it ("web.yaml", "stdin"). An exit code. */
typedef int each_fn(struct cli *c, const char *source, const struct document *d, void *ctx);

/*
 * Calls each for every document of every -f in order; files of a directory by name. What cannot be read is told, and the
 * rest goes on. The first exit code that is not EXIT_OK.
 */
int each_given(struct cli *c, each_fn *each, void *ctx) _nonnull_(1, 2) _must_check_;
