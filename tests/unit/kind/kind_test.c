/* The registry, keys, and objects as they are stored: names from the key, contradictions, lines, unknown
 * fields. */
#include "kind/kind.h"

#include <errno.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/mem.h"
#include "kind/check.h"
#include "kind/endpoints.h"
#include "kind/event.h"
#include "kind/microservice.h"
#include "kind/node.h"
#include "kind/pod.h"
#include "kind/revision.h"
#include "kind/session.h"
#include "lib/test.h"

TEST(names_are_found)
{
	static const struct {
		const char *name;
		const struct kind *kind;
	} rows[] = {
	        {"microservice", &kind_microservice},
	        {"microservices", &kind_microservice},
	        {"ms", &kind_microservice},
	        {"svc", &kind_microservice},
	        {"Pods", &kind_pod},
	        {"po", &kind_pod},
	        {"node", &kind_node},
	        {"health", &kind_health},
	        {"endpoints", &kind_endpoints},
	        {"ev", &kind_event},
	        {"podStatus", &kind_pod_status},
	        {"", NULL},
	        {"deployment", NULL},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK(kind_find(rows[i].name) == rows[i].kind);
	CHECK_STR(kind_nearest("microservise"), "microservice");
	CHECK_STR(kind_nearest("pds"), "pods");
	CHECK_STR(kind_nearest("deployment"), NULL);
}

TEST(the_registry_is_sound)
{
	for (size_t i = 0; kinds[i]; i++) {
		const struct kind *k = kinds[i];
		CHECK(kind_find(k->name) == k);
		CHECK(kind_find(k->plural) == k);
		for (size_t a = 0; k->aliases && k->aliases[a]; a++)
			CHECK(kind_find(k->aliases[a]) == k);
		CHECK_STR(k->schema->name, k->name);
		CHECK_STR(k->schema->fields[0].name, "kind");
		CHECK_STR(k->schema->fields[0].dflt, k->name);
		CHECK_STR(k->schema->fields[1].name, k->scope == KIND_CLUSTER || k == &kind_session
		                                             ? k->schema->fields[1].name
		                                             : "project");
		CHECK(schema_find(k->schema, "name") != NULL);
		CHECK(k->scope != KIND_PROJECT || schema_find(k->schema, "project"));
		CHECK(k->scope != KIND_NODE || schema_find(k->schema, "node"));
		CHECK(k->schema->n_fields <= 64);
		for (size_t n = 0; n < k->schema->n_fields; n++)
			CHECK(k->schema->fields[n].doc != NULL);
		for (size_t n = i + 1; kinds[n]; n++)
			CHECK(!str_after(k->key_prefix, kinds[n]->key_prefix) &&
			      !str_after(kinds[n]->key_prefix, k->key_prefix));
	}
}

TEST(keys)
{
	static const struct {
		const char *key;
		const struct kind *kind;
		const char *scope, *name; /* NULL name: refused */
	} rows[] = {
	        {"microservices/default/web", &kind_microservice, "default", "web"},
	        {"pods/n1/web-0-1a2b3c4d5e", &kind_pod, "n1", "web-0-1a2b3c4d5e"},
	        {"status/microservices/default/web", &kind_microservice_status, "default", "web"},
	        {"status/pods/n1/web-0-1a2b3c4d5e", &kind_pod_status, "n1", "web-0-1a2b3c4d5e"},
	        {"nodes/n1", &kind_node, NULL, "n1"},
	        {"health/n1", &kind_health, NULL, "n1"},
	        {"revisions/default/web/1a2b3c4d5e", &kind_revision, "default", "web/1a2b3c4d5e"},
	        {"endpoints/default/web", &kind_endpoints, "default", "web"},
	        {"events/1763726796000-scheduler-12", &kind_event, NULL, "1763726796000-scheduler-12"},
	        {"sessions/n1/0123456789abcdef0123456789abcdef", &kind_session, "n1",
	         "0123456789abcdef0123456789abcdef"},
	        {"microservices/", &kind_microservice},
	        {"microservices/web", &kind_microservice},
	        {"microservices//web", &kind_microservice},
	        {"microservices/default/", &kind_microservice},
	        {"microservices/default/web/", &kind_microservice},
	        {"microservices/default/web/x", &kind_microservice},
	        {"microservices/Default/web", &kind_microservice},
	        {"microservices/default/../web", &kind_microservice},
	        {"microservices/default/we b", &kind_microservice},
	        {"nodes/n1/x", &kind_node},
	        {"nodes/", &kind_node},
	        {"revisions/default/web", &kind_revision},
	        {"revisions/default/web/a/b", &kind_revision},
	        {"revisions/default//a", &kind_revision},
	        {"pods/n1/Web-0", &kind_pod},
	        {"pods/n1/-web", &kind_pod},
	        {"leader/scheduler", NULL},
	        {"microservice/default/web", NULL},
	        {"", NULL},
	};
	char buf[KEY_SIZE];
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct key_parts parts;
		CHECK(kind_of_key(rows[i].key) == rows[i].kind);
		if (!rows[i].kind)
			continue;
		CHECK_INT(key_parse(rows[i].kind, rows[i].key, &parts), rows[i].name ? 0 : -EINVAL);
		if (!rows[i].name)
			continue;
		CHECK_STR(parts.scope, rows[i].scope);
		CHECK_STR(parts.name, rows[i].name);
		CHECK_STR(key_format(rows[i].kind, parts.scope, parts.name, buf, sizeof(buf)), rows[i].key);
		char *made = key_make(rows[i].kind, parts.scope, parts.name);
		CHECK_STR(made, rows[i].key);
		free(made);
	}
	struct key_parts parts;
	CHECK_INT(key_parse(&kind_pod, "nodes/n1", &parts), -EINVAL);
	char longest[4096];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "microservices/d/", 16);
	CHECK_INT(key_parse(&kind_microservice, longest, &parts), -EINVAL);
}

TEST(the_longest_names_fit)
{
	char label[LIMIT_NAME + 1], name[POD_NAME_SIZE], key[KEY_SIZE];
	memset(label, 'a', LIMIT_NAME);
	label[LIMIT_NAME] = '\0';
	struct key_parts parts;
	CHECK_INT(strlen(pod_name(label, LIMIT_SCALE, "0123456789", name, sizeof(name))), LIMIT_POD_NAME);
	CHECK_INT(key_parse(&kind_pod_status, key_format(&kind_pod_status, label, name, key, sizeof(key)),
	                    &parts),
	          0);
	CHECK_STR(parts.name, name);
}

/* The object printed again, or the refusal. */
static const char *stored(const struct kind *k, const char *key, const char *text)
{
	static char buf[4096];
	struct error err = {0};
	void *obj = NULL;
	if (kind_parse_stored(k, key, text, strlen(text), &obj, &err) < 0) {
		CHECK(obj == NULL);
		return error_format(&err, buf, sizeof(buf));
	}
	_cleanup_str_ struct str out = STR_INIT;
	kind_print(k, obj, &out);
	kind_free(k, obj);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	return buf;
}

TEST(the_key_gives_the_names)
{
	static const char key[] = "microservices/shop/web";
	static const char whole[] =
	        "{\"kind\":\"microservice\",\"project\":\"shop\",\"name\":\"web\",\"containers\":{}}";
	static const char *const rows[][2] = {
	        {"containers: {}\n", whole},
	        {"{\"containers\":{}}", whole},
	        {"name: web\ncontainers: {}\n", whole},
	        {"kind: microservice\nproject: shop\nname: web\ncontainers: {}\n", whole},
	        {"name:\nproject: null\ncontainers: {}\n", whole},
	        {"containers: {}\nname: other\n",
	         "line 2: name: \"other\" contradicts the key, which says \"web\"; change one of them"},
	        {"project: default\ncontainers: {}\n",
	         "line 1: project: \"default\" contradicts the key, which says \"shop\""},
	        {"{\n  \"containers\": {},\n  \"name\": 7\n}",
	         "line 3: name: 7 is a number; a string is wanted"},
	        {"kind: pod\ncontainers: {}\n", "line 1: kind: \"pod\" is not \"microservice\""},
	        {"- a\n", "line 1: a list is not a microservice; an object is wanted"},
	        {"web", "line 1: a string is not a microservice"},
	        {"", "the text is empty"},
	        {"{\"containers\":{}", "line 1: not valid JSON"},
	        {"containers: {}\n---\ncontainers: {}\n", "line 2: more than 1 document"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_HAS(stored(&kind_microservice, key, rows[i][0]), rows[i][1]);
	CHECK_HAS(stored(&kind_microservice, "microservices/shop/Web", "containers: {}"),
	          "the key \"microservices/shop/Web\" is not that of a microservice: each part is a name");
	CHECK_HAS(stored(&kind_microservice, "microservices/web", "containers: {}"),
	          "is not that of a microservice");
}

TEST(a_fault_is_named_with_its_line)
{
	static const char yaml[] = "containers:\n"
	                           "  app:\n"
	                           "    image: nginx\n"
	                           "    memLimit: 1000\n";
	static const char json[] = "{\n"
	                           "  \"containers\": {\n"
	                           "    \"app\": {\n"
	                           "      \"imag\": \"nginx\"\n"
	                           "    }\n"
	                           "  }\n"
	                           "}\n";
	CHECK_STR(stored(&kind_microservice, "microservices/default/web", yaml),
	          "line 4: containers.app.memLimit: 1000 is below the least of 6291456 bytes (6Mi); give 6Mi "
	          "or more");
	CHECK_STR(stored(&kind_microservice, "microservices/default/web", json),
	          "line 4: containers.app.imag: unknown field; did you mean \"image\"?");
	CHECK_HAS(
	        stored(&kind_microservice, "microservices/default/web", "containers:\n  app:\n    cpus: 1\n"),
	        "line 2: containers.app.image: is missing");
	CHECK_HAS(stored(&kind_node, "nodes/n1", "{\"state\":\"asleep\"}"),
	          "line 1: state: \"asleep\" is not one of");
}

TEST(unknown_fields_are_the_writers_affair)
{
	CHECK_HAS(stored(&kind_microservice, "microservices/default/web", "{\"containers\":{},\"later\":1}"),
	          "later: unknown field");
	CHECK_HAS(stored(&kind_node, "nodes/n1", "{\"later\":1}"), "later: unknown field");
	CHECK_STR(stored(&kind_health, "health/n1", "{\"later\":1,\"cpus\":2}"),
	          "{\"kind\":\"health\",\"name\":\"n1\",\"cpus\":2}");
	CHECK_STR(
	        stored(&kind_pod_status, "status/pods/n1/web-0-abc", "{\"phase\":\"Running\",\"later\":{}}"),
	        "{\"kind\":\"podStatus\",\"name\":\"web-0-abc\",\"node\":\"n1\",\"phase\":\"Running\"}");
}

TEST(revisions_have_a_name_of_two_parts)
{
	static const char key[] = "revisions/default/web/1a2b3c4d5e";
	static const char spec[] = "{\"createdAt\":5,\"spec\":{\"name\":\"web\",\"containers\":{}}}";
	CHECK_STR(stored(&kind_revision, key, spec),
	          "{\"kind\":\"revision\",\"project\":\"default\",\"name\":\"web\",\"hash\":\"1a2b3c4d5e\","
	          "\"createdAt\":5,"
	          "\"spec\":{\"kind\":\"microservice\",\"name\":\"web\",\"containers\":{}}}");
	CHECK_HAS(stored(&kind_revision, key,
	                 "{\"hash\":\"other\",\"spec\":{\"name\":\"web\",\"containers\":{}}}"),
	          "hash: \"other\" contradicts the key, which says \"1a2b3c4d5e\"");
	CHECK_HAS(stored(&kind_revision, key,
	                 "{\"name\":\"web/1a2b3c4d5e\",\"spec\":{\"name\":\"web\",\"containers\":{}}}"),
	          "name: \"web/1a2b3c4d5e\" contradicts the key, which says \"web\"");
	CHECK_HAS(stored(&kind_revision, key, "{}"), "spec: is missing");
	CHECK_HAS(stored(&kind_revision, key, "{\"spec\":{\"containers\":{}}}"), "spec.name: is missing");
}

TEST(too_much_is_refused)
{
	size_t len = 2 * LIMIT_VALUE;
	char *text = mem_alloc(len);
	memset(text, 'a', len);
	struct error err;
	void *obj = NULL;
	CHECK_INT(kind_parse_stored(&kind_microservice, "microservices/default/web", text, len, &obj, &err),
	          -E2BIG);
	CHECK_HAS(err.text, "2097152 bytes are more than the 1048576 allowed for one object");
	CHECK(obj == NULL);
	free(text);
}

TEST(secrets_are_stored_but_not_shown)
{
	static const char text[] = "{\"what\":\"logs\",\"address\":\"unix:///run/x\",\"secret\":\"s3cret\"}";
	CHECK_HAS(stored(&kind_session, "sessions/n1/0123", text), "\"secret\":\"s3cret\"");
	void *obj = NULL;
	CHECK_INT(kind_parse_stored(&kind_session, "sessions/n1/0123", text, sizeof(text) - 1, &obj, NULL),
	          0);
	_cleanup_value_ struct value *v = schema_print(&session_schema, obj, PRINT_GIVEN);
	CHECK_STR(value_get_string(v, "secret"), "***");
	CHECK(!schema_has(&session_schema, obj, "tail"));
	kind_free(&kind_session, obj);
}

TEST(programs_fill_objects_without_ado)
{
	struct pod_status s = {.name = mem_strdup("web-0-abc"),
	                       .node = mem_strdup("n1"),
	                       .phase = POD_RUNNING,
	                       .ready = true};
	_cleanup_str_ struct str out = STR_INIT;
	kind_print(&kind_pod_status, &s, &out);
	CHECK_STR(str_get(&out), "{\"kind\":\"podStatus\",\"name\":\"web-0-abc\",\"node\":\"n1\",\"phase\":"
	                         "\"Running\",\"ready\":true}");
	void *again = NULL;
	CHECK_INT(kind_parse_stored(&kind_pod_status, "status/pods/n1/web-0-abc", out.data, out.len, &again,
	                            NULL),
	          0);
	CHECK(schema_equal(&pod_status_schema, &s, again));
	CHECK(!schema_has(&pod_status_schema, again, "nextAttempt"));
	kind_free(&kind_pod_status, again);
	schema_done(&pod_status_schema, &s);
}

/* --- the page about kinds --- */

static char *readme(void)
{
	FILE *f = fopen("store/kind/README.md", "r");
	CHECK(f != NULL);
	_cleanup_str_ struct str text = STR_INIT;
	char buf[4096];
	for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
		str_add(&text, buf, n);
	(void)fclose(f);
	return str_take(&text);
}

/* The table of keys is that of the registry, row by row. */
TEST(the_readme_lists_the_keys)
{
	_cleanup_free_ char *text = readme();
	const char *at = strstr(text, "| key | kind | one writer |");
	CHECK(at != NULL);
	at = strchr(strchr(at, '\n') + 1, '\n') + 1;
	for (size_t i = 0; kinds[i]; i++) {
		static const char *const scopes[] = {
		        [KIND_CLUSTER] = "", [KIND_PROJECT] = "<project>/", [KIND_NODE] = "<node>/"};
		char want[256];
		(void)snprintf(want, sizeof(want), "| `%s%s<name>` | %s | ", kinds[i]->key_prefix,
		               scopes[kinds[i]->scope], kinds[i]->name);
		if (!str_after(at, want))
			test_fail(__FILE__, __LINE__,
			          "the table of store/kind/README.md lacks at its place\n  %s", want);
		at = strchr(at, '\n') + 1;
	}
	CHECK(*at == '\n');
}

/* A message shows the beginning of a long value; what it shows stays UTF-8. */
TEST(what_is_refused_is_cut_between_characters)
{
	for (size_t ascii = 58; ascii <= 63; ascii++) {
		_cleanup_str_ struct str path = STR_INIT;
		for (size_t i = 0; i < ascii; i++)
			str_putc(&path, 'x');
		str_puts(&path, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
		const char *text = str_get(&path);
		struct error err = {0};
		CHECK_INT(check_path(&text, &err), -EINVAL);
		CHECK(str_is_utf8(err.text, strlen(err.text)));
		CHECK_HAS(err.text, "..\" is not absolute");
	}
}
