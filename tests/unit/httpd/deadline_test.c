/* Deadlines: each its own, none of them put off by a byte now and then. */
#include "rig.h"

enum { SLOW_MS = 400 };

static struct rig r;

/* Sends a byte of the text every 20 ms until the server ends. */
static void drip(struct peer *p, const char *text)
{
	int64_t begin = clock_monotonic_ms();
	for (size_t i = 0; !peer_ended(p); i++) {
		if (i < strlen(text))
			(void)peer_write(p, text + i, 1);
		int64_t next = clock_monotonic_ms() + 20;
		while (!peer_ended(p) && clock_monotonic_ms() < next)
			loop_step(r.loop, 5);
		CHECK(clock_monotonic_ms() < begin + RIG_WAIT_MS);
	}
}

/* A head has its time in total, from its first byte on. */
TEST(slow_head)
{
	static const char text[] =
	        "GET /hello HTTP/1.1\r\nHost: a\r\nX: 123456789012345678901234567890\r\n\r\n";
	rig_init(&r, &(struct httpd_limits){.head_ms = SLOW_MS, .linger_ms = 100});
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		struct peer p;
		peer_open(&p, &r, way);
		int64_t begin = clock_monotonic_ms();
		drip(&p, text);
		CHECK(clock_monotonic_ms() - begin >= SLOW_MS);
		CHECK_STATUSES(&p, "408 ");
		CHECK_HAS(str_get(&p.in), "the head of the request did not come in time");
		peer_close(&p);
		/* behind an answer it is the same */
		peer_open(&p, &r, way);
		peer_puts(&p, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		begin = clock_monotonic_ms();
		drip(&p, text);
		CHECK(clock_monotonic_ms() - begin >= SLOW_MS);
		CHECK_STATUSES(&p, "200 408 ");
		peer_close(&p);
	}
	rig_is_empty(&r);
	rig_done(&r);
}

TEST(slow_body)
{
	rig_init(&r, &(struct httpd_limits){.body_ms = SLOW_MS, .linger_ms = 100});
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		struct peer p;
		int64_t begin = clock_monotonic_ms();
		peer_open(&p, &r, way);
		peer_puts(&p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
		drip(&p, "123456789012345678901234567890123456789012345678901234567890");
		CHECK(clock_monotonic_ms() - begin >= SLOW_MS);
		CHECK_STATUSES(&p, "408 ");
		peer_close(&p);
		begin = clock_monotonic_ms();
		peer_open(&p, &r, way);
		peer_puts(&p, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;");
		drip(&p, "123456789012345678901234567890123456789012345678901234567890");
		CHECK(clock_monotonic_ms() - begin >= SLOW_MS);
		CHECK_STATUSES(&p, "408 ");
		peer_close(&p);
	}
	CHECK_INT(r.requests, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Bodies without end, as fast as they come: the bound, or the extensions and trailers of nothing. */
TEST(endless_body)
{
	static const char *const pieces[] = {"1000\r\n",
	                                     "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n"};
	static char data[4099];
	rig_init(&r, &(struct httpd_limits){.body_ms = 2000, .linger_ms = 100});
	memset(data, 'x', sizeof(data));
	memcpy(data + 4096, "\r\n", 2);
	for (size_t i = 0; i < ELEMENTS(pieces); i++) {
		struct peer p;
		peer_open(&p, &r, RIG_PLAIN);
		peer_puts(&p, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
		while (!peer_ended(&p)) {
			peer_puts(&p, pieces[i]);
			if (i == 0)
				peer_send(&p, data, 4098, true);
		}
		CHECK_HAS(str_get(&p.in), i == 0 ? "HTTP/1.1 413" : "HTTP/1.1 4");
		peer_close(&p);
	}
	CHECK_INT(r.requests, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Who has nothing to say is let go without a word; a lone line end is nothing. */
TEST(idle)
{
	static const char *const texts[] = {"", "\r", "\r\n", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"};
	rig_init(&r, &(struct httpd_limits){.idle_ms = SLOW_MS, .head_ms = 60000});
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		for (size_t i = 0; i < ELEMENTS(texts); i++) {
			struct peer p;
			int64_t begin = clock_monotonic_ms();
			peer_open(&p, &r, way);
			peer_puts(&p, texts[i]);
			UNTIL(&r, peer_ended(&p));
			CHECK(clock_monotonic_ms() - begin >= SLOW_MS);
			CHECK_STATUSES(&p, i == 3 ? "200 " : "");
			CHECK(!p.reset || way == RIG_TLS);
			peer_close(&p);
		}
	}
	rig_is_empty(&r);
	rig_done(&r);
}

/* Handshakes that stand still, or that never become one. */
TEST(handshakes)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	static const struct {
		const char *text;
		bool at_once;
	} cases[] = {
	        {"", false},
	        {hello, false},
	        {"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", true},
	        {"\x15\x03\x03", false},
	        {"\x80\x2e\x01\x03\x01", true},
	};
	rig_init(&r, &(struct httpd_limits){.head_ms = SLOW_MS, .linger_ms = 100});
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct peer p;
		int64_t begin = clock_monotonic_ms();
		size_t len = cases[i].text == hello ? sizeof(hello) - 1 : strlen(cases[i].text);
		peer_connect(&p, &r, r.address[RIG_TLS]);
		UNTIL(&r, httpd_connections(r.httpd) == 1);
		peer_send(&p, cases[i].text, len, false);
		UNTIL(&r, peer_ended(&p));
		CHECK(cases[i].at_once || clock_monotonic_ms() - begin >= SLOW_MS - 50);
		peer_close(&p);
		rig_is_empty(&r);
	}
	/* a crowd of them is in nobody's way */
	static struct peer crowd[200];
	for (size_t i = 0; i < ELEMENTS(crowd); i++)
		peer_connect(&crowd[i], &r, r.address[RIG_TLS]);
	struct peer p;
	peer_ask(&p, &r, RIG_TLS, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	CHECK_STATUSES(&p, "200 ");
	peer_close(&p);
	for (size_t i = 0; i < ELEMENTS(crowd); i++) {
		UNTIL(&r, peer_ended(&crowd[i]));
		peer_close(&crowd[i]);
	}
	CHECK_INT(r.requests, 1);
	rig_is_empty(&r);
	rig_done(&r);
}

/* A handler may take its time, and a streamed upload may be silent: neither is anybody's fault. */
TEST(patience)
{
	rig_init(&r, &(struct httpd_limits){.head_ms = 400, .body_ms = 400, .idle_ms = 400, .write_ms = 400});
	struct peer later, upload;
	peer_open(&later, &r, RIG_PLAIN);
	peer_puts(&later, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
	peer_open(&upload, &r, RIG_PLAIN);
	peer_puts(&upload, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
	UNTIL(&r, r.n_open == 2);
	(void)rig_rounds(&r, 1000);
	CHECK_INT(r.n_open, 2);
	peer_puts(&upload, "hello");
	PEER_UNTIL(&upload, "10\n");
	rig_reply(rig_take(&r), 200, "now\n");
	PEER_UNTIL(&later, "now\n");
	peer_close(&later);
	peer_close(&upload);
	rig_is_empty(&r);
	rig_done(&r);
}
