/* The microservice: what is accepted, what is refused and in which words, what a change means, and its
 * revision. */
#include "kind/microservice.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/limits.h"
#include "lib/test.h"

/* ' stands for " in these texts */
static struct value *value_of(const char *text)
{
	_cleanup_str_ struct str json = STR_INIT;
	str_puts(&json, text);
	for (size_t i = 0; i < json.len; i++)
		if (json.data[i] == '\'')
			json.data[i] = '"';
	struct value *v = NULL;
	struct error err;
	char why[1024];
	if (json_parse(json.data, json.len, &v, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_format(&err, why, sizeof(why)));
	return v;
}

static struct microservice *parse(const char *text)
{
	_cleanup_value_ struct value *v = value_of(text);
	struct error err;
	char why[1024];
	void *m = NULL;
	if (kind_parse(&kind_microservice, v, SCHEMA_USER, &m, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_format(&err, why, sizeof(why)));
	return m;
}

static const char *refusal(const char *text)
{
	static char why[1024];
	_cleanup_value_ struct value *v = value_of(text);
	struct error err;
	void *m = NULL;
	if (kind_parse(&kind_microservice, v, SCHEMA_USER, &m, &err) == 0) {
		kind_free(&kind_microservice, m);
		return "accepted";
	}
	CHECK_INT(err.code, -EINVAL);
	CHECK(m == NULL);
	return error_format(&err, why, sizeof(why));
}

static const char *printed(const struct microservice *m, unsigned flags)
{
	static char buf[8192];
	_cleanup_value_ struct value *v = schema_print(&microservice_schema, m, flags);
	_cleanup_str_ struct str out = STR_INIT;
	json_print(v, JSON_COMPACT, &out);
	(void)snprintf(buf, sizeof(buf), "%s", str_get(&out));
	for (char *c = buf; *c; c++)
		if (*c == '"')
			*c = '\'';
	return buf;
}

/* reference: the documented request of ContainerOS */
static const char containeros_body[] = "{'name':'test-server','scale':2,'containers':{'reg':{'image':'"
                                       "registry:2','httpPorts':{'80':'hello.localhost'}}}}";

TEST(a_containeros_body_is_a_microservice)
{
	struct microservice *m = parse(containeros_body);
	CHECK_STR(m->project, "default");
	CHECK_INT(m->scale.min, 2);
	CHECK_INT(m->scale.max, 2);
	const struct container *c = LIST_ITEMS(&m->containers, struct container);
	CHECK_STR(c->name, "reg");
	CHECK_INT(c->memLimit, 1000000000);
	CHECK_INT(c->cpus, 1000);
	CHECK_INT(c->env.count, 0);
	CHECK_INT(c->restart, RESTART_ALWAYS);
	CHECK_INT(m->stopGrace, 30000);
	CHECK_INT(m->update.parallelism, 1);
	CHECK_INT(m->update.order, ORDER_START_FIRST);
	kind_free(&kind_microservice, m);

	m = parse("{'name':'abc','containers':{}}");
	CHECK_INT(m->scale.min, 1);
	CHECK_INT(m->containers.count, 0);
	CHECK_HAS(printed(m, PRINT_DEFAULTS), "'mode':'service','scale':1,'singleton':false,'containers':{}");
	kind_free(&kind_microservice, m);

	m = parse("{'name':'abc','containers':{'a':{'image':'x','env':[],'httpPorts':{}}},'scale':0}");
	CHECK_INT(m->scale.max, 0);
	CHECK_HAS(printed(m, PRINT_DEFAULTS), "'memLimit':1000000000");
	CHECK_HAS(printed(m, PRINT_DEFAULTS), "'cpus':1,");
	kind_free(&kind_microservice, m);
}

/* What a container may hold, around one member given. */
#define IN_APP(member) "{'name':'web','containers':{'app':{'image':'x'," member "}}}"
#define IN_WEB(member) "{'name':'web','containers':{}," member "}"

TEST(what_is_accepted)
{
	static const char *const rows[] = {
	        IN_APP("'cpus':0.01"),
	        IN_APP("'cpus':'250m'"),
	        IN_APP("'memLimit':'6Mi'"),
	        IN_APP("'memLimit':6291456"),
	        IN_APP("'user':'1000'"),
	        IN_APP("'user':'1000:1000'"),
	        IN_APP("'user':'www-data:www-data'"),
	        IN_APP("'env':{'A':1,'B':true,'C':'x'}"),
	        IN_APP("'env':['A=1','A=2','B=']"),
	        IN_APP("'httpPorts':{'80':'','8080':'*.example.org','65535':'a_b.local'}"),
	        IN_APP("'ports':{'53':{'protocol':'udp','hostPort':53},'5432':{}}"),
	        IN_APP("'volumes':[{'name':'a','mount':'/a'},{'name':'a','mount':'/a/"
	               "b'},{'name':'b','mount':'/a..b','readOnly':true}]"),
	        IN_APP("'files':[{'resource':'r','key':'a.conf','mount':'/etc/a.conf','mode':'4755'}]"),
	        IN_APP("'probes':{'startup':{'exec':['true']},'readiness':{'http':{'port':80}},'liveness':{'"
	               "tcp':{'port':1}}}"),
	        IN_APP("'requests':{'cpus':1,'memory':1000000000}"),
	        IN_APP("'requests':{}"),
	        IN_APP("'restart':'never'"),
	        IN_WEB("'scale':10000"),
	        IN_WEB("'scale':{'min':0,'max':10,'cpu':50}"),
	        IN_WEB("'scale':{'max':3}"),
	        IN_WEB("'scale':3.0"),
	        IN_WEB("'kind':'microservice'"),
	        IN_WEB("'kind':null"),
	        IN_WEB("'mode':'job'"),
	        IN_WEB("'dependsOn':[{'service':'db'},{'service':'mq','condition':'done','timeout':90}]"),
	        IN_WEB("'placement':{'labels':{'disk.type/x':'ssd'},'nodes':['n1','n2']}"),
	        IN_WEB("'stopGrace':0"),
	        IN_WEB("'stopGrace':'1h'"),
	        IN_WEB("'update':{'order':'stop-first','parallelism':10000}"),
	        IN_WEB("'initContainers':{'init':{'image':'x'}}"),
	        "{'name':'a','containers':{}}",
	        "{'name':'1-a','containers':{}}",
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_STR(refusal(rows[i]), "accepted");
}

TEST(images)
{
	static const char *const good[] = {
	        "x",
	        "nginx:1.25",
	        "library/nginx",
	        "quay.io/bitnami/nginx:latest",
	        "localhost/x",
	        "localhost:5000/x:1",
	        "127.0.0.1:5000/a/b/c:1.2_3-x",
	        "[::1]:5000/x",
	        "a/b",
	        "a__b/c---d.e_f",
	        "registry.Example.org/x",
	        "x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	        "x:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	};
	static const char *const bad[][2] = {
	        {"", "is empty"},
	        {" x", "blanks or control"},
	        {"x y", "blanks or control"},
	        {"x\\n", "blanks or control"},
	        {"x\\u0001", "blanks or control"},
	        {"X", "lower case"},
	        {"Nginx:1", "lower case"},
	        {"a/B", "lower case"},
	        {"a//b", "not an image reference"},
	        {"/a", "not an image reference"},
	        {"a/", "not an image reference"},
	        {"a..b", "not an image reference"},
	        {"a_", "not an image reference"},
	        {"-a", "not an image reference"},
	        {"x:", "bad tag"},
	        {"x:.1", "bad tag"},
	        {"x:1:2", "bad tag"},
	        {"x:a b", "blanks"},
	        {"x@", "bad digest"},
	        {"x@sha256:abc", "bad digest"},
	        {"x@sha256:0123456789ABCDEF0123456789abcdef", "bad digest"},
	        {"x@y@z", "bad digest"},
	        {"host:99999/x", "bad registry"},
	        {"host:/x", "bad registry"},
	        {".a/x", "bad registry"},
	        {"host:0/x", "bad registry"},
	        {"[::1/x", "bad registry"},
	        {"http://a/x", "bad registry"},
	        {"a.b:c/x", "bad registry"},
	        {":1", "not an image reference"},
	        {"@sha256:0123456789abcdef0123456789abcdef", "not an image reference"},
	        {"caf\xc3\xa9", "not an image reference"},
	        {"a/b:c/d", "bad tag"},
	        {"localhost:5000", "accepted"},
	};
	char text[1024];
	for (size_t i = 0; i < ELEMENTS(good); i++) {
		(void)snprintf(text, sizeof(text), "{'name':'web','containers':{'app':{'image':'%s'}}}",
		               good[i]);
		CHECK_STR(refusal(text), "accepted");
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		(void)snprintf(text, sizeof(text), "{'name':'web','containers':{'app':{'image':'%s'}}}",
		               bad[i][0]);
		CHECK_HAS(refusal(text), bad[i][1]);
	}
	char longer[LIMIT_IMAGE + 2];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "{'name':'web','containers':{'app':{'image':'%s'}}}", longer);
	CHECK_HAS(refusal(text), "containers.app.image: is 513 bytes long; at most 512 are allowed");
}

TEST(what_is_refused_and_how)
{
	static const char *const rows[][2] = {
	        {"[]", "a list is not a microservice; an object is wanted"},
	        {"{'containers':{}}", "name: is missing; a string is wanted"},
	        {"{'name':'web'}", "containers: is missing; an object is wanted"},
	        {"{'name':'Web','containers':{}}",
	         "name: \"Web\" is not a name; give 1 to 63 lower-case letters, digits and inner hyphens"},
	        {"{'name':'web-','containers':{}}", "name: \"web-\" is not a name"},
	        {"{'name':'a.b','containers':{}}", "name: \"a.b\" is not a name"},
	        {"{'name':'','containers':{}}", "name: \"\" is not a name"},
	        {IN_WEB("'project':'a/b'"), "project: \"a/b\" is not a name"},
	        {IN_WEB("'kind':'pod'"), "kind: \"pod\" is not \"microservice\""},
	        {IN_WEB("'replicas':2"), "replicas: unknown field; a microservice has kind, project, name"},
	        {IN_WEB("'apiVersion':'v1'"), "apiVersion: unknown field"},
	        {IN_WEB("'mode':'daemonset'"),
	         "mode: \"daemonset\" is not one of the words known here; give service, daemon or job"},
	        {IN_WEB("'scale':'2'"),
	         "scale: a string is not a scale; a number or {min, max, cpu} is wanted"},
	        {IN_WEB("'scale':-1"), "scale: -1 is below the least of 0; give 0 or more"},
	        {IN_WEB("'scale':10001"), "scale: 10001 is above the most of 10000; give 10000 or less"},
	        {IN_WEB("'scale':1.5"), "scale: 1.5 is not a whole number"},
	        {IN_WEB("'scale':{'min':3,'max':2}"),
	         "scale.min: 3 is above max, which is 2; lower it or raise max"},
	        {IN_WEB("'scale':{'min':3}"), "scale.max: is missing"},
	        {IN_WEB("'scale':{'max':3,'cpu':101}"), "scale.cpu: 101 is above the most of 100"},
	        {IN_WEB("'scale':{'maximum':3}"), "scale.maximum: unknown field; a scale has min, max, cpu"},
	        {IN_WEB("'stopGrace':'2h'"), "stopGrace: \"2h\" is above the most of 1h; give 1h or less"},
	        {IN_WEB("'update':{'parallelism':0}"), "update.parallelism: 0 is below the least of 1"},
	        {IN_WEB("'update':{'order':'random'}"), "update.order: \"random\" is not one of the words "
	                                                "known here; give start-first or stop-first"},
	        {IN_WEB("'dependsOn':[{'service':'web'}]"),
	         "dependsOn[0].service: \"web\" depends on itself"},
	        {IN_WEB("'dependsOn':[{'service':'db'},{'service':'db'}]"),
	         "dependsOn[1].service: \"db\" is there twice"},
	        {IN_WEB("'dependsOn':[{}]"), "dependsOn[0].service: is missing"},
	        {IN_WEB("'placement':{'nodes':['N1']}"), "placement.nodes[0]: \"N1\" is not a name"},
	        {IN_WEB("'placement':{'labels':{'a b':'c'}}"),
	         "placement.labels.a b: \"a b\" is not the name of a label"},
	        {"{'name':'web','containers':{'App':{'image':'x'}}}",
	         "containers.App: \"App\" is not a name"},
	        {"{'name':'web','containers':{'app':{}}}", "containers.app.image: is missing"},
	        {"{'name':'web','containers':{'app':{'imag':'x'}}}",
	         "containers.app.imag: unknown field; did you mean \"image\"?"},
	        {"{'name':'web','containers':{'app':{'image':7}}}",
	         "containers.app.image: 7 is a number; a string is wanted"},
	        {"{'name':'web','containers':{'a':{'image':'x'}},'initContainers':{'a':{'image':'x'}}}",
	         "initContainers.a: has the name of a container"},
	        {IN_APP("'memLimit':1000"),
	         "containers.app.memLimit: 1000 is below the least of 6291456 bytes (6Mi); give 6Mi or more"},
	        {IN_APP("'memLimit':'5M'"),
	         "containers.app.memLimit: \"5M\" is below the least of 6291456 bytes (6Mi)"},
	        {IN_APP("'memLimit':'18T'"),
	         "containers.app.memLimit: \"18T\" is above the most of 17592186044416 bytes (16Ti)"},
	        {IN_APP("'cpus':0.001"),
	         "containers.app.cpus: 0.001 is below the least of 0.01 cores; give 0.01 or more"},
	        {IN_APP("'cpus':0"), "containers.app.cpus: 0 is below the least of 0.01 cores"},
	        {IN_APP("'requests':{'cpus':2}"),
	         "containers.app.requests.cpus: 2 cores are above the limit of 1 (cpus)"},
	        {IN_APP("'requests':{'memory':'2G'}"),
	         "containers.app.requests.memory: 2G is above the limit of 1G (memLimit)"},
	        {IN_APP("'httpPorts':{'0':'x'}"),
	         "containers.app.httpPorts.0: \"0\" is not a port; give a number from 1 to 65535"},
	        {IN_APP("'httpPorts':{'70000':'x'}"),
	         "containers.app.httpPorts.70000: \"70000\" is not a port"},
	        {IN_APP("'httpPorts':{'080':'x'}"), "containers.app.httpPorts.080: \"080\" is not a port"},
	        {IN_APP("'httpPorts':{'80':8080}"),
	         "containers.app.httpPorts.80: 8080 is a number; a string is wanted"},
	        {IN_APP("'httpPorts':{'80':'a b'}"), "containers.app.httpPorts.80: \"a b\" is not a domain"},
	        {IN_APP("'httpPorts':{'80':'http://x'}"),
	         "containers.app.httpPorts.80: \"http://x\" is not a domain"},
	        {IN_APP("'ports':{'http':{}}"), "containers.app.ports.http: \"http\" is not a port"},
	        {IN_APP("'ports':{'80':{'hostPort':65536}}"),
	         "containers.app.ports.80.hostPort: 65536 is above the most of 65535"},
	        {IN_APP("'ports':{'80':{'hostPort':-1}}"),
	         "containers.app.ports.80.hostPort: -1 is below the least of 0"},
	        {IN_APP("'ports':{'80':{'protocol':'sctp'}}"),
	         "containers.app.ports.80.protocol: \"sctp\" is not one of the words known here; give tcp or "
	         "udp"},
	        {IN_APP("'ports':{'80':{'hostPort':8080},'81':{'hostPort':8080}}"),
	         "containers.app.ports.81.hostPort: 8080/tcp is given to port 80 of container \"app\" "
	         "already"},
	        {IN_APP("'env':['A']"), "containers.app.env[0]: \"A\" has no \"=\""},
	        {IN_APP("'env':'A=1'"), "containers.app.env: \"A=1\" is a string"},
	        {IN_APP("'volumes':[{'name':'a','mount':'x'}]"),
	         "containers.app.volumes[0].mount: \"x\" is not absolute"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/'}]"),
	         "containers.app.volumes[0].mount: \"/\" is the root"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a/../b'}]"),
	         "containers.app.volumes[0].mount: \"/a/../b\" goes up"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a/..'}]"),
	         "containers.app.volumes[0].mount: \"/a/..\" goes up"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a:ro'}]"),
	         "containers.app.volumes[0].mount: \"/a:ro\" holds a colon"},
	        {IN_APP("'volumes':[{'name':'A','mount':'/a'}]"),
	         "containers.app.volumes[0].name: \"A\" is not a name"},
	        {IN_APP("'volumes':[{'name':'/etc','mount':'/a'}]"),
	         "containers.app.volumes[0].name: \"/etc\" is not a name"},
	        {IN_APP("'volumes':[{'mount':'/a'}]"), "containers.app.volumes[0].name: is missing"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a'},{'name':'b','mount':'/a/'}]"),
	         "containers.app.volumes[1].mount: \"/a/\" is mounted twice"},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a'}],'files':[{'resource':'r','key':'k','mount':'/"
	                "a'}]"),
	         "containers.app.files[0].mount: \"/a\" is mounted twice"},
	        {IN_APP("'files':[{'resource':'r','key':'k','mount':'/a','mode':'rw'}]"),
	         "containers.app.files[0].mode: \"rw\" is not a file mode"},
	        {IN_APP("'files':[{'resource':'r','key':'k','mount':'/a','mode':644}]"),
	         "containers.app.files[0].mode: 644 is a number"},
	        {IN_APP("'files':[{'resource':'r','key':'k','mount':'/a','mode':'99999'}]"),
	         "containers.app.files[0].mode: \"99999\" is not"},
	        {IN_APP("'probes':{'readiness':{}}"),
	         "containers.app.probes.readiness: none of exec, http and tcp is given; give exactly one"},
	        {IN_APP("'probes':{'readiness':{'exec':['x'],'tcp':{'port':1}}}"),
	         "containers.app.probes.readiness: more than one of exec, http and tcp is given"},
	        {IN_APP("'probes':{'readiness':{'http':{}}}"),
	         "containers.app.probes.readiness.http.port: is missing"},
	        {IN_APP("'probes':{'readiness':{'http':{'port':80,'path':'x'}}}"),
	         "containers.app.probes.readiness.http.path: is not the path"},
	        {IN_APP("'probes':{'live':{}}"), "containers.app.probes.live: unknown field"},
	        {IN_APP("'probes':{'liveness':{'tcp':{'port':1},'interval':0}}"),
	         "containers.app.probes.liveness.interval: 0 is below the least of 100ms"},
	        {IN_APP("'restart':'on-fail'"), "containers.app.restart: \"on-fail\" is not one of the words "
	                                        "known here; give always, on-failure or never"},
	        {IN_APP("'user':'a b'"), "containers.app.user: \"a b\" is not a user"},
	        {IN_APP("'user':'1000:'"), "containers.app.user: \"1000:\" is not a user"},
	        {IN_APP("'user':''"), "containers.app.user: \"\" is not a user"},
	        {IN_APP("'readOnly':'false'"),
	         "containers.app.readOnly: \"false\" is a string; true or false is wanted"},
	        {IN_APP("'privileged':true"), "containers.app.privileged: unknown field"},
	        {IN_APP("'command':'sh -c x'"),
	         "containers.app.command: \"sh -c x\" is a string; a list of strings is wanted"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *got = refusal(rows[i][0]);
		const char *want = rows[i][1];
		if (!str_after(got, want))
			test_fail(__FILE__, __LINE__, "%s is refused with\n  %s\nwant\n  %s", rows[i][0], got,
			          want);
	}
}

TEST(host_ports_of_different_protocols_and_containers)
{
	CHECK_STR(refusal("{'name':'web','containers':{'a':{'image':'x','ports':{'53':{'hostPort':53}}},"
	                  "'b':{'image':'x','ports':{'53':{'hostPort':53,'protocol':'udp'},'80':{'hostPort':"
	                  "0},'81':{'hostPort':0}}}}}"),
	          "accepted");
	CHECK_HAS(refusal("{'name':'web','scale':5,'containers':{'a':{'image':'x','ports':{'53':{'hostPort':"
	                  "53}}},"
	                  "'b':{'image':'x','ports':{'1':{'hostPort':1},'54':{'hostPort':53}}}}}"),
	          "containers.b.ports.54.hostPort: 53/tcp is given to port 53 of container \"a\" already; "
	          "give another, or 0");
}

TEST(counts_are_bounded)
{
	_cleanup_str_ struct str s = STR_INIT;
	str_puts(&s, "{'name':'web','containers':{");
	for (int i = 0; i <= LIMIT_CONTAINERS; i++)
		str_printf(&s, "%s'c%d':{'image':'x'}", i ? "," : "", i);
	str_puts(&s, "}}");
	CHECK_STR(refusal(str_get(&s)), "containers: 33 entries are more than the 32 allowed");
	str_clear(&s);
	str_puts(&s, "{'name':'web','containers':{'a':{'image':'x','env':[");
	for (int i = 0; i <= LIMIT_ENV; i++)
		str_printf(&s, "%s'A=%d'", i ? "," : "", i);
	str_puts(&s, "]}}}");
	CHECK_STR(refusal(str_get(&s)), "containers.a.env: 1001 entries are more than the 1000 allowed");
}

TEST(what_a_change_means)
{
	static const struct {
		const char *a, *b;
		enum change change;
	} rows[] = {
	        {IN_WEB("'scale':1"), IN_WEB("'scale':2"), CHANGE_LIVE},
	        {IN_WEB("'scale':1"), IN_WEB("'project':'default'"), CHANGE_NONE},
	        {IN_WEB("'placement':{'nodes':['n1']}"), IN_WEB("'placement':{}"), CHANGE_LIVE},
	        {IN_WEB("'update':{'order':'stop-first'}"), IN_WEB("'scale':1"), CHANGE_LIVE},
	        {IN_WEB("'dependsOn':[{'service':'db'}]"), IN_WEB("'scale':1"), CHANGE_LIVE},
	        {IN_WEB("'mode':'daemon'"), IN_WEB("'scale':1"), CHANGE_LIVE},
	        {IN_WEB("'stopGrace':5"), IN_WEB("'scale':1"), CHANGE_RECREATE},
	        {IN_WEB("'initContainers':{'a':{'image':'x'}}"), IN_WEB("'scale':1"), CHANGE_RECREATE},
	        {IN_WEB("'project':'other'"), IN_WEB("'scale':1"), CHANGE_FORBIDDEN},
	        {"{'name':'a','containers':{}}", "{'name':'b','containers':{}}", CHANGE_FORBIDDEN},
	        {"{'name':'web','containers':{'app':{'image':'y'}}}", IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'cpus':1"), IN_WEB("'scale':1"), CHANGE_RECREATE},
	        {IN_APP("'command':['x']"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'args':['x']"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'env':['A=1']"), IN_APP("'env':['A=2']"), CHANGE_RECREATE},
	        {IN_APP("'cpus':2"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'memLimit':'2G'"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'httpPorts':{'80':'a'}"), IN_APP("'httpPorts':{'80':'b'}"), CHANGE_LIVE},
	        {IN_APP("'httpPorts':{'80':'a'}"), IN_APP("'httpPorts':{'81':'a'}"), CHANGE_RECREATE},
	        {IN_APP("'ports':{'1':{}}"), IN_APP("'ports':{'1':{'hostPort':0}}"), CHANGE_RECREATE},
	        {IN_APP("'ports':{'1':{}}"), IN_APP("'ports':{'1':{'protocol':'tcp'}}"), CHANGE_NONE},
	        {IN_APP("'volumes':[{'name':'a','mount':'/a'}]"),
	         IN_APP("'volumes':[{'name':'b','mount':'/a'}]"), CHANGE_RECREATE},
	        {IN_APP("'probes':{'readiness':{'tcp':{'port':1}}}"),
	         IN_APP("'probes':{'readiness':{'tcp':{'port':2}}}"), CHANGE_RECREATE},
	        {IN_APP("'probes':{}"), IN_APP("'probes':{'readiness':{'tcp':{'port':2}}}"), CHANGE_RECREATE},
	        {IN_APP("'restart':'never'"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'user':'1'"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'readOnly':true"), IN_APP("'cpus':1"), CHANGE_RECREATE},
	        {IN_APP("'requests':{'cpus':0.5}"), IN_APP("'cpus':1"), CHANGE_LIVE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct microservice *x = parse(rows[i].a), *y = parse(rows[i].b);
		char hx[REVISION_SIZE], hy[REVISION_SIZE];
		CHECK_INT(schema_diff(&microservice_schema, x, y), rows[i].change);
		bool same = streq(microservice_revision(x, hx), microservice_revision(y, hy));
		CHECK_INT(same, rows[i].change < CHANGE_RECREATE);
		kind_free(&kind_microservice, x);
		kind_free(&kind_microservice, y);
	}
}

/* These never change: pods carry them in their names, and a new one would replace every pod of every cluster. */
TEST(revisions_are_stable_for_ever)
{
	static const struct {
		const char *text, *revision;
	} rows[] = {
	        {"{'name':'web','containers':{}}", "bd5d58b1fe"},
	        {"{'name':'test-server','scale':2,'containers':{'reg':{'image':'registry:2','httpPorts':{'80'"
	         ":'hello.localhost'}}}}",
	         "1ef01b33eb"},
	        {"{'project':'shop','name':'web','stopGrace':'5s','scale':{'min':1,'max':4},'containers':{'"
	         "app':{'image':'a:1',"
	         "'command':['c'],'args':['d'],'env':['A=1'],'httpPorts':{'80':''},'ports':{'5432':{'"
	         "hostPort':0,'protocol':'udp'}},"
	         "'cpus':0.5,'memLimit':'64M','requests':{'cpus':0.1},'volumes':[{'name':'v','mount':'/"
	         "v','readOnly':true}],"
	         "'files':[{'resource':'r','key':'k','mount':'/"
	         "f','mode':'0600'}],'probes':{'readiness':{'http':{'port':80}},"
	         "'startup':{'exec':['x']},'liveness':{'tcp':{'port':80}}},'restart':'on-failure','user':'1',"
	         "'readOnly':true}},"
	         "'initContainers':{'i':{'image':'b:1'}}}",
	         "468d1acf89"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct microservice *m = parse(rows[i].text);
		char buf[REVISION_SIZE];
		CHECK_STR(microservice_revision(m, buf), rows[i].revision);
		kind_free(&kind_microservice, m);
	}
}

TEST(scale_is_a_number_or_a_range)
{
	static const struct {
		const char *given, *printed;
		int64_t min, max, cpu;
	} rows[] = {
	        {"'scale':5", "'scale':5", 5, 5, 0},
	        {"'scale':{'min':2,'max':4,'cpu':50}", "'scale':{'min':2,'max':4,'cpu':50}", 2, 4, 50},
	        {"'scale':{'max':4}", "'scale':{'max':4,'cpu':70}", 1, 4, 70},
	        {"'scale':{'min':3,'max':3,'cpu':70}", "'scale':3", 3, 3, 0},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "{'name':'web','containers':{},%s}", rows[i].given);
		struct microservice *m = parse(text);
		CHECK_INT(m->scale.min, rows[i].min);
		CHECK_INT(m->scale.max, rows[i].max);
		CHECK_INT(m->scale.cpu, rows[i].cpu);
		CHECK_HAS(printed(m, 0), rows[i].printed);
		struct microservice *again = parse(printed(m, 0));
		CHECK(schema_equal(&microservice_schema, m, again));
		kind_free(&kind_microservice, again);
		kind_free(&kind_microservice, m);
	}
}

static void note(void *ctx, const char *path, const struct field *f)
{
	CHECK(f->pending != NULL);
	str_printf(ctx, "%s ", path);
}

TEST(what_is_not_carried_out_yet)
{
	static const char *const rows[][2] = {
	        {IN_APP("'cpus':1,'env':['A=1'],'httpPorts':{'80':''},'ports':{'1':{'hostPort':0,'protocol':"
	                "'udp'}},"
	                "'volumes':[{'name':'a','mount':'/"
	                "a'}],'user':'1','readOnly':true,'restart':'never','requests':{'cpus':1},"
	                "'command':['x'],'args':['y'],'memLimit':'64M'"),
	         ""},
	        {IN_WEB("'scale':3,'mode':'service','singleton':false,'placement':{'labels':{'a':'b'},'nodes'"
	                ":['n']},"
	                "'update':{'order':'stop-first','parallelism':2},'stopGrace':5,'initContainers':{},'"
	                "dependsOn':[]"),
	         ""},
	        {IN_WEB("'mode':'job'"), "mode "},
	        {IN_WEB("'scale':{'min':1,'max':2}"), "scale "},
	        {IN_WEB("'singleton':true"), "singleton "},
	        {IN_WEB("'initContainers':{'a':{'image':'x'}}"), "initContainers "},
	        {IN_WEB("'dependsOn':[{'service':'db'}]"), "dependsOn "},
	        {IN_WEB("'placement':{'spread':'zone','antiAffinity':['a'],'affinity':['b']}"),
	         "placement.spread placement.antiAffinity placement.affinity "},
	        {IN_WEB("'update':{'readyTimeout':'60s','onFailure':'rollback'}"),
	         "update.readyTimeout update.onFailure "},
	        {IN_APP("'httpPorts':{'80':'','81':'hello.localhost'}"), "containers.app.httpPorts "},
	        {IN_APP("'files':[{'resource':'r','key':'k','mount':'/f'}]"), "containers.app.files "},
	        {IN_APP("'probes':{'readiness':{'tcp':{'port':1}}}"), "containers.app.probes "},
	        {IN_APP("'probes':{}"), ""},
	        {IN_APP("'ports':{'80':{'clusterPort':61000}}"), "containers.app.ports.80.clusterPort "},
	        {IN_APP("'ports':{'80':{'clusterPort':0}}"), ""},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct microservice *m = parse(rows[i][0]);
		_cleanup_str_ struct str out = STR_INIT;
		schema_pending(&microservice_schema, m, note, &out);
		CHECK_STR(str_get(&out), rows[i][1]);
		kind_free(&kind_microservice, m);
	}
}

TEST(ports_know_their_number)
{
	struct microservice *m = parse(IN_APP("'ports':{'5432':{},'80':{}}"));
	struct microservice *copy = kind_copy(&kind_microservice, m);
	kind_free(&kind_microservice, m);
	const struct port *p =
	        LIST_ITEMS(&LIST_ITEMS(&copy->containers, struct container)[0].ports, struct port);
	CHECK_STR(p[0].name, "5432");
	CHECK_INT(p[0].port, 5432);
	CHECK_INT(p[1].port, 80);
	kind_free(&kind_microservice, copy);
}
