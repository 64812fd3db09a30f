/* Event streams: order, resuming, history that is gone, slow readers, many readers. */
#include "rig.h"

#include <sys/resource.h>

#include "controllers/api/feed.h"

static void watch(struct conversation *t, struct rig *r, const char *target, const char *fields)
{
	_cleanup_str_ struct str out = STR_INIT;
	talk_open(t, r);
	str_printf(&out, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, fields);
	talk_send(t, out.data, out.len);
}

/* What was sent so far, without chunk framing; to be freed. */
static char *sent(struct conversation *t)
{
	talk_read(t);
	struct answer a = talk_answer(t);
	str_done(&a.head);
	value_unref(a.value);
	return str_take(&a.body);
}

/* The id of the last event that has one, as a client would keep it. */
static int64_t last_id(const char *text)
{
	int64_t id = -1;
	const char *end = text + strlen(text);
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), "id: ", 4)); at += 4) {
		char digits[24];
		(void)snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(at + 4, "\n"), at + 4);
		CHECK_INT(str_parse_i64(digits, &id), 0);
	}
	return id;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	const char *end = text + strlen(text);
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), what, strlen(what)));
	     at += strlen(what))
		n++;
	return n;
}

TEST(list_then_live)
{
	struct rig r;
	rig_init(&r);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web", WEB);
	await(&r, "/v1/microservices", "web");
	struct conversation t;
	watch(&t, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&t, "event: synced");
	CHECK_HAS(str_get(&t.in), "text/event-stream");
	_cleanup_free_ char *first = sent(&t);
	char want[512];
	(void)snprintf(want, sizeof(want),
	               "event: put\ndata: "
	               "{\"kind\":\"microservice\",\"project\":\"default\",\"name\":\"web\",\"containers\":"
	               "{\"app\":{\"image\":\"x:1\"}},\"rev\":%" PRId64 "}\n\nid: %" PRId64
	               "\nevent: synced\ndata: {\"rev\":%" PRId64 "}\n\n",
	               rev, rev, rev);
	CHECK_STR(first, want);

	rev = drive_put(r.side, "/tug/microservices/default/web", "{\"scale\":5,\"containers\":{}}");
	TALK_UNTIL(&t, "\"scale\":5");
	_cleanup_free_ char *second = sent(&t);
	(void)snprintf(want, sizeof(want), "id: %" PRId64 "\nevent: put\ndata: {\"kind\":\"microservice\"",
	               rev);
	CHECK_HAS(second, want);
	CHECK_INT(last_id(second), rev);

	/* its status is a change of the object */
	rev = drive_put(
	        r.side, "/tug/status/microservices/default/web",
	        "{\"kind\":\"microserviceStatus\",\"project\":\"default\",\"name\":\"web\",\"ready\":3}");
	TALK_UNTIL(&t, "\"ready\":3");
	_cleanup_free_ char *third = sent(&t);
	CHECK_INT(last_id(third), rev);
	CHECK_INT(count(third, "event: put"), 3);
	rev = drive_delete(r.side, "/tug/microservices/default/web");
	TALK_UNTIL(&t, "event: delete");
	_cleanup_free_ char *fourth = sent(&t);
	(void)snprintf(want, sizeof(want),
	               "id: %" PRId64
	               "\nevent: delete\ndata: {\"kind\":\"microservice\",\"project\":\"default\",\"name\":"
	               "\"web\",\"rev\":%" PRId64 "}\n\n",
	               rev, rev);
	CHECK_HAS(fourth, want);
	/* a status without its object is nothing to tell */
	(void)drive_delete(r.side, "/tug/status/microservices/default/web");
	(void)drive_put(r.side, "/tug/microservices/default/last", WEB_MIN);
	TALK_UNTIL(&t, "\"last\"");
	_cleanup_free_ char *fifth = sent(&t);
	CHECK_INT(count(fifth, "event: "), 6);
	talk_close(&t);
	rig_done(&r);
}

TEST(filters)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1");
	struct conversation pods, project, single, nodes, health;
	watch(&pods, &r, "/v1/pods?watch=1&service=web&node=n1", "");
	watch(&project, &r, "/v1/microservices/shop?watch=1", "");
	watch(&single, &r, "/v1/microservices/default/web?watch=1", "");
	watch(&nodes, &r, "/v1/nodes?watch=1", "");
	watch(&health, &r, "/v1/health?watch=1", "");
	TALK_UNTIL(&pods, "synced");
	TALK_UNTIL(&project, "synced");
	TALK_UNTIL(&single, "synced");
	TALK_UNTIL(&nodes, "synced");
	TALK_UNTIL(&health, "synced");
	(void)drive_put(r.side, "/tug/microservices/shop/web", WEB_MIN);
	(void)drive_put(r.side, "/tug/microservices/default/web2", WEB_MIN);
	(void)drive_put(r.side, "/tug/microservices/default/web", WEB_MIN);
	put_pod(&r, "n2", "web-0-0123456789", "");
	put_pod(&r, "n1", "web-1-0123456789", "");
	TALK_UNTIL(&single, "\"name\":\"web\"");
	TALK_UNTIL(&pods, "web-1-0123456789");
	(void)drive_delete(r.side, "/tug/pods/n1/web-1-0123456789");
	TALK_UNTIL(&pods, "event: delete");
	CHECK(talk_has(&pods, "\"service\":\"web\",") && !talk_has(&pods, "web-0"));
	CHECK(talk_has(&project, "\"project\":\"shop\"") && !talk_has(&project, "default"));
	CHECK(!talk_has(&single, "web2") && !talk_has(&single, "shop"));
	/* a node's health is a change of the node; its end is too */
	(void)drive_delete(r.side, "/tug/health/n1");
	TALK_UNTIL(&health, "event: delete");
	UNTIL(r.loop, (talk_read(&nodes), count(str_get(&nodes.in), "event: put") == 2));
	CHECK(!talk_has(&nodes, "event: delete"));
	talk_close(&pods);
	talk_close(&project);
	talk_close(&single);
	talk_close(&nodes);
	talk_close(&health);
	rig_done(&r);
}

TEST(resume)
{
	struct rig r;
	rig_init(&r);
	(void)drive_put(r.side, "/tug/microservices/default/one", WEB_MIN);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/two", WEB_MIN);
	(void)drive_put(r.side, "/tug/microservices/default/three", WEB_MIN);
	(void)drive_delete(r.side, "/tug/microservices/default/one");
	await(&r, "/v1/microservices", "three");
	char target[96], field[64];
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, rev);
	(void)snprintf(field, sizeof(field), "Last-Event-ID: %" PRId64 "\r\n", rev);
	struct conversation a, b;
	watch(&a, &r, target, "");
	watch(&b, &r, "/v1/microservices?watch=1", field);
	TALK_UNTIL(&a, "event: synced");
	TALK_UNTIL(&b, "event: synced");
	_cleanup_free_ char *x = sent(&a), *y = sent(&b);
	CHECK_STR(x, y);
	CHECK(!strstr(x, "\"two\""));
	CHECK_HAS(x, "\"three\"");
	CHECK_HAS(x,
	          "event: delete\ndata: {\"kind\":\"microservice\",\"project\":\"default\",\"name\":\"one\"");
	talk_close(&a);
	talk_close(&b);
	/* the list's revision is where a watch goes on */
	_cleanup_answer_ struct answer list = ask(&r, "GET", "/v1/microservices", NULL);
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64,
	               value_get_int(list.value, "rev"));
	watch(&a, &r, target, "");
	TALK_UNTIL(&a, "event: synced");
	CHECK(!talk_has(&a, "event: put"));
	(void)drive_put(r.side, "/tug/microservices/default/four", WEB_MIN);
	TALK_UNTIL(&a, "\"four\"");
	talk_close(&a);
	ASK(&r, "GET", "/v1/microservices?watch=1&since=999999", NULL, 410, "list again");
	ASK(&r, "GET", "/v1/microservices?watch=1&since=-1", NULL, 400, "'since' is '-1'");
	ASK(&r, "GET", "/v1/microservices?watch=1&limit=3", NULL, 400, "'watch' goes with");
	_cleanup_answer_ struct answer bad =
	        ask_fields(&r, "GET", "/v1/microservices?watch=1", "Last-Event-ID: x\r\n", NULL);
	CHECK_STATUS(bad, 400);
	rig_done(&r);
}

/* Changes of one transaction: only the last of them says that everything was sent. */
TEST(batch)
{
	struct rig r;
	rig_init(&r);
	struct conversation all, some;
	watch(&all, &r, "/v1/microservices?watch=1", "");
	watch(&some, &r, "/v1/microservices/a?watch=1", "");
	TALK_UNTIL(&all, "synced");
	TALK_UNTIL(&some, "synced");
	struct store_then thens[3] = {
	        {.what = STORE_PUT,
	         .key = "/tug/microservices/a/one",
	         .value = WEB_MIN,
	         .value_len = strlen(WEB_MIN)},
	        {.what = STORE_PUT,
	         .key = "/tug/microservices/a/two",
	         .value = WEB_MIN,
	         .value_len = strlen(WEB_MIN)},
	        {.what = STORE_PUT,
	         .key = "/tug/microservices/b/three",
	         .value = WEB_MIN,
	         .value_len = strlen(WEB_MIN)},
	};
	int64_t rev = 0;
	CHECK_INT(drive_txn(r.side, &(struct store_txn){.thens = thens, .n_thens = 3}, &rev), STORE_OK);
	TALK_UNTIL(&all, "three");
	TALK_UNTIL(&some, "two");
	_cleanup_free_ char *a = sent(&all), *s = sent(&some);
	char want[64];
	(void)snprintf(want, sizeof(want), "id: %" PRId64 "\nevent: put", rev);
	CHECK_INT(count(a, "event: put"), 3);
	CHECK_INT(count(a, want), 1);
	CHECK(strstr(a, want) > strstr(a, "two"));
	CHECK_INT(count(s, "event: put"), 2);
	CHECK_INT(count(s, want), 1);
	CHECK(strstr(s, want) > strstr(s, "one"));
	talk_close(&all);
	talk_close(&some);
	rig_done(&r);
}

TEST(history_overflows)
{
	struct rig r;
	rig_init(&r);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web", WEB_MIN);
	for (int i = 0; i < FEED_EVENTS + 10; i++) {
		char value[64];
		(void)snprintf(value, sizeof(value), "{\"scale\":%d,\"containers\":{}}", i % 100);
		(void)drive_put(r.side, "/tug/microservices/default/web", value);
	}
	await(&r, "/v1/microservices", "\"scale\":5,");
	char target[96];
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, rev);
	ASK(&r, "GET", target, NULL, 410, "list again");
	struct conversation t;
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, rev + 100);
	watch(&t, &r, target, "");
	TALK_UNTIL(&t, "event: synced");
	talk_close(&t);
	rig_done(&r);
}

TEST(many_bytes_overflow_too)
{
	struct rig r;
	rig_init(&r);
	struct str value = STR_INIT;
	str_puts(&value, "{\"containers\":{\"app\":{\"image\":\"x\",\"env\":[\"A=");
	while (value.len < 600000)
		str_puts(&value, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	str_puts(&value, "\"]}}}");
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web", WEB_MIN), last = 0;
	for (int i = 0; i < 10; i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "/tug/microservices/default/big%d", i);
		last = drive_put(r.side, key, str_get(&value));
	}
	await(&r, "/v1/microservices", "big9");
	char target[96];
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, rev);
	ASK(&r, "GET", target, NULL, 410, "list again");
	/* one event that is far above the connection's mark comes whole, to list and resume alike */
	struct conversation t;
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, last - 2);
	watch(&t, &r, target, "");
	TALK_UNTIL(&t, "event: synced");
	CHECK(t.in.len > 1200000);
	talk_close(&t);
	watch(&t, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&t, "event: synced");
	CHECK_INT(count(str_get(&t.in), "event: put"), 11);
	talk_close(&t);
	str_done(&value);
	rig_done(&r);
}

/* A reader that stops is kept back at its place, and ended when history has gone past it; others go on. */
TEST(slow_reader)
{
	struct rig r;
	rig_init(&r);
	struct conversation slow, quick;
	watch(&slow, &r, "/v1/microservices?watch=1", "");
	watch(&quick, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&slow, "synced");
	TALK_UNTIL(&quick, "synced");
	struct str value = STR_INIT;
	str_puts(&value, "{\"containers\":{\"app\":{\"image\":\"x\",\"env\":[\"A=");
	while (value.len < 20000)
		str_puts(&value, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	size_t head = value.len;
	for (int i = 0; i < 400; i++) { /* 8 MB: twice what is kept */
		value.len = head;
		str_printf(&value, "\",\"N=%d\"]}}}", i);
		(void)drive_put(r.side, "/tug/microservices/default/web", str_get(&value));
		talk_read(&quick);
	}
	TALK_UNTIL(&quick, "N=399");
	TALK_UNTIL(&slow, "\r\n0\r\n\r\n"); /* ended, properly, when its reader took the rest up again */
	CHECK(!talk_has(&slow, "N=399"));
	talk_close(&slow);
	talk_close(&quick);
	str_done(&value);
	rig_done(&r);
}

/* A pause that history bridges loses nothing. */
TEST(slow_reader_catches_up)
{
	struct rig r;
	rig_init(&r);
	struct conversation slow;
	watch(&slow, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&slow, "synced");
	for (int i = 0; i < 3000; i++) { /* 1 MB: more than the connection takes */
		char key[64], value[400];
		(void)snprintf(key, sizeof(key), "/tug/microservices/default/s%d", i % 50);
		(void)snprintf(
		        value, sizeof(value),
		        "{\"containers\":{\"app\":{\"image\":\"x\",\"env\":[\"N=%d\",\"PAD=%0200d\"]}}}", i,
		        0);
		(void)drive_put(r.side, key, value);
	}
	TALK_UNTIL(&slow, "N=2999");
	for (int i = 0; i < 3000; i++) {
		char n[16];
		(void)snprintf(n, sizeof(n), "\"N=%d\"", i);
		if (!talk_has(&slow, n))
			test_fail(__FILE__, __LINE__, "%s is missing", n);
	}
	talk_close(&slow);
	rig_done(&r);
}

/* The present objects go out as the reader takes them; what changes meanwhile is not lost. */
TEST(long_list)
{
	struct rig r;
	rig_init(&r);
	char key[64], value[600];
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(key, sizeof(key), "/tug/microservices/default/s%04d", i);
		(void)snprintf(value, sizeof(value),
		               "{\"containers\":{\"app\":{\"image\":\"x\",\"env\":[\"PAD=%0400d\"]}}}", 0);
		(void)drive_put(r.side, key, value);
	}
	await(&r, "/v1/microservices?limit=1&after=microservices/default/s1498", "s1499");
	struct conversation t;
	watch(&t, &r, "/v1/microservices?watch=1", "");
	drive_settle(r.loop); /* nothing is read: the list stands still somewhere */
	(void)drive_put(r.side, "/tug/microservices/default/s0000", "{\"scale\":7,\"containers\":{}}");
	(void)drive_put(r.side, "/tug/microservices/default/s1499", "{\"scale\":9,\"containers\":{}}");
	(void)drive_delete(r.side, "/tug/microservices/default/s0001");
	drive_settle(r.loop);
	TALK_UNTIL(&t, "event: synced");
	CHECK(talk_has(&t, "\"scale\":7") && talk_has(&t, "\"scale\":9"));
	CHECK(strstr(str_get(&t.in), "event: delete") < strstr(str_get(&t.in), "event: synced"));
	_cleanup_free_ char *text = sent(&t);
	CHECK_INT(last_id(text), memory_store_revision(r.side));
	CHECK(count(text, "event: put") >= 1500);
	talk_close(&t);
	rig_done(&r);
}

TEST(other_history)
{
	struct rig r;
	rig_init(&r);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web", WEB_MIN);
	for (int i = 0; i < 5; i++)
		(void)drive_put(r.side, "/tug/microservices/default/late", WEB_MIN);
	await(&r, "/v1/microservices", "late");
	struct conversation t;
	watch(&t, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&t, "synced");
	_cleanup_free_ char *text = sent(&t);
	int64_t id = last_id(text);
	memory_store_restore(r.side, rev);
	TALK_UNTIL(&t, "\r\n0\r\n\r\n");
	talk_close(&t);
	/* a revision that the store has not reached again is not one of its history */
	char target[96];
	(void)snprintf(target, sizeof(target), "/v1/microservices?watch=1&since=%" PRId64, id);
	ASK(&r, "GET", target, NULL, 410, "list again");
	/* and what the restored store lacks is not shown */
	ASK(&r, "GET", "/v1/microservices", NULL, 200, "\"web\"");
	ASK(&r, "GET", "/v1/microservices/default/late", NULL, 404, "there is no");
	watch(&t, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&t, "synced");
	CHECK(!talk_has(&t, "late"));
	(void)drive_put(r.side, "/tug/microservices/default/late", WEB_MIN);
	TALK_UNTIL(&t, "late");
	talk_close(&t);
	rig_done(&r);
}

/* etcd is known to lose events and to send them twice: watchers get what the slow list finds. */
TEST(late_news)
{
	struct rig r;
	rig_init(&r);
	struct conversation t;
	watch(&t, &r, "/v1/microservices?watch=1", "");
	TALK_UNTIL(&t, "synced");
	memory_store_duplicate_events(r.store, true);
	(void)drive_put(r.side, "/tug/microservices/default/one", WEB_MIN);
	(void)drive_put(r.side, "/tug/microservices/default/two", WEB_MIN);
	TALK_UNTIL(&t, "two");
	drive_settle(r.loop);
	_cleanup_free_ char *text = sent(&t);
	CHECK_INT(count(text, "event: put"), 2);
	talk_close(&t);
	rig_done(&r);
}

TEST(crowd)
{
	enum { CROWD = 5000 };
	struct rig r;
	struct rlimit files;
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = MAX(files.rlim_cur, 2 * CROWD + 200U);
	files.rlim_max = MAX(files.rlim_max, files.rlim_cur);
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		test_fail(__FILE__, __LINE__, "%d open files are needed (ulimit -n)", 2 * CROWD + 200);
	rig_init(&r);
	static struct conversation crowd[CROWD];
	for (size_t i = 0; i < CROWD; i++)
		watch(&crowd[i], &r, "/v1/microservices?watch=1", "");
	for (size_t i = 0; i < CROWD; i++)
		TALK_UNTIL(&crowd[i], "synced");
	ASK(&r, "GET", "/metrics", NULL, 200, "\ntug_api_watchers 5000\n");
	(void)drive_put(r.side, "/tug/microservices/default/web", WEB_MIN);
	for (size_t i = 0; i < CROWD; i++)
		TALK_UNTIL(&crowd[i], "event: put");
	for (size_t i = 0; i < CROWD; i++)
		talk_close(&crowd[i]);
	drive_settle(r.loop);
	await(&r, "/metrics", "\ntug_api_watchers 0\n");
	rig_done(&r);
}
