/* The client against a peer that the test plays byte by byte. */
#include "peer.h"

TEST(a_request_is_written_and_its_reply_read)
{
	world_begin(2);
	struct outcome o;
	ask(&o, "GET", "/a?b=c");
	int fd = peer_accept();
	_cleanup_free_ char *req = peer_read(fd, "\r\n\r\n");
	CHECK_STR(req, "GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n");
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	CHECK_INT(o.status, 200);
	CHECK_STR(o.body.data, "hi");
	outcome_done(&o);
	(void)close(fd);
	world_end();
}

TEST(a_body_goes_with_its_length_and_own_fields)
{
	world_begin(2);
	struct outcome o = {0};
	const char *fields[] = {"Content-Type: application/json", NULL};
	(void)http_call(w.client, &(struct http_request){.method = "POST",
	                                                 .target = "/x",
	                                                 .fields = fields,
	                                                 .body = "{}",
	                                                 .body_len = 2,
	                                                 .on_done = on_done,
	                                                 .ctx = &o});
	int fd = peer_accept();
	_cleanup_free_ char *req = peer_read(fd, "{}");
	CHECK_STR(req, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	               "Content-Length: 2\r\n\r\n{}");
	peer_write(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	UNTIL(o.done);
	CHECK_INT(o.status, 204);
	CHECK_INT(o.body.len, 0);
	outcome_done(&o);
	/* without a body the length is said all the same */
	ask(&o, "POST", "/y");
	_cleanup_free_ char *again = peer_read(fd, "\r\n\r\n");
	CHECK_HAS(again, "Content-Length: 0\r\n");
	outcome_done(&o);
	(void)close(fd);
	world_end();
}

TEST(connections_are_kept_bounded_and_queued)
{
	world_begin(2);
	struct outcome o[4];
	for (unsigned i = 0; i < 4; i++)
		ask(&o[i], "POST", "/q");
	int a = peer_accept(), b = peer_accept(), c;
	for (unsigned i = 0; i < 10; i++)
		loop_step(w.loop, 1);
	CHECK(try_accept(&c) < 0);
	peer_skip(a);
	peer_skip(b);
	peer_write(a, OK_HI);
	UNTIL(o[0].done);
	peer_skip(a); /* the third call, on the same connection */
	peer_write(b, OK_HI);
	UNTIL(o[1].done);
	peer_skip(b);
	peer_write(b, OK_HI);
	peer_write(a, OK_HI);
	UNTIL(o[2].done && o[3].done);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_INT(o[i].result, HTTP_OK);
		outcome_done(&o[i]);
	}
	(void)close(a);
	(void)close(b);
	world_end();
}

TEST(the_reply_may_come_in_single_bytes)
{
	static const char reply[] =
	        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	        "3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nT: v\r\n\r\n";
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	for (const char *p = reply; *p; p++) {
		CHECK_INT(send(fd, p, 1, MSG_NOSIGNAL), 1);
		loop_step(w.loop, 0);
	}
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	CHECK_STR(o.body.data, "abcd");
	outcome_done(&o);
	/* and the connection is still good */
	ask(&o, "GET", "/");
	peer_skip(fd);
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	CHECK_INT(o.status, 200);
	outcome_done(&o);
	(void)close(fd);
	world_end();
}

TEST(a_body_without_length_ends_with_the_connection)
{
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, "HTTP/1.1 200 OK\r\n\r\nall of it");
	(void)close(fd);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	CHECK_STR(o.body.data, "all of it");
	outcome_done(&o);
	world_end();
}

TEST(no_listener_is_told_from_the_loop)
{
	world_begin(1);
	(void)close(w.listener);
	struct outcome o;
	ask(&o, "POST", "/");
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_CONNECT);
	CHECK_HAS(o.text, "Connection refused");
	CHECK_HAS(o.text, w.address);
	outcome_done(&o);
	CHECK_INT(unlink(w.address + strlen("unix://")), 0);
	ask(&o, "POST", "/");
	UNTIL(o.done);
	CHECK_HAS(o.text, "No such file");
	outcome_done(&o);
	w.listener = -1;
	world_end();
}

TEST(tcp_peers_are_refused_and_reached)
{
	world_begin(1);
	struct net_address a;
	CHECK_INT(net_address_parse("127.0.0.1:0", &a, NULL), 0);
	int l = net_listen(&a, 4);
	socklen_t len = sizeof(a);
	CHECK_INT(getsockname(l, &a.any, &len), 0);
	char address[64];
	(void)snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", ntohs(a.v4.sin_port));
	http_client_free(w.client);
	w.client = http_client_new(w.loop, address, 1, NULL);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = -1;
	UNTIL((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	_cleanup_free_ char *req = peer_read(fd, "\r\n\r\n");
	CHECK_HAS(req, "Host: 127.0.0.1:");
	peer_write(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	UNTIL(peer_closed(fd));
	outcome_done(&o);
	(void)close(fd);
	(void)close(l);
	ask(&o, "GET", "/");
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_CONNECT);
	outcome_done(&o);
	world_end();
}

TEST(a_cut_is_unknown_for_writes_and_repeated_for_reads)
{
	world_begin(1);
	struct outcome o;
	/* on a fresh connection nothing is repeated */
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	(void)close(fd);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_CUT);
	outcome_done(&o);
	/* on a kept one a read is repeated once */
	ask(&o, "GET", "/");
	fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	outcome_done(&o);
	ask(&o, "GET", "/again");
	peer_skip(fd);
	(void)close(fd);
	fd = peer_accept();
	_cleanup_free_ char *req = peer_read(fd, "\r\n\r\n");
	CHECK_HAS(req, "GET /again ");
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	outcome_done(&o);
	/* a write is not: it may have been carried out */
	ask(&o, "POST", "/once");
	peer_skip(fd);
	(void)close(fd);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_CUT);
	CHECK_INT(o.status, 0);
	int none;
	CHECK(try_accept(&none) < 0);
	outcome_done(&o);
	world_end();
}

TEST(a_kept_connection_that_was_closed_is_not_used)
{
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	outcome_done(&o);
	(void)close(fd);
	ask(&o, "POST", "/fresh"); /* the loop has not seen the end yet */
	fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_OK);
	outcome_done(&o);
	(void)close(fd);
	world_end();
}

TEST(a_cut_body_is_said_with_its_status)
{
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf");
	(void)close(fd);
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_CUT);
	CHECK_INT(o.status, 201);
	outcome_done(&o);
	world_end();
}

TEST(deadlines)
{
	world_begin(1);
	struct outcome o[3] = {0};
	struct http_request req = {
	        .method = "POST", .target = "/", .timeout_ms = 800, .on_done = on_done, .ctx = &o[0]};
	(void)http_call(w.client, &req);
	req.ctx = &o[1]; /* waits for the connection that the first one holds, and never gets it */
	req.timeout_ms = 400;
	(void)http_call(w.client, &req);
	int fd = peer_accept();
	peer_skip(fd);
	UNTIL(o[0].done && o[1].done);
	CHECK_INT(o[0].result, HTTP_E_TIMEOUT);
	CHECK_HAS(o[0].text, "did not answer");
	CHECK_INT(o[1].result, HTTP_E_CONNECT);
	UNTIL(peer_closed(fd));
	(void)close(fd);
	/* silence: bytes put it off */
	req = (struct http_request){.method = "GET",
	                            .target = "/",
	                            .idle_ms = 1000,
	                            .on_data = on_data,
	                            .on_done = on_done,
	                            .ctx = &o[2]};
	int64_t begin = clock_monotonic_ms();
	o[2].call = http_call(w.client, &req);
	fd = peer_accept();
	peer_skip(fd);
	UNTIL(clock_monotonic_ms() > begin + 500);
	peer_write(fd, "HTTP/1.1 200 OK\r\n\r\nx");
	UNTIL(o[2].done);
	CHECK(clock_monotonic_ms() >= begin + 1500);
	CHECK_INT(o[2].result, HTTP_E_TIMEOUT);
	CHECK_HAS(o[2].text, "silent");
	for (unsigned i = 0; i < 3; i++)
		outcome_done(&o[i]);
	(void)close(fd);
	world_end();
}

TEST(what_is_not_http_is_refused)
{
	static const char *const bad[] = {
	        "SSH-2.0-x\r\n\r\n",
	        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n",
	};
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		world_begin(1);
		struct outcome o;
		ask(&o, "GET", "/");
		int fd = peer_accept();
		peer_skip(fd);
		peer_write(fd, bad[i]);
		UNTIL(o.done);
		CHECK_INT(o.result, HTTP_E_PROTOCOL);
		outcome_done(&o);
		(void)close(fd);
		world_end();
	}
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/a b");
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_PROTOCOL);
	outcome_done(&o);
	ask(&o, "GET", "/a\r\nX: y");
	UNTIL(o.done);
	CHECK_INT(o.result, HTTP_E_PROTOCOL);
	outcome_done(&o);
	world_end();
}

TEST(bytes_after_a_reply_end_the_connection)
{
	world_begin(1);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, OK_HI "HTTP/1.1 200 OK\r\n");
	UNTIL(o.done);
	CHECK_STR(o.body.data, "hi");
	outcome_done(&o);
	UNTIL(peer_closed(fd));
	(void)close(fd);
	world_end();
}

static void free_client(void *ctx, const struct http_response *r)
{
	struct outcome *o = ctx;
	o->done = true;
	o->result = r->result;
	w.client = http_client_free(w.client);
}

TEST(the_client_may_be_freed_from_a_callback)
{
	for (unsigned refused = 0; refused < 2; refused++) {
		world_begin(1);
		struct outcome o = {0}, waiting = {0};
		if (refused)
			(void)close(w.listener);
		(void)http_call(w.client,
		                &(struct http_request){
		                        .method = "GET", .target = "/", .on_done = free_client, .ctx = &o});
		(void)http_call(w.client,
		                &(struct http_request){
		                        .method = "GET", .target = "/", .on_done = on_done, .ctx = &waiting});
		if (!refused) {
			int fd = peer_accept();
			peer_skip(fd);
			peer_write(fd, OK_HI);
			UNTIL(o.done);
			(void)close(fd);
		}
		UNTIL(o.done);
		for (unsigned i = 0; i < 5; i++)
			loop_step(w.loop, 1);
		CHECK(!waiting.done);
		if (refused)
			w.listener = -1;
		world_end();
	}
}

TEST(an_idle_client_does_not_wake_the_process)
{
	world_begin(2);
	struct outcome o;
	ask(&o, "GET", "/");
	int fd = peer_accept();
	peer_skip(fd);
	peer_write(fd, OK_HI);
	UNTIL(o.done);
	outcome_done(&o);
	loop_step(w.loop, 0);
	uint64_t before = loop_wakeups(w.loop);
	loop_step(w.loop, 200);
	CHECK(loop_wakeups(w.loop) <= before + 1); /* the step's own limit */
	(void)close(fd);
	world_end();
}

TEST(escaping)
{
	struct str s = STR_INIT;
	http_escape(&s, "a/b c%\"{}=&~é");
	CHECK_STR(s.data, "a%2Fb%20c%25%22%7B%7D%3D%26~%C3%A9");
	str_done(&s);
}
