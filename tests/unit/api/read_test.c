/* Reading: single objects with what belongs to them, lists and their parts. */
#include "rig.h"

TEST(etcdctl_is_a_way_in)
{
	struct rig r;
	rig_init(&r);
	(void)drive_put(r.side, "/tug/microservices/default/web",
	                "# by hand\nscale: 2\ncontainers:\n  app:\n    image: x\n    cpus: much\n");
	await(&r, "/v1/microservices", "web");
	_cleanup_answer_ struct answer bad = ask(&r, "GET", "/v1/microservices/default/web", NULL);
	CHECK_STATUS(bad, 200);
	CHECK_STR(value_get_string(bad.value, "project"), "default");
	CHECK_STR(value_get_string(bad.value, "name"), "web");
	CHECK_HAS(value_get_string(bad.value, "invalid"), "line 6: containers.app.cpus: ");
	CHECK_HAS(value_get_string(bad.value, "raw"), "# by hand\n");
	CHECK(value_get(bad.value, "containers") == NULL);
	/* a patch can mend it, and so can replacing it */
	ASK(&r, "PATCH", "/v1/microservices/default/web", "{\"containers\":{\"app\":{\"cpus\":1}}}", 200,
	    "\"cpus\":1");
	(void)drive_put(r.side, "/tug/microservices/default/web", "a: [\n");
	await(&r, "/v1/microservices", "invalid");
	ASK(&r, "PATCH", "/v1/microservices/default/web", "{\"scale\":1}", 409, "cannot be patched");
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 200, "x:1");
	(void)drive_put(r.side, "/tug/microservices/default/bin", "\xff\xfe");
	await(&r, "/v1/microservices", "\"bin\"");
	_cleanup_answer_ struct answer bin = ask(&r, "GET", "/v1/microservices/default/bin", NULL);
	CHECK(value_get(bin.value, "invalid") && !value_get(bin.value, "raw"));
	/* keys that are no object's do no harm */
	(void)drive_put(r.side, "/tug/microservices/odd", "x");
	(void)drive_put(r.side, "/tug/microservices/A/B", "x");
	(void)drive_put(r.side, "/tug/nothing", "x");
	await(&r, "/v1/microservices", "odd");
	rig_done(&r);
}

TEST(merged_status)
{
	struct rig r;
	rig_init(&r);
	ASK(&r, "PUT", "/v1/microservices/default/web", WEB, 201, "");
	(void)drive_put(
	        r.side, "/tug/status/microservices/default/web",
	        "{\"kind\":\"microserviceStatus\",\"project\":\"default\",\"name\":\"web\",\"desired\":1,"
	        "\"ready\":1}");
	await(&r, "/v1/microservices/default/web", "\"ready\":1");
	_cleanup_answer_ struct answer a = ask(&r, "GET", "/v1/microservices/default/web", NULL);
	CHECK_INT(value_get_int(value_get(a.value, "status"), "desired"), 1);
	put_node(&r, "n1");
	await(&r, "/v1/nodes/n1", "health");
	_cleanup_answer_ struct answer node = ask(&r, "GET", "/v1/nodes/n1", NULL);
	CHECK_STATUS(node, 200);
	CHECK(value_type(value_get(node.value, "health")) == VALUE_OBJECT);
	ASK(&r, "PATCH", "/v1/nodes/n1", "{\"state\":\"inactive\"}", 200, "\"state\":\"inactive\"");
	ASK(&r, "GET", "/v1/health", NULL, 200, "\"name\":\"n1\"");
	rig_done(&r);
}

TEST(pods)
{
	struct rig r;
	rig_init(&r);
	put_node(&r, "n1");
	put_pod(&r, "n1", "web-0-0123456789", "\"app\":{\"image\":\"x\"}");
	put_pod(&r, "n2", "web-1-0123456789", "\"app\":{\"image\":\"x\"}");
	await(&r, "/v1/pods", "web-1-0123456789");
	ASK(&r, "GET", "/v1/pods/default/web-1-0123456789", NULL, 200, "\"node\":\"n2\"");
	ASK(&r, "GET", "/v1/pods/default/web-1-0123456789?node=n1", NULL, 404, "there is no pod");
	ASK(&r, "GET", "/v1/pods/other/web-1-0123456789", NULL, 404, "there is no pod");
	ASK(&r, "GET", "/v1/pods?service=none", NULL, 200, "\"items\":[]");
	_cleanup_answer_ struct answer n1 =
	        ask(&r, "GET", "/v1/pods?node=n1&service=web&project=default", NULL);
	CHECK_INT(value_count(value_get(n1.value, "items")), 1);
	_cleanup_answer_ struct answer all = ask(&r, "GET", "/v1/pods/default", NULL);
	CHECK_INT(value_count(value_get(all.value, "items")), 2);
	ASK(&r, "PUT", "/v1/pods/default/web-1-0123456789", "{}", 405, "written by tug itself");
	ASK(&r, "GET", "/v1/nodes?service=web", NULL, 400, "cannot be chosen by 'service'");
	rig_done(&r);
}

/* Every object once, however many parts there are. */
static size_t walk(struct rig *r, const char *first, size_t *ret_parts)
{
	size_t n = 0;
	char target[300];
	(void)snprintf(target, sizeof(target), "%s", first);
	for (*ret_parts = 0; target[0]; ++*ret_parts) {
		_cleanup_answer_ struct answer a = ask(r, "GET", target, NULL);
		CHECK_STATUS(a, 200);
		n += value_count(value_get(a.value, "items"));
		const char *next = value_get_string(a.value, "next");
		target[0] = '\0';
		if (next)
			(void)snprintf(target, sizeof(target), "%s%cafter=%s", first,
			               strchr(first, '?') ? '&' : '?', next);
	}
	return n;
}

TEST(pages)
{
	struct rig r;
	rig_init(&r);
	for (int i = 0; i < 5; i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "/tug/microservices/default/s%d", i);
		(void)drive_put(r.side, key, "containers: {}");
	}
	await(&r, "/v1/microservices", "s4");
	_cleanup_answer_ struct answer first = ask(&r, "GET", "/v1/microservices?limit=2", NULL);
	CHECK_INT(value_count(value_get(first.value, "items")), 2);
	const char *next = value_get_string(first.value, "next");
	CHECK_STR(next, "microservices/default/s1");
	ASK(&r, "GET", "/v1/microservices?limit=2&after=microservices/default/s1", NULL, 200, "\"s3\"");
	_cleanup_answer_ struct answer last =
	        ask(&r, "GET", "/v1/microservices?limit=2&after=microservices/default/s2", NULL);
	CHECK_INT(value_count(value_get(last.value, "items")), 2);
	CHECK(value_get(last.value, "next") == NULL);
	for (size_t limit = 1; limit <= 6; limit++) {
		char target[64];
		size_t parts = 0;
		(void)snprintf(target, sizeof(target), "/v1/microservices?limit=%zu", limit);
		CHECK_INT(walk(&r, target, &parts), 5);
		CHECK_INT(parts, (5 + limit - 1) / limit); /* no empty last one */
	}
	rig_done(&r);
}

TEST(events)
{
	struct rig r;
	rig_init(&r);
	for (int i = 1; i <= 3; i++) {
		char key[64], value[256];
		(void)snprintf(key, sizeof(key), "/tug/events/%013d-scheduler-%d", i * 1000, i);
		(void)snprintf(
		        value, sizeof(value),
		        "{\"kind\":\"event\",\"name\":\"%013d-scheduler-%d\",\"at\":%d,\"type\":\"Normal\","
		        "\"reason\":\"R%d\",\"object\":\"node/"
		        "n%d\",\"message\":\"m\",\"role\":\"scheduler\",\"node\":\"n1\"}",
		        i * 1000, i, i * 1000, i, i % 2);
		(void)drive_put(r.side, key, value);
	}
	await(&r, "/v1/events", "R3");
	_cleanup_answer_ struct answer all = ask(&r, "GET", "/v1/events", NULL),
	                               late = ask(&r, "GET", "/v1/events?since=2000", NULL),
	                               one = ask(&r, "GET", "/v1/events?object=node/n0", NULL),
	                               none = ask(&r, "GET", "/v1/events?since=10m", NULL);
	CHECK_INT(value_count(value_get(all.value, "items")), 3);
	CHECK_STR(value_get_string(value_at(value_get(all.value, "items"), 2), "reason"), "R3");
	CHECK_INT(value_count(value_get(late.value, "items")), 2);
	CHECK_INT(value_count(value_get(one.value, "items")), 1);
	CHECK_INT(value_count(value_get(none.value, "items")), 0);
	ASK(&r, "GET", "/v1/events?since=yesterday", NULL, 400, "'since' is 'yesterday'");
	rig_done(&r);
}

TEST(revisions)
{
	struct rig r;
	rig_init(&r);
	static const char value[] = "{\"kind\":\"revision\",\"project\":\"default\",\"name\":\"web\","
	                            "\"hash\":\"%s\",\"createdAt\":1,"
	                            "\"spec\":{\"project\":\"default\",\"name\":\"web\",\"containers\":{}}}";
	static const char *const hashes[] = {"0123456789", "abcdef0123"};
	for (size_t i = 0; i < 2; i++) {
		_cleanup_str_ struct str key = STR_INIT, text = STR_INIT;
		str_printf(&key, "/tug/revisions/default/web/%s", hashes[i]);
		str_puts(&text, value);
		char *at = strstr(text.data, "%s");
		_cleanup_free_ char *tail = mem_strdup(at + 2);
		text.len = (size_t)(at - text.data);
		str_puts(&text, hashes[i]);
		str_puts(&text, tail);
		(void)drive_put(r.side, str_get(&key), str_get(&text));
	}
	await(&r, "/v1/revisions", "abcdef0123");
	_cleanup_answer_ struct answer list = ask(&r, "GET", "/v1/revisions/default/web", NULL);
	CHECK_INT(value_count(value_get(list.value, "items")), 2);
	ASK(&r, "GET", "/v1/revisions/default/web/0123456789", NULL, 200, "\"hash\":\"0123456789\"");
	ASK(&r, "GET", "/v1/revisions/default/web/none", NULL, 404, "there is no revision default/web/none");
	rig_done(&r);
}

/* Without a limit a list is cut before an answer becomes larger than a client takes. */
TEST(large_lists)
{
	enum { OBJECTS = 70 };
	struct rig r;
	rig_begin(&r);
	struct api_config config = rig_config(&r);
	config.list_bytes = 1 << 20;
	rig_start(&r, &config);
	UNTIL(r.loop, r.synced);
	_cleanup_str_ struct str value = STR_INIT;
	str_printf(&value, "{\"containers\":{\"app\":{\"image\":\"x\",\"env\":[\"A=%0100000d\"]}}}", 0);
	for (int i = 0; i < OBJECTS; i++) {
		char key[64];
		(void)snprintf(key, sizeof(key), "/tug/microservices/default/s%02d", i);
		(void)drive_put(r.side, key, value.data);
	}
	await(&r, "/v1/microservices?limit=1&after=microservices/default/s68", "s69");
	size_t parts = 0;
	CHECK_INT(walk(&r, "/v1/microservices", &parts), OBJECTS);
	CHECK_INT(parts, 7); /* 11 objects of 100 kB go beyond 1 MiB */
	rig_done(&r);
}
