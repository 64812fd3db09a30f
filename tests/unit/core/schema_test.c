/* A made-up structure with every type of field, through everything that a schema can do. */
#include "core/schema.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/mem.h"
#include "lib/test.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

struct inner {
	uint64_t present;
	char *text;
	int64_t number;
};

struct named {
	uint64_t present;
	char *name;
	int64_t weight;
	int64_t twice; /* derived */
};

struct thing {
	uint64_t present;
	char *text, *word;
	bool flag;
	int64_t number, size, time, cores;
	int colour;
	struct strings list;
	struct pairs map, env, keys;
	struct inner inside;
	struct inner *maybe;
	struct list_of many;
	struct list_of byName;
	struct value *any;
	char *password;
	int64_t absentMeans;
	int64_t low;
};

static int check_short(const void *p, struct error *err)
{
	const char *s = *(char *const *)p;
	return strlen(s) < 5 ? 0 : error_set(err, -EINVAL, "", "\"%s\" is too long for a word", s);
}

static int check_key(const char *key, struct error *err)
{
	return streq(key, "bad") ? error_set(err, -EINVAL, "", "\"bad\" is not wanted") : 0;
}

static int check_inner(const void *obj, struct error *err)
{
	return ((const struct inner *)obj)->number == 13
	               ? error_set(err, -EINVAL, "number", "13 brings bad luck")
	               : 0;
}

static void derive_named(void *obj)
{
	struct named *n = obj;
	n->twice = 2 * n->weight;
}

static bool is_large(const void *p)
{
	return *(const int64_t *)p > 100;
}

/* clang-format off */
static const struct field inner_fields[] = {
	FIELD_STRING(struct inner, text, .required = true, .on_change = CHANGE_RECREATE, .doc = "A text."),
	FIELD_INT(struct inner, number, .dflt = "7", .on_change = CHANGE_LIVE, .pending = "not yet"),
};
static const struct schema inner_schema = {
	.name = "inner", .size = sizeof(struct inner), .fields = inner_fields, .n_fields = ELEMENTS(inner_fields),
	.check = check_inner,
};
static const struct field named_fields[] = {
	FIELD_INT(struct named, weight, .on_change = CHANGE_RESTART),
};
static const struct schema named_schema = {
	.name = "named", .size = sizeof(struct named), .fields = named_fields, .n_fields = ELEMENTS(named_fields), .named = true,
	.derive = derive_named,
};
static const struct field fields[] = {
	FIELD_KIND("thing"),
	FIELD_STRING(struct thing, text, .min = 1, .max = 10, .on_change = CHANGE_RECREATE, .doc = "Some text."),
	FIELD_STRING(struct thing, word, .dflt = "abc", .check = check_short, .on_change = CHANGE_LIVE),
	FIELD_BOOL(struct thing, flag, .dflt = "true", .on_change = CHANGE_RESTART),
	FIELD_INT(struct thing, number, .dflt = "3", .min = 1, .max = 100, .on_change = CHANGE_LIVE),
	FIELD_BYTES(struct thing, size, .dflt = "1G", .min = 6291456, .on_change = CHANGE_RECREATE),
	FIELD_DURATION(struct thing, time, .dflt = "30s", .min = 100, .max = 3600000),
	FIELD_CPU(struct thing, cores, .dflt = "0.5", .min = 10, .max = 64000),
	FIELD_ENUM(struct thing, colour, colours, .dflt = "green", .on_change = CHANGE_RECREATE, .pending = "only green"),
	FIELD_STRINGS(struct thing, list, .max = 3, .check_key = check_key, .on_change = CHANGE_RECREATE),
	FIELD_PAIRS(struct thing, map, .check_key = check_key, .check_value = check_key, .on_change = CHANGE_RECREATE),
	FIELD_PAIRS(struct thing, env, .env = true, .on_change = CHANGE_RECREATE),
	FIELD_PAIRS(struct thing, keys, .keys_only = true, .on_change = CHANGE_RECREATE),
	FIELD_OBJECT(struct thing, inside, struct inner, &inner_schema, .on_change = CHANGE_RECREATE),
	FIELD_OPTIONAL(struct thing, maybe, struct inner, &inner_schema, .on_change = CHANGE_RECREATE),
	FIELD_LIST(struct thing, many, &inner_schema, .max = 3, .on_change = CHANGE_RECREATE),
	FIELD_MAP(struct thing, byName, &named_schema, .max = 3, .check_key = check_key, .on_change = CHANGE_FORBIDDEN),
	FIELD_VALUE(struct thing, any, .on_change = CHANGE_LIVE),
	FIELD_STRING(struct thing, password, .secret = true, .max = 8, .on_change = CHANGE_RECREATE),
	FIELD_INT(struct thing, absentMeans, .optional = true, .max = 9, .on_change = CHANGE_RESTART),
	FIELD_INT(struct thing, low, .min = -5, .max = 1000, .pending = "large ones wait", .pending_if = is_large),
};
static const struct schema schema = {
	.name = "thing", .doc = "A thing.", .size = sizeof(struct thing), .fields = fields, .n_fields = ELEMENTS(fields),
};
/* clang-format on */

/* ' stands for " in these texts */
static struct value *value_of(const char *text)
{
	char json[2048];
	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	struct value *v = NULL;
	struct error err;
	char why[1024];
	if (json_parse(json, strlen(json), &v, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_format(&err, why, sizeof(why)));
	return v;
}

static int parse(const char *text, enum schema_source source, struct thing *t, struct error *err)
{
	_cleanup_value_ struct value *v = value_of(text);
	memset(t, 0, sizeof(*t));
	return schema_parse(&schema, v, source, t, err);
}

static void parse_ok(const char *text, struct thing *t)
{
	struct error err;
	char why[1024];
	if (parse(text, SCHEMA_USER, t, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_format(&err, why, sizeof(why)));
}

static const char *text_of(const struct thing *t, unsigned flags)
{
	static char buf[4096];
	_cleanup_value_ struct value *v = schema_print(&schema, t, flags);
	_cleanup_str_ struct str out = STR_INIT;
	json_print(v, JSON_COMPACT, &out);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	for (char *c = buf; *c; c++)
		if (*c == '"')
			*c = '\'';
	return buf;
}

static const char everything[] =
        "{'kind':'thing','text':'t','word':'w','flag':false,'number':5,'size':7000000,'time':'1500ms','cores'"
        ":0.25,"
        "'colour':'blue','list':['a','b'],'map':{'a':'1','b':'2'},'env':['B=2','A=1','B=3'],'keys':{'x':'y'},"
        "'inside':{'text':'i','number':8},'maybe':{'text':'m'},'many':[{'text':'1'},{'text':'2','number':9}],"
        "'byName':{'a':{'weight':1},'b':{}},'any':{'x':[1,null]},'password':'secret','absentMeans':0,'low':-"
        "5}";

TEST(everything_comes_back)
{
	struct thing t;
	parse_ok(everything, &t);
	CHECK_STR(text_of(&t, PRINT_SECRETS), everything);
	CHECK_INT(t.time, 1500);
	CHECK_INT(t.cores, 250);
	CHECK_INT(t.colour, 2);
	CHECK_STR(pairs_get(&t.env, "B"), "3");
	CHECK_STR(pairs_get(&t.map, "c"), NULL);
	CHECK_INT(LIST_ITEMS(&t.byName, struct named)[0].twice, 2);
	CHECK_INT(LIST_ITEMS(&t.many, struct inner)[0].number, 7);
	CHECK_HAS(text_of(&t, 0), "'password':'***'");
	schema_done(&schema, &t);
	schema_done(&schema, &t);
}

TEST(defaults)
{
	struct thing t, zero = {0};
	parse_ok("{}", &t);
	CHECK_STR(text_of(&t, PRINT_GIVEN), "{'kind':'thing'}");
	CHECK_STR(text_of(&t, PRINT_DEFAULTS), "{'kind':'thing','word':'abc','flag':true,'number':3,'size':"
	                                       "1000000000,'time':'30s','cores':0.5,"
	                                       "'colour':'green','list':[],'map':{},'env':[],'keys':{},'"
	                                       "inside':{'number':7},'many':[],'byName':{},'low':0}");
	schema_init(&schema, &zero);
	CHECK(schema_equal(&schema, &t, &zero));
	schema_done(&schema, &zero);
	schema_done(&schema, &t);
	parse_ok("{'text':null,'flag':null,'list':null,'inside':null,'maybe':null,'any':null,'number':3}",
	         &t);
	CHECK_STR(text_of(&t, PRINT_GIVEN), "{'kind':'thing','number':3}");
	CHECK(schema_has(&schema, &t, "number") && !schema_has(&schema, &t, "text"));
	schema_done(&schema, &t);
}

TEST(other_shapes_are_read)
{
	static const char *const rows[][2] = {
	        {"{'size':'64M'}", "{'kind':'thing','size':64000000}"},
	        {"{'size':7e6}", "{'kind':'thing','size':7000000}"},
	        {"{'number':5.0}", "{'kind':'thing','number':5}"},
	        {"{'time':90}", "{'kind':'thing','time':'1m30s'}"},
	        {"{'time':0.5}", "{'kind':'thing','time':'500ms'}"},
	        {"{'time':'1h'}", "{'kind':'thing','time':'1h'}"},
	        {"{'cores':2}", "{'kind':'thing','cores':2}"},
	        {"{'cores':'250m'}", "{'kind':'thing','cores':0.25}"},
	        {"{'cores':'1.5'}", "{'kind':'thing','cores':1.5}"},
	        {"{'cores':0.1}", "{'kind':'thing','cores':0.1}"},
	        {"{'env':{'B':'2','A':1,'C':true,'D':''}}",
	         "{'kind':'thing','env':['B=2','A=1','C=true','D=']}"},
	        {"{'env':['A==b=','B=']}", "{'kind':'thing','env':['A==b=','B=']}"},
	        {"{'map':{'b':'1','a':'2'}}", "{'kind':'thing','map':{'a':'2','b':'1'}}"},
	        {"{'byName':{'b':{},'a':{'weight':2}}}",
	         "{'kind':'thing','byName':{'a':{'weight':2},'b':{}}}"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct thing t, again;
		parse_ok(rows[i][0], &t);
		CHECK_STR(text_of(&t, 0), rows[i][1]);
		parse_ok(rows[i][1], &again);
		CHECK(schema_equal(&schema, &t, &again));
		schema_done(&schema, &again);
		schema_done(&schema, &t);
	}
}

TEST(refusals_name_path_and_bound)
{
	static const char *const rows[][2] = {
	        {"[]", "a list is not a thing; an object is wanted"},
	        {"{'kind':'other'}", "kind: \"other\" is not \"thing\", which is wanted here"},
	        {"{'kind':1}", "kind: 1 is not \"thing\", which is wanted here"},
	        {"{'texd':'x'}", "texd: unknown field; did you mean \"text\"?"},
	        {"{'FLAG':true}", "FLAG: unknown field; did you mean \"flag\"?"},
	        {"{'inside':{'text':'x','foo':1}}", "inside.foo: unknown field; an inner has text, number"},
	        {"{'a\\u001b\\nb':1}", "a\?\?b: unknown field; a thing has kind, text, word"},
	        {"{'text':1}", "text: 1 is a number; a string is wanted"},
	        {"{'text':''}", "text: is empty"},
	        {"{'text':'12345678901'}", "text: is 11 bytes long; at most 10 are allowed"},
	        {"{'word':'abcdef'}", "word: \"abcdef\" is too long for a word"},
	        {"{'flag':'yes'}", "flag: \"yes\" is a string; true or false is wanted"},
	        {"{'number':'5'}", "number: \"5\" is a string; a whole number is wanted"},
	        {"{'number':0}", "number: 0 is below the least of 1; give 1 or more"},
	        {"{'number':101}", "number: 101 is above the most of 100; give 100 or less"},
	        {"{'number':1.5}", "number: 1.5 is not a whole number"},
	        {"{'number':1e30}", "number: 1e+30 is too large"},
	        {"{'low':-6}", "low: -6 is below the least of -5; give -5 or more"},
	        {"{'size':1000}", "size: 1000 is below the least of 6291456 bytes (6Mi); give 6Mi or more"},
	        {"{'size':'64X'}", "size: \"64X\" is not understood; a number of bytes or a string such as "
	                           "\"64M\" or \"1Gi\" is wanted"},
	        {"{'size':'9999999P'}", "size: \"9999999P\" is too large"},
	        {"{'size':-1}", "size: -1 is below the least"},
	        {"{'size':true}", "size: true is a boolean; a number of bytes"},
	        {"{'time':'1 day'}",
	         "time: \"1 day\" is not understood; a number of seconds or a string such as"},
	        {"{'time':0.01}", "time: 0.01 is below the least of 100ms; give 100ms or more"},
	        {"{'time':7200}", "time: 7200 is above the most of 1h; give 1h or less"},
	        {"{'time':0.0001}", "time: 0.0001 is not a whole number of thousandths"},
	        {"{'time':9223372036854775807}", "time: 9223372036854775807 is too large"},
	        {"{'cores':0.001}", "cores: 0.001 is below the least of 0.01 cores; give 0.01 or more"},
	        {"{'cores':100}", "cores: 100 is above the most of 64 cores; give 64 or less"},
	        {"{'cores':'x'}", "cores: \"x\" is not understood; a number of cores such as 0.5"},
	        {"{'cores':'0.0001'}", "cores: \"0.0001\" is not understood"},
	        {"{'colour':'gren'}",
	         "colour: \"gren\" is not one of the words known here; give red, green or blue"},
	        {"{'colour':1}", "colour: 1 is not one of the words known here; give red, green or blue"},
	        {"{'list':'a'}", "list: \"a\" is a string; a list of strings is wanted"},
	        {"{'list':['a',1]}", "list[1]: 1 is a number; a string is wanted"},
	        {"{'list':['a','bad']}", "list[1]: \"bad\" is not wanted"},
	        {"{'list':['a','b','c','d']}", "list: 4 entries are more than the 3 allowed"},
	        {"{'map':['a=b']}", "map: [...] is a list; an object with strings is wanted"},
	        {"{'map':{'a':1}}", "map.a: 1 is a number; a string is wanted"},
	        {"{'map':{'bad':'x'}}", "map.bad: \"bad\" is not wanted"},
	        {"{'map':{'x':'bad'}}", "map.x: \"bad\" is not wanted"},
	        {"{'env':'A=1'}",
	         "env: \"A=1\" is a string; a list of \"KEY=value\" strings or an object is wanted"},
	        {"{'env':['A']}", "env[0]: \"A\" has no \"=\"; \"KEY=value\" is wanted"},
	        {"{'env':['=1']}", "env[0]: the name is empty"},
	        {"{'env':{'':'1'}}", "env: the name is empty"},
	        {"{'env':{'a=b':'1'}}", "env.a=b: the name holds \"=\""},
	        {"{'env':{'A':1.10}}", "env.A: 1.1 is a number; a string is wanted (quote it)"},
	        {"{'env':[1]}", "env[0]: 1 is a number; a string \"KEY=value\" is wanted"},
	        {"{'inside':{}}", "inside.text: is missing; a string is wanted"},
	        {"{'inside':{'text':null}}", "inside.text: is missing; a string is wanted"},
	        {"{'inside':{'text':'x','number':13}}", "inside.number: 13 brings bad luck"},
	        {"{'inside':'x'}", "inside: \"x\" is a string; an object is wanted"},
	        {"{'maybe':{'number':1}}", "maybe.text: is missing"},
	        {"{'maybe':7}", "maybe: 7 is a number; an object is wanted"},
	        {"{'many':[{'text':'a'},{'text':1}]}", "many[1].text: 1 is a number; a string is wanted"},
	        {"{'many':{}}", "many: {...} is an object; a list is wanted"},
	        {"{'many':[1]}", "many[0]: a number is not an inner; an object is wanted"},
	        {"{'byName':{'x':{'weigth':1}}}", "byName.x.weigth: unknown field; did you mean \"weight\"?"},
	        {"{'byName':{'bad':{}}}", "byName.bad: \"bad\" is not wanted"},
	        {"{'byName':[]}", "byName: [...] is a list; an object is wanted"},
	        {"{'byName':{'a':{},'b':{},'c':{},'d':{}}}", "byName: 4 entries are more than the 3 allowed"},
	        {"{'password':1}", "password: the secret is a number; a string is wanted"},
	        {"{'text':['abcdefghij']}", "text: [...] is a list; a string is wanted"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct thing t;
		struct error err;
		char why[1024];
		CHECK_INT(parse(rows[i][0], SCHEMA_USER, &t, &err), -EINVAL);
		CHECK_INT(err.code, -EINVAL);
		CHECK_HAS(error_format(&err, why, sizeof(why)), rows[i][1]);
		CHECK(str_after(why, rows[i][1]) != NULL);
		schema_done(&schema, &t);
	}
}

TEST(long_texts_are_cut_between_characters)
{
	struct thing t;
	struct error err;
	CHECK_INT(parse("{'number':'"
	                "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
	                "\xa9\xc3\xa9"
	                "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
	                "\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	                "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9'}",
	                SCHEMA_USER, &t, &err),
	          -EINVAL);
	CHECK(str_is_utf8(err.text, strlen(err.text)));
	CHECK_HAS(err.text, "...\" is a string");
	schema_done(&schema, &t);
}

TEST(stored_objects_may_know_more)
{
	struct thing t;
	struct error err;
	CHECK_INT(parse("{'later':1,'text':'x','inside':{'text':'y','later':{}}}", SCHEMA_STORED, &t, &err),
	          0);
	CHECK_STR(t.text, "x");
	schema_done(&schema, &t);
	CHECK_INT(parse("{'text':1}", SCHEMA_STORED, &t, &err), -EINVAL);
	schema_done(&schema, &t);
}

TEST(copies_share_nothing)
{
	struct thing t, copy = {0};
	parse_ok(everything, &t);
	schema_copy(&schema, &copy, &t);
	CHECK(schema_equal(&schema, &t, &copy));
	CHECK_INT(LIST_ITEMS(&copy.byName, struct named)[0].twice, 2);
	schema_done(&schema, &t);
	CHECK_STR(text_of(&copy, PRINT_SECRETS), everything);
	schema_done(&schema, &copy);
	struct named one = {.name = mem_strdup("n"), .weight = 1}, two = {0};
	schema_copy(&named_schema, &two, &one);
	CHECK(two.name != one.name);
	CHECK(schema_equal(&named_schema, &one, &two));
	two.name[0] = 'm';
	CHECK(!schema_equal(&named_schema, &one, &two));
	schema_done(&named_schema, &one);
	schema_done(&named_schema, &two);
}

TEST(changes_and_their_class)
{
	static const struct {
		const char *a, *b;
		enum change change;
		bool equal;
	} rows[] = {
	        {"{}", "{}", CHANGE_NONE, true},
	        {"{}", "{'number':3,'flag':true,'word':'abc','colour':'green','list':[]}", CHANGE_NONE, true},
	        {"{}", "{'time':1}", CHANGE_NONE, false},
	        {"{'text':'a'}", "{'text':'b'}", CHANGE_RECREATE, false},
	        {"{}", "{'text':'b'}", CHANGE_RECREATE, false},
	        {"{'word':'a'}", "{}", CHANGE_LIVE, false},
	        {"{}", "{'flag':false}", CHANGE_RESTART, false},
	        {"{'number':4,'flag':false}", "{'number':5,'flag':true}", CHANGE_RESTART, false},
	        {"{}", "{'colour':'red'}", CHANGE_RECREATE, false},
	        {"{'list':['a','b']}", "{'list':['b','a']}", CHANGE_RECREATE, false},
	        {"{'map':{'a':'1','b':'2'}}", "{'map':{'b':'2','a':'1'}}", CHANGE_NONE, true},
	        {"{'env':['A=1','B=2']}", "{'env':['B=2','A=1']}", CHANGE_RECREATE, false},
	        {"{'env':['A=1']}", "{'env':{'A':1}}", CHANGE_NONE, true},
	        {"{'keys':{'a':'1'}}", "{'keys':{'a':'2'}}", CHANGE_LIVE, false},
	        {"{'keys':{'a':'1'}}", "{'keys':{'b':'1'}}", CHANGE_RECREATE, false},
	        {"{'keys':{'a':'1'}}", "{}", CHANGE_RECREATE, false},
	        {"{'inside':{'text':'a'}}", "{'inside':{'text':'a','number':8}}", CHANGE_LIVE, false},
	        {"{'inside':{'text':'a'}}", "{'inside':{'text':'b'}}", CHANGE_RECREATE, false},
	        {"{}", "{'maybe':{'text':'b'}}", CHANGE_RECREATE, false},
	        {"{'maybe':{'text':'b','number':1}}", "{'maybe':{'text':'b'}}", CHANGE_LIVE, false},
	        {"{'many':[{'text':'a'}]}", "{'many':[{'text':'a'},{'text':'b'}]}", CHANGE_RECREATE, false},
	        {"{'many':[{'text':'a','number':1}]}", "{'many':[{'text':'a','number':2}]}", CHANGE_LIVE,
	         false},
	        {"{'byName':{'a':{}}}", "{'byName':{'b':{}}}", CHANGE_FORBIDDEN, false},
	        {"{'byName':{'a':{}}}", "{'byName':{'a':{'weight':1}}}", CHANGE_RESTART, false},
	        {"{'any':{'a':1,'b':2}}", "{'any':{'b':2,'a':1}}", CHANGE_NONE, true},
	        {"{'any':[1]}", "{'any':[2]}", CHANGE_LIVE, false},
	        {"{}", "{'absentMeans':0}", CHANGE_RESTART, false},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct thing a, b;
		parse_ok(rows[i].a, &a);
		parse_ok(rows[i].b, &b);
		CHECK_INT(schema_diff(&schema, &a, &b), rows[i].change);
		CHECK_INT(schema_diff(&schema, &b, &a), rows[i].change);
		CHECK_INT(schema_equal(&schema, &a, &b), rows[i].equal);
		for (enum change least = CHANGE_LIVE; least <= CHANGE_FORBIDDEN; least++) {
			bool same = schema_hash(&schema, &a, least, SCHEMA_HASH_INIT) ==
			            schema_hash(&schema, &b, least, SCHEMA_HASH_INIT);
			CHECK_INT(same, rows[i].change < least);
		}
		schema_done(&schema, &a);
		schema_done(&schema, &b);
	}
}

TEST(objects_that_a_program_fills)
{
	struct thing t = {0};
	schema_init(&schema, &t);
	t.text = mem_strdup("x");
	t.number = 9;
	CHECK_STR(text_of(&t, 0), "{'kind':'thing','text':'x','number':9}");
	CHECK(!schema_has(&schema, &t, "absentMeans"));
	t.present |= schema_bit(&schema, "absentMeans");
	CHECK_STR(text_of(&t, 0), "{'kind':'thing','text':'x','number':9,'absentMeans':0}");
	t.maybe = NEW(struct inner);
	t.maybe->number = 1;
	schema_mark(&schema, &t);
	CHECK(t.present & schema_bit(&schema, "maybe"));
	CHECK(t.maybe->present == 2);
	CHECK(!(t.present & schema_bit(&schema, "list")));
	schema_done(&schema, &t);
}

TEST(finding_fields)
{
	CHECK(schema_find(&schema, "text") == &fields[1]);
	CHECK(schema_find(&schema, "inside.number") == &inner_fields[1]);
	CHECK(schema_find(&schema, "maybe.text") == &inner_fields[0]);
	CHECK(schema_find(&schema, "many.text") == &inner_fields[0]);
	CHECK(schema_find(&schema, "many[3].text") == &inner_fields[0]);
	CHECK(schema_find(&schema, "byName.weight") == &named_fields[0]);
	CHECK(schema_find(&schema, "byName.x.weight") == &named_fields[0]);
	CHECK_STR(schema_find(&schema, "byName.x")->name, "byName");
	CHECK_STR(schema_find(&schema, "map.anything")->name, "map");
	CHECK(schema_find(&schema, "") == NULL);
	CHECK(schema_find(&schema, "tex") == NULL);
	CHECK(schema_find(&schema, "text.x") == NULL);
	CHECK(schema_find(&schema, "inside.nothing") == NULL);
	CHECK(schema_find(&schema, "byName.x.y.z") == NULL);
	char buf[64];
	CHECK_STR(schema_type_name(schema_find(&schema, "byName"), buf, sizeof(buf)), "map of named");
	CHECK_STR(schema_type_name(schema_find(&schema, "many"), buf, sizeof(buf)), "list of inner");
	CHECK_STR(schema_type_name(schema_find(&schema, "inside"), buf, sizeof(buf)), "inner");
	CHECK_STR(schema_type_name(schema_find(&schema, "map"), buf, sizeof(buf)), "map of string");
	CHECK_STR(schema_type_name(schema_find(&schema, "time"), buf, sizeof(buf)), "duration");
}

static void note(void *ctx, const char *path, const struct field *f)
{
	str_printf(ctx, "%s=%s;", path, f->pending);
}

TEST(fields_not_carried_out_yet)
{
	static const char *const rows[][2] = {
	        {"{}", ""},
	        {"{'colour':'green'}", "colour=only green;"},
	        {"{'low':100}", ""},
	        {"{'low':101}", "low=large ones wait;"},
	        {"{'inside':{'text':'x'}}", ""},
	        {"{'inside':{'text':'x','number':7}}", "inside.number=not yet;"},
	        {"{'inside':{'text':'x','number':0}}", ""},
	        {"{'many':[{'text':'a'},{'text':'b','number':1}],'maybe':{'text':'c','number':2}}",
	         "maybe.number=not yet;many[1].number=not yet;"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct thing t;
		_cleanup_str_ struct str out = STR_INIT;
		parse_ok(rows[i][0], &t);
		schema_pending(&schema, &t, note, &out);
		CHECK_STR(str_get(&out), rows[i][1]);
		schema_done(&schema, &t);
	}
}

TEST(json_schema)
{
	_cleanup_value_ struct value *o = schema_json_schema(&schema);
	CHECK_STR(value_get_string(o, "description"), "A thing.");
	const struct value *p = value_get(o, "properties");
	CHECK_INT(value_count(p), ELEMENTS(fields));
	static const char *const rows[][2] = {
	        {"kind", "{'const':'thing','description':'What this document is.'}"},
	        {"text", "{'type':'string','minLength':1,'maxLength':10,'description':'Some text.'}"},
	        {"word", "{'type':'string','default':'abc'}"},
	        {"flag", "{'type':'boolean','default':true}"},
	        {"number", "{'type':'integer','minimum':1,'maximum':100,'default':3}"},
	        {"size", "{'type':['integer','string'],'minimum':6291456,'default':1000000000}"},
	        {"time", "{'type':['number','string'],'minimum':0.1,'maximum':3600,'default':'30s'}"},
	        {"cores", "{'type':['number','string'],'minimum':0.01,'maximum':64,'default':0.5}"},
	        {"colour", "{'enum':['red','green','blue'],'description':'only green','default':'green'}"},
	        {"list", "{'type':'array','items':{'type':'string'},'maxItems':3}"},
	        {"map", "{'type':'object','additionalProperties':{'type':'string'}}"},
	        {"inside",
	         "{'type':'object','properties':{'text':{'type':'string','description':'A text.'},"
	         "'number':{'type':'integer','description':'not yet','default':7}},'required':['text'],"
	         "'additionalProperties':false}"},
	        {"byName", "{'type':'object','additionalProperties':{'type':'object','properties':{'weight':"
	                   "{'type':'integer'}},'additionalProperties':false},'maxProperties':3}"},
	        {"any", "{}"},
	        {"password", "{'type':'string','maxLength':8,'writeOnly':true}"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_value_ struct value *want = value_of(rows[i][1]);
		_cleanup_str_ struct str a = STR_INIT, b = STR_INIT;
		json_print(value_get(p, rows[i][0]), JSON_COMPACT, &a);
		json_print(want, JSON_COMPACT, &b);
		CHECK_STR(str_get(&a), str_get(&b));
	}
}
