/* Stopping with a connection of every kind open: quick, and with nothing left behind. */
#include "rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum { IDLE, KEPT, HALF_HEAD, HALF_BODY, UPLOAD, LATER, EVENTS, RELAY, BIG, HANDSHAKE, LINGERING, KINDS };

static struct rig r;

static void open_all(struct peer *p)
{
	static const char *const texts[KINDS] = {
	        [IDLE] = "",
	        [KEPT] = GET("/hello"),
	        [HALF_HEAD] = "GET /hello HTTP/1.1\r\nHo",
	        [HALF_BODY] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
	        [UPLOAD] = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
	        [LATER] = GET("/later"),
	        [EVENTS] = GET("/events"),
	        [RELAY] = GET("/relay"),
	        [BIG] = GET("/big?16000000"),
	        [LINGERING] = "nonsense\n",
	};
	for (unsigned i = 0; i < KINDS; i++) {
		if (i == HANDSHAKE) {
			peer_connect(&p[i], &r, r.address[RIG_TLS]);
			continue;
		}
		peer_open(&p[i], &r, i % RIG_WAYS);
		peer_puts(&p[i], texts[i]);
		rig_settle(&r);
	}
	UNTIL(&r, r.n_open == 4);
	UNTIL(&r, httpd_connections(r.httpd) == KINDS);
}

static void close_all(struct peer *p)
{
	for (unsigned i = 0; i < KINDS; i++)
		peer_close(&p[i]);
}

static void on_stopped(void *ctx)
{
	((struct rig *)ctx)->stopped = true;
}

static void on_stopped_free(void *ctx)
{
	struct rig *rig = ctx;
	rig->httpd = httpd_free(rig->httpd);
	rig->stopped = true;
}

TEST(at_once)
{
	struct peer p[KINDS];
	rig_init(&r, NULL);
	open_all(p);
	int64_t begin = clock_monotonic_ms();
	r.httpd = httpd_free(r.httpd);
	CHECK(clock_monotonic_ms() - begin < 1000);
	CHECK_INT(r.n_open, 0);
	CHECK_INT(r.gone, 4);
	for (unsigned i = 0; i < KINDS; i++)
		UNTIL(&r, p[i].tls ? peer_ended(&p[i]) : (peer_read(&p[i]), p[i].eof));
	close_all(p);
	rig_done(&r);
}

/* What is under way may finish; what is idle, and event streams, need not. */
TEST(gracefully)
{
	struct peer p[KINDS], late;
	rig_init(&r, NULL);
	open_all(p);
	struct httpd_exchange *later = r.open[1];
	httpd_stop(r.httpd, 10000, on_stopped, &r);
	CHECK(!r.stopped); /* never from inside */
	UNTIL(&r, peer_ended(&p[IDLE]) && peer_ended(&p[KEPT]) && peer_ended(&p[EVENTS]));
	CHECK_HAS(str_get(&p[EVENTS].in), "\r\n0\r\n\r\n"); /* ended, not cut */
	CHECK_INT(r.gone, 1);
	/* nobody new gets in, and the name is free */
	peer_connect(&late, &r, r.address[RIG_PLAIN]);
	UNTIL(&r, peer_ended(&late));
	peer_close(&late);
	CHECK(access(r.address[RIG_UNIX] + strlen("unix://"), F_OK) != 0);

	peer_puts(&p[HALF_HEAD], "st: a\r\n\r\n");
	peer_puts(&p[HALF_BODY], "world");
	peer_puts(&p[UPLOAD], "world");
	rig_forget(&r, later);
	rig_reply(later, 200, "done\n");
	UNTIL(&r, peer_ended(&p[HALF_HEAD]) && peer_ended(&p[HALF_BODY]) && peer_ended(&p[UPLOAD]) &&
	                  peer_ended(&p[LATER]) && peer_ended(&p[BIG]));
	CHECK_STATUSES(&p[HALF_HEAD], "200 ");
	CHECK_HAS(str_get(&p[HALF_HEAD].in), "\r\nConnection: close\r\n");
	CHECK_STATUSES(&p[HALF_BODY], "200 ");
	CHECK_STATUSES(&p[UPLOAD], "200 ");
	CHECK_STATUSES(&p[LATER], "200 ");
	CHECK(p[BIG].in.len > 16000000);
	CHECK(!r.stopped);
	httpd_stream_end(rig_take(&r)); /* the relay */
	peer_close(&p[HANDSHAKE]);
	UNTIL(&r, r.stopped);
	CHECK_INT(httpd_connections(r.httpd), 0);
	close_all(p);
	rig_done(&r);
}

/* Grace has an end. The server may be freed from where that is said. */
TEST(out_of_grace)
{
	struct peer p[KINDS];
	rig_init(&r, NULL);
	open_all(p);
	int64_t begin = clock_monotonic_ms();
	httpd_stop(r.httpd, 300, on_stopped_free, &r);
	UNTIL(&r, r.stopped);
	CHECK(clock_monotonic_ms() - begin >= 300);
	CHECK_INT(r.gone, 4);
	close_all(p);
	rig_done(&r);
}

TEST(with_nobody_there)
{
	rig_init(&r, NULL);
	int64_t begin = clock_monotonic_ms();
	httpd_stop(r.httpd, 10000, on_stopped, &r);
	UNTIL(&r, r.stopped);
	CHECK(clock_monotonic_ms() - begin < 5000);
	rig_done(&r);
}

/* A socket that was handed over is served like one of the unix listener. */
TEST(handed_over)
{
	int fds[2];
	rig_init(&r, NULL);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	httpd_accept_fd(r.httpd, fds[0]);
	struct peer p = {.rig = &r, .fd = fds[1]};
	peer_puts(&p, "GET /hello HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n");
	UNTIL(&r, peer_ended(&p));
	CHECK_STATUSES(&p, "200 ");
	CHECK_STR(r.peer, "unix");
	peer_close(&p);
	rig_done(&r);
}
