/* What a request asks for: its method, the decoded segments of its path and its query. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/http/http1.h"
#include "core/str.h"
#include "core/value.h"

enum method {
	METHOD_GET = 1 << 0,
	METHOD_HEAD = 1 << 1,
	METHOD_POST = 1 << 2,
	METHOD_PUT = 1 << 3,
	METHOD_PATCH = 1 << 4,
	METHOD_DELETE = 1 << 5,
	METHOD_OTHER = 1 << 6,
};

#define REQUEST_SEGMENTS 8
#define REQUEST_PARAMS   32

struct request {
	enum method method;
	char *segments[REQUEST_SEGMENTS]; /* decoded; "/" has none */
	size_t n_segments;                /* REQUEST_SEGMENTS + 1: more than any route has */
	struct value *query;              /* object of strings; a parameter without '=' is "" */
};

/*
 * path and query as httpd gives them (encoded). 0, or -EINVAL with err: bad escapes, bad UTF-8, a parameter
 * given twice, more than REQUEST_PARAMS. ret needs request_done() in either case.
 */
int request_parse(struct http1_slice method, struct http1_slice path, struct http1_slice query,
                  struct request *ret, struct error *err) _nonnull_(4) _must_check_;
void request_done(struct request *r) _nonnull_(1);

/* "GET", ...; METHOD_OTHER is "". */
const char *method_name(enum method m);
/* "GET, HEAD, PUT" of a set. */
void methods_print(unsigned set, struct str *out) _nonnull_(2);

/* The parameter's text, NULL when absent or empty. */
const char *request_param(const struct request *r, const char *name) _nonnull_(1, 2);
/* A switch: 1, true, 0, false. 0, or -EINVAL with err. Absent: false. */
int request_switch(const struct request *r, const char *name, bool *ret, struct error *err)
        _nonnull_(1, 2, 3) _must_check_;
/* A whole number of at least 0. Absent: *ret stays. 0, or -EINVAL with err. */
int request_number(const struct request *r, const char *name, int64_t *ret, struct error *err)
        _nonnull_(1, 2, 3) _must_check_;
/*
 * A moment: ms since 1970, or a duration before now with its unit ("10m"). Absent: *ret stays. 0, or -EINVAL
 * with err.
 */
int request_moment(const struct request *r, const char *name, int64_t now_wall_ms, int64_t *ret,
                   struct error *err) _nonnull_(1, 2, 4) _must_check_;
/* Refuses parameters other than those in `allowed` (words with blanks between them). */
int request_check_params(const struct request *r, const char *allowed, struct error *err)
        _nonnull_(1, 2) _must_check_;

/*
 * The password that a request carries: from an Authorization field ("Bearer X", "Basic base64(user:X)"), else
 * from ?password=. False: none. out is to be cleared by the caller with str_done().
 */
bool request_password(struct http1_slice authorization, const struct value *query, struct str *out)
        _nonnull_(3);
