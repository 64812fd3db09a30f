/* The HTTP client with streams and uploads: pausing, cancelling, early replies. */
#include "peer.h"

TEST(a_stream_has_its_own_connection_and_may_pause)
{
	world_begin(1);
	struct outcome s, o;
	stream(&s, "/stream");
	int fd = peer_accept();
	peer_skip(fd);
	ask(&o, "GET", "/other"); /* does not wait for the stream */
	int other = peer_accept();
	peer_skip(other);
	peer_write(other, OK_HI);
	UNTIL(o.done);
	outcome_done(&o);
	s.pause_on_data = true;
	peer_write(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n");
	UNTIL(s.streamed.len == 1);
	CHECK(s.heads);
	peer_write(fd, "1\r\nd\r\n0\r\n\r\n");
	for (unsigned i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	CHECK_STR(s.streamed.data, "a");
	http_call_pause(s.call, false);
	CHECK_INT(s.streamed.len, 1); /* never from inside */
	UNTIL(s.streamed.len == 2);
	s.pause_on_data = false;
	http_call_pause(s.call, false);
	UNTIL(s.done);
	CHECK_STR(s.streamed.data, "abcd");
	CHECK_INT(s.result, HTTP_OK);
	UNTIL(peer_closed(fd));
	outcome_done(&s);
	(void)close(fd);
	(void)close(other);
	world_end();
}

TEST(a_paused_stream_holds_the_peer_back)
{
	world_begin(1);
	struct outcome s;
	stream(&s, "/stream");
	s.pause_on_data = true;
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, "HTTP/1.1 200 OK\r\n\r\n");
	char block[65536];
	memset(block, 'x', sizeof(block));
	size_t sent = 0;
	for (unsigned quiet = 0; quiet < 20; loop_step(w.loop, 1)) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
		quiet = n > 0 ? 0 : quiet + 1;
		sent += n > 0 ? (size_t)n : 0;
		CHECK(sent < 16U << 20);
	}
	CHECK(s.streamed.len < sent);
	s.pause_on_data = false;
	http_call_pause(s.call, false);
	UNTIL(s.streamed.len == sent);
	outcome_done(&s);
	(void)close(fd);
	world_end();
}

TEST(a_stream_may_be_cancelled_from_its_data)
{
	world_begin(1);
	struct outcome s;
	stream(&s, "/stream");
	s.cancel_on_data = true;
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
	UNTIL(s.done);
	CHECK_INT(s.calls, 0);
	CHECK_STR(s.streamed.data, "a");
	UNTIL(peer_closed(fd));
	outcome_done(&s);
	(void)close(fd);
	world_end();
}

TEST(cancel_frees_the_place_in_the_queue)
{
	world_begin(1);
	struct outcome o[3];
	for (unsigned i = 0; i < 3; i++)
		ask(&o[i], "POST", i == 2 ? "/third" : "/");
	int fd = peer_accept();
	http_cancel(o[1].call);
	http_cancel(o[0].call);
	http_cancel(NULL);
	(void)close(fd);
	fd = peer_accept();
	_cleanup_free_ char *req = peer_read(fd, "\r\n\r\n");
	CHECK_HAS(req, "/third");
	peer_write(fd, OK_HI);
	UNTIL(o[2].done);
	CHECK(!o[0].done && !o[1].done);
	outcome_done(&o[2]);
	(void)close(fd);
	world_end();
}

static bool sent_again;

static void on_sent(void *ctx _unused_)
{
	sent_again = true;
}

static bool try_drain(int fd, struct str *all, size_t want)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));
	if (n > 0)
		str_add(all, buf, (size_t)n);
	return all->len >= want;
}

TEST(an_upload_is_chunked_and_held_back)
{
	world_begin(1);
	struct outcome o = {0};
	o.call = http_call(
	        w.client,
	        &(struct http_request){
	                .method = "POST", .target = "/up", .upload = true, .on_done = on_done, .ctx = &o});
	http_call_on_sent(o.call, on_sent);
	int fd = peer_accept();
	_cleanup_free_ char *head = peer_read(fd, "\r\n\r\n");
	CHECK_HAS(head, "Transfer-Encoding: chunked\r\n");
	char block[1000];
	memset(block, 'u', sizeof(block));
	size_t chunks = 0;
	sent_again = false;
	while (http_call_send(o.call, block, sizeof(block)))
		CHECK(++chunks < 10000);
	chunks++;
	CHECK(!sent_again);
	struct str all = STR_INIT;
	size_t want = chunks * (sizeof(block) + strlen("3e8\r\n\r\n"));
	UNTIL(try_drain(fd, &all, want));
	CHECK(sent_again);
	CHECK_INT(all.len, want);
	CHECK(strncmp(all.data, "3e8\r\nuuu", 8) == 0);
	http_call_end(o.call);
	_cleanup_free_ char *end = peer_read(fd, "0\r\n\r\n");
	CHECK_STR(end, "0\r\n\r\n");
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	str_done(&all);
	outcome_done(&o);
	(void)close(fd);
	world_end();
}

TEST(an_early_reply_is_read_although_the_body_is_refused)
{
	world_begin(1);
	struct outcome o = {0};
	size_t len = 8U << 20;
	_cleanup_free_ char *big = mem_zalloc(len);
	(void)http_call(w.client, &(struct http_request){.method = "POST",
	                                                 .target = "/big",
	                                                 .body = big,
	                                                 .body_len = len,
	                                                 .timeout_ms = WAIT_MS,
	                                                 .on_done = on_done,
	                                                 .ctx = &o});
	int fd = peer_accept();
	peer_write(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
	(void)close(fd); /* unread bytes: the client's next write fails */
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	CHECK_INT(o.status, 413);
	CHECK_STR(o.body.data, "big");
	outcome_done(&o);
	world_end();
}
