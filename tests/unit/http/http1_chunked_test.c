#include "core/http/http1.h"

#include <errno.h>
#include <stdlib.h>

#include "core/str.h"
#include "lib/test.h"

/* Decodes text in pieces of `step` bytes. 1: complete, 0: more is needed, -EPROTO; *ret_rest is what was not
 * taken. */
static int decode(const char *text, size_t len, size_t step, struct str *body, size_t *ret_rest)
{
	struct http1_chunked c = {0};
	str_clear(body);
	for (size_t at = 0; at < len;) {
		size_t n = MIN(step, len - at), left = n;
		const char *p = text + at;
		for (;;) {
			struct http1_slice piece;
			int r = http1_chunked_next(&c, &p, &left, &piece);
			if (r < 0)
				return r;
			if (r == HTTP1_CHUNK_DATA) {
				CHECK(piece.len > 0);
				str_add(body, piece.data, piece.len);
				continue;
			}
			if (r == HTTP1_CHUNK_END) {
				*ret_rest = len - at - n + left;
				return 1;
			}
			CHECK_INT(left, 0);
			break;
		}
		at += n;
	}
	return 0;
}

TEST(chunked)
{
	static const struct {
		const char *text;
		int want;
		const char *body, *rest;
	} rows[] = {
	        {"0\r\n\r\n", 1, "", ""},
	        {"000\r\n\r\n", 1, "", ""},
	        {"3\r\nabc\r\n0\r\n\r\n", 1, "abc", ""},
	        {"3\r\nabc\r\n0\r\n\r\nGET /", 1, "abc", "GET /"},
	        {"3\r\nabc\r\n00000002\r\nde\r\n0\r\n\r\n", 1, "abcde", ""},
	        {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 1, "01234567890123456789", ""},
	        {"3;x=y;z=\"a b\"\r\nabc\r\n0;last\r\n\r\n", 1, "abc", ""},
	        {"2\r\n\r\n\r\n0\r\n\r\n", 1, "\r\n", ""},
	        {"0\r\nA: b\r\nC:\r\n\r\nrest", 1, "", "rest"},
	        {"3\r\nab", 0, "ab", ""},
	        {"0\r\n", 0, "", ""},
	        {"0\r\nA: b\r\n", 0, "", ""},
	        {"\r\n", -EPROTO, "", ""},
	        {"g\r\n", -EPROTO, "", ""},
	        {" 3\r\nabc", -EPROTO, "", ""},
	        {"3 \r\nabc", -EPROTO, "", ""},
	        {"3 ;x\r\nabc", -EPROTO, "", ""},
	        {"0x3\r\nabc", -EPROTO, "", ""},
	        {"-1\r\n", -EPROTO, "", ""},
	        {"+1\r\n", -EPROTO, "", ""},
	        {";x\r\n", -EPROTO, "", ""},
	        {"000000000\r\n", -EPROTO, "", ""},
	        {"100000000\r\n", -EPROTO, "", ""},
	        {"ffffffffffffffff1\r\n", -EPROTO, "", ""},
	        {"3\nabc", -EPROTO, "", ""},
	        {"3\rabc", -EPROTO, "", ""},
	        {"3;a\nabc", -EPROTO, "", ""},
	        {"3;a\x01\r\nabc", -EPROTO, "", ""},
	        {"3\r\nabcd\r\n", -EPROTO, "abc", ""},
	        {"3\r\nabc\n0\r\n", -EPROTO, "abc", ""},
	        {"3\r\nabc\rx", -EPROTO, "abc", ""},
	        {"3\r\nabc0\r\n\r\n", -EPROTO, "abc", ""},
	        {"0\r\n\n", -EPROTO, "", ""},
	        {"0\r\n\rx", -EPROTO, "", ""},
	        {"0\r\nGET / HTTP/1.1\r\n", -EPROTO, "", ""},
	        {"0\r\n A: b\r\n", -EPROTO, "", ""},
	        {"0\r\nA : b\r\n", -EPROTO, "", ""},
	        {"0\r\n: b\r\n", -EPROTO, "", ""},
	        {"0\r\nA: b\nB: c\r\n", -EPROTO, "", ""},
	        {"0\r\nA: b\rB", -EPROTO, "", ""},
	        {"0\r\nA\r\n", -EPROTO, "", ""},
	};
	_cleanup_str_ struct str body = STR_INIT;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		size_t len = strlen(rows[i].text), rest = 0;
		for (size_t step = 1; step <= len; step++) {
			int r = decode(rows[i].text, len, step, &body, &rest);
			if (r != rows[i].want)
				test_fail(__FILE__, __LINE__, "row %zu (%s) in steps of %zu: %d, want %d", i,
				          rows[i].text, step, r, rows[i].want);
			CHECK_STR(str_get(&body), rows[i].body);
			if (r == 1)
				CHECK_STR(rows[i].text + len - rest, rows[i].rest);
		}
	}
}

TEST(chunked_bounds)
{
	_cleanup_str_ struct str text = STR_INIT;
	_cleanup_str_ struct str body = STR_INIT;
	size_t rest;
	for (int over = 0; over <= 1; over++) {
		str_clear(&text);
		str_puts(&text, "1;");
		for (int i = 0; i < 256 + over; i++)
			str_putc(&text, 'x');
		str_puts(&text, "\r\na\r\n0\r\n\r\n");
		CHECK_INT(decode(text.data, text.len, 7, &body, &rest), over ? -EPROTO : 1);

		/* the bound is on all trailers together, line ends not counted but for their CR */
		str_clear(&text);
		str_puts(&text, "0\r\n");
		for (int i = 0; i < 4; i++)
			str_printf(&text, "A:%0*d\r\n", i < 3 ? 1021 : 1020 + over, 0);
		str_puts(&text, "\r\n");
		CHECK_INT(decode(text.data, text.len, 7, &body, &rest), over ? -EPROTO : 1);
	}
	/* every extension has its own bound */
	str_clear(&text);
	for (int i = 0; i < 3; i++)
		str_printf(&text, "1;%0200d\r\na\r\n", 0);
	str_puts(&text, "0\r\n\r\n");
	CHECK_INT(decode(text.data, text.len, 1, &body, &rest), 1);
	CHECK_STR(str_get(&body), "aaa");
}

TEST(chunked_takes_nothing_behind_its_end)
{
	struct http1_chunked c = {0};
	const char *p = "0\r\n\r\nx";
	size_t len = strlen(p);
	struct http1_slice piece;
	for (int i = 0; i < 3; i++) {
		CHECK_INT(http1_chunked_next(&c, &p, &len, &piece), HTTP1_CHUNK_END);
		CHECK_STR(p, "x");
	}
}
