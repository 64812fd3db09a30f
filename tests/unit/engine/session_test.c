/* Coming up on engines of all kinds: versions, words, events that are foreign, broken or too large. */
#include "unit/engine/scripted.h"

#define ID    "6f0c9ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"
#define OTHER "7f0c9ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"
#define LABELS(node)                                                                    \
	"\"tug.node\":\"" node                                                          \
	"\",\"tug.pod\":\"web-0\",\"tug.project\":\"shop\",\"tug.role\":\"container\"," \
	"\"tug.container\":\"app\",\"tug.spec\":\"00\",\"tug.cluster\":\"1\",\"tug.rev\":\"2\""
#define ITEM(id, node, state)                                                       \
	"{\"Id\":\"" id "\",\"Names\":[\"/tug-shop.web-0.app\"],\"State\":\"" state \
	"\",\"Labels\":{" LABELS(node) "}}"
#define EVENT(id, node, action, more)                                               \
	"{\"Type\":\"container\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"" id \
	"\",\"Attributes\":{" LABELS(node) more "}},\"timeNano\":1795262405000000000}\n"
#define RUNS                                                                                            \
	"{\"Id\":\"" ID "\",\"State\":{\"Status\":\"running\",\"StartedAt\":\"2026-11-21T12:00:01Z\"}," \
	"\"Config\":{\"Tty\":false}}"

static const struct scripted_row docker[] = {
        {"GET /version", 200,
         "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\",\"Version\":\"20.10.24\"}"},
        {"/info", 200, "{\"NCPU\":4,\"MemTotal\":8000000000}"},
        {"/images/json", 200, "[]"},
        {"/containers/json", 200, "[]"},
};

/* The rows of an engine that has one container of ours, which runs. */
static void begin_one(struct scripted *s, const char *version)
{
	struct scripted_row rows[] = {
	        {"/containers/json", 200, "[" ITEM(OTHER, "n2", "exited") "," ITEM(ID, "n1", "running") "]"},
	        {"/containers/" ID "/json", 200, RUNS},
	        {"GET /version", 200, version},
	        docker[1],
	        docker[2],
	};
	scripted_begin(s, rows, ELEMENTS(rows));
	SCRIPTED_WAIT(s, s->ups == 1);
	CHECK_INT(s->state, CONTAINER_RUNNING);
}

TEST(the_version_that_both_know_is_spoken)
{
	static const struct {
		const char *version, *spoken;
	} rows[] = {
	        {"{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}", "GET /v1.41/info"},
	        {"{\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.24\"}", "GET /v1.41/info"},
	        {"{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}", "GET /v1.44/info"}, /* Docker 29 */
	        {"{\"ApiVersion\":\"1.30\"}", "GET /v1.30/info"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct scripted s;
		struct scripted_row all[ELEMENTS(docker)];
		memcpy(all, docker, sizeof(docker));
		all[0].body = rows[i].version;
		scripted_begin(&s, all, ELEMENTS(all));
		SCRIPTED_WAIT(&s, s.ups == 1);
		CHECK_HAS(str_get(&s.log), "GET /version ");
		CHECK_HAS(str_get(&s.log), rows[i].spoken);
		CHECK_INT(s.info.cpus, 4000);
		CHECK_STR(s.info.name, "docker");
		scripted_end(&s);
	}
}

TEST(what_is_no_engine_is_said_so)
{
	static const struct {
		int status;
		const char *body, *text;
	} rows[] = {
	        {200, "{\"ApiVersion\":\"1.18\"}", "older than 1.24"},
	        {200, "{}", "older than 1.24"},
	        {200, "[]", "not a JSON object"},
	        {200, "hello", "not a JSON object"},
	        {400,
	         "{\"message\":\"client version 1.41 is too old. Minimum supported API version is 1.44\"}",
	         "too old"},
	        {404, "Not Found", "status 404: Not Found"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct scripted s;
		struct scripted_row all[ELEMENTS(docker)];
		memcpy(all, docker, sizeof(docker));
		all[0].status = rows[i].status;
		all[0].body = rows[i].body;
		scripted_begin(&s, all, ELEMENTS(all));
		SCRIPTED_WAIT(&s, s.downs == 1);
		CHECK_HAS(s.text, rows[i].text);
		s.rows[0] = docker[0]; /* and it is asked again */
		SCRIPTED_WAIT(&s, s.ups == 1);
		scripted_end(&s);
	}
}

TEST(a_list_that_is_none_takes_it_down_until_it_is_one)
{
	static const char *const bodies[] = {"{}", "[", "", "[1,null,{\"Id\":7},{\"Id\":\"6\"}"};
	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		struct scripted s;
		struct scripted_row all[ELEMENTS(docker)];
		memcpy(all, docker, sizeof(docker));
		all[3].body = bodies[i];
		scripted_begin(&s, all, ELEMENTS(all));
		SCRIPTED_WAIT(&s, s.downs == 1);
		CHECK_INT(s.ups, 0);
		s.rows[3] = docker[3];
		SCRIPTED_WAIT(&s, s.ups == 1);
		CHECK_INT(s.pods, 0);
		scripted_end(&s);
	}
}

TEST(podman_says_died_and_remove)
{
	struct scripted s;
	begin_one(&s, "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.24\",\"Version\":\"4.3.1\","
	              "\"Components\":[{\"Name\":\"Podman Engine\"}]}");
	CHECK_STR(s.info.name, "podman");
	scripted_event(&s, EVENT(ID, "n1", "cleanup", ""));
	scripted_event(&s, EVENT(ID, "n1", "died", ",\"containerExitCode\":\"3\""));
	SCRIPTED_WAIT(&s, s.state == CONTAINER_EXITED);
	CHECK_INT(s.exit_code, 3);
	CHECK_INT(s.exits, 1);
	scripted_event(&s, EVENT(ID, "n1", "remove", ""));
	SCRIPTED_WAIT(&s, s.gone == 1);
	scripted_end(&s);
}

/* An engine that does not know a filter sends everything; a prefix of an id is not the id. */
TEST(events_of_others_are_passed_over)
{
	struct scripted s;
	begin_one(&s, docker[0].body);
	unsigned pods = s.pods;
	static const char *const others[] = {
	        EVENT(OTHER, "n2", "die", ",\"exitCode\":\"1\""),
	        EVENT("6f0c9ab1d2e3", "n1", "die", ",\"exitCode\":\"1\""),
	        EVENT(ID, "n2", "die", ",\"exitCode\":\"1\""),
	        EVENT(ID, "n1", "exec_start: /bin/sh", ""),
	        "{\"Type\":\"image\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID "\"}}\n",
	        "{\"Type\":\"container\"}\n",
	        "{\"Type\":7,\"Action\":[],\"Actor\":null}\n",
	        "not JSON at all\n",
	        "\n\r\n\n",
	        "[]\n",
	};
	for (size_t i = 0; i < ELEMENTS(others); i++)
		scripted_event(&s, others[i]);
	scripted_event(&s,
	               EVENT(ID, "n1", "die", ",\"exitCode\":\"7\"")); /* the one that counts comes last */
	SCRIPTED_WAIT(&s, s.pods > pods);
	CHECK_INT(s.pods, pods + 1);
	CHECK_INT(s.exit_code, 7);
	CHECK_INT(s.downs, 0);
	scripted_end(&s);
}

TEST(an_exit_code_that_is_none_is_not_known)
{
	struct scripted s;
	begin_one(&s, docker[0].body);
	scripted_event(&s, EVENT(ID, "n1", "die", ",\"exitCode\":\"99999999999999999999\""));
	SCRIPTED_WAIT(&s, s.state == CONTAINER_EXITED);
	CHECK_INT(s.exit_code, -1);
	scripted_end(&s);
}

TEST(an_event_without_end_takes_it_down_not_its_memory)
{
	struct scripted s;
	begin_one(&s, docker[0].body);
	char *part = mem_zalloc(60001);
	memset(part, 'x', 60000);
	for (int i = 0; i < 40 && !s.downs; i++) {
		scripted_event(&s, part);
		for (int k = 0; k < 20 && !s.downs; k++)
			loop_step(s.loop, 1);
	}
	free(part);
	SCRIPTED_WAIT(&s, s.downs == 1);
	CHECK_HAS(s.text, "larger than 1 MiB");
	SCRIPTED_WAIT(&s, s.ups == 2);
	scripted_end(&s);
}
