/* Every route, through a real connection, on the store in memory. */
#include "rig.h"

/* Nothing below the prefix of microservices but what is named. */
#define CHECK_STORED(r, want) CHECK_LIST((r)->side, "/tug/microservices/", want)

TEST(open_paths)
{
	struct rig r;
	rig_init(&r);
	_cleanup_answer_ struct answer root = ask_tcp(&r, "GET", "/", "", NULL);
	CHECK_STATUS(root, 200);
	CHECK_STR(str_get(&root.body), "ContainerOS cluster API server");
	CHECK_HAS(str_get(&root.head), "text/plain");
	_cleanup_answer_ struct answer health = ask_tcp(&r, "GET", "/healthz", "", NULL),
	                               ready = ask_tcp(&r, "GET", "/readyz", "", NULL),
	                               head = ask_tcp(&r, "HEAD", "/healthz", "", NULL),
	                               public_path = ask_tcp(&r, "GET", "/v1/public/x", "", NULL);
	CHECK_STR(str_get(&health.body), "ok\n");
	CHECK_STATUS(ready, 200);
	CHECK_STATUS(head, 200);
	CHECK_INT(head.body.len, 0);
	CHECK_STATUS(public_path, 404);
	rig_done(&r);
}

TEST(passwords)
{
	static const struct {
		const char *target, *fields;
		int status;
	} rows[] = {
	        {"/v1/pods", "", 403},
	        {"/v1/pods?password=no", "", 403},
	        {"/v1/pods?password=dev", "", 200},
	        {"/v1/pods", "Authorization: Bearer dev\r\n", 200},
	        {"/v1/pods", "Authorization: Basic eDpkZXY=\r\n", 200},
	        {"/v1/pods", "Authorization: Bearer devx\r\n", 403},
	        {"/v1/pods?password=dev", "Authorization: Bearer de\r\n", 403},
	        {"/metrics", "", 403},
	        {"/openapi.json", "", 403},
	        {"/v1/version", "", 403},
	};
	struct rig r;
	rig_init(&r);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_answer_ struct answer a = ask_tcp(&r, "GET", rows[i].target, rows[i].fields, NULL);
		CHECK_STATUS(a, rows[i].status);
		if (a.status == 403) {
			CHECK_INT(value_get_int(a.value, "status"), 403);
			CHECK_HAS(value_get_string(a.value, "message"), "wrong password");
		}
	}
	/* an unknown path does not say that it is one */
	_cleanup_answer_ struct answer a = ask_tcp(&r, "GET", "/nowhere", "", NULL),
	                               b = ask_tcp(&r, "GET", "/nowhere?password=dev", "", NULL);
	CHECK_STATUS(a, 403);
	CHECK_STR(str_get(&a.body),
	          "{\"errorMessage\":\"Wrong password\",\"statusCode\":403,\"app\":\"cluster-api\"}");
	CHECK_STATUS(b, 404);
	/* the local socket is root's */
	ASK(&r, "GET", "/v1/pods", NULL, 200, "\"items\":[]");
	rig_done(&r);
}

TEST(guessing)
{
	struct rig r;
	rig_init(&r);
	for (int i = 0; i < 10; i++) {
		_cleanup_answer_ struct answer a =
		        ask_tcp(&r, "POST", "/v1/microservice?password=guess", "", WEB);
		CHECK_STATUS(a, 403);
	}
	_cleanup_answer_ struct answer a = ask_tcp(&r, "GET", "/v1/pods?password=dev", "", NULL),
	                               door = ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", WEB),
	                               open = ask_tcp(&r, "GET", "/healthz", "", NULL);
	CHECK_STATUS(a, 429);
	CHECK_HAS(str_get(&a.head), "Retry-After: ");
	CHECK_STATUS(door, 429);
	CHECK_HAS(str_get(&door.body), "\"errorMessage\":\"too many");
	CHECK_STATUS(open, 200);
	ASK(&r, "GET", "/v1/pods", NULL, 200, "");
	CHECK_STORED(&r, "");
	rig_done(&r);
}

TEST(foreign_pages)
{
	struct rig r;
	rig_init(&r);
	_cleanup_answer_ struct answer evil =
	        ask_fields(&r, "POST", "/v1/microservice", "Origin: http://evil.example\r\n", WEB);
	_cleanup_answer_ struct answer null =
	        ask_fields(&r, "POST", "/v1/microservice", "Origin: null\r\n", WEB);
	CHECK_STATUS(evil, 403);
	CHECK_STATUS(null, 403);
	CHECK_STORED(&r, "");
	_cleanup_answer_ struct answer own =
	        ask_fields(&r, "POST", "/v1/microservice", "Origin: http://localhost\r\n", WEB);
	CHECK_STATUS(own, 200);
	rig_done(&r);
}

TEST(door)
{
	struct rig r;
	rig_init(&r);
	static const char body[] =
	        "{\"name\":\"test-server\",\"scale\":2,\"containers\":{\"reg\":{\"image\":\"x\","
	        "\"httpPorts\":{\"80\":\"hello.localhost\"}}}}";
	_cleanup_answer_ struct answer a = ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", body);
	CHECK_STATUS(a, 200);
	CHECK_HAS(str_get(&a.head), "application/json");
	CHECK_STR(str_get(&a.body), "{\"success\":true,\"acceptedValues\":{\"name\":\"test-server\","
	                            "\"scale\":2,\"containers\":{\"reg\":"
	                            "{\"image\":\"x\",\"httpPorts\":{\"80\":\"hello.localhost\"},"
	                            "\"memLimit\":1000000000,\"cpus\":1,\"env\":[]}}}}");
	ASK(&r, "GET", "/v1/microservices/default/test-server", NULL, 200, "\"hello.localhost\"");
	int64_t rev = memory_store_revision(r.side);
	/* the same again writes nothing */
	_cleanup_answer_ struct answer again = ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", body);
	CHECK_STATUS(again, 200);
	CHECK_STR(str_get(&again.body), str_get(&a.body));
	CHECK_INT(memory_store_revision(r.side), rev);
	/* password in the body, which wins; other parameters are fields */
	_cleanup_answer_ struct answer in_body =
	        ask_tcp(&r, "POST", "/v1/microservice?password=no", "",
	                "{\"password\":\"dev\",\"name\":\"abc\",\"containers\":{}}");
	CHECK_STATUS(in_body, 200);
	_cleanup_answer_ struct answer wrong =
	        ask_tcp(&r, "POST", "/v1/microservice?password=dev", "",
	                "{\"password\":\"no\",\"name\":\"abc\",\"containers\":{}}");
	CHECK_STATUS(wrong, 403);
	_cleanup_answer_ struct answer merged = ask_tcp(&r, "POST", "/v1/microservice?password=dev&scale=2",
	                                                "", "{\"name\":\"abc\",\"containers\":{}}");
	CHECK_STR(str_get(&merged.body),
	          "{\"errorMessage\":\"At path: scale -- Expected a number, but received: \\\"2\\\". "
	          "Expected format: undefined\",\"statusCode\":400,\"app\":\"cluster-api\"}");
	_cleanup_answer_ struct answer broken =
	        ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", "{\"name\":");
	CHECK_STATUS(broken, 400);
	CHECK_HAS(str_get(&broken.body), "{\"errorMessage\":\"line 1: ");
	CHECK_HAS(str_get(&broken.body), "\"statusCode\":400,\"app\":\"cluster-api\"}");
	_cleanup_answer_ struct answer stranger = ask_tcp(&r, "POST", "/v1/microservice", "", "{\"name\":");
	CHECK_STATUS(stranger, 403);
	_cleanup_answer_ struct answer none = ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", NULL);
	CHECK_STATUS(none, 400);
	CHECK_HAS(str_get(&none.body), "At path: name -- Expected a string, but received: undefined");
	rig_done(&r);
}

TEST(create_get_delete)
{
	struct rig r;
	rig_init(&r);
	_cleanup_answer_ struct answer made = ask(&r, "POST", "/v1/microservices", WEB);
	CHECK_STATUS(made, 201);
	CHECK_STR(value_get_string(made.value, "kind"), "microservice");
	CHECK_STR(value_get_string(made.value, "project"), "default");
	int64_t rev = value_get_int(made.value, "rev");
	CHECK_INT(rev, memory_store_revision(r.side));
	/* what is answered can be read at once */
	_cleanup_answer_ struct answer got = ask(&r, "GET", "/v1/microservices/default/web", NULL);
	CHECK_STATUS(got, 200);
	CHECK_INT(value_get_int(got.value, "rev"), rev);
	CHECK(value_get(got.value, "status") == NULL);
	ASK(&r, "GET", "/v1/microservices", NULL, 200, "{\"items\":[{\"kind\":\"microservice\"");
	ASK(&r, "GET", "/v1/microservices/default", NULL, 200, "\"name\":\"web\"");
	ASK(&r, "GET", "/v1/microservices/other", NULL, 200, "\"items\":[]");
	ASK(&r, "POST", "/v1/microservices/default", WEB, 409, "exists already, at revision");
	ASK(&r, "GET", "/v1/microservices/default/web?defaults=1", NULL, 200, "\"mode\":\"service\"");
	_cleanup_answer_ struct answer gone = ask(&r, "DELETE", "/v1/microservices/default/web", NULL);
	CHECK_STATUS(gone, 200);
	CHECK(value_get_bool(gone.value, "deleted"));
	CHECK_INT(value_get_int(gone.value, "rev"), rev + 1);
	ASK(&r, "GET", "/v1/microservices/default/web", NULL, 404, "there is no microservice default/web");
	ASK(&r, "DELETE", "/v1/microservices/default/web", NULL, 404, "there is no microservice default/web");
	CHECK_STORED(&r, "");
	rig_done(&r);
}

TEST(put_and_patch)
{
	struct rig r;
	rig_init(&r);
	_cleanup_answer_ struct answer made =
	        ask_fields(&r, "PUT", "/v1/microservices/shop/web", "Content-Type: application/yaml\r\n",
	                   "scale: 2\ncontainers:\n  app: {image: 'x:1'}\n");
	CHECK_STATUS(made, 201);
	CHECK_STR(value_get_string(made.value, "project"), "shop");
	int64_t rev = memory_store_revision(r.side);
	ASK(&r, "PUT", "/v1/microservices/shop/web",
	    "{\"containers\":{\"app\":{\"image\":\"x:1\"}},\"scale\":2}", 200, "\"unchanged\":true");
	CHECK_INT(memory_store_revision(r.side), rev);
	_cleanup_answer_ struct answer three =
	        ask(&r, "PATCH", "/v1/microservices/shop/web", "{\"scale\":3}");
	CHECK_STATUS(three, 200);
	CHECK_INT(value_get_int(three.value, "scale"), 3);
	CHECK(value_get(three.value, "unchanged") == NULL);
	CHECK_INT(value_get_int(three.value, "rev"), rev + 1);
	ASK(&r, "PATCH", "/v1/microservices/shop/web", "{\"scale\":3}", 200, "\"unchanged\":true");
	ASK(&r, "PATCH", "/v1/microservices/shop/web", "{\"scale\":null}", 200, "\"name\":\"web\"");
	ASK(&r, "PATCH", "/v1/microservices/shop/none", "{\"scale\":3}", 404, "there is no");
	ASK(&r, "PATCH", "/v1/microservices/shop/web", "{\"scale\":-3}", 400, "\"path\":\"scale\"");
	ASK(&r, "PATCH", "/v1/microservices/shop/web", "{\"name\":\"other\"}", 400, "\"path\":\"name\"");
	/* what an object was read as can be written back, except what is not its own */
	ASK(&r, "PUT", "/v1/microservices/shop/web", "{\"rev\":1}", 400, "\"path\":\"rev\"");
	rig_done(&r);
}

TEST(conditions)
{
	struct rig r;
	rig_init(&r);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web", WEB);
	await(&r, "/v1/microservices", "web");
	char good[96], bad[96], field[64];
	(void)snprintf(good, sizeof(good), "/v1/microservices/default/web?rev=%" PRId64, rev);
	(void)snprintf(bad, sizeof(bad), "/v1/microservices/default/web?rev=%" PRId64, rev - 1);
	(void)snprintf(field, sizeof(field), "If-Match: \"%" PRId64 "\"\r\n", rev);
	ASK(&r, "PATCH", bad, "{\"scale\":3}", 409, "was asked for");
	ASK(&r, "DELETE", bad, NULL, 409, "was asked for");
	ASK(&r, "PUT", "/v1/microservices/default/web?rev=0", WEB, 409, "was asked for");
	ASK(&r, "PUT", "/v1/microservices/default/none?rev=7", "{\"containers\":{}}", 409, "does not exist");
	ASK(&r, "PATCH", "/v1/microservices/default/web?rev=x", "{\"scale\":3}", 400, "'rev' is 'x'");
	CHECK_INT(memory_store_revision(r.side), rev);
	_cleanup_answer_ struct answer matched =
	        ask_fields(&r, "PATCH", "/v1/microservices/default/web", field, "{\"scale\":3}");
	CHECK_STATUS(matched, 200);
	_cleanup_answer_ struct answer stale =
	        ask_fields(&r, "PATCH", "/v1/microservices/default/web", field, "{\"scale\":4}");
	CHECK_STATUS(stale, 409);
	_cleanup_answer_ struct answer odd =
	        ask_fields(&r, "PATCH", "/v1/microservices/default/web", "If-Match: *\r\n", "{\"scale\":4}");
	CHECK_STATUS(odd, 400);
	ASK(&r, "PATCH", good, "{\"scale\":3}", 409, "was asked for");
	ASK(&r, "PUT", "/v1/microservices/default/new?rev=0", "{\"containers\":{}}", 201, "\"name\":\"new\"");
	rig_done(&r);
}

/* The copy may be behind: what it would refuse or leave alone is looked up first. */
TEST(behind)
{
	struct rig r;
	rig_init(&r);
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 201, "");
	memory_store_hold_events(r.store, true);
	(void)drive_delete(r.side, "/tug/microservices/default/web");
	int64_t other = drive_put(r.side, "/tug/microservices/default/other", WEB_MIN);
	/* the copy says unchanged, exists, does not exist, another revision */
	_cleanup_str_ struct str target = STR_INIT;
	str_printf(&target, "/v1/microservices/default/other?rev=%" PRId64 "&dryRun=1", other);
	ASK(&r, "PUT", "/v1/microservices/default/web?dryRun=1", WEB, 200, "\"dryRun\":true");
	ASK(&r, "DELETE", "/v1/microservices/default/web", NULL, 404, "there is no");
	ASK(&r, "PATCH", str_get(&target), "{\"scale\":5}", 200, "\"scale\":5");
	CHECK_INT(memory_store_revision(r.side), other);
	/* the write is carried out although the copy is wrong about the revision; its answer waits for the
	 * copy */
	struct conversation t;
	talk_open(&t, &r);
	talk_puts(&t, "PUT /v1/microservices/default/web HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	              "Content-Length: 17\r\n\r\n{\"containers\":{}}");
	UNTIL(r.loop, memory_store_revision(r.side) > other);
	memory_store_hold_events(r.store, false);
	talk_until_eof(&t);
	_cleanup_answer_ struct answer a = talk_answer(&t);
	CHECK_STATUS(a, 201);
	talk_close(&t);
	rig_done(&r);
}

TEST(dry_run)
{
	struct rig r;
	rig_init(&r);
	int64_t rev = memory_store_revision(r.side);
	ASK(&r, "POST", "/v1/microservices?dryRun=1", WEB, 200, "\"dryRun\":true");
	ASK(&r, "PUT", "/v1/microservices/default/web?dryRun=true", WEB, 200, "\"dryRun\":true");
	ASK(&r, "PUT", "/v1/microservices/default/web?dryRun=1", "{\"scale\":\"x\"}", 400,
	    "\"path\":\"scale\"");
	CHECK_INT(memory_store_revision(r.side), rev);
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 201, "");
	ASK(&r, "DELETE", "/v1/microservices/default/web?dryRun=1", NULL, 200, "\"dryRun\":true");
	ASK(&r, "GET", "/v1/microservices/default/web", NULL, 200, "");
	rig_done(&r);
}

TEST(methods)
{
	struct rig r;
	rig_init(&r);
	_cleanup_answer_ struct answer a = ask(&r, "DELETE", "/v1/microservices", NULL);
	CHECK_STATUS(a, 405);
	CHECK_HAS(str_get(&a.head), "Allow: GET, HEAD, POST\r\n");
	_cleanup_answer_ struct answer b = ask(&r, "DELETE", "/v1/pods/default/x", NULL);
	CHECK_STATUS(b, 405);
	CHECK_HAS(str_get(&b.head), "Allow: GET, HEAD\r\n");
	CHECK_HAS(str_get(&b.body), "pods are written by tug itself");
	ASK(&r, "GET", "/v1/sessions", NULL, 404, "no such path");
	ASK(&r, "GET", "/v1/microservices?nope=1", NULL, 400, "unknown query parameter 'nope'");
	ASK(&r, "GET", "/v1/microservices?since=1", NULL, 400, "'since' needs 'watch=1'");
	ASK(&r, "GET", "/v1/microservices", "{}", 400, "takes no body");
	ASK(&r, "GET", "/v1/microservices/%2e%2e/x", NULL, 400, "");
	rig_done(&r);
}

TEST(self_description)
{
	struct rig r;
	rig_init(&r);
	ASK(&r, "GET", "/v1/version", NULL, 200, "\"api\":\"v1\",\"node\":\"n1\",\"prefix\":\"/tug\"}");
	_cleanup_answer_ struct answer a = ask(&r, "GET", "/openapi.json", NULL);
	CHECK_STATUS(a, 200);
	CHECK_STR(value_get_string(a.value, "openapi"), "3.1.0");
	const struct value *paths = value_get(a.value, "paths");
	static const char *const wanted[] = {"/",
	                                     "/v1/microservice",
	                                     "/v1/microservices",
	                                     "/v1/microservices/{project}/{name}",
	                                     "/v1/nodes/{name}",
	                                     "/v1/pods/{project}/{name}/logs",
	                                     "/v1/revisions/{project}/{name}/{hash}",
	                                     "/v1/events",
	                                     "/v1/sessions/{id}"};
	for (size_t i = 0; i < ELEMENTS(wanted); i++)
		if (!value_get(paths, wanted[i]))
			test_fail(__FILE__, __LINE__, "no %s", wanted[i]);
	CHECK(value_get(value_get(paths, "/v1/pods/{project}/{name}"), "put") == NULL);
	CHECK(value_get(value_get(paths, "/v1/nodes/{name}"), "patch") != NULL);
	CHECK(value_get(value_get(value_get(a.value, "components"), "schemas"), "microservice") != NULL);
	/* what is answered is described, and every reference leads somewhere */
	const char *text = str_get(&a.body);
	CHECK_HAS(text,
	          "\"items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/podAnswer\"}}");
	CHECK_HAS(text, "\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}");
	for (const char *at = text; (at = strstr(at, "#/components/schemas/"));) {
		at += strlen("#/components/schemas/");
		char name[64];
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "\""), at);
		if (!value_get(value_get(value_get(a.value, "components"), "schemas"), name))
			test_fail(__FILE__, __LINE__, "no schema %s", name);
	}
	ASK(&r, "GET", "/nowhere", NULL, 404, "");
	_cleanup_answer_ struct answer m = ask(&r, "GET", "/metrics", NULL);
	CHECK_STATUS(m, 200);
	CHECK_HAS(str_get(&m.body),
	          "tug_api_requests_total{method=\"GET\",route=\"/v1/version\",code=\"200\"} 1\n");
	CHECK_HAS(str_get(&m.body), "route=\"other\",code=\"404\"} 1\n");
	CHECK_HAS(str_get(&m.body), "tug_store_ready 1\n");
	CHECK_HAS(str_get(&m.body), "\n# EOF\n");
	rig_done(&r);
}

TEST(store_away)
{
	struct rig r;
	rig_init(&r);
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 201, "");
	static const struct {
		enum store_outcome outcome;
		int status;
		const char *has;
	} rows[] = {
	        {STORE_E_UNAVAILABLE, 503, "nothing was written"},
	        {STORE_E_UNKNOWN, 504, "look before"},
	        {STORE_E_NO_SPACE, 507, "quota"},
	        {STORE_E_TOO_LARGE, 413, "size"},
	        {STORE_E_DENIED, 503, "credentials"},
	        {STORE_E_INTERNAL, 503, "error"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		memory_store_fail_txns(r.store, 1, rows[i].outcome, false);
		ASK(&r, "PATCH", "/v1/microservices/default/web", "{\"scale\":7}", rows[i].status,
		    rows[i].has);
	}
	ASK(&r, "GET", "/v1/microservices/default/web", NULL, 200, "\"name\":\"web\"");
	/* the same in the shape of the door */
	memory_store_fail_txns(r.store, 1, STORE_E_UNAVAILABLE, false);
	ASK(&r, "POST", "/v1/microservice", "{\"name\":\"abc\",\"containers\":{}}", 503,
	    "{\"errorMessage\":\"the store");
	memory_store_fail_ranges(r.store, 1, STORE_E_UNAVAILABLE);
	ASK(&r, "DELETE", "/v1/microservices/default/none", NULL, 503, "store");
	/* cut off: reads go on from the copy, readiness says so */
	memory_store_cut(r.store, true);
	UNTIL(r.loop, r.store->state != STORE_READY);
	ASK(&r, "GET", "/v1/microservices/default/web", NULL, 200, "\"name\":\"web\"");
	ASK(&r, "GET", "/readyz", NULL, 503, "the store cannot be reached");
	ASK(&r, "GET", "/healthz", NULL, 200, "ok");
	memory_store_cut(r.store, false);
	UNTIL(r.loop, r.store->state == STORE_READY);
	ASK(&r, "GET", "/readyz", NULL, 200, "ok");
	rig_done(&r);
}

TEST(not_synced)
{
	struct rig r;
	rig_begin(&r);
	memory_store_cut(r.store, true);
	struct api_config config = rig_config(&r);
	rig_start(&r, &config);
	ASK(&r, "GET", "/v1/microservices", NULL, 503, "has not read the store yet");
	ASK(&r, "GET", "/readyz", NULL, 503, "has not read the store yet");
	ASK(&r, "GET", "/healthz", NULL, 200, "ok");
	memory_store_cut(r.store, false);
	UNTIL(r.loop, r.synced);
	ASK(&r, "GET", "/readyz", NULL, 200, "ok");
	rig_done(&r);
}

/* Two writers of one object: both are carried out, one after the other. */
TEST(conflict_is_tried_again)
{
	struct rig r;
	rig_init(&r);
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 201, "");
	memory_store_hold_events(r.store, true);
	int64_t rev = drive_put(r.side, "/tug/microservices/default/web",
	                        "scale: 4\ncontainers: {app: {image: 'y:1'}}");
	struct conversation t;
	talk_open(&t, &r);
	talk_puts(&t,
	          "PATCH /v1/microservices/default/web HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	          "Content-Length: 31\r\n\r\n{\"placement\":{\"nodes\":[\"n1\"]} }");
	UNTIL(r.loop, memory_store_revision(r.side) > rev);
	memory_store_hold_events(r.store, false);
	talk_until_eof(&t);
	_cleanup_answer_ struct answer a = talk_answer(&t);
	CHECK_STATUS(a, 200);
	CHECK_INT(value_get_int(a.value, "scale"), 4);
	CHECK_HAS(str_get(&a.body), "y:1");
	CHECK_HAS(str_get(&a.body), "\"n1\"");
	talk_close(&t);
	rig_done(&r);
}

/* Clients that leave in mid write, and a server that stops then. */
TEST(left_in_mid_write)
{
	struct rig r;
	rig_init(&r);
	memory_store_hold_events(r.store, true);
	for (int i = 0; i < 3; i++) {
		struct conversation t;
		talk_open(&t, &r);
		talk_puts(&t, "PUT /v1/microservices/default/web HTTP/1.1\r\nHost: "
		              "localhost\r\nContent-Length: 17\r\n\r\n{\"containers\":{}}");
		if (i == 1)
			drive_settle(r.loop);
		talk_close(&t);
		if (i < 2)
			drive_settle(r.loop);
	}
	rig_done(&r);
}

static void on_stopped(void *ctx)
{
	*(bool *)ctx = true;
}

TEST(stop)
{
	struct rig r;
	rig_init(&r);
	struct conversation watch, idle;
	talk_open(&watch, &r);
	talk_open(&idle, &r);
	talk_puts(&watch, "GET /v1/microservices?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
	TALK_UNTIL(&watch, "event: synced");
	bool stopped = false;
	api_stop(r.api, 2000, on_stopped, &stopped);
	UNTIL(r.loop, stopped);
	talk_until_eof(&watch);
	CHECK_HAS(str_get(&watch.in), "\r\n0\r\n\r\n"); /* ended, not cut */
	talk_close(&watch);
	talk_close(&idle);
	rig_done(&r);
}

TEST(config)
{
	static const struct httpd_tls tls = {.cert_file = "c", .key_file = "k"};
	static const struct {
		const char *listen, *password;
		bool tls;
		int result;
		const char *has;
	} rows[] = {
	        {"127.0.0.1:8000", "dev", false, 0, ""},
	        {"[::1]:8000", "dev", false, 0, ""},
	        {"127.0.0.1:8000", "own", true, 0, ""},
	        {"0.0.0.0:8000", "dev", true, -EINVAL, "password of your own"},
	        {"10.0.0.1:8000", "own", false, -EINVAL, "needs TLS"},
	        {":8000", "dev", false, -EINVAL, "password of your own"},
	        {"10.0.0.1:8000", "own", true, 0, ""},
	        {"nonsense", "own", true, -EINVAL, ""},
	        {"127.0.0.1:8000", "", false, -EINVAL, "password is empty"},
	        {"10.0.0.1:8000", "", true, -EINVAL, "password is empty"},
	        {NULL, "", true, -EINVAL, "password is empty"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct error err = {0};
		struct api_config config = {.listen = rows[i].listen,
		                            .password = rows[i].password,
		                            .tls = rows[i].tls ? &tls : NULL};
		CHECK_INT(api_config_check(&config, &err), rows[i].result);
		CHECK_HAS(err.text, rows[i].has);
	}
}
