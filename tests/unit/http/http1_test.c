#include "core/http/http1.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/test.h"

/* Finds the head piece by piece and at once: both have to say the same. */
static int find(const char *text, size_t len)
{
	size_t scan = 0;
	int at_once = http1_head_find(text, len, &scan), in_pieces = 0;
	scan = 0;
	for (size_t n = 0; n <= len && in_pieces == 0; n++)
		in_pieces = http1_head_find(text, n, &scan);
	CHECK_INT(in_pieces, at_once);
	return at_once;
}

TEST(head_find)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
	        {"", 0},
	        {"GET / HTTP/1.1\r\n", 0},
	        {"GET / HTTP/1.1\r\n\r\n", 18},
	        {"GET / HTTP/1.1\r\n\r\nGET", 18},
	        {"\r\nGET / HTTP/1.1\r\n\r\n", 20},
	        {"\r\n", 0},
	        {"\r\n\r\n", 4},
	        {"\n", -EPROTO},
	        {"GET / HTTP/1.1\n", -EPROTO},
	        {"GET / HTTP/1.1\r\nA: b\n", -EPROTO},
	        {"GET / HTTP/1.1\rA", -EPROTO},
	        {"GET / HTTP/1.1\r\r\n", -EPROTO},
	        {"GET / HTTP/1.1\r\nA: \x01", -EPROTO},
	        {"GET / HTTP/1.1\r\nA: \x7f", -EPROTO},
	        {"GET / HTTP/1.1\r\nA: \xff\tb\r\n\r\n", 26},
	        {"\x16\x03\x01", -EPROTO},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_INT(find(rows[i].text, strlen(rows[i].text)), rows[i].want);
	CHECK_INT(find("GET /\0 HTTP/1.1\r\n\r\n", 19), -EPROTO);
}

/* Text is looked at eight bytes at a time: each byte is judged alike wherever it stands and whatever is beside it. */
TEST(every_byte_at_every_place)
{
	static const char start[] = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
	for (int fill = 0; fill < 3; fill++)
		for (size_t at = 0; at < 20; at++)
			for (int c = 0; c < 256; c++) {
				char text[64];
				size_t n = strlen(start);
				memcpy(text, start, n);
				memset(text + n, "a\x80\t"[fill], 20);
				text[n + at] = (char)c;
				memcpy(text + n + 20, "\r\n\r\n", 4);
				n += 24;
				bool good = c == '\t' || (c >= ' ' && c != 0x7f);
				CHECK_INT(find(text, n), good ? (int)n : -EPROTO);
				struct http1_head head;
				CHECK_INT(http1_request_parse(text, n, &head, NULL), good ? 0 : 400);
			}
}

TEST(head_find_is_bounded)
{
	size_t size = LIMIT_HTTP_HEAD + 100;
	char *text = malloc(size);
	CHECK(text);
	memset(text, 'a', size);
	CHECK_INT(find(text, LIMIT_HTTP_HEAD - 1), 0);
	CHECK_INT(find(text, LIMIT_HTTP_HEAD), -ENAMETOOLONG);
	CHECK_INT(find(text, size), -ENAMETOOLONG);
	memcpy(text, "\r\n", 2); /* the line end that is skipped is not the first line's */
	CHECK_INT(find(text, size), -ENAMETOOLONG);
	memcpy(text + 100, "\r\n", 2);
	CHECK_INT(find(text, size), -E2BIG);
	/* the last byte of the end may be the last that is allowed, and no later */
	memcpy(text + LIMIT_HTTP_HEAD - 4, "\r\n\r\n", 4);
	CHECK_INT(find(text, size), LIMIT_HTTP_HEAD);
	memset(text + LIMIT_HTTP_HEAD - 4, 'a', 4);
	memcpy(text + LIMIT_HTTP_HEAD - 3, "\r\n\r\n", 4);
	CHECK_INT(find(text, size), -E2BIG);
	free(text);
}

static int parse(const char *text, size_t len, struct http1_head *ret, struct error *err)
{
	return http1_request_parse(text, len, ret, err);
}

#define H "Host: a\r\n"

TEST(request_framing)
{
	static const struct {
		int want;
		const char *text; /* without the blank line */
		const char *says;
	} rows[] = {
	        {0, "GET / HTTP/1.1\r\n" H, ""},
	        {0, "\r\nGET / HTTP/1.1\r\n" H, ""},
	        {400, "\r\n\r\nGET / HTTP/1.1\r\n" H, ""},
	        {400, "", "first line"},
	        {400, "GET\r\n" H, "METHOD TARGET"},
	        {400, "GET /\r\n" H, "METHOD TARGET"},
	        {400, "GET  / HTTP/1.1\r\n" H, "METHOD TARGET"},
	        {400, "GET /  HTTP/1.1\r\n" H, "version"},
	        {400, "GET / HTTP/1.1 \r\n" H, "version"},
	        {400, " GET / HTTP/1.1\r\n" H, "METHOD TARGET"},
	        {400, "GET\t/ HTTP/1.1\r\n" H, "METHOD TARGET"},
	        {400, "GET / http/1.1\r\n" H, "version"},
	        {400, "GET / HTTP/1.11\r\n" H, "version"},
	        {400, "GET / HTTP/11\r\n" H, "version"},
	        {505, "GET / HTTP/1.2\r\n" H, "HTTP/1.2"},
	        {505, "GET / HTTP/2.0\r\n" H, "HTTP/2.0"},
	        {505, "GET / HTTP/0.9\r\n" H, ""},
	        {505, "PRI * HTTP/2.0\r\n", "HTTP/2.0"},
	        {400, "G(T / HTTP/1.1\r\n" H, ""},
	        {0, "M-SEARCH!#$ / HTTP/1.1\r\n" H, ""},
	        {501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H, "method"},
	        {501, "CONNECT a:443 HTTP/1.1\r\n" H, "CONNECT"},
	        {400, "GET * HTTP/1.1\r\n" H, "begin with"},
	        {0, "OPTIONS * HTTP/1.1\r\n" H, ""},
	        {400, "GET a HTTP/1.1\r\n" H, "begin with"},
	        {400, "GET /# HTTP/1.1\r\n" H, "%XX"},
	        {400, "GET /\xc3\xa4 HTTP/1.1\r\n" H, "%XX"},
	        {0, "GET http://a HTTP/1.1\r\n" H, ""},
	        {0, "GET http://A/b?c HTTP/1.1\r\n" H, ""},
	        {0, "GET HTTPS://a/ HTTP/1.1\r\n" H, ""},
	        {400, "GET http://b/ HTTP/1.1\r\n" H, "different hosts"},
	        {400, "GET http:///b HTTP/1.1\r\n" H, "different hosts"},
	        {400, "GET http://u@a/ HTTP/1.1\r\n" H, "Host"},
	        {400, "GET http://a?b HTTP/1.1\r\n" H, "Host"},
	        {400, "GET ftp://a/ HTTP/1.1\r\n" H, "begin with"},

	        /* Host */
	        {400, "GET / HTTP/1.1\r\n", "Host"},
	        {400, "GET / HTTP/1.1\r\n" H H, "more than once"},
	        {400, "GET / HTTP/1.1\r\nHost: a, b\r\n", "character"},
	        {400, "GET / HTTP/1.1\r\nHost: a/b\r\n", "character"},
	        {0, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n", ""},
	        {0, "GET / HTTP/1.1\r\nHost:\r\n", ""},
	        {0, "GET / HTTP/1.0\r\n", ""},
	        {400, "GET / HTTP/1.0\r\n" H H, "more than once"},

	        /* fields */
	        {0, "GET / HTTP/1.1\r\n" H "A:b\r\nA:\r\nC: \t d e \t\r\n", ""},
	        {400, "GET / HTTP/1.1\r\n" H "A : b\r\n", "before the colon"},
	        {400, "GET / HTTP/1.1\r\n" H ": b\r\n", "NAME: VALUE"},
	        {400, "GET / HTTP/1.1\r\n" H "A\r\n", "NAME: VALUE"},
	        {400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n", "continued"},
	        {400, "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n", "continued"},
	        {400, "GET / HTTP/1.1\r\n A: b\r\n" H, "continued"},
	        {400, "GET / HTTP/1.1\r\n" H "A(: b\r\n", "NAME: VALUE"},
	        {400, "GET / HTTP/1.1\r\n" H "\xc3\xa4: b\r\n", "NAME: VALUE"},
	        {0, "GET / HTTP/1.1\r\n" H "A: \xc3\xa4\r\n", ""},
	        {400, "GET / HTTP/1.1\r\n" H "A: \x01\r\n", "control"},
	        {400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n", "control"},
	        {400, "GET / HTTP/1.1\r\n" H "A: b\nc\r\n", "control"},

	        /* length and coding */
	        {0, "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n", ""},
	        {0, "POST / HTTP/1.1\r\n" H "content-length: 999999999999999999\r\n", ""},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1000000000000000000\r\n", "digits"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n", "digits"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n", "number"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n", "number"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n", "number"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n", "number"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n", "number"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n", "more than once"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nCONTENT-LENGTH: 2\r\n", "more than once"},
	        {0, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n", ""},
	        {0, "POST / HTTP/1.1\r\n" H "transfer-encoding: CHUNKED\r\n", ""},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n", "chunked"},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n", "chunked"},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n", "chunked"},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n", "chunked"},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n", "chunked"},
	        {501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n", "chunked"},
	        {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	         "more than once"},
	        {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
	         "exclude"},
	        {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
	         "exclude"},
	        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.0"},

	        /* the rest */
	        {0, "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n", ""},
	        {417, "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n", "expectation"},
	        {417, "POST / HTTP/1.1\r\n" H "Expect:\r\n", "expectation"},
	        {400, "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nExpect: 100-continue\r\n",
	         "more than once"},
	        {400, "GET / HTTP/1.1\r\n" H "Upgrade: a\r\nUpgrade: b\r\n", "more than once"},
	        {400, "GET / HTTP/1.1\r\n" H "Connection: clo se\r\n", "token"},
	        {0, "GET / HTTP/1.1\r\n" H "Connection: , close,,\r\nConnection: x\r\n", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[400];
		int n = snprintf(text, sizeof(text), "%s\r\n", rows[i].text);
		struct http1_head head;
		struct error err = {0};
		int r = parse(text, (size_t)n, &head, &err);
		if (r != rows[i].want)
			test_fail(__FILE__, __LINE__, "row %zu (%s): %d (%s), want %d", i, rows[i].text, r,
			          err.text, rows[i].want);
		if (r)
			CHECK_HAS(err.text, rows[i].says);
		CHECK_INT(http1_request_parse(text, (size_t)n, &head, NULL), r);
	}
}

TEST(request_parts)
{
	static const char text[] =
	        "POST /a/b?c=d HTTP/1.1\r\nHost: a:80\r\nX-Thing:  v w \r\ncontent-length: 12\r\n"
	        "Expect: 100-continue\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
	struct http1_head h;
	CHECK_INT(http1_request_parse(text, strlen(text), &h, NULL), 0);
	CHECK(http1_slice_is(h.method, "POST") && http1_slice_is(h.target, "/a/b?c=d"));
	CHECK(http1_slice_is(h.host, "a:80") && h.minor == 1 && h.status == 0);
	CHECK_INT(h.content_length, 12);
	CHECK(!h.chunked && !h.close && h.expect_continue && http1_slice_is(h.upgrade, "h2c"));
	CHECK(http1_slice_is(http1_field(&h, "x-tHING"), "v w"));
	CHECK(http1_field(&h, "X-Thin").data == NULL && http1_field(&h, "X-Thing2").data == NULL);
	CHECK(http1_slice_is_word(h.method, "post") && !http1_slice_is(h.method, "post"));
	CHECK(!http1_slice_is(h.method, "POS") && !http1_slice_is(h.method, "POSTX"));
	CHECK(http1_slice_is((struct http1_slice){NULL, 0}, ""));
}

TEST(request_absolute_form)
{
	static const struct {
		const char *text, *target;
	} rows[] = {
	        {"GET http://h:1/x?y HTTP/1.1\r\nHost: h:1\r\n\r\n", "/x?y"},
	        {"GET http://h HTTP/1.1\r\nHost: H\r\n\r\n", "/"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http1_head h;
		CHECK_INT(http1_request_parse(rows[i].text, strlen(rows[i].text), &h, NULL), 0);
		CHECK(http1_slice_is(h.target, rows[i].target));
	}
}

TEST(request_connection)
{
	static const struct {
		const char *version, *connection;
		bool close;
	} rows[] = {
	        {"1.1", "x", false},       {"1.1", "close", true},
	        {"1.1", "x, CLOSE", true}, {"1.1", "keep-alive", false},
	        {"1.0", "x", true},        {"1.0", "keep-alive", false},
	        {"1.0", "close", true},    {"1.0", "keep-alive, close", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];
		int n = snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\nConnection: %s\r\n\r\n",
		                 rows[i].version, rows[i].connection);
		struct http1_head h;
		CHECK_INT(http1_request_parse(text, (size_t)n, &h, NULL), 0);
		CHECK_INT(h.close, rows[i].close);
		CHECK(h.upgrade.len == 0);
	}
	/* without the Connection option an Upgrade says nothing; HTTP/1.0 does not know 100-continue */
	struct http1_head h;
	static const char upgrade[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n";
	CHECK_INT(http1_request_parse(upgrade, strlen(upgrade), &h, NULL), 0);
	CHECK(h.upgrade.len == 0);
	static const char expect[] = "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";
	CHECK_INT(http1_request_parse(expect, strlen(expect), &h, NULL), 0);
	CHECK(!h.expect_continue);
}

TEST(request_bounds)
{
	struct http1_head h;
	char text[LIMIT_HTTP_HEAD + 1];
	for (int over = 0; over <= 1; over++) {
		int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
		for (int i = 1; i < LIMIT_HTTP_FIELDS + over; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "A: b\r\n");
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		CHECK_INT(http1_request_parse(text, (size_t)n, &h, NULL), over ? 431 : 0);

		int target = LIMIT_HTTP_TARGET + over;
		memset(text, '/', sizeof(text));
		memcpy(text, "GET ", 4);
		static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
		memcpy(text + 4 + target, rest, strlen(rest));
		CHECK_INT(http1_request_parse(text, 4 + (size_t)target + strlen(rest), &h, NULL),
		          over ? 414 : 0);

		n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %0*d\r\n\r\n", 255 + over, 1);
		CHECK_INT(http1_request_parse(text, (size_t)n, &h, NULL), over ? 400 : 0);
	}
	/* what was not found by http1_head_find is refused as well */
	static const char more[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
	CHECK_INT(http1_request_parse(more, strlen(more), &h, NULL), 400);
	CHECK_INT(http1_request_parse(more, strlen(more) - 4, &h, NULL), 400);
	CHECK_INT(http1_request_parse("", 0, &h, NULL), 400);
}

TEST(responses)
{
	static const struct {
		const char *text;
		int status; /* -1: refused */
		int64_t length;
		bool chunked, close;
	} rows[] = {
	        {"HTTP/1.1 200 OK\r\n", 200, -1, false, false},
	        {"HTTP/1.1 200 \r\n", 200, -1, false, false},
	        {"HTTP/1.1 200\r\n", 200, -1, false, false},
	        {"HTTP/1.0 404 Not Found\r\n", 404, -1, false, true},
	        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n", 200, 3, false, false},
	        {"HTTP/1.1 201 Created\r\nApi-Version: 1.41\r\nContent-Type: "
	         "application/json\r\nDocker-Experimental: "
	         "false\r\nOstype: linux\r\nServer: Docker/20.10.24+dfsg1 (linux)\r\nDate: Fri, 21 Nov 2026 "
	         "12:00:00 "
	         "GMT\r\nContent-Length: 88\r\n",
	         201, 88, false, false},
	        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", 200, -1, true, false},
	        {"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: "
	         "Upgrade\r\nUpgrade: tcp\r\n",
	         101, -1, false, false},
	        {"HTTP/1.1 500 a\xc3\xa4\r\nConnection: close\r\n", 500, -1, false, true},
	        {"HTTP/1.1 600 x\r\n", -1, 0, false, false},
	        {"HTTP/1.1 099 x\r\n", -1, 0, false, false},
	        {"HTTP/1.1 20 x\r\n", -1, 0, false, false},
	        {"HTTP/1.1 2000 x\r\n", -1, 0, false, false},
	        {"HTTP/1.1\r\n", -1, 0, false, false},
	        {"HTTP/1.1  200 OK\r\n", -1, 0, false, false},
	        {"HTTP/2.0 200 OK\r\n", -1, 0, false, false},
	        {"ICY 200 OK\r\n", -1, 0, false, false},
	        {"GET / HTTP/1.1\r\n", -1, 0, false, false},
	        {"\r\nHTTP/1.1 200 OK\r\n", -1, 0, false, false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", -1, 0, false, false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", -1, 0, false,
	         false},
	        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", -1, 0, false, false},
	        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", -1, 0, false, false},
	        {"HTTP/1.1 200 OK\r\nA : b\r\n", -1, 0, false, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[500];
		int n = snprintf(text, sizeof(text), "%s\r\n", rows[i].text);
		struct http1_head h;
		struct error err = {0};
		int r = http1_response_parse(text, (size_t)n, &h, &err);
		if (rows[i].status < 0) {
			CHECK_INT(r, -EPROTO);
			CHECK_INT(err.code, -EPROTO);
			CHECK(err.text[0]);
			continue;
		}
		CHECK_STR(err.text, "");
		CHECK_INT(r, 0);
		CHECK_INT(h.status, rows[i].status);
		CHECK_INT(h.content_length, rows[i].length);
		CHECK_INT(h.chunked, rows[i].chunked);
		CHECK_INT(h.close, rows[i].close);
		CHECK_INT(h.method.len, 0);
	}
}
