/*
 * HTTP/1.1 framing on any bytes: heads of requests and responses, targets, chunked bodies. What is understood must not
 * depend on how the bytes were cut, must lie within them, and must not contradict itself. The first byte is the length
 * of the pieces, the second says what the rest is.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/http/http1.h"
#include "core/mem.h"
#include "core/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* --- heads --- */

static int find(const char *data, size_t len, size_t step)
{
	size_t scan = 0;
	int n = 0;
	for (size_t have = 0; n == 0 && have < len;) {
		have = MIN(have + step, len);
		n = http1_head_find(data, have, &scan);
		must(n <= 0 || (size_t)n <= have);
	}
	return n;
}

static void check_slice(struct http1_slice s, const char *data, size_t len)
{
	must(s.len == 0 || (s.data >= data && s.len <= len && s.data + s.len <= data + len));
}

static int count_segment(void *ctx, const char *segment, size_t len)
{
	*(size_t *)ctx += len;
	must(!memchr(segment, 0, len));
	return 0;
}

static void check_target(struct http1_slice target)
{
	struct http1_slice path = target, query = {0};
	const char *mark = target.len ? memchr(target.data, '?', target.len) : NULL;
	if (mark) {
		path.len = (size_t)(mark - target.data);
		query = (struct http1_slice){mark + 1, target.len - path.len - 1};
	}
	size_t decoded = 0;
	if (http1_path_split(path, count_segment, &decoded) == 0)
		must(decoded <= path.len);
	struct http1_slice name, value, rest = query;
	while (http1_query_next(&rest, &name, &value)) {
		check_slice(name, target.data, target.len);
		check_slice(value, target.data, target.len);
		_cleanup_free_ char *to = mem_alloc(value.len + 1);
		size_t n;
		if (value.data && http1_decode(value, true, to, &n) == 0)
			must(n <= value.len && !memchr(to, 0, n));
	}
}

static void check_head(const struct http1_head *h, const char *data, size_t len)
{
	must(h->n_fields <= LIMIT_HTTP_FIELDS);
	must(h->content_length >= -1 && !(h->chunked && h->content_length >= 0));
	must(h->minor == 0 || h->minor == 1);
	for (size_t i = 0; i < h->n_fields; i++) {
		check_slice(h->fields[i].name, data, len);
		check_slice(h->fields[i].value, data, len);
		must(h->fields[i].name.len > 0);
	}
	check_slice(h->method, data, len);
	check_slice(h->target, data, len);
	check_slice(h->reason, data, len);
	check_slice(h->upgrade, data, len);
	check_slice(h->host, data, len);
}

static void heads(const char *data, size_t len, size_t step, bool request)
{
	int n = find(data, len, step), whole = find(data, len, len ? len : 1);
	must((n > 0) == (whole > 0) && (n <= 0 || n == whole));
	must((n < 0) == (whole < 0));
	if (n <= 0)
		return;
	/* exactly the head, so that a sanitizer sees a read beyond its end */
	_cleanup_free_ char *head = mem_dup(data, (size_t)n);
	struct http1_head h;
	struct error err = {0};
	int r = request ? http1_request_parse(head, (size_t)n, &h, &err)
	                : http1_response_parse(head, (size_t)n, &h, &err);
	if (r != 0) {
		must(request ? r >= 400 && r <= 505 : r == -EPROTO);
		must(!request || err.text[0]);
		return;
	}
	check_head(&h, head, (size_t)n);
	if (request) {
		must(h.status == 0 && h.method.len > 0 && h.target.len > 0);
		check_target(h.target);
	} else {
		must(h.status >= 100 && h.status <= 599);
	}
}

/* --- chunked bodies --- */

/* 1: complete, and *ret_rest bytes belong to what follows; 0: more is needed; -EPROTO. */
static int decode(const char *data, size_t len, size_t step, struct str *body, size_t *ret_rest)
{
	struct http1_chunked c = {0};
	*ret_rest = 0;
	for (size_t at = 0; at < len;) {
		size_t left = MIN(step, len - at);
		const char *p = data + at;
		struct http1_slice piece;
		int r;
		at += left;
		while ((r = http1_chunked_next(&c, &p, &left, &piece)) == HTTP1_CHUNK_DATA) {
			must(piece.len > 0 && piece.data >= data && piece.data + piece.len <= data + at);
			str_add(body, piece.data, piece.len);
		}
		must(p + left == data + at);
		if (r < 0)
			return r;
		if (r == HTTP1_CHUNK_END) {
			*ret_rest = left + len - at;
			return 1;
		}
		must(left == 0);
	}
	return 0;
}

static void bodies(const char *data, size_t len, size_t step)
{
	_cleanup_str_ struct str whole = STR_INIT, cut = STR_INIT;
	size_t whole_rest, cut_rest;
	int r = decode(data, len, len ? len : 1, &whole, &whole_rest);
	int s = decode(data, len, step, &cut, &cut_rest);
	must(r == s && whole_rest == cut_rest);
	must(whole.len == cut.len && (whole.len == 0 || memcmp(whole.data, cut.data, whole.len) == 0));
	must(whole.len <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t step = data[0] ? data[0] : 256;
	const char *rest = (const char *)data + 2;
	if (data[1] == 'c')
		bodies(rest, size - 2, step);
	else
		heads(rest, size - 2, step, data[1] != 'r');
	return 0;
}
