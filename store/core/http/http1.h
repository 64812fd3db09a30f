/*
 * HTTP/1.1 message framing (RFC 9112), pure: bytes in, structure out; no I/O. Shared by the server
 * (core/httpd) and the client (core/http/client.h). Strict: what two implementations could read in two ways
 * is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/limits.h"

struct http1_slice {
	const char *data; /* not NUL-terminated */
	size_t len;
};

struct http1_field {
	struct http1_slice name;  /* as sent; compare without case */
	struct http1_slice value; /* outer blanks removed */
};

struct http1_head {
	/* request */
	struct http1_slice method, target;
	/* response */
	int status; /* 100..599; 0 in a request */
	struct http1_slice reason;
	int minor; /* 0: HTTP/1.0, 1: HTTP/1.1 */
	struct http1_field fields[LIMIT_HTTP_FIELDS];
	size_t n_fields;
	/* what the framing rules say */
	bool chunked;
	int64_t content_length; /* -1: not given */
	bool close;             /* the connection ends after this message */
	bool expect_continue;
	struct http1_slice upgrade; /* the Upgrade field with Connection: upgrade; empty: none */
	struct http1_slice host;
};

/*
 * Finds the end of a head in data[0..len): the number of bytes including the blank line, or 0 when more is
 * needed. *scan remembers how far was looked (start with 0). Negative: -E2BIG when no end within
 * LIMIT_HTTP_HEAD, -ENAMETOOLONG when not even the first line ends there, -EPROTO as soon as a bare CR, a
 * bare LF or another control character is met: no further byte can make a head of that.
 */
int http1_head_find(const char *data, size_t len, size_t *scan) _nonnull_(1, 3) _must_check_;

/*
 * Parses a whole head (as found). 0; or the status to answer with (400, 414, 417, 431, 501, 505), err says
 * why. The slices point into data. An absolute target ("http://host/path") is reduced to its path.
 */
int http1_request_parse(const char *data, size_t len, struct http1_head *ret, struct error *err)
        _nonnull_(1, 3) _must_check_;
/* The same for a response: 0 or -EPROTO. */
int http1_response_parse(const char *data, size_t len, struct http1_head *ret, struct error *err)
        _nonnull_(1, 3) _must_check_;

/* The value of a field (name in any case), or an empty slice with data NULL. */
struct http1_slice http1_field(const struct http1_head *h, const char *name) _nonnull_(1, 2);
bool http1_slice_is(struct http1_slice s, const char *text) _nonnull_(2);      /* exact */
bool http1_slice_is_word(struct http1_slice s, const char *text) _nonnull_(2); /* without case */

/* Chunked bodies (RFC 9112 section 7.1), incremental. Zero to start. */
struct http1_chunked {
	unsigned state;
	uint64_t left; /* of the present chunk */
	unsigned digits;
	unsigned skipped; /* of the present extension or of all trailers */
};

enum http1_chunk { HTTP1_CHUNK_MORE, HTTP1_CHUNK_DATA, HTTP1_CHUNK_END };
/*
 * Takes bytes from *data / *len (both are moved on). HTTP1_CHUNK_DATA: *ret is a piece of the body (call
 * again); HTTP1_CHUNK_END: the body is complete, the rest of *data belongs to the next message;
 * HTTP1_CHUNK_MORE: all bytes were taken. -EPROTO: malformed.
 */
int http1_chunked_next(struct http1_chunked *c, const char **data, size_t *len, struct http1_slice *ret)
        _nonnull_(1, 2, 3, 4) _must_check_;

/*
 * Splits the path of a target ("/v1/pods/a%2Fb?x=1"): calls on_segment for each decoded segment; `%2f` stays
 * inside its segment. "/" has no segment, "/a/" has "a" and "". What on_segment returns, when not 0, ends it
 * and is returned. 0 or -EINVAL: bad escape, %00, "." or ".." segments (encoded too), bytes outside of
 * visible ASCII.
 */
int http1_path_split(struct http1_slice path, int (*on_segment)(void *ctx, const char *segment, size_t len),
                     void *ctx) _must_check_;
/* Decodes %XX and, when plus is set, '+' as blank; to[] has room for s.len + 1. 0 or -EINVAL (bad escape,
 * NUL). */
int http1_decode(struct http1_slice s, bool plus, char *to, size_t *ret_len) _nonnull_(3, 4) _must_check_;
/*
 * Takes the next NAME=VALUE off a query ("a=1&b"), still encoded; a value without '=' has data NULL. False at
 * its end.
 */
bool http1_query_next(struct http1_slice *query, struct http1_slice *ret_name, struct http1_slice *ret_value)
        _nonnull_(1, 2, 3) _must_check_;
