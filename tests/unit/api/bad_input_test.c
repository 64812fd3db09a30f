/* Whatever is sent gets a 4xx that names the place, the bound and what to do, and nothing changes. */
#include "rig.h"

#define YAML     "Content-Type: application/yaml\r\n"
#define JSON     "Content-Type: application/json\r\n"
#define PLACE    "/v1/microservices/default/web"
#define APP(...) "{\"containers\":{\"app\":{\"image\":\"x:1\"" __VA_ARGS__ "}}}"
#define D8(x)    x x x x x x x x
#define D32(x)   D8(x) D8(x) D8(x) D8(x)

/* clang-format off */
static const struct {
	int status;
	const char *method, *target, *fields, *body, *says;
} rows[] = {
	/* not a document */
	{400, "PUT", PLACE, "", "", "the body is empty"},
	{400, "PUT", PLACE, "", " \n\t ", "the body is empty"},
	{400, "PUT", PLACE, "", "nonsense", "the body is no JSON object"},
	{400, "PUT", PLACE, "", "[]", "the body is no JSON object"},
	{400, "PUT", PLACE, "", "\"x\"", "the body is no JSON object"},
	{400, "PUT", PLACE, "", "null", "the body is no JSON object"},
	{400, "PUT", PLACE, "", "{", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\"scale\":1,}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{'scale':1}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\"scale\":01}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\"scale\":NaN}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{} {}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{}x", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\"scale\":99999999999999999999}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\n\"scale\":1,\n\"scale\":2}", "duplicate"},
	{400, "PUT", PLACE, "", "{\n\"scale\":1,\n\"scale\":2}", "\"line\":3"},
	{400, "PUT", PLACE, "", "{\"user\":\"\xff\xfe\"}", "unable to decode byte"},
	{400, "PUT", PLACE, "", "{\"user\":\"\xed\xa0\x80\"}", "unable to decode byte"},
	{400, "PUT", PLACE, "", "{\"user\":\"\xc0\xaf\"}", "unable to decode byte"},
	{400, "PUT", PLACE, "", "{\"user\":\"\\ud800\"}", "not valid JSON"},
	{400, "PUT", PLACE, "", "{\"user\":\"a\\u0000b\"}", "not valid JSON"},
	{400, "PUT", PLACE, "", D32("[") D32("["), "the body is no JSON object"},
	{400, "PUT", PLACE, "", "{\"a\":" D32("["), "nested more than 32 levels deep"},
	{400, "PUT", PLACE, "", D32("{\"a\":") D32("{\"a\":"), "nested more than 32 levels deep"},
	{400, "PUT", PLACE, YAML, "a: " D32("[") D32("]"), "32"},
	{400, "PUT", PLACE, YAML, "a: &x {b: 1}\nc: *x\n", "anchor"},
	{400, "PUT", PLACE, YAML, "a: 1\nc: *x\n", "\"line\":2"},
	{400, "PUT", PLACE, YAML, "a: !!str 1\n", "tag"},
	{400, "PUT", PLACE, YAML, "scale: 1\nscale: 2\n", "\"line\":2"},
	{400, "PUT", PLACE, YAML, "scale: 1\n---\nscale: 2\n", "document"},
	{400, "PUT", PLACE, YAML, "scale: [1\n", "line"},
	{400, "PUT", PLACE, YAML, "\tscale: 1\n", "line"},
	{400, "PUT", PLACE, YAML, "- a\n", "an object is wanted"},
	{400, "PUT", PLACE, YAML, "user: \"\xff\"\n", "UTF-8"},
	{400, "PUT", PLACE, YAML, "<<: {a: 1}\n", "line"},
	{415, "PUT", PLACE, "Content-Type: text/xml\r\n", "<a/>", "application/json or application/yaml"},
	{415, "PUT", PLACE, "Content-Type: multipart/form-data; boundary=x\r\n", "{}", "application/json"},
	/* not a microservice */
	{400, "PUT", PLACE, "", "{\"contaners\":{}}", "containers"}, /* the nearest name */
	{400, "PUT", PLACE, "", APP(",\"imag\":1"), "\"path\":\"containers.app.imag\""},
	{400, "PUT", PLACE, "", "{\n\"containers\":{\n\"app\":{\n\"image\":7}}}", "\"line\":4"},
	{400, "PUT", PLACE, "", "{\"containers\":[]}", "\"path\":\"containers\""},
	{400, "PUT", PLACE, "", "{\"containers\":{\"app\":{}}}", "\"path\":\"containers.app.image\""},
	{400, "PUT", PLACE, "", "{\"scale\":\"2\",\"containers\":{}}", "\"path\":\"scale\""},
	{400, "PUT", PLACE, "", "{\"scale\":-1,\"containers\":{}}", "\"path\":\"scale\""},
	{400, "PUT", PLACE, "", "{\"scale\":10001,\"containers\":{}}", "10000"},
	{400, "PUT", PLACE, "", "{\"scale\":1.5,\"containers\":{}}", "\"path\":\"scale\""},
	{400, "PUT", PLACE, "", APP(",\"memLimit\":1"), "\"path\":\"containers.app.memLimit\""},
	{400, "PUT", PLACE, "", APP(",\"env\":[\"A\"]"), "\"path\":\"containers.app.env"},
	{400, "PUT", PLACE, "", APP(",\"httpPorts\":{\"65536\":\"a.b\"}"), "65535"},
	{400, "PUT", PLACE, "", "{\"kind\":\"node\",\"containers\":{}}", "\"path\":\"kind\""},
	{400, "PUT", PLACE, "", "{\"name\":\"other\",\"containers\":{}}", "differs from the path"},
	{400, "PUT", PLACE, "", "{\"project\":\"other\",\"containers\":{}}", "differs from the path"},
	{400, "PUT", PLACE, "", "{\"name\":null,\"containers\":{}}", "\"path\":\"name\""},
	{400, "PUT", PLACE, YAML, "containers:\n  app:\n    image: x\n    comand: [a]\n", "\"line\":4"},
	{400, "PUT", "/v1/microservices/default/Web", "", "{\"containers\":{}}", "\"path\":\"name\""},
	{400, "PUT", "/v1/microservices/default/we%2Fb", "", "{\"containers\":{}}", "\"path\":\"name\""},
	{400, "PUT", "/v1/microservices/..%2fnodes/n1", "", "{\"containers\":{}}", "\"path\":\"project\""},
	{400, "PUT", "/v1/nodes/n%201", "", "{}", "\"path\":\"name\""},
	{400, "POST", "/v1/microservices", "", "{\"containers\":{}}", "\"path\":\"name\""},
	{400, "POST", "/v1/microservices", "", "{\"name\":\"\",\"containers\":{}}", "\"path\":\"name\""},
	{400, "POST", "/v1/nodes", "", "{\"name\":\"n1\",\"state\":\"asleep\"}", "\"path\":\"state\""},
	/* patches */
	{400, "PATCH", "/v1/microservices/default/kept", "", "{\"scale\":-1}", "\"path\":\"scale\""},
	{400, "PATCH", "/v1/microservices/default/kept", "", "{\"containers\":null}", "\"path\":\"containers\""},
	{400, "PATCH", "/v1/microservices/default/kept", "", "{\"name\":\"other\"}", "differs from the path"},
	{400, "PATCH", "/v1/microservices/default/kept", "", "{\"kind\":\"pod\"}", "\"path\":\"kind\""},
	{400, "PATCH", "/v1/microservices/default/kept", "", "[1]", "no JSON object"},
	{404, "PATCH", "/v1/microservices/default/none", "", "{\"scale\":1}", "there is no microservice default/none"},
	{404, "PATCH", "/v1/microservices/default/..", "", "{\"scale\":1}", NULL},
	{404, "DELETE", "/v1/microservices/default/we%2Fb", "", NULL, "there is no"},
	{404, "DELETE", "/v1/microservices/%C3%A4%C3%B6/%F0%9F%98%80", "", NULL, "there is no"},
	/* queries and conditions */
	{400, "PUT", PLACE "?dryrun=1", "", APP(""), "dryRun"},
	{400, "PUT", PLACE "?dryRun=maybe", "", APP(""), "1, true, 0 or false"},
	{400, "PUT", PLACE "?rev=x", "", APP(""), "whole number"},
	{400, "PUT", PLACE "?rev=-1", "", APP(""), "whole number"},
	{400, "PUT", PLACE "?rev=99999999999999999999", "", APP(""), "whole number"},
	{400, "PUT", PLACE "?rev=1&rev=1", "", APP(""), "given twice"},
	{400, "PUT", PLACE "?rev=%zz", "", APP(""), "bad escape"},
	{400, "PUT", PLACE "?rev=%ff", "", APP(""), "UTF-8"},
	{400, "PUT", PLACE "?rev=1%00", "", APP(""), "bad escape"},
	{400, "PUT", PLACE, "If-Match: *\r\n", APP(""), "If-Match"},
	{400, "PUT", PLACE, "If-Match: W/\"1\"\r\n", APP(""), "If-Match"},
	{400, "PUT", PLACE, "If-Match: \"\r\n", APP(""), "If-Match"},
	{400, "PUT", PLACE, "If-Match: 11111111111111111111111111111111\r\n", APP(""), "If-Match"},
	{400, "PUT", PLACE "?rev=1", "If-Match: 2\r\n", APP(""), "differ"},
	{409, "PUT", PLACE "?rev=1", "", APP(""), "does not exist"},
	{409, "PUT", "/v1/microservices/default/kept?rev=0", "", APP(""), "is at revision"},
	{409, "POST", "/v1/microservices", "", "{\"name\":\"kept\",\"containers\":{}}", "exists already"},
	{400, "DELETE", "/v1/microservices/default/kept", "", "{}", "takes no body"},
	{400, "GET", "/v1/microservices", "", "{}", "takes no body"},
	{400, "GET", "/v1/microservices?limit=-1", "", NULL, "whole number"},
	{400, "GET", "/v1/microservices?limit=1e3", "", NULL, "whole number"},
	{400, "GET", "/v1/microservices?service=x", "", NULL, "cannot be chosen"},
	{400, "GET", "/v1/microservices?since=1", "", NULL, "watch=1"},
	{400, "GET", "/v1/microservices?watch=1&limit=1", "", NULL, "goes with"},
	{400, "GET", "/v1/microservices?watch=1&since=x", "", NULL, "whole number"},
	{400, "GET", "/v1/microservices?watch=1", "Last-Event-ID: x\r\n", NULL, "no revision"},
	{410, "GET", "/v1/microservices?watch=1&since=999999", "", NULL, "list again"},
	{400, "GET", "/v1/events?since=yesterday", "", NULL, "duration"},
	{400, "GET", "/v1/pods/default/web-0-1/logs?tail=x", "", NULL, "whole number"},
	{404, "GET", "/v1/pods/default/web-0-1/logs", "", NULL, "there is no pod"},
	/* paths */
	{400, "GET", "/v1/microservices/../nodes", "", NULL, "'.' or '..'"},
	{400, "GET", "/v1/microservices/%2e%2E/nodes", "", NULL, "'.' or '..'"},
	{400, "GET", "/v1/%00", "", NULL, "bad escape"},
	{400, "GET", "/v1/%ff", "", NULL, "UTF-8"},
	{400, "GET", "/v1/%4", "", NULL, "bad escape"},
	{404, "GET", "/v1//microservices", "", NULL, "no such path"},
	{404, "GET", "/v1/a/b/c/d/e/f/g/h/i/j/k", "", NULL, "no such path"},
	{404, "GET", "/v1/sessions", "", NULL, "no such path"},
	{404, "GET", "/v1/status/pods", "", NULL, "no such path"},
	{404, "GET", "/v1/Microservices", "", NULL, "no such path"},
	{404, "GET", "/V1/microservices", "", NULL, "no such path"},
	{405, "PUT", "/v1/microservices", "", "{}", "GET, HEAD, POST"},
	{405, "PUT", "/v1/pods/default/web-0-1", "", "{}", "written by tug itself"},
	{405, "DELETE", "/v1/health/n1", "", NULL, "written by tug itself"},
	{405, "BREW", "/v1/microservices", "", NULL, "GET, HEAD, POST"},
	{405, "TRACE", "/", "", NULL, "GET, HEAD"},
	{405, "OPTIONS", "/v1/microservices", "", NULL, "GET, HEAD, POST"},
};
/* clang-format on */

static void begin(struct rig *r)
{
	rig_init(r);
	ASK(r, "PUT", "/v1/microservices/default/kept", APP(""), 201, "");
}

TEST(table)
{
	struct rig r;
	begin(&r);
	int64_t rev = memory_store_revision(r.side);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_answer_ struct answer a =
		        ask_fields(&r, rows[i].method, rows[i].target, rows[i].fields, rows[i].body);
		const char *text = str_get(&a.body);
		int want = rows[i].status;
		if (!rows[i].says)
			want = a.status >= 400 && a.status < 500 ? a.status : want;
		if (a.status != want ||
		    (rows[i].says && !strstr(text, rows[i].says) && !strstr(str_get(&a.head), rows[i].says)))
			test_fail(__FILE__, __LINE__, "row %zu, %s %s %s: %d\n  %s\ninstead of %d with\n  %s",
			          i, rows[i].method, rows[i].target, rows[i].body ? rows[i].body : "",
			          a.status, text, want, rows[i].says);
		CHECK_HAS(str_get(&a.head), "Content-Type: application/json\r\n");
		CHECK_INT(value_get_int(a.value, "status"), want);
		CHECK(value_get_string(a.value, "message"));
	}
	CHECK_INT(memory_store_revision(r.side), rev);
	rig_done(&r);
}

/* The same faults through ContainerOS's door have its shape. */
TEST(door)
{
	static const struct {
		int status;
		const char *body, *says;
	} cases[] = {
	        {400, "nonsense", "not valid JSON"},
	        {400, "[]", "Expected an object, but received: a list"},
	        {400, "null", "Expected an object, but received: null"},
	        {400, "{\"name\":\"abc\",\"name\":\"abd\"}", "duplicate"},
	        {400, "{\"name\":\"\xff\"}", "unable to decode byte"},
	        {400, "{\"a\":" D32("["), "nested more than 32 levels deep"},
	        {400, "name: abc", "not valid JSON"},
	        {400, "{\"name\":\"abc\",\"containers\":{},\"project\":\"x\"}", "never"},
	        {403, "{\"name\":\"abc\",\"containers\":{},\"password\":\"\"}", "Wrong password"},
	        {403, "{\"name\":\"abc\",\"containers\":{},\"password\":\"de\"}", "Wrong password"},
	        {403, "{\"name\":\"abc\",\"containers\":{},\"password\":\"devv\"}", "Wrong password"},
	};
	struct rig r;
	begin(&r);
	int64_t rev = memory_store_revision(r.side);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_answer_ struct answer a =
		        ask_tcp(&r, "POST", "/v1/microservice?password=dev", "", cases[i].body);
		CHECK_STATUS(a, cases[i].status);
		CHECK_HAS(value_get_string(a.value, "errorMessage"), cases[i].says);
		CHECK_INT(value_get_int(a.value, "statusCode"), cases[i].status);
		CHECK_STR(value_get_string(a.value, "app"), "cluster-api");
	}
	/* a password that is no string is none */
	_cleanup_answer_ struct answer number =
	        ask_tcp(&r, "POST", "/v1/microservice?password=dev", "",
	                "{\"password\":7,\"name\":\"abc\",\"containers\":{}}");
	CHECK_STATUS(number, 403);
	CHECK_INT(memory_store_revision(r.side), rev);
	rig_done(&r);
}

/* 2 MiB: refused before it is read, in the shape of the route, with the bound. */
TEST(too_large)
{
	static const struct {
		const char *method, *target, *says;
	} cases[] = {
	        {"PUT", PLACE,
	         "{\"message\":\"the body has 2097152 bytes: this path takes at most "
	         "1048576\",\"status\":413}"},
	        {"POST", "/v1/microservice",
	         "{\"errorMessage\":\"the body has 2097152 bytes: this path takes at most "
	         "1048576\",\"statusCode\":413"},
	};
	struct rig r;
	begin(&r);
	int64_t rev = memory_store_revision(r.side);
	struct str body = STR_INIT;
	str_reserve(&body, 2 << 20);
	while (body.len < 2 << 20)
		str_puts(&body, "{\"a\":\"xxxxxxx\"}\n");
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_answer_ struct answer a = ask(&r, cases[i].method, cases[i].target, str_get(&body));
		CHECK_STATUS(a, 413);
		CHECK_HAS(str_get(&a.body), cases[i].says);
		struct conversation t;
		talk_open(&t, &r);
		_cleanup_str_ struct str head = STR_INIT;
		str_printf(&head, "%s %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n",
		           cases[i].method, cases[i].target);
		talk_send(&t, head.data, head.len);
		talk_send(&t, body.data, body.len);
		talk_until_eof(&t);
		_cleanup_answer_ struct answer chunked = talk_answer(&t);
		CHECK_STATUS(chunked, 413);
		CHECK_HAS(str_get(&chunked.body), "at most 1048576 bytes");
		talk_close(&t);
	}
	/* as large as is allowed, and nothing but blanks: read, and refused for what it is */
	body.len = 1 << 20;
	memset(body.data, ' ', body.len);
	body.data[body.len] = '\0';
	ASK(&r, "PUT", PLACE, str_get(&body), 400, "the body is empty");
	/* many values */
	body.len = 0;
	str_puts(&body, "{\"containers\":{},\"env\":[");
	for (int i = 0; i < LIMIT_NODES; i++)
		str_puts(&body, "1,");
	str_puts(&body, "1]}");
	ASK(&r, "PUT", PLACE, str_get(&body), 400, "100000 allowed");
	CHECK_INT(memory_store_revision(r.side), rev);
	str_done(&body);
	rig_done(&r);
}

/* A message that is cut stays text, wherever the cut falls. */
TEST(long_names)
{
	struct rig r;
	begin(&r);
	for (int shift = 0; shift < 4; shift++) {
		_cleanup_str_ struct str target = STR_INIT, query = STR_INIT, many = STR_INIT;
		str_printf(&target, "/v1/microservices/default/%.*s", shift, "aaa");
		str_printf(&query, "/v1/microservices?%.*s", shift, "aaa");
		for (int i = 0; i < 300; i++) {
			str_puts(&target, "%F0%9F%98%80");
			str_puts(&query, "%F0%9F%98%80");
		}
		ASK(&r, "GET", str_get(&target), NULL, 404, "there is no microservice");
		ASK(&r, "PUT", str_get(&target), APP(""), 400, "\"path\":\"name\"");
		ASK(&r, "DELETE", str_get(&target), NULL, 404, "there is no");
		ASK(&r, "GET", str_get(&query), NULL, 400, "unknown query parameter");
		str_printf(&many, "/v1/microservices?a=%.*s", shift, "aaa");
		for (int i = 0; i < 32; i++)
			str_printf(&many, "&p%d=1", i);
		ASK(&r, "GET", str_get(&many), NULL, 400, "more than 32 parameters");
	}
	rig_done(&r);
}

/* What is written twice is written once. */
TEST(twice)
{
	struct rig r;
	begin(&r);
	int64_t rev = memory_store_revision(r.side);
	ASK(&r, "POST", "/v1/microservices",
	    "{\"name\":\"kept\",\"containers\":{\"app\":{\"image\":\"x:1\"}}}", 409, "exists already");
	ASK(&r, "PUT", "/v1/microservices/default/kept", APP(""), 200, "\"unchanged\":true");
	ASK(&r, "PUT", "/v1/microservices/default/kept",
	    "{\"kind\":\"microservice\",\"project\":\"default\",\"name\":\"kept\","
	    "\"containers\":{\"app\":{\"image\":\"x:1\"}}}",
	    200, "\"unchanged\":true");
	ASK(&r, "PATCH", "/v1/microservices/default/kept", "{}", 200, "\"unchanged\":true");
	ASK(&r, "PUT", "/v1/microservices/default/kept?dryRun=1", "{\"scale\":5,\"containers\":{}}", 200,
	    "\"dryRun\":true");
	ASK(&r, "DELETE", "/v1/microservices/default/kept?dryRun=1", NULL, 200, "\"dryRun\":true");
	ASK(&r, "POST", "/v1/microservices?dryRun=1", "{\"name\":\"new\",\"containers\":{}}", 200,
	    "\"dryRun\":true");
	CHECK_INT(memory_store_revision(r.side), rev);
	rig_done(&r);
}
