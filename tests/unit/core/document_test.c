/* Documents: JSON and YAML into the same values, with lines; YAML that is no JSON is refused by line. */
#include "core/document.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/limits.h"
#include "lib/test.h"

/* The document as compact JSON, or "line N: text" of its refusal. */
static const char *read_one(const char *text)
{
	static char buf[4096];
	struct document d = {0};
	struct error err = {0};
	int r = document_parse(text, strlen(text), &d, &err);
	if (r < 0) {
		CHECK(d.value == NULL);
		CHECK_INT(err.code, r);
		return error_format(&err, buf, sizeof(buf));
	}
	_cleanup_str_ struct str out = STR_INIT;
	json_print(d.value, JSON_COMPACT, &out);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	document_done(&d);
	return buf;
}

TEST(yaml_reads_as_json)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
	        {"a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
	        {"a:\n- 1\n- b: 2\n  c: 3\n", "{\"a\":[1,{\"b\":2,\"c\":3}]}"},
	        {"a: no\nb: yes\nc: on\nd: ~\n", "{\"a\":\"no\",\"b\":\"yes\",\"c\":\"on\",\"d\":\"~\"}"},
	        {"[0x10]", "line 1: not valid JSON: ']' expected near 'x' (column 3)"},
	        {"- 0x10\n- 1_000\n- 08\n- 2026-11-21\n- +1\n- .5\n- 1.\n- 1:30\n- -\n",
	         "[\"0x10\",\"1_000\",\"08\",\"2026-11-21\",\"+1\",\".5\",\"1.\",\"1:30\",[null]]"},
	        {"- -1\n- 0\n- 1.5\n- 1e3\n- 1E-2\n- -0.5\n", "[-1,0,1.5,1000.0,0.01,-0.5]"},
	        {"- 9223372036854775807\n- -9223372036854775808\n",
	         "[9223372036854775807,-9223372036854775808]"},
	        {"a: true\nb: false\nc: null\nd:\n", "{\"a\":true,\"b\":false,\"c\":null,\"d\":null}"},
	        {"a: True\nb: NULL\nc: 'true'\n", "{\"a\":\"True\",\"b\":\"NULL\",\"c\":\"true\"}"},
	        {"80: x\ntrue: y\n", "{\"80\":\"x\",\"true\":\"y\"}"},
	        {"a: |\n  one\n  two\nb: >\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}"},
	        {"# note\n---\na: 1 # one\n...\n", "{\"a\":1}"},
	        {"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
	        {"just text", "\"just text\""},
	        {"a: {b: {c: []}}\n", "{\"a\":{\"b\":{\"c\":[]}}}"},
	        {"\xef\xbb\xbf"
	         "a: 1\n",
	         "{\"a\":1}"},
	        {"a: \"\\u263a\\x41\"\r\nb: \xe2\x98\xba\r\n", "{\"a\":\"\xe2\x98\xba"
	                                                       "A\",\"b\":\"\xe2\x98\xba\"}"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(read_one(rows[i].yaml), rows[i].json);
}

TEST(yaml_refusals_name_the_line)
{
	static const struct {
		const char *yaml, *says;
	} rows[] = {
	        {"a: 1\nb: &x 2\n", "line 2: anchors (&)"},
	        {"a: &x {b: 1}\n", "line 1: anchors (&)"},
	        {"a: 1\nb: *x\n", "line 2: "},
	        {"a: &x 1\nb: *x\n", "line 1: anchors"},
	        {"a: 1\n*x : 2\n", "line 2: anchors"},
	        {"a: !!str 1\n", "line 1: tags (!)"},
	        {"a: ! x\n", "line 1: tags (!)"},
	        {"a: !!python/object x\n", "line 1: tags (!)"},
	        {"!!map {a: 1}\n", "line 1: tags (!)"},
	        {"a: 1\n\na: 2\n", "line 3: the member \"a\" is there twice"},
	        {"a:\n  <<: {b: 1}\n", "line 2: merge keys"},
	        {"[a]: 1\nb: 2\n", "line 1: not valid JSON"},
	        {"? [a]\n: 1\n", "line 1: the name of a member"},
	        {"? {a: 1}\n: 1\n", "line 1: the name of a member"},
	        {"a: 1\n b: 2\n", "line 2: not valid YAML"},
	        {"a: [1, 2\nb: 3\n", "line 2: not valid YAML"},
	        {"a:\n\t- 1\n", "line 2: not valid YAML"},
	        {"a: \"x\n", "not valid YAML"},
	        {"a: 1\nb: \"\\0\"\n", "line 2: a string holds a NUL"},
	        {"a: 1\n\"x\\0y\": 2\n", "line 2: the name of a member holds a NUL"},
	        {"a: 1\nb: \xff\n", "line 2: not UTF-8"},
	        {"a: 1\nb: \xc0\x80\n", "line 2: not UTF-8"},
	        {"a: 1\nb: \xed\xa0\x80\n", "line 2: not UTF-8"},
	        {"a: 1\nb: 2\n\nc: \x01\n", "line 4: not valid YAML: control characters"},
	        {"a: 123456789012345678901234567890\n", "line 1: a number does not fit"},
	        {"a: 1\nb: 1e999\n", "line 2: a number does not fit"},
	        {"a: 1\n---\nb: 2\n", "line 2: more than 1 document; divide"},
	        {"", "the text is empty"},
	        {"---\n", "the text is empty"},
	        {"# nothing\n", "the text is empty"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_HAS(read_one(rows[i].yaml), rows[i].says);
}

/* `unit` n times, between before and after; to be freed. */
static char *repeat(const char *before, const char *unit, size_t n, const char *after)
{
	struct str s = STR_INIT;
	str_puts(&s, before);
	for (size_t i = 0; i < n; i++)
		str_puts(&s, unit);
	str_puts(&s, after);
	return str_take(&s);
}

TEST(bounds_hold_at_their_edge)
{
	static const struct {
		const char *before, *unit;
		size_t n;
		const char *after, *says; /* NULL: accepted */
	} rows[] = {
	        {"a: ", "[", 31, "x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL},
	        {"a: ", "[", 32, "x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "line 1: nested more than 32 levels"},
	        {"", "- ", 32, "x", NULL},
	        {"", "- ", 33, "x", "line 1: nested more than 32 levels"},
	        {"", "- x\n", LIMIT_NODES - 1, "", NULL},
	        {"", "- x\n", LIMIT_NODES, "", "line 100000: more than 100000 values"},
	        {"a: ", "[", 100000, "", "nested more than 32"},
	        {"", "{a: ", 100000, "", "nested more than 32"},
	        {"a: ", "{a: ", 100000, "", "nested more than 32"},
	        {"", "- ", 100000, "", "nested more than 32"},
	        {"", "x", LIMIT_VALUE, "", NULL},
	        {"", "x", LIMIT_VALUE + 1, "", "1048577 bytes are more than the 1048576 allowed"},
	        {"", "x", 2 * LIMIT_VALUE, "", "2097152 bytes are more"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char *text = repeat(rows[i].before, rows[i].unit, rows[i].n, rows[i].after);
		const char *got = read_one(text);
		if (rows[i].says)
			CHECK_HAS(got, rows[i].says);
		else if (strstr(got, "line") || strstr(got, "more than"))
			test_fail(__FILE__, __LINE__, "row %zu: %s", i, got);
		free(text);
	}
}

TEST(streams_hold_several_documents)
{
	static const char text[] = "---\na: 1\n---\n---\n# nothing\n---\nb: 2\n";
	struct documents all;
	CHECK_INT(documents_parse(text, sizeof(text) - 1, &all, NULL), 0);
	CHECK_INT(all.count, 2);
	CHECK_INT(value_get_int(all.items[1].value, "b"), 2);
	struct error err = {.path = "b"};
	document_locate(&all.items[1], &err);
	CHECK_INT(err.line, 7);
	documents_done(&all);

	CHECK_INT(documents_parse("", 0, &all, NULL), 0);
	CHECK_INT(all.count, 0);
	documents_done(&all);

	char *many = repeat("", "a: 1\n---\n", LIMIT_DOCUMENTS, "");
	CHECK_INT(documents_parse(many, strlen(many), &all, NULL), 0);
	CHECK_INT(all.count, LIMIT_DOCUMENTS);
	documents_done(&all);
	free(many);
	many = repeat("", "a: 1\n---\n", LIMIT_DOCUMENTS + 1, "");
	CHECK_INT(documents_parse(many, strlen(many), &all, &err), -E2BIG);
	CHECK_HAS(err.text, "more than 1000 documents");
	free(many);
}

TEST(lines_of_paths)
{
	static const char yaml[] = "name: web\n"
	                           "containers:\n"
	                           "  app:\n"
	                           "    image: x\n"
	                           "    volumes:\n"
	                           "    - name: a\n"
	                           "      mount: /a\n"
	                           "    - name: b\n"
	                           "      mount: b\n"
	                           "placement:\n"
	                           "  labels:\n"
	                           "    a: b\n"
	                           "    a.b: c\n";
	static const char json[] = "{\n"
	                           "  \"name\": \"web\\\"{\",\n"
	                           "  \"containers\": {\"app\":\n"
	                           "    {\"image\": \"x\", \"volumes\": [\n"
	                           "      {\"name\": \"a\", \"mount\": -1.5e3},\n"
	                           "      {\"name\": true,\n"
	                           "       \"mount\": [[], {}, \n"
	                           " null]}\n"
	                           "    ]}},\n"
	                           "  \"placement\": {\n"
	                           "    \"labels\": {\n"
	                           "      \"a\": 1,\n"
	                           "      \"a.\\u0062\": 2}}\n"
	                           "}\n";
	static const struct {
		const char *path;
		int yaml, json;
	} rows[] = {
	        {"", 1, 1},
	        {"name", 1, 2},
	        {"nam", 1, 1},
	        {"names", 1, 1},
	        {"containers", 2, 3},
	        {"containers.app.image", 4, 4},
	        {"containers.app.nothing", 3, 3},
	        {"containers.app.volumes[0]", 6, 5},
	        {"containers.app.volumes[1].mount", 9, 7},
	        {"containers.app.volumes[1].mount[2]", 9, 8},
	        {"containers.app.volumes[9].mount", 5, 4},
	        {"placement.labels.a", 12, 12},
	        {"placement.labels.a.b", 13, 13},
	        {"placement.labels.a.c", 12, 12},
	};
	struct document y, j;
	CHECK_INT(document_parse(yaml, sizeof(yaml) - 1, &y, NULL), 0);
	CHECK_INT(document_parse(json, sizeof(json) - 1, &j, NULL), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct error err = {0};
		(void)snprintf(err.path, sizeof(err.path), "%s", rows[i].path);
		document_locate(&y, &err);
		CHECK_INT(err.line, rows[i].yaml);
		document_locate(&j, &err);
		CHECK_INT(err.line, rows[i].json);
	}
	document_done(&y);
	document_done(&j);
}

static const char *printed(const char *json)
{
	static char buf[4096];
	struct value *v, *again;
	CHECK_INT(json_parse(json, strlen(json), &v, NULL), 0);
	_cleanup_str_ struct str out = STR_INIT;
	yaml_print(v, &out);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	/* "- " in front keeps a list from being taken for JSON, and a null from being left out */
	_cleanup_str_ struct str text = STR_INIT;
	value_append(again = value_new_array(), value_ref(v));
	yaml_print(again, &text);
	struct document d;
	struct error err;
	char why[1024];
	if (document_parse(str_get(&text), text.len, &d, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", error_format(&err, why, sizeof(why)), str_get(&text));
	if (!value_equal(d.value, again))
		test_fail(__FILE__, __LINE__, "does not read back: %s", str_get(&text));
	value_unref(again);
	value_unref(v);
	document_done(&d);
	return buf;
}

TEST(yaml_print_reads_well_and_back)
{
	static const struct {
		const char *json, *yaml;
	} rows[] = {
	        {"{\"a\":1,\"b\":{\"c\":[1,{\"d\":true,\"e\":null},[2,3]],\"f\":{}},\"g\":[]}",
	         "a: 1\nb:\n  c:\n  - 1\n  - d: true\n    e: null\n  - - 2\n    - 3\n  f: {}\ng: []\n"},
	        {"{\"a\":\"no\",\"b\":\"1\",\"c\":\"\",\"d\":\"x: y\",\"e\":\"x #y\",\"f\":\"a:\",\"g\":\" "
	         "a\",\"h\":\"a \"}",
	         "a: \"no\"\nb: \"1\"\nc: \"\"\nd: \"x: y\"\ne: \"x #y\"\nf: \"a:\"\ng: \" a\"\nh: \"a \"\n"},
	        {"{\"image\":\"127.0.0.1:5000/a/b:1.2\",\"t\":\"2026-11-21\",\"v\":1.5}",
	         "image: 127.0.0.1:5000/a/b:1.2\nt: \"2026-11-21\"\nv: 1.5\n"},
	        {"{\"conf\":\"a {\\n  "
	         "b;\\n\\n}\\n\",\"cut\":\"a\\nb\",\"odd\":\"a\\n\\n\",\"cr\":\"a\\r\\nb\"}",
	         "conf: |\n  a {\n    b;\n\n  }\ncut: |-\n  a\n  b\nodd: \"a\\n\\n\"\ncr: "
	         "\"a\\u000d\\nb\"\n"},
	        {"[\"\\u0085\\u2028\\ufeff\\u007f\\ud83d\\ude00\\uffff\"]",
	         "- \"\\u0085\\u2028\\ufeff\\u007f\xf0\x9f\x98\x80\\uffff\"\n"},
	        {"{\"no\":1,\"\":2,\"a b\":3,\"-x\":4}", "\"no\": 1\n\"\": 2\na b: 3\n\"-x\": 4\n"},
	        {"\"x\"", "x\n"},
	        {"{}", "{}\n"},
	        {"[[],[[\"a\\nb\"]]]", "- []\n- - - |-\n      a\n      b\n"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(printed(rows[i].json), rows[i].yaml);
	char *name = repeat("{\"", "x", 2000, "\": [1], \"a\": {\"b\": 1}}");
	(void)printed(name);
	free(name);
}
