/* Streamed answers: signs of life, back-pressure, readers that stop or leave, crowds. */
#include "rig.h"

#include <sys/resource.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void open_stream(struct peer *p, struct rig *r, enum rig_way way, const char *request)
{
	unsigned before = r->n_open;
	peer_open(p, r, way);
	peer_puts(p, request);
	UNTIL(r, r->n_open == before + 1);
	PEER_UNTIL(p, "\r\n\r\n");
}

TEST(event_stream)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		open_stream(&p, &r, way, GET("/events"));
		CHECK_HAS(str_get(&p.in), "HTTP/1.1 200 OK\r\n");
		CHECK_HAS(str_get(&p.in), "\r\nContent-Type: text/event-stream\r\n");
		CHECK_HAS(str_get(&p.in), "\r\nCache-Control: no-cache\r\n");
		CHECK_HAS(str_get(&p.in), "\r\nTransfer-Encoding: chunked\r\n");
		CHECK(httpd_stream_write(r.open[0], "data: 1\n\n", 9));
		PEER_UNTIL(&p, "\r\n\r\n9\r\ndata: 1\n\n\r\n");
		httpd_stream_end(rig_take(&r));
		PEER_UNTIL(&p, "\r\n0\r\n\r\n");
		/* the connection goes on */
		peer_puts(&p, GET("/hello"));
		PEER_UNTIL(&p, "hello\n");
		CHECK_STATUSES(&p, "200 200 ");
		peer_close(&p);
	}
	rig_is_empty(&r);
	rig_done(&r);
}

/* An idle stream shows that it lives, for its reader and for what is in between; others have no such lines. */
TEST(comment_lines)
{
	static struct rig r;
	struct peer events, relay;
	rig_init(&r, &(struct httpd_limits){.comment_ms = 30});
	open_stream(&events, &r, RIG_PLAIN, GET("/events"));
	open_stream(&relay, &r, RIG_PLAIN, GET("/relay"));
	int64_t begin = clock_monotonic_ms();
	UNTIL(&r, peer_has(&events, "3\r\n:\n\n\r\n3\r\n:\n\n\r\n"));
	CHECK(clock_monotonic_ms() - begin >= 30);
	CHECK(!peer_has(&relay, ":\n\n"));
	peer_close(&events);
	peer_close(&relay);
	UNTIL(&r, r.gone == 2);
	/* nobody listens: no timer runs on */
	(void)rig_rounds(&r, 60);
	CHECK(rig_rounds(&r, 300) <= 4);
	rig_done(&r);
}

/* The reader of an event stream who takes nothing is dropped at the bound, and costs nothing until then. */
TEST(slow_reader_is_dropped)
{
	static struct rig r;
	struct peer p;
	static char event[4096];
	memset(event, 'e', sizeof(event));
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		open_stream(&p, &r, way, GET("/events"));
		size_t written = 0;
		while (r.n_open == 1 && written < 64 * 1024 * 1024) {
			(void)httpd_stream_write(r.open[0], event, sizeof(event));
			written += sizeof(event);
			loop_step(r.loop, 0);
		}
		/* what the kernel holds, and 256 KiB */
		CHECK(written < 32 * 1024 * 1024);
		CHECK_INT(r.gone, way + 1);
		UNTIL(&r, peer_ended(&p));
		CHECK(!strstr(str_get(&p.in), "\r\n0\r\n\r\n"));
		peer_close(&p);
	}
	rig_is_empty(&r);
	rig_is_well(&r);
	rig_done(&r);
}

/* One that stands still below the bound is dropped by the deadline of writing; the process sleeps meanwhile. */
TEST(stalled_readers)
{
	static struct rig r;
	struct peer events, big, relay;
	static char block[1 << 20];
	rig_init(&r, &(struct httpd_limits){.write_ms = 1000, .relay_ms = 3000, .stream_queue = 16 << 20});
	open_stream(&events, &r, RIG_PLAIN, GET("/events"));
	open_stream(&relay, &r, RIG_UNIX, GET("/relay"));
	peer_open(&big, &r, RIG_TLS);
	for (int i = 0; i < 12; i++) { /* more than the kernel takes */
		(void)httpd_stream_write(r.open[0], block, sizeof(block));
		(void)httpd_stream_write(r.open[1], block, sizeof(block));
	}
	peer_puts(&big, GET("/big?16000000"));
	rig_settle(&r);
	CHECK_INT(httpd_connections(r.httpd), 3);
	CHECK(rig_rounds(&r, 100) <= 4);
	UNTIL(&r, httpd_connections(r.httpd) == 1);
	CHECK_INT(r.gone, 1); /* the event stream; the large answer was over for its handler */
	UNTIL(&r, httpd_connections(r.httpd) == 0);
	CHECK_INT(r.gone, 2);
	peer_close(&events);
	peer_close(&big);
	peer_close(&relay);
	rig_done(&r);
}

static bool ends_properly(struct peer *p)
{
	peer_read(p);
	return p->in.len >= 7 && memcmp(p->in.data + p->in.len - 7, "\r\n0\r\n\r\n", 7) == 0;
}

/* A relay is told to wait, and told when there is room; nothing is lost, and nobody is dropped. */
TEST(back_pressure)
{
	enum { TOTAL = 32 << 20 };
	static struct rig r;
	struct peer p;
	static char block[16384];
	rig_init(&r, &(struct httpd_limits){.stream_queue = 8 << 20}); /* of event streams only */
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		size_t written = 0, held = 0;
		r.drained = 0;
		open_stream(&p, &r, way, GET("/relay"));
		for (bool room = true; room && written < TOTAL; written += sizeof(block)) {
			room = httpd_stream_write(r.open[0], block, sizeof(block));
			rig_settle(&r);
		}
		held = written;
		CHECK(held < (way == RIG_UNIX ? 1 << 20 : TOTAL));
		CHECK_INT(r.drained, 0);
		CHECK(rig_rounds(&r, 50) <= 3);
		while (written < TOTAL) {
			unsigned before = r.drained;
			while (r.drained == before) {
				peer_read(&p);
				loop_step(r.loop, 0);
			}
			for (bool room = true; room && written < TOTAL; written += sizeof(block))
				room = httpd_stream_write(r.open[0], block, sizeof(block));
		}
		httpd_stream_end(rig_take(&r));
		UNTIL(&r, ends_properly(&p));
		CHECK(p.in.len > TOTAL);
		peer_close(&p);
	}
	CHECK_INT(r.gone, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* A source that writes when it is told to goes on to its end, whether its reader is quick or slow. */
TEST(source)
{
	enum { TOTAL = 32 << 20 };
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		for (int slow = 0; slow <= 1; slow++) {
			open_stream(&p, &r, way, slow ? GET("/relay") : GET("/events"));
			r.source = TOTAL;
			rig_pump(&r, r.open[0]);
			if (slow)
				rig_settle(&r);
			UNTIL(&r, (peer_read(&p), p.in.len > TOTAL && r.source == 0));
			httpd_stream_end(rig_take(&r));
			UNTIL(&r, ends_properly(&p));
			peer_close(&p);
		}
	}
	CHECK_INT(r.gone, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* A reader that leaves is noticed at once, whatever it sent before and whatever it waits for. */
TEST(leaving)
{
	static const char *const requests[] = {
	        GET("/events"), GET("/relay"), GET("/later"),
	        GET("/events") GET("/hello"), /* impatient, too */
	        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello"};
	static struct rig r;
	struct peer p;
	unsigned gone = 0;
	rig_init(&r, &(struct httpd_limits){.comment_ms = 600000});
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		for (size_t i = 0; i < ELEMENTS(requests); i++) {
			for (int reset = 0; reset <= (way != RIG_UNIX); reset++) {
				peer_open(&p, &r, way);
				peer_puts(&p, requests[i]);
				UNTIL(&r, r.n_open == 1);
				rig_settle(&r);
				if (reset)
					peer_reset(&p);
				else
					peer_close(&p);
				UNTIL(&r, r.gone == gone + 1);
				gone++;
			}
		}
	}
	rig_is_empty(&r);
	rig_done(&r);
}

/* An answer that cannot be completed looks like that. */
TEST(aborting)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, NULL);
	for (unsigned way = 0; way < RIG_WAYS; way++) {
		open_stream(&p, &r, way, GET("/relay"));
		(void)httpd_stream_write(r.open[0], "some", 4);
		httpd_abort(rig_take(&r));
		UNTIL(&r, peer_ended(&p));
		CHECK(!strstr(str_get(&p.in), "\r\n0\r\n\r\n"));
		peer_close(&p);
	}
	CHECK_INT(r.gone, 0);
	rig_is_empty(&r);
	rig_done(&r);
}

/* Resets in the midst of answers, which nobody needs to be told of. */
TEST(resets_in_mid_answer)
{
	static struct rig r;
	rig_init(&r, NULL);
	for (int i = 0; i < 50; i++) {
		struct peer p;
		peer_open(&p, &r, i % 2 ? RIG_TLS : RIG_PLAIN);
		peer_puts(&p, GET("/big?4000000") GET("/big?4000000"));
		UNTIL(&r, peer_has(&p, "HTTP/1.1 200"));
		peer_reset(&p);
	}
	rig_is_empty(&r);
	rig_is_well(&r);
	CHECK(rig_rounds(&r, 50) <= 3);
	rig_done(&r);
}

/* Who asks for much and reads nothing gets no second answer prepared. */
TEST(pipelined_large_answers)
{
	static struct rig r;
	struct peer p;
	rig_init(&r, &(struct httpd_limits){.write_ms = 1500});
	_cleanup_str_ struct str all = STR_INIT;
	for (int i = 0; i < 50; i++)
		str_puts(&all, GET("/big?1048576"));
	peer_open(&p, &r, RIG_PLAIN);
	peer_send(&p, all.data, all.len, false);
	CHECK(rig_rounds(&r, 100) <= 6);
	CHECK(r.requests < 16); /* what the kernel swallowed, and one */
	rig_is_empty(&r);
	peer_close(&p);
	/* the same, read: all of them */
	r.requests = 0;
	peer_open(&p, &r, RIG_PLAIN);
	peer_send(&p, all.data, all.len, true);
	UNTIL(&r, (peer_read(&p), p.in.len > 50 * 1048576));
	CHECK_INT(r.requests, 50);
	peer_close(&p);
	rig_done(&r);
}

/* --- crowds --- */

static void more_descriptors(rlim_t wanted)
{
	struct rlimit l;
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_max < wanted)
		l.rlim_max = wanted;
	l.rlim_cur = MAX(l.rlim_cur, wanted);
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		test_fail(__FILE__, __LINE__, "%d open files are needed (ulimit -n): %s", (int)wanted,
		          strerror(errno));
}

TEST(five_thousand_watchers)
{
	enum { WATCHERS = 5000 };
	static struct rig r;
	static struct peer crowd[WATCHERS];
	more_descriptors(2 * WATCHERS + 200);
	rig_init(&r, NULL);
	for (size_t i = 0; i < WATCHERS; i++) {
		peer_open(&crowd[i], &r, RIG_PLAIN);
		peer_puts(&crowd[i], GET("/events"));
	}
	UNTIL(&r, r.n_open == WATCHERS);
	CHECK_INT(httpd_connections(r.httpd), WATCHERS);
	rig_settle(&r);
	CHECK(rig_rounds(&r, 50) <= 3);
	for (size_t i = 0; i < WATCHERS; i++)
		CHECK(httpd_stream_write(r.open[i], "data: news\n\n", 12));
	for (size_t i = 0; i < WATCHERS; i++)
		PEER_UNTIL(&crowd[i], "data: news\n\n");
	rig_is_well(&r);
	for (size_t i = 0; i < WATCHERS; i++)
		peer_close(&crowd[i]);
	UNTIL(&r, r.gone == WATCHERS);
	rig_is_empty(&r);
	rig_done(&r);
}

TEST(idle_ones_beside_busy_ones)
{
	enum { IDLE = 2000, BUSY = 2000 };
	static struct rig r;
	static struct peer idle[IDLE];
	struct peer p;
	more_descriptors(2 * IDLE + 200);
	rig_init(&r, NULL);
	for (size_t i = 0; i < IDLE; i++)
		peer_open(&idle[i], &r, RIG_PLAIN);
	UNTIL(&r, httpd_connections(r.httpd) == IDLE);
	peer_open(&p, &r, RIG_PLAIN);
	for (int i = 0; i < BUSY; i++) {
		str_clear(&p.in);
		peer_puts(&p, GET("/hello"));
		PEER_UNTIL(&p, "hello\n");
	}
	CHECK_INT(r.requests, BUSY);
	for (size_t i = 0; i < IDLE; i++)
		peer_close(&idle[i]);
	peer_close(&p);
	rig_is_empty(&r);
	rig_done(&r);
}
