#include "core/http/http1.h"

#include <errno.h>

#include "core/str.h"
#include "lib/test.h"

static struct http1_slice slice(const char *s)
{
	return (struct http1_slice){s, strlen(s)};
}

static int on_segment(void *ctx, const char *segment, size_t len)
{
	CHECK_INT(strlen(segment), len);
	str_printf(ctx, "<%s>", segment);
	return strcmp(segment, "stop") == 0 ? 7 : 0;
}

TEST(path)
{
	static const struct {
		const char *path;
		int want;
		const char *segments;
	} rows[] = {
	        {"/", 0, ""},
	        {"/?a=b", 0, ""},
	        {"/a", 0, "<a>"},
	        {"/a/", 0, "<a><>"},
	        {"//", 0, "<><>"},
	        {"/v1/pods/a%2Fb?x=1/2", 0, "<v1><pods><a/b>"},
	        {"/a%20b/%41", 0, "<a b><A>"},
	        {"/...", 0, "<...>"},
	        {"/a/stop/b", 7, "<a><stop>"},
	        {"/%zz", -EINVAL, ""},
	        {"/%4", -EINVAL, ""},
	        {"/%", -EINVAL, ""},
	        {"/a%4/b", -EINVAL, ""},
	        {"/%00", -EINVAL, ""},
	        {"/a%00b", -EINVAL, ""},
	        {"/.", -EINVAL, ""},
	        {"/a/..", -EINVAL, "<a>"},
	        {"/%2e%2E/a", -EINVAL, ""},
	        {"/a/./b", -EINVAL, "<a>"},
	        {"", -EINVAL, ""},
	        {"a", -EINVAL, ""},
	        {"*", -EINVAL, ""},
	        {"/a b", -EINVAL, ""},
	        {"/\xc3\xa4", -EINVAL, ""},
	};
	_cleanup_str_ struct str out = STR_INIT;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		str_clear(&out);
		CHECK_INT(http1_path_split(slice(rows[i].path), on_segment, &out), rows[i].want);
		CHECK_STR(str_get(&out), rows[i].segments);
	}
}

TEST(path_bound)
{
	char path[LIMIT_HTTP_TARGET + 2];
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	_cleanup_str_ struct str out = STR_INIT;
	CHECK_INT(http1_path_split((struct http1_slice){path, LIMIT_HTTP_TARGET}, on_segment, &out), 0);
	CHECK_INT(out.len, LIMIT_HTTP_TARGET - 1 + 2);
	CHECK_INT(http1_path_split((struct http1_slice){path, LIMIT_HTTP_TARGET + 1}, on_segment, &out),
	          -EINVAL);
}

TEST(decode)
{
	char to[32];
	size_t len;
	CHECK_INT(http1_decode(slice("a+b%2B%c3%A4"), true, to, &len), 0);
	CHECK_STR(to, "a b+\xc3\xa4");
	CHECK_INT(len, 6);
	CHECK_INT(http1_decode(slice("a+b"), false, to, &len), 0);
	CHECK_STR(to, "a+b");
	CHECK_INT(http1_decode(slice(""), true, to, &len), 0);
	CHECK_STR(to, "");
	CHECK_INT(http1_decode(slice("%0"), true, to, &len), -EINVAL);
	CHECK_INT(http1_decode(slice("%00"), true, to, &len), -EINVAL);
	CHECK_INT(http1_decode(slice("%-1"), true, to, &len), -EINVAL);
	CHECK_INT(http1_decode((struct http1_slice){"a\0b", 3}, true, to, &len), -EINVAL);
}

TEST(query)
{
	struct http1_slice q = slice("a=1&&b&=c&d=e=f&"), name, value;
	static const char *const want[] = {"a", "1", "b", NULL, "", "c", "d", "e=f"};
	for (size_t i = 0; i < ELEMENTS(want); i += 2) {
		CHECK(http1_query_next(&q, &name, &value));
		CHECK(http1_slice_is(name, want[i]));
		CHECK_INT(value.data != NULL, want[i + 1] != NULL);
		if (want[i + 1])
			CHECK(http1_slice_is(value, want[i + 1]));
	}
	CHECK(!http1_query_next(&q, &name, &value));
}
