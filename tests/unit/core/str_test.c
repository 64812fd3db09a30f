/* Growing strings, strict numbers, and the units that people write. */
#include "core/str.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/test.h"

TEST(growing)
{
	_cleanup_str_ struct str s = STR_INIT;
	CHECK_STR(str_get(&s), "");
	str_clear(&s);
	str_consume(&s, 5);
	str_puts(&s, "");
	CHECK_STR(str_get(&s), "");
	for (int i = 0; i < 1000; i++)
		str_printf(&s, "%d,", i);
	CHECK_INT(s.len, 3890);
	CHECK_INT(strlen(s.data), s.len);
	str_consume(&s, 4);
	CHECK(str_after(str_get(&s), "2,3,4,"));
	str_consume(&s, s.len + 1);
	CHECK_STR(str_get(&s), "");
	str_add(&s, "a\0b", 3);
	str_putc(&s, 'c');
	CHECK_INT(s.len, 4);
	CHECK(memcmp(s.data, "a\0bc", 5) == 0);
	str_clear(&s);
	str_add(&s, NULL, 0);
	CHECK_INT(s.len, 0);
	char *text = str_take(&s);
	CHECK_STR(text, "");
	free(text);
	text = str_take(&s);
	CHECK_STR(text, "");
	free(text);
	str_reserve(&s, 10000);
	CHECK(s.cap > 10000);
}

TEST(comparing)
{
	CHECK(str_equal(NULL, NULL));
	CHECK(!str_equal(NULL, ""));
	CHECK(!str_equal("a", NULL));
	CHECK(str_equal("a", "a"));
	CHECK(str_compare(NULL, "") < 0 && str_compare("", NULL) > 0 && str_compare(NULL, NULL) == 0);
	CHECK(str_compare("a", "b") < 0);
	CHECK_STR(str_after("status/pods/x", "status/"), "pods/x");
	CHECK_STR(str_after("abc", ""), "abc");
	CHECK_STR(str_after("abc", "abc"), "");
	CHECK_STR(str_after("ab", "abc"), NULL);
}

TEST(distance)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} rows[] = {
	        {"", "", 0},       {"", "abc", 3},           {"abc", "", 3},        {"image", "imag", 1},
	        {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"scale", "sclae", 2}, {"a", "b", 1},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_INT(str_distance(rows[i].a, rows[i].b), rows[i].distance);
	char longer[200];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(str_distance(longer, longer + 1), 0);
	CHECK_INT(str_distance(longer, ""), 63);
}

TEST(secrets)
{
	CHECK(str_equal_secret("dev", "dev", 3));
	CHECK(!str_equal_secret("dev", "dew", 3));
	CHECK(!str_equal_secret("dev", "de", 2));
	CHECK(!str_equal_secret("dev", "devdev", 6));
	CHECK(!str_equal_secret("dev", "", 0));
	CHECK(!str_equal_secret("", "x", 1));
	CHECK(str_equal_secret("", "", 0));
	CHECK(!str_equal_secret("dev", "dev\0", 4));
}

TEST(labels)
{
	static const char *const good[] = {
	        "a",  "0",    "a-b",
	        "1a", "a--b", "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy"};
	static const char *const bad[] = {
	        "",    "-",   "-a",
	        "a-",  "A",   "a_b",
	        "a.b", "a b", "\xc3\xa9",
	        "a/b", "..",  "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz0"};
	for (size_t i = 0; i < ELEMENTS(good); i++)
		CHECK(str_is_label(good[i]));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK(!str_is_label(bad[i]));
}

TEST(utf8)
{
	static const char *const good[] = {"",
	                                   "abc",
	                                   "\x7f",
	                                   "\xc2\x80",
	                                   "\xdf\xbf",
	                                   "\xe0\xa0\x80",
	                                   "\xed\x9f\xbf",
	                                   "\xee\x80\x80",
	                                   "\xef\xbf\xbf",
	                                   "\xf0\x90\x80\x80",
	                                   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
	                                  "\xbf",
	                                  "\xc0\x80",
	                                  "\xc1\xbf",
	                                  "\xc2",
	                                  "\xc2\x41",
	                                  "\xe0\x80\x80",
	                                  "\xe0\x9f\xbf",
	                                  "\xed\xa0\x80",
	                                  "\xed\xbf\xbf",
	                                  "\xe1\x80",
	                                  "\xf0\x80\x80\x80",
	                                  "\xf0\x8f\xbf\xbf",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf5\x80\x80\x80",
	                                  "\xff",
	                                  "\xfe",
	                                  "a\xf0\x90\x80",
	                                  "\xe1\x80\x41"};
	for (size_t i = 0; i < ELEMENTS(good); i++)
		CHECK(str_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		CHECK(!str_is_utf8(bad[i], strlen(bad[i])));
	CHECK(!str_is_utf8("a\0b", 3));
}

TEST(integers)
{
	static const struct {
		const char *s;
		int r;
		int64_t n;
	} rows[] = {
	        {"0", 0, 0},
	        {"7", 0, 7},
	        {"-7", 0, -7},
	        {"1234567890", 0, 1234567890},
	        {"", -EINVAL},
	        {"-", -EINVAL},
	        {"+1", -EINVAL},
	        {" 1", -EINVAL},
	        {"1 ", -EINVAL},
	        {"01", -EINVAL},
	        {"-0", -EINVAL},
	        {"-01", -EINVAL},
	        {"0x1", -EINVAL},
	        {"1.0", -EINVAL},
	        {"1e3", -EINVAL},
	        {"a", -EINVAL},
	        {"9223372036854775807", 0, INT64_MAX},
	        {"9223372036854775808", -ERANGE},
	        {"-9223372036854775808", 0, INT64_MIN},
	        {"-9223372036854775809", -ERANGE},
	        {"99999999999999999999999", -ERANGE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int64_t n = 42;
		CHECK_INT(str_parse_i64(rows[i].s, &n), rows[i].r);
		CHECK_INT(n, rows[i].r == 0 ? rows[i].n : 42);
	}
	uint16_t port = 42;
	CHECK_INT(str_parse_u16("65535", &port), 0);
	CHECK_INT(port, 65535);
	CHECK_INT(str_parse_u16("65536", &port), -ERANGE);
	CHECK_INT(str_parse_u16("-1", &port), -ERANGE);
	CHECK_INT(str_parse_u16("x", &port), -EINVAL);
	CHECK_INT(port, 65535);
}

TEST(durations)
{
	static const struct {
		const char *s;
		int r;
		int64_t ms;
		const char *back;
	} rows[] = {
	        {"30s", 0, 30000, "30s"},
	        {"30", 0, 30000, "30s"},
	        {"1500ms", 0, 1500, "1500ms"},
	        {"1h30m", 0, 5400000, "1h30m"},
	        {"90m", 0, 5400000, "1h30m"},
	        {"7d", 0, 604800000, "7d"},
	        {"1d1h1m1s", 0, 90061000, "1d1h1m1s"},
	        {"1s500ms", 0, 1500, "1500ms"},
	        {"0", 0, 0, "0s"},
	        {"0s", 0, 0, "0s"},
	        {"3650d", 0, INT64_C(315360000000), "3650d"},
	        {"3651d", -ERANGE},
	        {"315360001", -ERANGE},
	        {"99999999999999999999s", -ERANGE},
	        {"3650d1s", -ERANGE},
	        {"", -EINVAL},
	        {"s", -EINVAL},
	        {"-1s", -EINVAL},
	        {"1.5s", -EINVAL},
	        {"1 s", -EINVAL},
	        {"1m1h", -EINVAL},
	        {"1m1m", -EINVAL},
	        {"1w", -EINVAL},
	        {"1s5", -EINVAL},
	        {"1hm", -EINVAL},
	        {"1S", -EINVAL},
	};
	char buf[64];
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int64_t ms = 42;
		CHECK_INT(str_parse_duration(rows[i].s, &ms), rows[i].r);
		CHECK_INT(ms, rows[i].r == 0 ? rows[i].ms : 42);
		if (rows[i].r == 0)
			CHECK_STR(str_format_duration(ms, buf, sizeof(buf)), rows[i].back);
	}
	for (int64_t ms = 0; ms < 400000000; ms = ms * 3 + 7) {
		int64_t again;
		CHECK_INT(str_parse_duration(str_format_duration(ms, buf, sizeof(buf)), &again), 0);
		CHECK_INT(again, ms);
	}
}

TEST(sizes)
{
	static const struct {
		const char *s;
		int r;
		int64_t bytes;
	} rows[] = {
	        {"512", 0, 512},
	        {"0", 0, 0},
	        {"64k", 0, 64000},
	        {"64K", 0, 64000},
	        {"64M", 0, 64000000},
	        {"1G", 0, 1000000000},
	        {"1T", 0, 1000000000000},
	        {"64Ki", 0, 65536},
	        {"64ki", 0, 65536},
	        {"6Mi", 0, 6291456},
	        {"1Gi", 0, 1073741824},
	        {"1GB", 0, 1000000000},
	        {"1GiB", 0, 1073741824},
	        {"", -EINVAL},
	        {"G", -EINVAL},
	        {"-1", -EINVAL},
	        {"1.5G", -EINVAL},
	        {"1 G", -EINVAL},
	        {"1g", -EINVAL},
	        {"1m", -EINVAL},
	        {"1Gb", -EINVAL},
	        {"1GG", -EINVAL},
	        {"1i", -EINVAL},
	        {"9300P", -ERANGE},
	        {"99999999999999999999", -ERANGE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int64_t bytes = 42;
		CHECK_INT(str_parse_bytes(rows[i].s, &bytes), rows[i].r);
		CHECK_INT(bytes, rows[i].r == 0 ? rows[i].bytes : 42);
	}
}

TEST(sizes_for_people)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {
	        {0, "0B"},
	        {999, "999B"},
	        {1000, "1k"},
	        {1500, "1.5k"},
	        {64000000, "64M"},
	        {999499, "999.4k"},
	        {999999, "999.9k"},
	        {1000000, "1M"},
	        {1999999999, "1.9G"},
	        {1000000000000, "1T"},
	        {INT64_MAX, "9223.3P"},
	};
	char buf[32];
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(str_format_bytes(rows[i].bytes, buf, sizeof(buf)), rows[i].text);
}

TEST(ages)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	        {-5, "0s"},
	        {999, "0s"},
	        {9000, "9s"},
	        {119999, "119s"},
	        {120000, "2m"},
	        {7199999, "119m"},
	        {7200000, "2h"},
	        {INT64_C(172800000), "2d"},
	        {INT64_C(1036800000), "12d"},
	};
	char buf[32];
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(str_format_age(rows[i].ms, buf, sizeof(buf)), rows[i].text);
}
