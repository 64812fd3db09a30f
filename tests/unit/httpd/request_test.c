/* Requests and their answers: order, bodies, bounds, uploads. */
#include "rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define BYE       "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

TEST(answers_have_their_fields)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	peer_ask(&p, &r, RIG_PLAIN, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" BYE);
	CHECK_HAS(str_get(&p.in), "HTTP/1.1 200 OK\r\nDate: ");
	CHECK_HAS(str_get(&p.in),
	          " GMT\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nHTTP/1.1 200 OK");
	CHECK_HAS(str_get(&p.in), "\r\nConnection: close\r\n");
	CHECK_HAS(str_get(&p.in), "\r\n\r\nhello\n");
	CHECK_INT(r.requests, 2);
	CHECK(r.local && !r.tls && strncmp(r.peer, "127.0.0.1:", 10) == 0);
	peer_close(&p);
	/* nothing follows the head of an answer to HEAD, of whomever it is */
	peer_ask(&p, &r, RIG_PLAIN, "HEAD /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
	CHECK_HAS(str_get(&p.in), "HTTP/1.1 413 ");
	CHECK_STR(strstr(str_get(&p.in), "\r\n\r\n"), "\r\n\r\n");
	peer_close(&p);
	/* the server's own errors are JSON, and end the connection */
	peer_ask(&p, &r, RIG_PLAIN, "GET /hello HTTP/1.1\r\n\r\n");
	CHECK_HAS(str_get(&p.in), "HTTP/1.1 400 Bad Request\r\n");
	CHECK_HAS(str_get(&p.in), "Content-Type: application/json\r\nConnection: close\r\n");
	CHECK_HAS(str_get(&p.in), "{\"message\":\"there has to be a Host field\",\"status\":400}\n");
	peer_close(&p);
	rig_done(&r);
}

TEST(old_clients)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	peer_ask(&p, &r, RIG_PLAIN, "GET /hello HTTP/1.0\r\n\r\n");
	CHECK_HAS(str_get(&p.in), "\r\nConnection: close\r\n");
	peer_close(&p);
	peer_ask(&p, &r, RIG_PLAIN,
	         "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n");
	CHECK_HAS(str_get(&p.in), "\r\nConnection: keep-alive\r\n");
	CHECK_STATUSES(&p, "200 200 ");
	peer_close(&p);
	/* a stream without chunks ends with the connection */
	peer_open(&p, &r, RIG_PLAIN);
	peer_puts(&p, "GET /relay HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	UNTIL(&r, r.n_open == 1);
	CHECK(httpd_stream_write(r.open[0], "some", 4));
	httpd_stream_end(rig_take(&r));
	UNTIL(&r, peer_ended(&p));
	CHECK_HAS(str_get(&p.in), "\r\nConnection: close\r\n\r\nsome");
	CHECK(!strstr(str_get(&p.in), "chunked") && !p.reset);
	peer_close(&p);
	/* ... and one that is cut off must not look like that */
	peer_open(&p, &r, RIG_PLAIN);
	peer_puts(&p, "GET /relay HTTP/1.0\r\n\r\n");
	UNTIL(&r, r.n_open == 1);
	httpd_abort(rig_take(&r));
	UNTIL(&r, peer_ended(&p));
	CHECK(p.reset);
	peer_close(&p);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Answers come in the order of the requests, also when the first takes its time. */
TEST(pipelining)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		peer_open(&p, &r, way);
		peer_puts(&p, GET("/later") GET("/hello") "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
		                                          "5\r\n\r\nabcde" BYE);
		UNTIL(&r, r.n_open == 1);
		rig_settle(&r);
		CHECK(!peer_has(&p, "HTTP"));
		rig_reply(rig_take(&r), 201, "first\n");
		UNTIL(&r, peer_ended(&p));
		CHECK_STATUSES(&p, "201 200 200 200 ");
		CHECK(strstr(str_get(&p.in), "first\n") < strstr(str_get(&p.in), "abcde"));
		peer_close(&p);
	}
	CHECK_INT(r.requests, 4 * RIG_WAYS);
	rig_done(&r);
}

/* TLS records that were read along with the first: the socket will not say that they are there. */
TEST(records_in_one_go)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (int i = 0; i < 10; i++) {
		peer_open(&p, &r, RIG_TLS);
		for (int k = 0; k < 5; k++)
			CHECK(peer_write(&p, GET("/hello"), strlen(GET("/hello"))) > 0);
		UNTIL(&r, (peer_read(&p), peer_count(&p, "hello\n") == 5));
		peer_close(&p);
	}
	rig_is_empty(&r);
	rig_done(&r);
}

/* Thousands in one go, read or not. */
TEST(many_at_once)
{
	enum { MANY = 5000 };
	static struct rig r;
	struct peer p;
	struct str text = STR_INIT;
	rig_init(&r, NULL);
	for (int i = 0; i < MANY; i++)
		str_puts(&text, GET("/hello"));
	str_puts(&text, BYE);
	peer_open(&p, &r, RIG_PLAIN);
	peer_send(&p, text.data, text.len, true);
	UNTIL(&r, peer_ended(&p));
	CHECK_INT(peer_count(&p, "HTTP/1.1 200"), MANY + 1);
	CHECK_INT(r.requests, MANY + 1);
	peer_close(&p);
	str_done(&text);
	rig_done(&r);
}

TEST(bodies)
{
	static struct rig r;
	struct peer p;
	struct str text = STR_INIT;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		/* as large as may be, whole and in chunks of one byte */
		str_clear(&text);
		str_printf(&text, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
		           LIMIT_HTTP_BODY);
		for (int i = 0; i < LIMIT_HTTP_BODY; i++)
			str_putc(&text, (char)('a' + i % 26));
		str_puts(&text, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < 2600; i++)
			str_printf(&text, "1\r\n%c\r\n", 'a' + i % 26);
		str_puts(&text, "0\r\n\r\n" BYE);
		peer_open(&p, &r, way);
		peer_send(&p, text.data, text.len, true);
		UNTIL(&r, peer_ended(&p));
		CHECK_STATUSES(&p, "200 200 200 ");
		CHECK_INT(peer_count(&p, "abcdefghijklmnopqrstuvwxyz"), LIMIT_HTTP_BODY / 26 + 100);
		peer_close(&p);
	}
	str_done(&text);
	rig_done(&r);
}

/* What is too large is refused before it is read where the length is known; the client gets to see why. */
TEST(too_large)
{
	static struct rig r;
	struct peer p;
	static char megabyte[1 << 20];
	memset(megabyte, 'x', sizeof(megabyte));
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		peer_open(&p, &r, way);
		peer_puts(&p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n");
		UNTIL(&r, peer_has(&p, "\r\n\r\n"));
		CHECK_HAS(str_get(&p.in), "HTTP/1.1 413 Content Too Large\r\n");
		CHECK_HAS(str_get(&p.in), "this path takes at most 1114112 bytes");
		peer_send(&p, megabyte, 100000, true); /* taken, so that no reset eats the answer */
		peer_shut(&p);
		UNTIL(&r, peer_ended(&p));
		CHECK(!p.reset);
		peer_close(&p);

		peer_open(&p, &r, way);
		peer_puts(&p, "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		              "chunked\r\n\r\n5\r\nhello\r\n");
		rig_settle(&r);
		CHECK(!peer_has(&p, "413"));
		peer_puts(&p, "6\r\nhello!\r\n");
		PEER_UNTIL(&p, "at most 10 bytes");
		CHECK_STATUSES(&p, "413 ");
		peer_close(&p);
	}
	CHECK_INT(r.requests, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Who pushes on after a refusal is neither read without end nor kept. */
TEST(pushing_on)
{
	static struct rig r;
	struct peer p;
	static char block[65536];
	rig_init(&r, NULL);
	peer_open(&p, &r, RIG_PLAIN);
	peer_puts(&p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
	size_t pushed = 0;
	int64_t begin = clock_monotonic_ms();
	for (ssize_t n; (n = peer_write(&p, block, sizeof(block))) >= 0; pushed += (size_t)n) {
		loop_step(r.loop, n ? 0 : 10);
		CHECK(clock_monotonic_ms() < begin + RIG_WAIT_MS);
	}
	CHECK(clock_monotonic_ms() - begin >= 900); /* linger_ms */
	/* 256 KiB are read; what else went lies in the kernel's buffers */
	CHECK(pushed < 16 * 1024 * 1024);
	peer_close(&p);
	rig_is_empty(&r);
	rig_done(&r);
}

TEST(continue_100)
{
	static const char head[] =
	        "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
	        "Content-Length: 5\r\n\r\n";
	static const struct {
		const char *path, *want, *whole;
	} cases[] = {
	        {"/echo", "100 ", "100 200 "},
	        {"/upload", "100 ", "100 200 "},
	        {"/refused", "403 ", "403 "},
	};
	static struct rig r;
	struct peer p;
	char text[200];
	rig_init(&r, NULL);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)snprintf(text, sizeof(text), head, cases[i].path);
		peer_open(&p, &r, RIG_PLAIN);
		peer_puts(&p, text);
		PEER_UNTIL(&p, "\r\n\r\n");
		CHECK_STATUSES(&p, cases[i].want);
		peer_puts(&p, "hello");
		UNTIL(&r, peer_ended(&p));
		CHECK_STATUSES(&p, cases[i].whole);
		peer_close(&p);
		/* nobody waits for it whose body came along */
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "hello");
		peer_ask(&p, &r, RIG_PLAIN, text);
		CHECK_HAS(str_get(&p.in), i == 2 ? "HTTP/1.1 403" : "HTTP/1.1 200");
		peer_close(&p);
	}
	rig_done(&r);
}

/* All bodies that are on their way have one bound; who is over it is asked to come again. */
TEST(bodies_in_all)
{
	enum { BOUND = 100000 };
	static struct rig r;
	struct peer full, over;
	static char block[BOUND];
	memset(block, 'x', sizeof(block));
	rig_init(&r, &(struct httpd_limits){.bodies = BOUND});
	peer_open(&full, &r, RIG_PLAIN);
	peer_puts(&full,
	          "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n");
	peer_send(&full, block, BOUND - 1, false);
	rig_settle(&r);
	peer_open(&over, &r, RIG_PLAIN);
	peer_puts(&over,
	          "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	PEER_UNTIL(&over, "\r\n\r\n");
	CHECK_STATUSES(&over, "503 ");
	CHECK_HAS(str_get(&over.in), "Retry-After: ");
	peer_close(&over);
	peer_send(&full, block, 1, false);
	UNTIL(&r, peer_ended(&full));
	CHECK_STATUSES(&full, "200 ");
	peer_close(&full);
	/* and what was held is given back, however it ended */
	for (int i = 0; i < 3; i++) {
		peer_open(&full, &r, RIG_PLAIN);
		peer_puts(&full, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
		peer_send(&full, block, BOUND - 1, false);
		rig_settle(&r);
		peer_close(&full);
	}
	rig_is_empty(&r);
	peer_open(&full, &r, RIG_PLAIN);
	peer_puts(&full,
	          "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n");
	peer_send(&full, block, BOUND, true);
	UNTIL(&r, peer_ended(&full));
	CHECK_STATUSES(&full, "200 ");
	peer_close(&full);
	rig_done(&r);
}

/* A handler that does not keep up holds its client back. */
TEST(paused_upload)
{
	static struct rig r;
	struct peer p;
	static char block[65536];
	rig_init(&r, NULL);
	r.pause_uploads = true;
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		size_t sent = 0;
		peer_open(&p, &r, way);
		peer_puts(&p, "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		              "33554432\r\n\r\n");
		UNTIL(&r, r.n_open == 1);
		for (ssize_t n = 1; n > 0 && sent < 33554432; sent += (size_t)n) {
			n = peer_write(&p, block, sizeof(block));
			CHECK(n >= 0);
			rig_settle(&r);
		}
		CHECK(sent < 33554432);
		CHECK_INT(r.uploaded, 0);
		CHECK(rig_rounds(&r, 50) <= 3);
		httpd_pause(r.open[0], false);
		while (sent < 33554432) {
			ssize_t n = peer_write(&p, block, MIN(sizeof(block), 33554432 - sent));
			CHECK(n >= 0);
			sent += (size_t)n;
			loop_step(r.loop, 0);
		}
		UNTIL(&r, peer_ended(&p));
		CHECK_HAS(str_get(&p.in), "\r\n\r\n33554432\n");
		peer_close(&p);
	}
	rig_done(&r);
}

/* An answer in mid upload ends the connection: the rest of the body is in the way. */
TEST(answer_in_mid_upload)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (int streamed = 0; streamed <= 1; streamed++) {
		peer_open(&p, &r, RIG_PLAIN);
		peer_puts(&p, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello");
		UNTIL(&r, r.n_open == 1);
		struct httpd_exchange *x = rig_take(&r);
		if (streamed) {
			httpd_stream_begin(x, 200, "text/plain", false);
			(void)httpd_stream_write(x, "early", 5);
			httpd_stream_end(x);
		} else {
			rig_reply(x, 410, "early\n");
		}
		peer_puts(&p, " world");
		UNTIL(&r, peer_ended(&p));
		CHECK_STATUSES(&p, streamed ? "200 " : "410 ");
		CHECK_HAS(str_get(&p.in), "\r\nConnection: close\r\n");
		CHECK(!p.reset);
		peer_close(&p);
	}
	rig_is_empty(&r);
	rig_done(&r);
}

/* What a handler puts into a field cannot begin another one. */
TEST(fields_of_answers)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	peer_open(&p, &r, RIG_PLAIN);
	peer_puts(&p, "GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	UNTIL(&r, r.n_open == 1);
	httpd_header(r.open[0], "X-Thing", "a\r\nSet-Cookie: b\x01\x7f");
	rig_reply(rig_take(&r), 200, "ok");
	UNTIL(&r, peer_ended(&p));
	CHECK_HAS(str_get(&p.in), "\r\nX-Thing: a  Set-Cookie: b  \r\n");
	peer_close(&p);
	peer_open(&p, &r, RIG_PLAIN);
	peer_puts(&p, "GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	UNTIL(&r, r.n_open == 1);
	rig_reply(rig_take(&r), 204, "ignored");
	UNTIL(&r, peer_ended(&p));
	CHECK(!strstr(str_get(&p.in), "Content-") && !strstr(str_get(&p.in), "ignored"));
	peer_close(&p);
	rig_done(&r);
}
