/* Sessions: a reader of a log, the session's key, and the runner that connects back; played by the test. */
#include "rig.h"

#define LOGS "/v1/pods/default/web-0-0123456789/logs"
#define POD  "web-0-0123456789"

/* What the runner reads in the key. */
struct session_key {
	char id[64], secret[128];
	struct value *value;
};

static void session_done(struct session_key *s)
{
	s->value = value_unref(s->value);
}
#define _cleanup_session_ _cleanup_(session_done)

static unsigned sessions(struct rig *r)
{
	unsigned n = 0;
	_cleanup_free_ char *list = drive_list(r->side, "/tug/sessions/");
	for (const char *at = list; (at = strstr(at, "/tug/sessions/")); at++)
		n++;
	return n;
}

static struct session_key session_find(struct rig *r)
{
	static const char prefix[] = "/tug/sessions/n1/";
	struct session_key s = {0};
	struct error err = {0};
	struct drive_done d;
	UNTIL(r->loop, sessions(r) == 1);
	CHECK_INT(drive_range(r->side, &(struct store_range_request){.key = prefix, .prefix = true}, &d),
	          STORE_OK);
	const char *equals = strchr(str_get(&d.text), '='), *at = strrchr(d.text.data, '@');
	CHECK(equals && at > equals);
	(void)snprintf(s.id, sizeof(s.id), "%.*s", (int)(equals - d.text.data - (int)strlen(prefix)),
	               d.text.data + strlen(prefix));
	CHECK_INT(json_parse(equals + 1, (size_t)(at - equals - 1), &s.value, &err), 0);
	(void)snprintf(s.secret, sizeof(s.secret), "%s", value_get_string(s.value, "secret"));
	str_done(&d.text);
	return s;
}

static void begin_with(struct rig *r, const struct api_config *config, const char *containers)
{
	rig_start(r, config);
	UNTIL(r->loop, r->synced);
	put_node(r, "n1");
	put_pod(r, "n1", POD, containers);
	await(r, "/v1/pods", POD);
}

static void begin(struct rig *r)
{
	rig_begin(r);
	struct api_config config = rig_config(r);
	begin_with(r, &config, "\"app\":{\"image\":\"x\"}");
}

/* A reader asks; its connection stays. */
static void ask_log(struct conversation *reader, struct rig *r, const char *query)
{
	_cleanup_str_ struct str out = STR_INIT;
	str_printf(&out, "GET " LOGS "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query);
	talk_open(reader, r);
	talk_send(reader, out.data, out.len);
}

static void upload(struct conversation *runner, struct rig *r, const char *id, const char *secret)
{
	_cleanup_str_ struct str out = STR_INIT;
	str_printf(&out,
	           "POST /v1/sessions/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
	           "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
	           id, secret);
	talk_open(runner, r);
	talk_send(runner, out.data, out.len);
}

static void put_frame(struct str *out, int stream, const char *data, size_t len)
{
	char head[5] = {(char)stream, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
	str_printf(out, "%zx\r\n", sizeof(head) + len);
	str_add(out, head, sizeof(head));
	str_add(out, data, len);
	str_puts(out, "\r\n");
}

static void frame(struct conversation *runner, int stream, const char *text)
{
	_cleanup_str_ struct str out = STR_INIT;
	put_frame(&out, stream, text, strlen(text));
	talk_send(runner, out.data, out.len);
}

/* Reader and runner, connected. */
static void meet(struct conversation *reader, struct conversation *runner, struct rig *r, const char *query)
{
	ask_log(reader, r, query);
	_cleanup_session_ struct session_key s = session_find(r);
	upload(runner, r, s.id, s.secret);
}

/* The end of a chunked answer; what is before it may hold anything. */
static bool is_whole(struct conversation *reader)
{
	static const char end[] = "\r\n0\r\n\r\n";
	size_t len = strlen(end);
	talk_read(reader);
	return reader->in.len > len && memcmp(reader->in.data + reader->in.len - len, end, len) == 0;
}

static void is_over(struct rig *r)
{
	UNTIL(r->loop, sessions(r) == 0);
	await(r, "/metrics", "\ntug_api_sessions 0\n");
}

TEST(a_log)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	ask_log(&reader, &r, "?follow=1&tail=7&since=1000&timestamps=1");
	_cleanup_session_ struct session_key s = session_find(&r);
	CHECK_INT(strlen(s.id), 32);
	CHECK_INT(strlen(s.secret), 64);
	CHECK_STR(value_get_string(s.value, "what"), "logs");
	CHECK_STR(value_get_string(s.value, "project"), "default");
	CHECK_STR(value_get_string(s.value, "pod"), POD);
	CHECK_STR(value_get_string(s.value, "container"), "app");
	CHECK_HAS(value_get_string(s.value, "address"), "unix:///");
	CHECK(value_bool(value_get(s.value, "follow")) && value_bool(value_get(s.value, "timestamps")));
	CHECK_INT(value_get_int(s.value, "tail"), 7);
	CHECK_INT(value_get_int(s.value, "since"), 1000);
	upload(&runner, &r, s.id, s.secret);
	frame(&runner, 1, "one\n");
	TALK_UNTIL(&reader, "one\n");
	CHECK(talk_has(&reader, "HTTP/1.1 200 OK\r\n") && talk_has(&reader, "text/plain; charset=utf-8"));
	frame(&runner, 2, "two\n");
	frame(&runner, 1, "");
	frame(&runner, 1, "three\n");
	TALK_UNTIL(&reader, "three\n");
	talk_puts(&runner, "0\r\n\r\n");
	TALK_UNTIL(&reader, "\r\n0\r\n\r\n");
	talk_until_eof(&runner);
	_cleanup_answer_ struct answer log = talk_answer(&reader), end = talk_answer(&runner);
	CHECK_STR(str_get(&log.body), "one\ntwo\nthree\n");
	CHECK_STATUS(end, 200);
	is_over(&r);
	/* the reader's connection goes on */
	talk_puts(&reader, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
	TALK_UNTIL(&reader, "ok\n");
	talk_close(&reader);
	talk_close(&runner);
	rig_done(&r);
}

/* Frames in pieces of a byte; the reader gets the same frames. */
TEST(streams)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	meet(&reader, &runner, &r, "?streams=1");
	struct str out = STR_INIT, want = STR_INIT;
	put_frame(&out, 1, "out\n", 4);
	put_frame(&out, 2, "err\n", 4);
	put_frame(&out, 3, "the log ended badly", 19);
	for (size_t i = 0; i < out.len; i++)
		talk_send(&runner, out.data + i, 1);
	UNTIL(r.loop, is_whole(&reader));
	str_add(&want, "\1\0\0\0\4out\n\2\0\0\0\4err\n\3\0\0\0\23the log ended badly", 9 + 9 + 24);
	_cleanup_answer_ struct answer log = talk_answer(&reader);
	CHECK_INT(log.body.len, want.len);
	CHECK(memcmp(log.body.data, want.data, want.len) == 0);
	CHECK_HAS(str_get(&log.head), "application/octet-stream");
	talk_until_eof(&runner); /* ended by its error: answered although it did not end its body */
	CHECK(talk_has(&runner, "HTTP/1.1 200"));
	is_over(&r);
	str_done(&out);
	str_done(&want);
	talk_close(&reader);
	talk_close(&runner);
	rig_done(&r);
}

/* What a node has to say instead of a log, before the answer has begun and after. */
TEST(errors_of_the_node)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	meet(&reader, &runner, &r, "");
	frame(&runner, 3, "no such container: \xff\xfe");
	TALK_UNTIL(&reader, "\"status\":502}");
	CHECK(talk_has(&reader, "HTTP/1.1 502") &&
	      talk_has(&reader, "node n1: no such container: \xef\xbf\xbd"));
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);

	meet(&reader, &runner, &r, "");
	frame(&runner, 1, "some\n");
	frame(&runner, 3, "the engine went away");
	UNTIL(r.loop, is_whole(&reader));
	_cleanup_answer_ struct answer log = talk_answer(&reader);
	CHECK_STR(str_get(&log.body), "some\nerror: the engine went away\n");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);

	/* an empty log is no error */
	meet(&reader, &runner, &r, "");
	talk_puts(&runner, "0\r\n\r\n");
	TALK_UNTIL(&reader, "Content-Length: 0\r\n");
	CHECK(talk_has(&reader, "HTTP/1.1 200"));
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

/* The client is gone: the runner is told, and its key goes. */
TEST(reader_leaves)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	for (int begun = 0; begun <= 1; begun++) {
		meet(&reader, &runner, &r, "?follow=1");
		if (begun) {
			frame(&runner, 1, "some\n");
			TALK_UNTIL(&reader, "some\n");
		}
		drive_settle(r.loop);
		talk_close(&reader);
		talk_until_eof(&runner);
		CHECK(talk_has(&runner, "HTTP/1.1 410") && talk_has(&runner, "the reader left"));
		talk_close(&runner);
		is_over(&r);
	}
	/* before the runner came: it finds nothing */
	ask_log(&reader, &r, "");
	_cleanup_session_ struct session_key s = session_find(&r);
	talk_close(&reader);
	is_over(&r);
	upload(&runner, &r, s.id, s.secret);
	TALK_UNTIL(&runner, "HTTP/1.1 404");
	talk_close(&runner);
	rig_done(&r);
}

/* The runner is gone: the reader is told, or its answer is cut so that it does not look whole. */
TEST(runner_leaves)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	meet(&reader, &runner, &r, "?follow=1");
	drive_settle(r.loop);
	talk_close(&runner);
	TALK_UNTIL(&reader, "node n1 broke the stream off");
	CHECK(talk_has(&reader, "HTTP/1.1 502"));
	talk_close(&reader);
	is_over(&r);

	meet(&reader, &runner, &r, "?follow=1");
	frame(&runner, 1, "some\n");
	TALK_UNTIL(&reader, "some\n");
	talk_close(&runner);
	talk_until_eof(&reader);
	CHECK(!talk_has(&reader, "\r\n0\r\n\r\n"));
	talk_close(&reader);
	is_over(&r);

	/* one that ends within a frame, and one that sends something else */
	meet(&reader, &runner, &r, "");
	talk_puts(&runner, "4\r\n\1\r\n\r\r\n0\r\n\r\n");
	TALK_UNTIL(&reader, "HTTP/1.1 502");
	TALK_UNTIL(&runner, "HTTP/1.1 400");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	meet(&reader, &runner, &r, "");
	talk_puts(&runner, "5\r\nhello\r\n");
	TALK_UNTIL(&reader, "sent something else than a log");
	TALK_UNTIL(&runner, "this is no frame");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

/* An idle log stays open as long as its runner gives signs of life, and no longer. */
TEST(idle)
{
	struct rig r;
	struct conversation reader, runner;
	rig_begin(&r);
	struct api_config config = rig_config(&r);
	config.session_silence_ms = 1000;
	begin_with(&r, &config, "\"app\":{\"image\":\"x\"}");
	meet(&reader, &runner, &r, "?follow=1");
	frame(&runner, 1, "some\n");
	TALK_UNTIL(&reader, "some\n");
	int64_t start = loop_now(r.loop), last = start;
	while (loop_now(r.loop) < start + 2500) {
		if (loop_now(r.loop) >= last + 100) {
			last = loop_now(r.loop);
			frame(&runner, 1, "");
		}
		loop_step(r.loop, 20);
		CHECK(!talk_ended(&reader) && !talk_ended(&runner));
	}
	talk_until_eof(&reader);
	CHECK(loop_now(r.loop) - last >= 1000);
	CHECK(!talk_has(&reader, "\r\n0\r\n\r\n"));
	TALK_UNTIL(&runner, "HTTP/1.1 408");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);

	/* without a word from the container the answer begins all the same, so that the reader knows */
	meet(&reader, &runner, &r, "?follow=1");
	TALK_UNTIL(&reader, "HTTP/1.1 200");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

/* A reader that stops holds the runner back; nothing is lost, and nobody takes that for silence. */
TEST(slow_reader)
{
	enum { PIECE = 60000, PIECES = 400 };
	struct rig r;
	struct conversation reader, runner;
	rig_begin(&r);
	struct api_config config = rig_config(&r);
	config.session_silence_ms = 4000; /* longer than a busy machine leaves us without a turn */
	begin_with(&r, &config, "\"app\":{\"image\":\"x\"}");
	meet(&reader, &runner, &r, "?follow=1");
	_cleanup_str_ struct str out = STR_INIT;
	static char piece[PIECE];
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < PIECES; i++)
		put_frame(&out, 1, piece, sizeof(piece));
	str_puts(&out, "0\r\n\r\n");
	size_t sent = 0;
	int64_t still = loop_now(r.loop);
	while (sent < out.len && loop_now(r.loop) < still + 5000) {
		ssize_t n = send(runner.fd, out.data + sent, out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			still = loop_now(r.loop);
		sent += n > 0 ? (size_t)n : 0;
		loop_step(r.loop, n > 0 ? 0 : 10);
	}
	CHECK(sent < (2 << 20)); /* two sockets' worth and the mark of 256 KiB */
	while (sent < out.len) {
		ssize_t n = send(runner.fd, out.data + sent, out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		CHECK(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
		talk_read(&reader);
		CHECK(!reader.eof);
		loop_step(r.loop, 0);
	}
	UNTIL(r.loop, is_whole(&reader));
	talk_until_eof(&runner);
	CHECK(talk_has(&runner, "HTTP/1.1 200"));
	_cleanup_answer_ struct answer log = talk_answer(&reader);
	CHECK_INT(log.body.len, PIECE * PIECES);
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

TEST(who_may_send)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	ask_log(&reader, &r, "");
	_cleanup_session_ struct session_key s = session_find(&r);
	static const struct {
		const char *id, *secret, *has;
	} rows[] = {
	        {"0123456789abcdef0123456789abcdef", NULL, "HTTP/1.1 404"},
	        {NULL, "wrong", "HTTP/1.1 403"},
	        {NULL, "dev", "HTTP/1.1 403"},
	        {NULL, "", "HTTP/1.1 403"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		upload(&runner, &r, rows[i].id ? rows[i].id : s.id,
		       rows[i].secret ? rows[i].secret : s.secret);
		TALK_UNTIL(&runner, rows[i].has);
		talk_close(&runner);
	}
	/* a secret is not a password for anything else, and the key is nobody's to read */
	_cleanup_str_ struct str fields = STR_INIT;
	str_printf(&fields, "Authorization: Bearer %s\r\n", s.secret);
	_cleanup_answer_ struct answer list = ask_tcp(&r, "GET", "/v1/pods", str_get(&fields), NULL);
	CHECK_STATUS(list, 403);
	ASK(&r, "GET", "/v1/sessions", NULL, 404, "no such path");
	_cleanup_answer_ struct answer bare =
	        ask_fields(&r, "POST", "/v1/sessions/x", str_get(&fields), NULL);
	CHECK_STATUS(bare, 404);
	upload(&runner, &r, s.id, s.secret);
	drive_settle(r.loop);
	struct conversation second;
	upload(&second, &r, s.id, s.secret);
	TALK_UNTIL(&second, "HTTP/1.1 409");
	talk_close(&second);
	frame(&runner, 1, "still\n");
	TALK_UNTIL(&reader, "still\n");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

TEST(which_container)
{
	struct rig r;
	struct conversation reader, runner;
	rig_begin(&r);
	struct api_config config = rig_config(&r);
	begin_with(&r, &config, "\"app\":{\"image\":\"x\"},\"side\":{\"image\":\"y\"}");
	ASK(&r, "GET", LOGS, NULL, 400, "choose one with 'container': app, side");
	ASK(&r, "GET", LOGS "?container=none", NULL, 404, "no container 'none'; it has: app, side");
	ASK(&r, "GET", "/v1/pods/default/none-0-0123456789/logs", NULL, 404, "there is no pod");
	ASK(&r, "GET", "/v1/pods/other/" POD "/logs", NULL, 404, "there is no pod");
	ASK(&r, "GET", LOGS "?container=app&node=n2", NULL, 404, "there is no pod");
	_cleanup_answer_ struct answer head = ask(&r, "HEAD", LOGS "?container=app", NULL);
	CHECK_STATUS(head, 200);
	CHECK_INT(sessions(&r), 0);
	meet(&reader, &runner, &r, "?container=side&node=n1");
	frame(&runner, 1, "from the side\n");
	TALK_UNTIL(&reader, "from the side\n");
	talk_close(&reader);
	talk_close(&runner);
	is_over(&r);
	/* on two nodes: the one that lives */
	(void)drive_put(r.side, "/tug/nodes/n0", "{\"kind\":\"node\",\"name\":\"n0\"}");
	put_pod(&r, "n0", POD, "\"old\":{\"image\":\"x\"}");
	await(&r, "/v1/pods?node=n0", POD);
	ASK(&r, "GET", LOGS, NULL, 400, "choose one with 'container': app, side");
	rig_done(&r);
}

/* A node that does not answer, and a store that does not. */
TEST(nobody_answers)
{
	struct rig r;
	struct conversation reader, late;
	begin(&r);
	int64_t start = loop_now(r.loop);
	ask_log(&reader, &r, "");
	_cleanup_session_ struct session_key s = session_find(&r);
	memory_store_cut(r.store, true);
	UNTIL(r.loop, r.store->state != STORE_READY);
	ask_log(&late, &r, "");
	TALK_UNTIL(&reader, "did not answer within 5 s");
	CHECK(talk_has(&reader, "HTTP/1.1 504"));
	CHECK(loop_now(r.loop) - start >= 4900);
	talk_close(&reader);
	TALK_UNTIL(&late, "the store cannot be reached");
	CHECK(talk_has(&late, "HTTP/1.1 503"));
	talk_close(&late);
	memory_store_cut(r.store, false);
	is_over(&r);
	memory_store_fail_txns(r.store, 1, STORE_E_UNAVAILABLE, false);
	ASK(&r, "GET", LOGS, NULL, 503, "the store cannot be reached");
	is_over(&r);
	/* written although it looked lost: deleted again, while another session keeps the lease */
	struct conversation other, runner;
	meet(&other, &runner, &r, "?follow=1");
	drive_settle(r.loop);
	memory_store_fail_txns(r.store, 1, STORE_E_UNKNOWN, true);
	ASK(&r, "GET", LOGS, NULL, 504, "may have been carried out");
	UNTIL(r.loop, sessions(&r) == 1);
	talk_close(&other);
	talk_close(&runner);
	is_over(&r);
	rig_done(&r);
}

static void on_stopped(void *ctx)
{
	((struct rig *)ctx)->synced = false;
}

/* The server stops: both sides are told. */
TEST(stop)
{
	struct rig r;
	struct conversation reader, runner;
	begin(&r);
	meet(&reader, &runner, &r, "?follow=1");
	frame(&runner, 1, "some\n");
	TALK_UNTIL(&reader, "some\n");
	api_stop(r.api, 2000, on_stopped, &r);
	talk_until_eof(&reader);
	CHECK(!talk_has(&reader, "\r\n0\r\n\r\n"));
	talk_until_eof(&runner);
	CHECK(talk_has(&runner, "the server stops"));
	UNTIL(r.loop, !r.synced);
	UNTIL(r.loop, sessions(&r) == 0);
	talk_close(&reader);
	talk_close(&runner);
	rig_done(&r);
}
