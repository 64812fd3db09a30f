/* JSON text: what is read, what is refused and where, and that printing is exact. */
#include "core/json.h"

#include <errno.h>
#include <stdlib.h>

#include "core/limits.h"
#include "lib/test.h"

static const char *reprint(const char *text, size_t len)
{
	static char buf[4096];
	struct value *v = NULL;
	struct error err = {0};
	int r = json_parse(text, len, &v, &err);
	if (r < 0) {
		CHECK(v == NULL);
		CHECK_INT(err.code, r);
		return error_format(&err, buf, sizeof(buf));
	}
	_cleanup_str_ struct str out = STR_INIT;
	json_print(v, JSON_COMPACT, &out);
	struct value *again;
	CHECK_INT(json_parse(out.data, out.len, &again, NULL), 0);
	CHECK(value_equal(v, again));
	value_unref(again);
	value_unref(v);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	return buf;
}

TEST(reads_and_prints)
{
	static const char *const rows[][2] = {
	        {" { \"b\" : 1 , \"a\" : [ ] } ", "{\"b\":1,\"a\":[]}"},
	        {"[true,false,null,\"\"]", "[true,false,null,\"\"]"},
	        {"\"x\"", "\"x\""},
	        {"-9223372036854775808", "-9223372036854775808"},
	        {"9223372036854775807", "9223372036854775807"},
	        {"[0.1,1.0,1e3,1E+2,-0.5,1e-7,123456.789]", "[0.1,1.0,1000.0,100.0,-0.5,1e-07,123456.789]"},
	        {"[0.30000000000000004,1e300,5e-324]", "[0.30000000000000004,1e+300,4.94065645841247e-324]"},
	        {"\"\\u0041\\n\\t\\\"\\\\\\/\\u0001\\ud83d\\ude00\\u007f\"",
	         "\"A\\n\\t\\\"\\\\/\\u0001\xf0\x9f\x98\x80\\u007f\""},
	        {"\"\xc3\xa9\"", "\"\xc3\xa9\""},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(reprint(rows[i][0], strlen(rows[i][0])), rows[i][1]);
}

TEST(refuses)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
		const char *says;
	} rows[] = {
	        {"", 0, "not valid JSON"},
	        {"{", 0, "not valid JSON"},
	        {"{\"a\":1,}", 0, "line 1: not valid JSON"},
	        {"[1] 2", 0, "line 1: not valid JSON: end of file expected"},
	        {"{\"a\":1}\n{\"b\":1}", 0, "line 2: not valid JSON"},
	        {"{\n\"a\":1,\n\"a\":2}", 0, "line 3: not valid JSON: duplicate object key"},
	        {"{'a':1}", 0, "not valid JSON"},
	        {"[01]", 0, "not valid JSON"},
	        {"[+1]", 0, "not valid JSON"},
	        {"[NaN]", 0, "not valid JSON"},
	        {"[9223372036854775808]", 0, "line 1: not valid JSON: too big integer"},
	        {"[1e999]", 0, "line 1: not valid JSON: real number overflow"},
	        {"\"\\u0000\"", 0, "not valid JSON"},
	        {"\"a\0b\"", 5, "not valid JSON"},
	        {"\0", 1, "not valid JSON"},
	        {"{\"a\\u0000b\":1}", 0, "not valid JSON"},
	        {"\"\xff\"", 0, "not valid JSON: unable to decode byte"},
	        {"\"\xc0\x80\"", 0, "not valid JSON: unable to decode byte"},
	        {"\"\xed\xa0\x80\"", 0, "not valid JSON: unable to decode byte"},
	        {"\"\\ud800\"", 0, "not valid JSON"},
	        {"\"a\nb\"", 0, "not valid JSON"},
	        {"// no\n1", 0, "not valid JSON"},
	        {"\xef\xbb\xbf{}", 0, "not valid JSON"},
	        {"[1] \x1b[31m", 0, "not valid JSON"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *got = reprint(rows[i].text, rows[i].len ? rows[i].len : strlen(rows[i].text));
		CHECK_HAS(got, rows[i].says);
		CHECK(!strchr(got, '\x1b'));
	}
}

/* n times the unit between before and after; the refusal, or "" */
static const char *bounded(const char *before, const char *unit, size_t n, const char *after)
{
	static char buf[1024];
	_cleanup_str_ struct str s = STR_INIT;
	str_puts(&s, before);
	for (size_t i = 0; i < n; i++)
		str_puts(&s, unit);
	str_puts(&s, after);
	struct value *v;
	struct error err;
	int r = json_parse(s.data, s.len, &v, &err);
	if (r == 0) {
		value_unref(v);
		return "";
	}
	return error_format(&err, buf, sizeof(buf));
}

TEST(bounds_hold_at_their_edge)
{
	CHECK_STR(bounded("", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), "");
	CHECK_STR(bounded("", "[", 33, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
	          "line 1: nested more than 32 levels deep");
	CHECK_STR(bounded("", "[\n", 33, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
	          "line 33: nested more than 32 levels deep");
	CHECK_HAS(bounded("", "[", 1000000, ""), "nested more than 32");
	CHECK_HAS(bounded("", "{\"a\":", 1000000, ""), "nested more than 32");
	CHECK_STR(bounded("[1", ",1", LIMIT_NODES - 2, "]"), "");
	CHECK_STR(bounded("[1", ",1", LIMIT_NODES - 1, "]"),
	          "100001 values are more than the 100000 allowed in one document");
	CHECK_STR(bounded("[{}", ",{\"a\":1}", 49999, "]"), "");
	CHECK_HAS(bounded("[{}", ",{\"a\":1}", 50000, "]"), "values are more than");
	CHECK_STR(bounded("[\"[", "[[\\\"[", 100, "\"]"), "");
}

TEST(indented_text)
{
	struct value *v;
	static const char text[] = "{\"a\":[1,{\"b\":{}}],\"c\":[]}";
	CHECK_INT(json_parse(text, sizeof(text) - 1, &v, NULL), 0);
	_cleanup_str_ struct str out = STR_INIT;
	json_print(v, JSON_INDENT, &out);
	CHECK_STR(str_get(&out),
	          "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": []\n}\n");
	value_unref(v);
}
