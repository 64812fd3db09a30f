/*
 * What strangers send: the outcome of each request, in one segment, cut at every byte, and before and after a
 * good one; in clear text, through TLS and through a unix socket.
 */
#include "rig.h"

#define GOOD "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define H    "Host: a\r\n"
#define P    "POST /echo HTTP/1.1\r\n" H

/* clang-format off */
static const struct {
	const char *want; /* the statuses of the answers, as "200 400 " */
	bool lives;       /* the connection may go on: a good request behind it is answered */
	const char *text;
} rows[] = {
	/* the first line */
	{"200 ", true, GOOD},
	{"200 ", true, "\r\n" GOOD},
	{"400 ", false, "\r\n\r\n" GOOD},
	{"400 ", false, "GET /hello\r\n\r\n"},
	{"400 ", false, "GET  /hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1 \r\n" H "\r\n"},
	{"400 ", false, "GET\t/hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "G(T /hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "hello\n"},
	{"400 ", false, "\x16\x03\x01\x02\x05"},
	{"505 ", false, "GET /hello HTTP/1.2\r\n" H "\r\n"},
	{"505 ", false, "GET /hello HTTP/2.0\r\n" H "\r\n"},
	{"505 ", false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/11\r\n" H "\r\n"},
	{"501 ", false, "CONNECT a:443 HTTP/1.1\r\n" H "\r\n"},
	{"501 ", false, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /hello HTTP/1.1\r\n" H "\r\n"},
	{"404 ", true, "BREW /coffee HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET /hello#x HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET /h\xc3\xa4llo HTTP/1.1\r\n" H "\r\n"},
	{"200 ", true, "GET http://a/hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET http://b/hello HTTP/1.1\r\n" H "\r\n"},
	{"400 ", false, "GET http://u@a/hello HTTP/1.1\r\n" H "\r\n"},
	/* Host */
	{"400 ", false, "GET /hello HTTP/1.1\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H H "\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"200 ", false, "GET /hello HTTP/1.0\r\n\r\n"},
	{"200 ", true, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
	/* lines and fields */
	{"400 ", false, "GET /hello HTTP/1.1\n" H "\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\nHost: a\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\nHost: a\r\n\n"},
	{"400 ", false, "GET /hello HTTP/1.1\rHost: a\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "A : b\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H ": b\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "A\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n A: b\r\n" H "\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "A: b\x01\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "A: b\rc\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "\xc3\xa4: b\r\n\r\n"},
	{"200 ", true, "GET /hello HTTP/1.1\r\n" H "X-A: b\r\nC: d\r\nSec: e\r\n\r\n"},
	/* length and coding */
	{"200 ", true, P "Content-Length: 5\r\n\r\nhello"},
	{"200 ", true, P "Content-Length: 0\r\n\r\n"},
	{"200 ", true, P "Content-Length: 0000000005\r\n\r\nhello"},
	{"200 ", true, P "\r\n"},
	{"400 ", false, P "Content-Length: +5\r\n\r\nhello"},
	{"400 ", false, P "Content-Length: -1\r\n\r\n"},
	{"400 ", false, P "Content-Length: 5, 5\r\n\r\nhello"},
	{"400 ", false, P "Content-Length: 0x5\r\n\r\nhello"},
	{"400 ", false, P "Content-Length:\r\n\r\n"},
	{"400 ", false, P "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
	{"400 ", false, P "Content-Length : 5\r\n\r\nhello"},
	{"400 ", false, P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{"413 ", false, P "Content-Length: 999999999999999999\r\n\r\n"},
	{"400 ", false, P "Content-Length: 9999999999999999999\r\n\r\n"},
	{"501 ", false, P "Transfer-Encoding: gzip\r\n\r\n"},
	{"501 ", false, P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"501 ", false, P "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
	{"501 ", false, P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"400 ", false, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
	/* chunks */
	{"200 ", true, P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"200 ", true, P "Transfer-Encoding: CHUNKED\r\n\r\n005;a=\"b\"\r\nhello\r\n00\r\nA: b\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n;a\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n100000000\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n"},
	{"400 ", false, P "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"},
	{"413 ", false, "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n0\r\n\r\n"},
	{"413 ", false, "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\nhello hello"},
	{"200 ", true, "POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhellohello"},
	{"403 ", false, "POST /refused HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"},
	{"200 ", true, "POST /upload HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"},
	{"200 ", true, "POST /upload HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"400 ", false, "POST /upload HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"},
	/* what a body holds is no request */
	{"200 ", true, P "Content-Length: 33\r\n\r\n" GOOD "x"},
	{"200 ", true, P "Transfer-Encoding: chunked\r\n\r\n20\r\n" GOOD "\r\n0\r\n\r\n"},
	/* the rest */
	{"417 ", false, P "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n"},
	{"413 ", false, P "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"},
	{"400 ", false, P "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
	{"200 ", true, "GET /hello HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"},
	{"200 ", true, "GET /hello HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: foo\r\n\r\n"},
	{"400 ", false, "GET /hello HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n"},
	{"200 ", false, "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"},
};
/* clang-format on */

static const char *const way_names[] = {"plain", "tls", "unix"};

/* Sends the text in pieces of that size, ends, and compares the statuses of what came back. */
static void run(struct rig *r, enum rig_way way, const char *text, size_t piece, const char *want)
{
	struct peer p;
	char have[256];
	size_t len = strlen(text);
	peer_open(&p, r, way);
	for (size_t at = 0; at < len; at += piece)
		peer_send(&p, text + at, MIN(piece, len - at), true);
	rig_settle(r); /* an end behind a request whose answer is not out yet means that nobody wants it */
	peer_shut(&p);
	UNTIL(r, peer_ended(&p));
	peer_statuses(&p, have, sizeof(have));
	if (!streq(have, want))
		test_fail(__FILE__, __LINE__, "%s, in pieces of %zu: '%s' instead of '%s' for\n%s",
		          way_names[way], piece, have, want, text);
	/* a reset would have eaten the answer on a longer way */
	CHECK(!p.reset || p.tls);
	peer_close(&p);
}

static void run_row(struct rig *r, enum rig_way way, size_t i)
{
	char text[1200], want[64];
	size_t len = strlen(rows[i].text);
	run(r, way, rows[i].text, len, rows[i].want);
	run(r, way, rows[i].text, 1, rows[i].want);
	for (size_t cut = 1; way == RIG_PLAIN && cut < len; cut++) {
		struct peer p;
		peer_open(&p, r, way);
		peer_send(&p, rows[i].text, cut, true);
		peer_send(&p, rows[i].text + cut, len - cut, true);
		peer_puts(&p, "");
		rig_settle(r);
		peer_shut(&p);
		UNTIL(r, peer_ended(&p));
		CHECK_STATUSES(&p, rows[i].want);
		peer_close(&p);
	}
	(void)snprintf(text, sizeof(text), GOOD "%s", rows[i].text);
	(void)snprintf(want, sizeof(want), "200 %s", rows[i].want);
	run(r, way, text, strlen(text), want);
	(void)snprintf(text, sizeof(text), "%s" GOOD, rows[i].text);
	(void)snprintf(want, sizeof(want), "%s%s", rows[i].want, rows[i].lives ? "200 " : "");
	run(r, way, text, strlen(text), want);
	rig_is_well(r);
	rig_is_empty(r);
}

static void run_all(enum rig_way way)
{
	static struct rig r;
	rig_init(&r, NULL);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		run_row(&r, way, i);
	CHECK(rig_rounds(&r, 50) <= 3);
	rig_done(&r);
}

TEST(plain)
{
	run_all(RIG_PLAIN);
}

TEST(through_tls)
{
	run_all(RIG_TLS);
}

TEST(through_unix)
{
	run_all(RIG_UNIX);
}

/* A request that is not whole is nothing: no answer, and nobody is told. */
TEST(cut_short)
{
	static const char *const texts[] = {"G", "GET /hello HTTP/1.1\r\nHost: a\r\n\r",
	                                    P "Content-Length: 5\r\n\r\nhell",
	                                    P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r"};
	static struct rig r;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++)
		for (size_t i = 0; i < ELEMENTS(texts); i++)
			run(&r, way, texts[i], strlen(texts[i]), "");
	CHECK_INT(r.requests, 0);
	CHECK_INT(r.gone, 0);
	/* an upload has begun, so its end is told */
	run(&r, RIG_PLAIN, "POST /upload HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhell", 1000, "");
	CHECK_INT(r.gone, 1);
	rig_is_empty(&r);
	rig_done(&r);
}

/* The bounds of a head, to the byte. */
TEST(long_heads)
{
	static struct rig r;
	static char text[2 * LIMIT_HTTP_HEAD];
	rig_init(&r, NULL);
	for (int over = 0; over <= 1; over++) {
		int n = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" H);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "A: %0*d\r\n\r\n",
		              LIMIT_HTTP_HEAD - n - 7 + over, 0);
		CHECK_INT(n, LIMIT_HTTP_HEAD + over);
		run(&r, RIG_PLAIN, text, (size_t)n, over ? "431 " : "200 ");
		run(&r, RIG_TLS, text, 1000, over ? "431 " : "200 ");

		n = snprintf(text, sizeof(text), "GET /hello?%0*d HTTP/1.1\r\n" H "\r\n",
		             LIMIT_HTTP_TARGET - 7 + over, 0);
		run(&r, RIG_PLAIN, text, (size_t)n, over ? "414 " : "200 ");

		n = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" H);
		for (int i = 1; i < LIMIT_HTTP_FIELDS + over; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "A: b\r\n");
		(void)snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
		run(&r, RIG_PLAIN, text, 1000, over ? "431 " : "200 ");
	}
	memset(text, 'a', LIMIT_HTTP_HEAD + 100);
	text[LIMIT_HTTP_HEAD + 100] = '\0';
	run(&r, RIG_PLAIN, text, 1000, "414 ");
	rig_is_well(&r);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Chunk extensions and trailers are passed over, not collected, and not without end. */
TEST(long_chunks)
{
	static const struct {
		const char *before;
		int count;
		const char *after, *want;
	} cases[] = {
	        {"1;", 256, "\r\nx\r\n0\r\n\r\n", "200 "}, {"1;", 257, "\r\nx\r\n0\r\n\r\n", "400 "},
	        {"0\r\nA: ", 4000, "\r\n\r\n", "200 "},    {"0\r\nA: ", 4096, "\r\n\r\n", "400 "},
	        {"0000000", 1, "\r\n\r\n", "200 "},        {"00000000", 1, "\r\n\r\n", "400 "},
	};
	static struct rig r;
	static char text[8192];
	rig_init(&r, NULL);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)snprintf(text, sizeof(text), P "Transfer-Encoding: chunked\r\n\r\n%s%0*d%s",
		               cases[i].before, cases[i].count, 0, cases[i].after);
		run(&r, RIG_PLAIN, text, strlen(text), cases[i].want);
		run(&r, RIG_PLAIN, text, 7, cases[i].want);
	}
	rig_done(&r);
}
