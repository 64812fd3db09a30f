/*
 * Two classes of outcome.
 *
 *   0             done
 *   -errno        this operation cannot go on; passed up unchanged, never matched on
 *   MODULE_E_...  positive: an expected outcome of that function, handled by its direct caller, never forwarded
 *
 * Where a person or a peer has to be told, a function also takes a `struct error *`: it is filled only on failure,
 * may be NULL, and holds one complete sentence that names the place, the bound and the remedy.
 */
#pragma once

#include "core/macro.h"

struct error {
	int code;	/* the same number that the function returned */
	int line;	/* 1-based line of the document at fault; 0: not known */
	char path[192]; /* "containers.app.image", "" when the whole is meant */
	char text[512]; /* what is wrong, without the path */
};

/* Fills err (when not NULL) and returns code, so that `return error_set(err, -EINVAL, path, "...")` reads well. */
int error_set(struct error *err, int code, const char *path, const char *fmt, ...) _printf_(4, 5);

/* Puts "SEGMENT." (or "SEGMENT[...]" joints as given) in front of err->path while unwinding. */
void error_prefix(struct error *err, const char *segment);

/* "line 3: containers.app.image: text", leaving out what is not known. Returns buf. */
const char *error_format(const struct error *err, char *buf, size_t size) _nonnull_(1, 2);
