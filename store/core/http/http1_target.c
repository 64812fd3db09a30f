/* Paths and queries: split first, decode then, so that an encoded delimiter stays a part of its name. */
#include "core/http/http1.h"

#include <errno.h>
#include <string.h>

#include "core/http/http1_chars.h"

int http1_decode(struct http1_slice s, bool plus, char *to, size_t *ret_len)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c == '%') {
			int hi = i + 2 < s.len ? http1_hex(s.data[i + 1]) : -1;
			int lo = i + 2 < s.len ? http1_hex(s.data[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return -EINVAL;
			c = (char)(hi * 16 + lo);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return -EINVAL;
		to[n++] = c;
	}
	to[n] = '\0';
	*ret_len = n;
	return 0;
}

static bool is_visible(struct http1_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f)
			return false;
	return true;
}

int http1_path_split(struct http1_slice path, int (*on_segment)(void *ctx, const char *segment, size_t len),
                     void *ctx)
{
	char segment[LIMIT_HTTP_TARGET + 1];
	if (path.len == 0 || path.len > LIMIT_HTTP_TARGET || path.data[0] != '/' || !is_visible(path))
		return -EINVAL;
	const char *query = memchr(path.data, '?', path.len);
	const char *at = path.data + 1, *end = query ? query : path.data + path.len;
	if (at == end)
		return 0;
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		struct http1_slice raw = {at, (size_t)((slash ? slash : end) - at)};
		size_t len;
		int r = http1_decode(raw, false, segment, &len);
		if (r < 0)
			return r;
		if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
			return -EINVAL;
		r = on_segment(ctx, segment, len);
		if (r || !slash)
			return r;
		at = slash + 1;
	}
}

bool http1_query_next(struct http1_slice *query, struct http1_slice *ret_name, struct http1_slice *ret_value)
{
	while (query->len) {
		const char *amp = memchr(query->data, '&', query->len);
		struct http1_slice pair = {query->data, amp ? (size_t)(amp - query->data) : query->len};
		query->data += pair.len + (amp ? 1 : 0);
		query->len -= pair.len + (amp ? 1 : 0);
		if (pair.len == 0)
			continue;
		const char *equals = memchr(pair.data, '=', pair.len);
		size_t name_len = equals ? (size_t)(equals - pair.data) : pair.len;
		*ret_name = (struct http1_slice){pair.data, name_len};
		*ret_value = (struct http1_slice){equals ? equals + 1 : NULL,
		                                  equals ? pair.len - name_len - 1 : 0};
		return true;
	}
	return false;
}
