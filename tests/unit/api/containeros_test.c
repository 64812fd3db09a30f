/* ContainerOS's accepted and error shapes, byte for byte. */
#include "lib/test.h"

#include <stdlib.h>

#include "controllers/api/containeros.h"
#include "core/json.h"
#include "core/mem.h"

static struct value *parse(const char *text)
{
	struct value *v = NULL;
	struct error err = {0};
	if (json_parse(text, strlen(text), &v, &err) != 0)
		test_fail(__FILE__, __LINE__, "%s: %s", text, err.text);
	return v;
}

/* The answer's body to query and body, both JSON; *ret_stored: what goes into the store, NULL when refused. */
static char *answer(const char *query, const char *body, char **ret_stored)
{
	_cleanup_value_ struct value *q = parse(query), *b = parse(body);
	_cleanup_value_ struct value *merged = containeros_merge(q, b), *accepted = NULL;
	_cleanup_str_ struct str message = STR_INIT;
	struct str out = STR_INIT, stored = STR_INIT;
	struct microservice *m = NULL;
	CHECK(merged != NULL);
	if (containeros_accept(merged, &accepted, &m, &message) != 0) {
		CHECK(m == NULL && accepted == NULL);
		containeros_print_error(400, str_get(&message), &out);
		*ret_stored = NULL;
		return str_take(&out);
	}
	containeros_print_accepted(accepted, &out);
	kind_print(&kind_microservice, m, &stored);
	kind_free(&kind_microservice, m);
	*ret_stored = str_take(&stored);
	return str_take(&out);
}

#define REG(members)   "{\"name\":\"test-server\",\"containers\":{\"reg\":{" members "}}}"
#define FAULT(message) "{\"errorMessage\":\"" message "\",\"statusCode\":400,\"app\":\"cluster-api\"}"
#define OK_REG(members)                                                                                    \
	"{\"success\":true,\"acceptedValues\":{\"name\":\"test-server\",\"containers\":{\"reg\":{" members \
	"}},\"scale\":1}}"
#define NAME_RULE "`/^[a-z]{1}[a-z0-9-]{2,}$/`"
#define A16       "aaaaaaaaaaaaaaaa"

/* clang-format off */
static const struct {
	const char *query, *body, *want;
} rows[] = {
	/* the table of the reference */
	{"{}", "{}",
	 FAULT("At path: name -- Expected a string, but received: undefined. Expected format: undefined")},
	{"{}", "{\"name\":\"te\"}",
	 FAULT("At path: name -- Expected a string matching " NAME_RULE " but received \\\"te\\\". Expected format: pattern")},
	{"{}", "{\"name\":\"test\"}",
	 FAULT("At path: containers -- Expected an object, but received: undefined. Expected format: undefined")},
	{"{}", REG(""),
	 FAULT("At path: containers.reg.image -- Expected a string, but received: undefined. Expected format: undefined")},
	{"{}", REG("\"image\":\"i\",\"foo\":1"),
	 FAULT("At path: containers.reg.foo -- Expected a value of type `never`, but received: `1`. Expected format: undefined")},
	{"{}", "{\"name\":\"test\",\"containers\":{},\"foo\":1}",
	 FAULT("At path: foo -- Expected a value of type `never`, but received: `1`. Expected format: undefined")},
	{"{}", "{\"name\":\"test\",\"scale\":\"2\",\"containers\":{}}",
	 FAULT("At path: scale -- Expected a number, but received: \\\"2\\\". Expected format: undefined")},
	{"{}", "{\"name\":\"test\",\"scale\":21,\"containers\":{}}",
	 FAULT("Expected a value of type `number`, but received: `21`. Expected format: min 1, max 20")},
	{"{}", REG("\"image\":\"i\",\"httpPorts\":{\"80\":8080}"),
	 FAULT("At path: containers.reg.httpPorts.80 -- Expected a string, but received: 8080. Expected format: undefined")},
	{"{}", REG("\"image\":\"i\",\"env\":\"A=1\""),
	 FAULT("At path: containers.reg.env -- Expected an array value, but received: \\\"A=1\\\". Expected format: undefined")},
	/* query parameters are merged as strings, the body wins, the password goes */
	{"{\"password\":\"dev\",\"scale\":\"2\"}", "{\"name\":\"test\",\"containers\":{}}",
	 FAULT("At path: scale -- Expected a number, but received: \\\"2\\\". Expected format: undefined")},
	{"{\"password\":\"dev\",\"scale\":\"2\"}", "{\"name\":\"test\",\"scale\":3,\"containers\":{}}",
	 "{\"success\":true,\"acceptedValues\":{\"scale\":3,\"name\":\"test\",\"containers\":{}}}"},
	{"{\"name\":\"from-query\"}", "{\"containers\":{},\"password\":\"dev\"}",
	 "{\"success\":true,\"acceptedValues\":{\"name\":\"from-query\",\"containers\":{},\"scale\":1}}"},
	{"{\"debug\":\"\"}", "{\"name\":\"test\",\"containers\":{}}",
	 FAULT("At path: debug -- Expected a value of type `never`, but received: `\\\"\\\"`. Expected format: undefined")},
	/* order: fields of the schema first, each with its rules, then the unknown ones */
	{"{}", "{\"foo\":1,\"scale\":\"x\",\"name\":\"x\"}",
	 FAULT("At path: name -- Expected a string matching " NAME_RULE " but received \\\"x\\\". Expected format: pattern")},
	{"{}", "{\"foo\":1,\"scale\":null,\"name\":\"test\"}",
	 FAULT("At path: scale -- Expected a number, but received: null. Expected format: undefined")},
	{"{}", "{\"foo\":1,\"scale\":-1,\"name\":\"test\"}",
	 FAULT("Expected a value of type `number`, but received: `-1`. Expected format: min 1, max 20")},
	{"{}", REG("\"foo\":1,\"env\":[7]"),
	 FAULT("At path: containers.reg.image -- Expected a string, but received: undefined. Expected format: undefined")},
	/* the rule of names holds for containers */
	{"{}", "{\"name\":\"test\",\"containers\":{\"Reg\":{\"image\":\"i\"}}}",
	 FAULT("At path: containers.Reg -- Expected a string matching " NAME_RULE " but received \\\"Reg\\\". Expected format: pattern")},
	{"{}", "{\"name\":\"test\",\"containers\":{\"reg\":5}}",
	 FAULT("At path: containers.reg -- Expected an object, but received: 5. Expected format: undefined")},
	{"{}", "{\"name\":\"test\",\"containers\":[1,\"a\",null,{}]}",
	 FAULT("At path: containers -- Expected an object, but received: 1,a,,[object Object]. Expected format: undefined")},
	{"{}", "{\"name\":\"1test\",\"containers\":{}}",
	 FAULT("At path: name -- Expected a string matching " NAME_RULE " but received \\\"1test\\\". Expected format: pattern")},
	{"{}", "{\"name\":\"tes\\n\",\"containers\":{}}",
	 FAULT("At path: name -- Expected a string matching " NAME_RULE " but received \\\"tes\\\\n\\\". Expected format: pattern")},
	/* numbers */
	{"{}", "{\"name\":\"test\",\"scale\":true,\"containers\":{}}",
	 FAULT("At path: scale -- Expected a number, but received: true. Expected format: undefined")},
	{"{}", REG("\"image\":\"i\",\"memLimit\":\"1G\""),
	 FAULT("At path: containers.reg.memLimit -- Expected a number, but received: \\\"1G\\\". Expected format: undefined")},
	{"{}", REG("\"image\":\"i\",\"cpus\":{}"),
	 FAULT("At path: containers.reg.cpus -- Expected a number, but received: [object Object]. Expected format: undefined")},
	/* harder than ContainerOS, in its style */
	{"{}", "{\"name\":\"test\",\"scale\":1.5,\"containers\":{}}",
	 FAULT("At path: scale -- Expected an integer, but received: 1.5. Expected format: undefined")},
	{"{}", REG("\"image\":\"i\",\"memLimit\":1.5"),
	 FAULT("At path: containers.reg.memLimit -- Expected an integer, but received: 1.5. Expected format: undefined")},
	{"{}", REG("\"image\":\"\""),
	 FAULT("At path: containers.reg.image -- Expected a string with a length between `1` and `512` but received one with a length of `0`. Expected format: size")},
	{"{}", REG("\"image\":\"i\",\"httpPorts\":{\"http\":\"a.b\"}"),
	 FAULT("At path: containers.reg.httpPorts.http -- Expected a port between `1` and `65535` but received \\\"http\\\". Expected format: port")},
	{"{}", REG("\"image\":\"i\",\"httpPorts\":{\"0\":\"a.b\"}"),
	 FAULT("At path: containers.reg.httpPorts.0 -- Expected a port between `1` and `65535` but received \\\"0\\\". Expected format: port")},
	{"{}", REG("\"image\":\"i\",\"httpPorts\":{\"65536\":\"a.b\"}"),
	 FAULT("At path: containers.reg.httpPorts.65536 -- Expected a port between `1` and `65535` but received \\\"65536\\\". Expected format: port")},
	{"{}", REG("\"image\":\"i\",\"env\":[\"A=1\",\"B\"]"),
	 FAULT("At path: containers.reg.env.1 -- Expected a string matching `/^[^=]+=/` but received \\\"B\\\". Expected format: pattern")},
	{"{}", REG("\"image\":\"i\",\"env\":[\"=1\"]"),
	 FAULT("At path: containers.reg.env.0 -- Expected a string matching `/^[^=]+=/` but received \\\"=1\\\". Expected format: pattern")},
	{"{}", REG("\"image\":\"i\",\"env\":[null]"),
	 FAULT("At path: containers.reg.env.0 -- Expected a string, but received: null. Expected format: undefined")},
	{"{}", "{\"name\":\"" A16 A16 A16 A16 "\",\"containers\":{}}",
	 FAULT("At path: name -- Expected a string with a length between `3` and `63` but received one with a length of `64`. Expected format: size")},
	{"{}", "{\"name\":\"web-\",\"containers\":{}}",
	 FAULT("At path: name -- Expected a name that ends with a letter or digit but received \\\"web-\\\". Expected format: pattern")},
	/* accepted */
	{"{\"password\":\"dev\"}",
	 "{\"name\":\"test-server\",\"scale\":2,\"containers\":{\"reg\":{\"image\":\"x:1\",\"httpPorts\":{\"80\":\"hello.localhost\"}}}}",
	 "{\"success\":true,\"acceptedValues\":{\"name\":\"test-server\",\"scale\":2,\"containers\":{\"reg\":{\"image\":\"x:1\","
	 "\"httpPorts\":{\"80\":\"hello.localhost\"},\"memLimit\":1000000000,\"cpus\":1,\"env\":[]}}}}"},
	{"{}", REG("\"image\":\"i\""),
	 OK_REG("\"image\":\"i\",\"httpPorts\":{},\"memLimit\":1000000000,\"cpus\":1,\"env\":[]")},
	{"{}", REG("\"env\":[\"A=1\",\"B=\"],\"cpus\":0.5,\"image\":\"i\""),
	 OK_REG("\"env\":[\"A=1\",\"B=\"],\"cpus\":0.5,\"image\":\"i\",\"httpPorts\":{},\"memLimit\":1000000000")},
	{"{}", REG("\"image\":\"i\",\"memLimit\":64000000.0,\"cpus\":2.0"),
	 OK_REG("\"image\":\"i\",\"memLimit\":64000000,\"cpus\":2,\"httpPorts\":{},\"env\":[]")},
	{"{}", REG("\"image\":\"i\",\"httpPorts\":{\"8080\":\"b.localhost\",\"80\":\"a.localhost\"}"),
	 OK_REG("\"image\":\"i\",\"httpPorts\":{\"80\":\"a.localhost\",\"8080\":\"b.localhost\"},\"memLimit\":1000000000,\"cpus\":1,\"env\":[]")},
	{"{}", "{\"name\":\"test\",\"scale\":0,\"containers\":{}}",
	 "{\"success\":true,\"acceptedValues\":{\"name\":\"test\",\"scale\":0,\"containers\":{}}}"},
	{"{}", "{\"name\":\"test\",\"scale\":20.0,\"containers\":{}}",
	 "{\"success\":true,\"acceptedValues\":{\"name\":\"test\",\"scale\":20,\"containers\":{}}}"},
};
/* clang-format on */

TEST(table)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *stored = NULL, *have = answer(rows[i].query, rows[i].body, &stored);
		CHECK_STR(have, rows[i].want);
		CHECK((stored != NULL) == (strncmp(have, "{\"success\"", 10) == 0));
	}
}

TEST(stored)
{
	_cleanup_free_ char *stored = NULL;
	_cleanup_free_ char *have =
	        answer("{}",
	               "{\"name\":\"test-server\",\"scale\":2,\"containers\":{\"reg\":{\"image\":\"x:1\","
	               "\"httpPorts\":{\"80\":\"hello.localhost\"},\"env\":[\"B=2\",\"A=1\"]}}}",
	               &stored);
	CHECK_HAS(have, "\"success\":true");
	CHECK_HAS(stored, "{\"kind\":\"microservice\",");
	CHECK_HAS(stored, "\"name\":\"test-server\"");
	CHECK_HAS(stored, "\"scale\":2");
	CHECK_HAS(stored, "\"image\":\"x:1\"");
	CHECK_HAS(stored, "\"hello.localhost\"");
	CHECK(!strstr(stored, "password"));
}

/* Bounds of tug's own that the door has no message for come in its shape. */
TEST(own_bounds)
{
	_cleanup_free_ char *stored = NULL, *have = NULL;
	have = answer("{}", REG("\"image\":\"i\",\"cpus\":-1"), &stored);
	CHECK_HAS(have, "{\"errorMessage\":\"At path: containers.reg.cpus -- ");
	CHECK_HAS(have, ". Expected format: bounds\",\"statusCode\":400,\"app\":\"cluster-api\"}");
	free(have);
	have = answer("{}", REG("\"image\":\"i\",\"memLimit\":-5"), &stored);
	CHECK_HAS(have, "At path: containers.reg.memLimit -- ");
	CHECK(stored == NULL);
}

/* What is shown of a refused value is bounded and stays UTF-8. */
TEST(long_values)
{
	struct str body = STR_INIT;
	str_puts(&body, "{\"name\":\"x");
	for (int i = 0; i < 1000; i++)
		str_puts(&body, "\xc3\xa9");
	str_puts(&body, "\",\"containers\":{}}");
	_cleanup_free_ char *stored = NULL, *have = answer("{}", str_get(&body), &stored);
	CHECK_HAS(have, "\xc3\xa9...");
	CHECK(strlen(have) < 600 && str_is_utf8(have, strlen(have)));
	str_done(&body);
}

TEST(merge)
{
	_cleanup_value_ struct value *q = parse("{\"password\":\"a\",\"x\":\"1\"}"), *list = parse("[1]"),
	                             *b = parse("{\"password\":\"b\"}"), *number = parse("{\"password\":7}");
	CHECK(containeros_merge(q, list) == NULL);
	_cleanup_value_ struct value *none = containeros_merge(q, NULL), *both = containeros_merge(q, b),
	                             *bad = containeros_merge(q, number);
	CHECK_STR(containeros_password(none), "a");
	CHECK_STR(containeros_password(both), "b");
	CHECK(containeros_password(bad) == NULL);
	_cleanup_str_ struct str out = STR_INIT;
	containeros_print_error(403, "Wrong password", &out);
	CHECK_STR(out.data,
	          "{\"errorMessage\":\"Wrong password\",\"statusCode\":403,\"app\":\"cluster-api\"}");
}
