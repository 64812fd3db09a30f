/* What inspects, events and replies make of what is known of one container: exits are counted once, late news is late. */
#include "controllers/runner/engine_docker/container.h"
#include "core/json.h"
#include "core/mem.h"
#include "lib/test.h"

#define SECOND INT64_C(1000000000)
#define T(s)   (INT64_C(1795262400) + (s)) /* 2026-11-21T12:00:00Z and so many seconds */

/* Minutes and seconds of that hour. */
static bool inspect(struct docker_container *c, const char *status, const char *started, int code,
                    bool restarted)
{
	_cleanup_free_ char *text =
	        mem_printf("{\"State\":{\"Status\":\"%s\",\"ExitCode\":%d,\"Error\":\"\",\"StartedAt\":"
	                   "\"2026-11-21T12:%s.5Z\",\"FinishedAt\":\"2026-11-21T12:59:59Z\"},"
	                   "\"RestartCount\":0}",
	                   status, code, started);
	_cleanup_value_ struct value *v = NULL;
	CHECK_INT(json_parse(text, strlen(text), &v, NULL), 0);
	return container_of_inspect(c, v, restarted);
}

static void done(struct docker_container *c)
{
	free(c->error);
	free(c->address);
	free(c->joined);
	pairs_done(&c->ports);
}

TEST(times)
{
	CHECK_INT(time_parse("2026-11-21T12:00:00Z"), T(0) * SECOND);
	CHECK_INT(time_parse("2026-11-21T12:00:00.000000001Z"), T(0) * SECOND + 1);
	CHECK_INT(time_parse("2026-11-21T12:00:00.5Z"), T(0) * SECOND + SECOND / 2);
	CHECK_INT(time_parse("2026-11-21T13:30:00+01:30"), T(0) * SECOND);
	CHECK_INT(time_parse("2026-11-21T11:00:00.25-01:00"), T(0) * SECOND + SECOND / 4);
	static const char *const never[] = {"0001-01-01T00:00:00Z",
	                                    "",
	                                    "2026-11-21",
	                                    "2026-11-21T12:00:00",
	                                    "2026-11-21T12:00:00+",
	                                    "9999-01-01T00:00:00Z",
	                                    "2026-11-21T12:00:00.00000000000000000000000000000000000000000Z"};
	for (size_t i = 0; i < ELEMENTS(never); i++)
		CHECK_INT(time_parse(never[i]), 0);
	CHECK_INT(time_parse(NULL), 0);
}

TEST(words)
{
	static const struct {
		const char *word;
		enum engine_state state;
		bool paused;
	} rows[] = {{"created", CONTAINER_CREATED},     {"configured", CONTAINER_CREATED},
	            {"running", CONTAINER_RUNNING},     {"paused", CONTAINER_RUNNING, true},
	            {"restarting", CONTAINER_RUNNING},  {"stopping", CONTAINER_RUNNING},
	            {"exited", CONTAINER_EXITED},       {"stopped", CONTAINER_EXITED},
	            {"dead", CONTAINER_EXITED},         {"removing", CONTAINER_EXITED},
	            {"what is this?", CONTAINER_EXITED}};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		bool paused;
		CHECK_INT(state_of_word(rows[i].word, &paused), rows[i].state);
		CHECK_INT(paused, rows[i].paused);
	}
}

TEST(an_exit_that_event_and_inspect_tell_of_counts_once)
{
	struct docker_container c = {.state = CONTAINER_CREATED};
	CHECK_INT(container_of_event(&c, EVENT_START, T(1) * SECOND, -1), NEWS_STARTED);
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(5) * SECOND, 7), NEWS_CHANGED);
	CHECK_INT(c.exits, 1);
	CHECK_INT(c.exit_code, 7);
	(void)inspect(&c, "exited", "00:00", 7,
	              false); /* the run's exact time is a little before its event's */
	CHECK_INT(c.exits, 1);
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(5) * SECOND, 7), NEWS_NONE);
	CHECK_INT(c.exits, 1);
	done(&c);
}

TEST(an_exit_that_was_missed_is_seen_by_the_time_of_the_next_run)
{
	struct docker_container c = {.state = CONTAINER_MISSING};
	CHECK(inspect(&c, "running", "00:01", 0, false));
	CHECK_INT(c.exits, 0);
	CHECK(!inspect(&c, "running", "00:01", 0, false));
	CHECK(inspect(&c, "running", "00:09", 0, false));
	CHECK_INT(c.exits, 1);
	CHECK(inspect(&c, "exited", "00:20", 3, false)); /* that one ended, and another after it */
	CHECK_INT(c.exits, 3);
	CHECK(inspect(&c, "exited", "00:30", 3, false));
	CHECK_INT(c.exits, 4);
	done(&c);
}

TEST(a_restarted_engine_says_255_of_what_it_does_not_know)
{
	struct docker_container c = {.state = CONTAINER_MISSING};
	(void)inspect(&c, "running", "00:01", 0, false);
	(void)inspect(&c, "exited", "00:01", 255, true);
	CHECK_INT(c.exit_code, -1);
	CHECK_INT(c.exits, 1);
	(void)inspect(&c, "running", "00:05", 0, false);
	(void)inspect(&c, "exited", "00:05", 7, false);
	(void)inspect(&c, "exited", "00:05", 255, true); /* it had ended before */
	CHECK_INT(c.exit_code, 7);
	(void)inspect(&c, "running", "00:08", 0, false);
	(void)inspect(&c, "exited", "00:08", 255, false); /* a program's own */
	CHECK_INT(c.exit_code, 255);
	done(&c);
}

/* Stopped and started again at once: the events of the end come after the reply to the start. */
TEST(the_end_of_the_run_before_is_no_end_of_this_one)
{
	struct docker_container c = {.state = CONTAINER_MISSING};
	(void)inspect(&c, "running", "00:01", 0, false);
	(void)inspect(&c, "exited", "00:01", 0, false);
	CHECK_INT(c.exits, 1);
	/* the reply to start */
	c.state = CONTAINER_RUNNING;
	c.started_ns = T(11) * SECOND;
	c.started_exact = false;
	c.started_assumed = true;
	uint64_t runs = c.runs;
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(10) * SECOND, 0), NEWS_NONE);
	CHECK_INT(c.state, CONTAINER_RUNNING);
	CHECK_INT(c.exits, 1);
	CHECK_INT(c.runs, runs);
	CHECK_INT(container_of_event(&c, EVENT_START, T(11) * SECOND, -1), NEWS_CHANGED);
	CHECK_INT(c.runs, runs + 1);
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(12) * SECOND, 4), NEWS_CHANGED);
	CHECK_INT(c.exits, 2);
	done(&c);
}

TEST(events_before_what_inspect_saw)
{
	struct docker_container c = {.state = CONTAINER_MISSING};
	(void)inspect(&c, "running", "00:10", 0, false);
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(5) * SECOND, 1), NEWS_NONE);
	CHECK_INT(container_of_event(&c, EVENT_START, T(11) * SECOND, 1), NEWS_NONE);
	CHECK_INT(c.state, CONTAINER_RUNNING);
	(void)inspect(&c, "exited", "00:10", 1, false);
	CHECK_INT(container_of_event(&c, EVENT_START, T(11) * SECOND, 1), NEWS_LOOK);
	CHECK_INT(container_of_event(&c, EVENT_START, T(20) * SECOND, 1), NEWS_STARTED);
	done(&c);
	struct docker_container other = {.state = CONTAINER_CREATED};
	CHECK_INT(container_of_event(&other, EVENT_DIE, T(5) * SECOND, 1),
	          NEWS_LOOK); /* its start was missed */
	CHECK_INT(other.exits, 0);
	done(&other);
}

TEST(out_of_memory_belongs_to_the_end_that_follows)
{
	struct docker_container c = {.state = CONTAINER_CREATED};
	(void)container_of_event(&c, EVENT_START, T(1) * SECOND, -1);
	CHECK_INT(container_of_event(&c, EVENT_OOM, T(2) * SECOND, -1), NEWS_NONE);
	CHECK_INT(container_of_event(&c, EVENT_DIE, T(2) * SECOND, 137), NEWS_CHANGED);
	CHECK(c.oom);
	CHECK_INT(container_of_event(&c, EVENT_START, T(9) * SECOND, -1), NEWS_STARTED);
	CHECK(!c.oom);
	done(&c);
}

TEST(ports_of_list_and_inspect)
{
	static const char list[] =
	        "{\"Ports\":[{\"PrivatePort\":80,\"PublicPort\":32768,\"Type\":\"tcp\"},{\"PrivatePort\":80,"
	        "\"PublicPort\":32769,\"Type\":\"tcp\"},{\"PrivatePort\":81,\"Type\":\"tcp\"}],"
	        "\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"10.0.0.2\"}}}}";
	_cleanup_value_ struct value *v = NULL;
	struct docker_container c = {0};
	CHECK_INT(json_parse(list, strlen(list), &v, NULL), 0);
	CHECK(container_ports_of_list(&c, v));
	CHECK(!container_ports_of_list(&c, v));
	CHECK_INT(c.ports.count, 1);
	CHECK_STR(c.ports.items[0].key, "80/tcp");
	CHECK_STR(c.ports.items[0].value, "32768");
	CHECK_STR(c.address, "10.0.0.2");
	done(&c);
}
