/* Paths, queries, passwords, routes, the limiter and the frames of sessions: all without I/O. */
#include "lib/test.h"

#include <errno.h>
#include <stdlib.h>

#include "controllers/api/body.h"
#include "controllers/api/frame.h"
#include "controllers/api/limiter.h"
#include "controllers/api/request.h"
#include "controllers/api/route.h"
#include "core/mem.h"

static struct http1_slice slice(const char *s)
{
	return (struct http1_slice){s, s ? strlen(s) : 0};
}

static int parse(const char *method, const char *path, const char *query, struct request *r,
                 struct error *err)
{
	return request_parse(slice(method), slice(path), slice(query), r, err);
}

TEST(parse)
{
	struct request r;
	CHECK_INT(parse("GET", "/v1/pods/a%2Fb/c/", "watch=1&name=a+b%26&x", &r, NULL), 0);
	CHECK_INT(r.method, METHOD_GET);
	CHECK_INT(r.n_segments, 4);
	CHECK_STR(r.segments[2], "a/b");
	CHECK_STR(request_param(&r, "name"), "a b&");
	CHECK(request_param(&r, "x") == NULL && request_param(&r, "y") == NULL);
	CHECK_STR(value_get_string(r.query, "x"), "");
	request_done(&r);
	CHECK_INT(parse("BREW", "/", "", &r, NULL), 0);
	CHECK(r.method == METHOD_OTHER && r.n_segments == 0);
	request_done(&r);
	CHECK_INT(parse("GET", "/1/2/3/4/5/6/7/8/9/10", "", &r, NULL), 0);
	CHECK_INT(r.n_segments, REQUEST_SEGMENTS + 1);
	request_done(&r);
}

TEST(parse_refuses)
{
	static const struct {
		const char *path, *query, *why;
	} rows[] = {
	        {"/a%zz", "", "path"},
	        {"/a/../b", "", "path"},
	        {"/%ff", "", "UTF-8"},
	        {"/", "a=%f", "bad escape"},
	        {"/", "%00=1", "bad escape"},
	        {"/", "a=%ff", "UTF-8"},
	        {"/", "a=1&a=2", "'a' is given twice"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct request r;
		struct error err = {0};
		CHECK_INT(parse("GET", rows[i].path, rows[i].query, &r, &err), -EINVAL);
		CHECK_HAS(err.text, rows[i].why);
		request_done(&r);
	}
}

TEST(params)
{
	struct request r;
	struct error err = {0};
	bool on = false;
	int64_t n = 7;
	CHECK_INT(parse("GET", "/", "a=1&b=false&c=yes&d=-3&e=10m&f=1700000000000&g=x", &r, NULL), 0);
	CHECK(request_switch(&r, "a", &on, &err) == 0 && on);
	CHECK(request_switch(&r, "b", &on, &err) == 0 && !on);
	CHECK(request_switch(&r, "none", &on, &err) == 0 && !on);
	CHECK_INT(request_switch(&r, "c", &on, &err), -EINVAL);
	CHECK_HAS(err.text, "'c' is 'yes'");
	CHECK(request_number(&r, "none", &n, &err) == 0 && n == 7);
	CHECK_INT(request_number(&r, "d", &n, &err), -EINVAL);
	CHECK(request_moment(&r, "e", 1000000, &n, &err) == 0 && n == 400000);
	CHECK(request_moment(&r, "f", 0, &n, &err) == 0 && n == 1700000000000);
	CHECK_INT(request_moment(&r, "g", 0, &n, &err), -EINVAL);
	CHECK_INT(request_check_params(&r, "a b c d e f g", &err), 0);
	CHECK_INT(request_check_params(&r, "a b c d e f gg", &err), -EINVAL);
	CHECK_HAS(err.text, "unknown query parameter 'g'");
	request_done(&r);
	CHECK_INT(parse("GET", "/", "=1", &r, NULL), 0);
	CHECK_INT(request_check_params(&r, "a", &err), -EINVAL);
	request_done(&r);
	CHECK_INT(parse("GET", "/", "a%20b=1", &r, NULL), 0);
	CHECK_INT(request_check_params(&r, "a b", &err), -EINVAL);
	request_done(&r);
}

TEST(passwords)
{
	static const struct {
		const char *field, *query, *want;
	} rows[] = {
	        {NULL, "", NULL},
	        {NULL, "password=a%20b", "a b"},
	        {NULL, "password=", ""},
	        {"Bearer secret", "password=other", "secret"},
	        {"bearer  secret", "", "secret"},
	        {"Basic dXNlcjpwYXNz", "", "pass"}, /* user:pass */
	        {"Basic OnBhOnNz", "", "pa:ss"},    /* :pa:ss */
	        {"Basic dXNlcg==", "", ""},         /* user */
	        {"Basic !!!", "", ""},
	        {"Digest x", "password=p", "p"},
	        {"Bearer", "", NULL},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct request r;
		_cleanup_str_ struct str given = STR_INIT;
		CHECK_INT(parse("GET", "/", rows[i].query, &r, NULL), 0);
		bool has = request_password(slice(rows[i].field), r.query, &given);
		CHECK_INT(has, rows[i].want != NULL);
		if (has)
			CHECK_STR(str_get(&given), rows[i].want);
		request_done(&r);
	}
}

TEST(routes)
{
	static const struct {
		const char *method, *path, *pattern, *allow;
		const char *scope, *name;
	} rows[] = {
	        {"GET", "/", "/", "GET, HEAD", NULL, NULL},
	        {"HEAD", "/healthz", "/healthz", "GET, HEAD", NULL, NULL},
	        {"GET", "/v1/microservices", "/v1/{kind}", "GET, HEAD, POST", NULL, NULL},
	        {"POST", "/v1/microservices/p", "/v1/{kind}/{project}", "GET, HEAD, POST", "p", NULL},
	        {"PATCH", "/v1/microservices/p/web", "/v1/{kind}/{project}/{name}",
	         "GET, HEAD, PUT, PATCH, DELETE", "p", "web"},
	        {"DELETE", "/v1/nodes/n1", "/v1/{kind}/{name}", "GET, HEAD, PUT, PATCH, DELETE", NULL, "n1"},
	        {"POST", "/v1/nodes/n1", NULL, "GET, HEAD, PUT, PATCH, DELETE", NULL, NULL},
	        {"GET", "/v1/nodes/n1/x", NULL, "", NULL, NULL},
	        {"GET", "/v1/pods/p/web-0-1", "/v1/{kind}/{project}/{name}", "GET, HEAD", "p", "web-0-1"},
	        {"PUT", "/v1/pods/p/web-0-1", NULL, "GET, HEAD", NULL, NULL},
	        {"GET", "/v1/pods/p/web-0-1/logs", "/v1/pods/{project}/{name}/logs", "GET, HEAD", "p",
	         "web-0-1"},
	        {"GET", "/v1/revisions/p/web", "/v1/revisions/{project}/{name}", "GET, HEAD", "p", "web"},
	        {"GET", "/v1/revisions/p/web/abc", "/v1/revisions/{project}/{name}/{hash}", "GET, HEAD", "p",
	         "web"},
	        {"PUT", "/v1/revisions/p/web", NULL, "GET, HEAD", NULL, NULL},
	        {"GET", "/v1/events", "/v1/events", "GET, HEAD", NULL, NULL},
	        {"POST", "/v1/sessions/abc", "/v1/sessions/{id}", "POST", NULL, "abc"},
	        {"GET", "/v1/sessions/abc", NULL, "POST", NULL, NULL},
	        {"GET", "/v1/sessions", NULL, "", NULL, NULL},
	        {"GET", "/v1/microservice", NULL, "POST", NULL, NULL},
	        {"BREW", "/v1/microservice", NULL, "POST", NULL, NULL},
	        {"GET", "/v1/teapots", NULL, "", NULL, NULL},
	        {"GET", "/v2/pods", NULL, "", NULL, NULL},
	        {"GET", "/v1/1/2/3/4/5/6/7/8/9", NULL, "", NULL, NULL},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct request r;
		_cleanup_str_ struct str allow = STR_INIT;
		CHECK_INT(parse(rows[i].method, rows[i].path, "", &r, NULL), 0);
		struct route_match m = route_find(&r);
		methods_print(m.allowed, &allow);
		CHECK_STR(m.route ? m.route->pattern : NULL, rows[i].pattern);
		CHECK_STR(str_get(&allow), rows[i].allow);
		if (m.route) {
			CHECK_STR(m.scope, rows[i].scope);
			CHECK_STR(m.name, rows[i].name);
		}
		request_done(&r);
	}
}

TEST(limiter)
{
	struct limiter l = {0};
	for (int i = 0; i < LIMITER_FAILURES - 1; i++)
		limiter_failed(&l, "10.0.0.1:4000", i);
	CHECK_INT(limiter_blocked(&l, "10.0.0.1:5000", 20), 0);
	limiter_failed(&l, "10.0.0.1:4001", 20);
	CHECK_INT(limiter_blocked(&l, "10.0.0.1:5000", 20), LIMITER_BLOCK_MS);
	CHECK_INT(limiter_blocked(&l, "10.0.0.2:5000", 20), 0);
	CHECK_INT(limiter_blocked(&l, "10.0.0.1:5000", 20 + LIMITER_BLOCK_MS), 0);
	/* a fresh count after the block, and after the window */
	limiter_failed(&l, "10.0.0.1:4001", 20 + LIMITER_BLOCK_MS);
	CHECK_INT(limiter_blocked(&l, "10.0.0.1:5000", 20 + LIMITER_BLOCK_MS), 0);
	for (int i = 0; i < 100; i++)
		limiter_failed(&l, "10.0.0.3:1", (int64_t)i * LIMITER_WINDOW_MS);
	CHECK_INT(limiter_blocked(&l, "10.0.0.3:1", 100 * LIMITER_WINDOW_MS), 0);
	/* bounded: a flood of addresses takes the place of the one that failed longest ago */
	for (int i = 0; i < 4 * LIMITER_ADDRESSES; i++) {
		char peer[64];
		(void)snprintf(peer, sizeof(peer), "[2001:db8:%x:1::%x]:443", (unsigned)i, (unsigned)i);
		limiter_failed(&l, peer, 10000000 + i);
	}
	CHECK_INT(l.count, LIMITER_ADDRESSES);
	limiter_done(&l);
}

/* One /64 is one machine. */
TEST(limiter_ipv6)
{
	struct limiter l = {0};
	for (unsigned i = 0; i < LIMITER_FAILURES; i++) {
		char peer[64];
		(void)snprintf(peer, sizeof(peer), "[2001:db8:1:2:3:4:5:%x]:443", i + 1);
		limiter_failed(&l, peer, 0);
	}
	CHECK(limiter_blocked(&l, "[2001:db8:1:2:9:9:9:9]:1", 0) > 0);
	CHECK_INT(limiter_blocked(&l, "[2001:db8:1:3:9:9:9:9]:1", 0), 0);
	limiter_done(&l);
}

/* The pieces of a stream, however it is cut, are the frames. */
TEST(frames)
{
	static const char stream[] = "\x01\x00\x00\x00\x03"
	                             "abc"
	                             "\x02\x00\x00\x00\x00"
	                             "\x03\x00\x00\x00\x02"
	                             "no";
	for (size_t cut = 1; cut < sizeof(stream); cut++) {
		struct frame_reader f = {0};
		_cleanup_str_ struct str out = STR_INIT;
		for (size_t at = 0; at < sizeof(stream) - 1; at += cut) {
			const char *data = stream + at;
			size_t len = MIN(cut, sizeof(stream) - 1 - at);
			struct frame_piece p;
			int r;
			while ((r = frame_next(&f, &data, &len, &p)) == FRAME_PIECE) {
				if (p.head)
					str_printf(&out, "<%d:", (int)p.stream);
				str_add(&out, p.data, p.len);
				str_puts(&out, p.last ? ">" : "");
			}
			CHECK_INT(r, FRAME_MORE);
			CHECK_INT(len, 0);
		}
		CHECK_STR(str_get(&out), "<1:abc><2:><3:no>");
		CHECK(frame_at_end(&f));
	}
}

TEST(bad_frames)
{
	static const char *const heads[] = {"\x00\x00\x00\x00\x01", "\x04\x00\x00\x00\x01",
	                                    "\x01\x00\x10\x00\x01", "\x01\xff\xff\xff\xff"};
	for (size_t i = 0; i < ELEMENTS(heads); i++) {
		struct frame_reader f = {0};
		struct frame_piece p;
		const char *data = heads[i];
		size_t len = FRAME_HEAD;
		CHECK_INT(frame_next(&f, &data, &len, &p), -EPROTO);
	}
	struct frame_reader f = {0};
	struct frame_piece p;
	const char *data = "\x01\x00";
	size_t len = 2;
	CHECK_INT(frame_next(&f, &data, &len, &p), FRAME_MORE);
	CHECK(!frame_at_end(&f));
}

static int body(const char *type, const char *text, char **ret_below, struct str *stored, struct error *err)
{
	struct document d = {0};
	int status = body_parse(slice(type), text, strlen(text), &d, err);
	if (status != 0)
		return status;
	status = body_object(&kind_microservice, &d, "default", "web", ret_below, stored, err);
	document_done(&d);
	return status;
}

TEST(bodies)
{
	static const struct {
		const char *type, *text;
		int status;
		const char *path;
		int line;
		const char *why;
	} rows[] = {
	        {NULL, "{\"containers\":{}}", 0, "", 0, ""},
	        {"application/json; charset=utf-8", "{\"name\":\"web\",\"containers\":{}}", 0, "", 0, ""},
	        {"application/yaml", "name: web\nproject: default\ncontainers: {}\n", 0, "", 0, ""},
	        {"application/x-www-form-urlencoded", " {\"scale\":3,\"containers\":{}}", 0, "", 0, ""},
	        {"image/png", "{}", 415, "", 0, "image/png"},
	        {NULL, "", 400, "", 0, "empty"},
	        {"application/yaml", " \n", 400, "", 0, "empty"},
	        {NULL, "name: web", 400, "", 0, "no JSON object"},
	        {NULL, "[1]", 400, "", 0, "no JSON object"},
	        {"application/yaml", "- 1\n", 400, "", 0, "a list"},
	        {NULL, "{\n\"a\":\n", 400, "", 3, ""},
	        {NULL, "{\"name\":\"other\"}", 400, "name", 1, "differs from the path"},
	        {NULL, "{\"project\":7}", 400, "project", 1, "differs from the path"},
	        {NULL, "{\n\"scale\":2,\n\"skale\":2}", 400, "skale", 3, "scale"},
	        {NULL, "{\"scale\":\"many\"}", 400, "scale", 1, ""},
	        {NULL, "{\"kind\":\"pod\"}", 400, "kind", 1, ""},
	        {"text/yaml", "containers:\n  app:\n    image: x\n    cpus: much\n", 400,
	         "containers.app.cpus", 4, ""},
	        {"text/yaml", "a: &x 1\nb: *x\n", 400, "", 1, ""},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *below = NULL;
		_cleanup_str_ struct str stored = STR_INIT;
		struct error err = {0};
		int status = body(rows[i].type, rows[i].text, &below, &stored, &err);
		if (status != rows[i].status || !streq(err.path, rows[i].path) || err.line != rows[i].line ||
		    !strstr(err.text, rows[i].why))
			test_fail(__FILE__, __LINE__, "row %zu %s: %d line %d %s: %s", i, rows[i].text,
			          status, err.line, err.path, err.text);
		if (status == 0)
			CHECK_STR(below, "microservices/default/web");
	}
}
