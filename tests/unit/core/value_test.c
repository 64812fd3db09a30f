/* Values: getters that tolerate anything, order, copies, equality, merge patch. */
#include "core/value.h"

#include <math.h>

#include "core/json.h"
#include "lib/test.h"

static struct value *parse(const char *text)
{
	struct value *v = NULL;
	CHECK_INT(json_parse(text, strlen(text), &v, NULL), 0);
	return v;
}

static const char *text_of(const struct value *v)
{
	static char buf[1024];
	_cleanup_str_ struct str out = STR_INIT;
	json_print(v, JSON_COMPACT, &out);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	return buf;
}

TEST(getters_take_anything)
{
	_cleanup_value_ struct value *v =
	        parse("{\"s\":\"x\",\"n\":3,\"r\":1.5,\"b\":true,\"a\":[7],\"z\":null}");
	CHECK_STR(value_get_string(v, "s"), "x");
	CHECK_INT(value_get_int(v, "n"), 3);
	CHECK(value_get_bool(v, "b"));
	CHECK(value_real(value_get(v, "r")) > 1.4 && value_real(value_get(v, "n")) > 2.9);
	CHECK_INT(value_count(v), 6);
	CHECK_INT(value_count(value_get(v, "a")), 1);
	CHECK_INT(value_int(value_at(value_get(v, "a"), 0)), 7);
	CHECK_INT(value_type(value_get(v, "z")), VALUE_NULL);

	const struct value *const wrong[] = {NULL, value_get(v, "s"), value_get(v, "n"), value_get(v, "z"),
	                                     v};
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		CHECK(value_at(wrong[i], 0) == NULL);
		CHECK(value_get(wrong[i], "nothing") == NULL);
		CHECK(!value_get_bool(wrong[i], "nothing"));
		CHECK_INT(value_get_int(wrong[i], "nothing"), 0);
		CHECK_STR(value_get_string(wrong[i], "nothing"), NULL);
	}
	CHECK_STR(value_string(v), NULL);
	CHECK_INT(value_string_len(v), 0);
	CHECK_INT(value_int(value_get(v, "s")), 0);
	CHECK_INT(value_count(value_get(v, "s")), 0);
	CHECK(!value_bool(value_get(v, "n")));
	CHECK_STR(value_type_name(value_type(v)), "an object");
}

TEST(members_keep_their_order)
{
	_cleanup_value_ struct value *v = value_new_object();
	value_set(v, "b", value_new_int(1));
	value_set(v, "a", value_new_int(2));
	value_set(v, "c", value_new_bool(true));
	value_set(v, "b", value_new_int(3));
	CHECK_STR(text_of(v), "{\"b\":3,\"a\":2,\"c\":true}");
	value_remove(v, "a");
	value_remove(v, "nothing");
	CHECK_STR(text_of(v), "{\"b\":3,\"c\":true}");
	_cleanup_str_ struct str names = STR_INIT;
	value_for_each (it, v)
		str_puts(&names, value_iter_name(it));
	CHECK_STR(str_get(&names), "bc");
}

TEST(loops_can_be_left_and_continued)
{
	_cleanup_value_ struct value *v = parse("[1,2,3,4,5]");
	int64_t sum = 0;
	size_t turns = 0;
	value_for_each_item (i, item, v) {
		turns++;
		if (i == 1)
			continue;
		if (i == 3)
			break;
		sum += value_int(item);
	}
	CHECK_INT(sum, 4);
	CHECK_INT(turns, 4);
}

TEST(what_is_not_text_becomes_text)
{
	_cleanup_value_ struct value *v = value_new_array();
	value_append(v, value_new_string("a\xff\xc3"));
	value_append(v, value_new_string_n("a\0b", 3));
	value_append(v, value_new_string_n("\xe2\x98\xba\xe2\x98", 5));
	value_append(v, value_new_string(NULL));
	value_append(v, value_new_real(NAN));
	value_append(v, value_new_real(-INFINITY));
	CHECK_STR(text_of(v), "[\"a\xef\xbf\xbd\xef\xbf\xbd\",\"a\xef\xbf\xbd"
	                      "b\","
	                      "\"\xe2\x98\xba\xef\xbf\xbd\xef\xbf\xbd\",null,null,null]");
	_cleanup_value_ struct value *o = value_new_object();
	value_set(o, "k\xff", value_new_int(1));
	CHECK_STR(text_of(o), "{\"k\xef\xbf\xbd\":1}");
}

TEST(copies_are_deep_and_equal)
{
	_cleanup_value_ struct value *v = parse("{\"a\":{\"b\":[1]}}");
	_cleanup_value_ struct value *copy = value_copy(v);
	CHECK(value_equal(v, copy));
	value_append(value_get(value_get(copy, "a"), "b"), value_new_int(2));
	CHECK(!value_equal(v, copy));
	CHECK_STR(text_of(v), "{\"a\":{\"b\":[1]}}");
	_cleanup_value_ struct value *x = parse("{\"a\":1,\"b\":[1,2]}");
	_cleanup_value_ struct value *y = parse("{\"b\":[1,2],\"a\":1}");
	_cleanup_value_ struct value *z = parse("{\"b\":[2,1],\"a\":1}");
	CHECK(value_equal(x, y));
	CHECK(!value_equal(x, z));
	CHECK(!value_equal(x, NULL));
	CHECK(value_equal(NULL, NULL));
}

/* RFC 7396 appendix A, all of it */
TEST(merge_patch)
{
	static const char *const rows[][3] = {
	        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	        {"{\"a\":\"foo\"}", "null", "null"},
	        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
	        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
	        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_value_ struct value *target = parse(rows[i][0]);
		_cleanup_value_ struct value *patch = parse(rows[i][1]);
		_cleanup_value_ struct value *merged = value_merge(target, patch);
		CHECK_STR(text_of(merged), rows[i][2]);
		CHECK_STR(text_of(target), rows[i][0]);
		CHECK_STR(text_of(patch), rows[i][1]);
	}
	_cleanup_value_ struct value *patch = parse("{\"a\":1}");
	_cleanup_value_ struct value *merged = value_merge(NULL, patch);
	CHECK_STR(text_of(merged), "{\"a\":1}");
}
