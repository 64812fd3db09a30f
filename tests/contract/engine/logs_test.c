/* Logs: both streams, long lines, following over an end, how much of them, and who goes away in the middle. */
#include <stdlib.h>

#include "contract/engine/drive.h"

#define POD "web-0-abc123"

struct reader {
	struct world *w;
	struct str out, err;
	bool over, done;
	enum engine_result result;
	size_t pause_at; /* bytes of out; 0: never */
	struct engine_op *op;
};

static bool on_data(void *ctx, int stream, const char *data, size_t len)
{
	struct reader *r = ctx;
	CHECK(!r->over && !r->done);
	CHECK(stream == 1 || stream == 2);
	r->over = len == 0;
	str_add(stream == 1 ? &r->out : &r->err, data, len);
	if (!r->pause_at || r->out.len < r->pause_at)
		return true;
	r->pause_at = 0;
	return false;
}

static void on_end(void *ctx, enum engine_result result, const struct error *err)
{
	struct reader *r = ctx;
	r->result = result;
	r->done = true;
	r->op = NULL;
	CHECK(result == ENGINE_OK || err->text[0]);
}

static void open_log(struct reader *r, struct world *w, struct engine_logs_request req)
{
	*r = (struct reader){.w = w};
	req.pod = req.pod ? req.pod : POD;
	req.container = "app";
	req.on_data = on_data;
	req.done = on_end;
	req.ctx = r;
	r->op = w->e->ops->logs(w->e, &req);
}

static void reader_done(struct reader *r)
{
	str_done(&r->out);
	str_done(&r->err);
}

/* All of what a request gives, of stdout. To be freed. */
static char *read_log(struct world *w, struct engine_logs_request req)
{
	struct reader r;
	open_log(&r, w, req);
	WAIT(w, r.done);
	CHECK_INT(r.result, ENGINE_OK);
	CHECK(r.over);
	char *text = mem_strdup(str_get(&r.out));
	reader_done(&r);
	return text;
}

#define CHECK_LOG(w, want, ...)                                                                     \
	do {                                                                                        \
		_cleanup_free_ char *log_ = read_log(w, (struct engine_logs_request){__VA_ARGS__}); \
		CHECK_STR(log_, want);                                                              \
	} while (0)

static void run(struct world *w)
{
	run_pod(w, POD, "{'app': {'image': '" STUBBORN "'}}");
}

TEST_ENGINES(both_streams_are_kept_apart, true)
{
	struct reader r;
	run(w);
	CHECK_LOG(w, "", .tail = -1);
	w->maker->say(w, POD, "app", 1, "one\n");
	w->maker->say(w, POD, "app", 2, "wrong\n");
	w->maker->say(w, POD, "app", 1, "two\n");
	open_log(&r, w, (struct engine_logs_request){.tail = -1});
	WAIT(w, r.done);
	CHECK_STR(str_get(&r.out), "one\ntwo\n");
	CHECK_STR(str_get(&r.err), "wrong\n");
	reader_done(&r);
}

TEST_ENGINES(as_many_lines_as_wanted, true)
{
	run(w);
	w->maker->say(w, POD, "app", 1, "one\n");
	w->maker->say(w, POD, "app", 1, "two\n");
	w->maker->say(w, POD, "app", 1, "three\n");
	CHECK_LOG(w, "one\ntwo\nthree\n", .tail = -1);
	CHECK_LOG(w, "two\nthree\n", .tail = 2);
	CHECK_LOG(w, "", .tail = 0);
	CHECK_LOG(w, "one\ntwo\nthree\n", .tail = 100);
}

TEST_ENGINES(lines_since_a_moment, true)
{
	run(w);
	w->maker->say(w, POD, "app", 1, "before\n");
	int64_t since = clock_wall_ms() + 20;
	WAIT(w, clock_wall_ms() > since);
	w->maker->say(w, POD, "app", 1, "after\n");
	CHECK_LOG(w, "after\n", .tail = -1, .since_ms = since);
	CHECK_LOG(w, "before\nafter\n", .tail = -1, .since_ms = 1);
}

TEST_ENGINES(a_line_has_the_time_before_it, true)
{
	run(w);
	w->maker->say(w, POD, "app", 1, "word\n");
	_cleanup_free_ char *text = read_log(w, (struct engine_logs_request){.tail = -1, .timestamps = true});
	int year, used = 0;
	CHECK(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*f%*1[Z]%n", &year, &used) == 1 && used > 18);
	CHECK(year >= 2024);
	CHECK_STR(text + used, " word\n");
}

TEST_ENGINES(a_long_line_and_one_without_an_end, true)
{
	char *line = mem_zalloc(40001);
	memset(line, 'x', 40000);
	line[0] = '<';
	line[39999] = '>';
	run(w);
	w->maker->say(w, POD, "app", 1, line);
	w->maker->say(w, POD, "app", 1, "\n");
	w->maker->say(w, POD, "app", 1, "no end");
	/* the engine may keep a line until it is whole, or the program has ended */
	w->maker->crash(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	_cleanup_free_ char *want = mem_printf("%s\nno end", line);
	CHECK_LOG(w, want, .tail = -1);
	free(line);
}

TEST_ENGINES(following_ends_with_the_program, true)
{
	struct reader r;
	run(w);
	w->maker->say(w, POD, "app", 1, "old\n");
	open_log(&r, w, (struct engine_logs_request){.tail = -1, .follow = true});
	WAIT(w, r.out.len == 4);
	w->maker->say(w, POD, "app", 1, "new\n");
	WAIT(w, r.out.len == 8);
	CHECK(!r.done && !r.over);
	w->maker->say(w, POD, "app", 2, "last words\n");
	w->maker->crash(w, POD, "app");
	WAIT(w, r.done);
	CHECK_INT(r.result, ENGINE_OK);
	CHECK_STR(str_get(&r.out), "old\nnew\n");
	CHECK_STR(str_get(&r.err), "last words\n");
	reader_done(&r);
	/* the next run goes on where this one ended */
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	w->maker->say(w, POD, "app", 1, "again\n");
	CHECK_LOG(w, "old\nnew\nagain\n", .tail = -1);
	open_log(&r, w, (struct engine_logs_request){.tail = 1, .follow = true});
	WAIT(w, r.out.len == 6);
	CHECK_INT(do_remove(w, POD, 0), ENGINE_OK);
	WAIT(w, r.done);
	reader_done(&r);
}

TEST_ENGINES(a_reader_may_pause, true)
{
	struct reader r;
	run(w);
	w->maker->say(w, POD, "app", 1, "one\n");
	open_log(&r, w, (struct engine_logs_request){.tail = -1, .follow = true});
	r.pause_at = 1;
	WAIT(w, r.out.len == 4);
	w->maker->say(w, POD, "app", 1, "two\n");
	w->maker->crash(w, POD, "app");
	wait_exited(w, POD, "app", 1);
	CHECK_INT(r.out.len, 4);
	CHECK(!r.done);
	w->e->ops->logs_resume(w->e, r.op);
	WAIT(w, r.done);
	CHECK_STR(str_get(&r.out), "one\ntwo\n");
	reader_done(&r);
}

TEST_ENGINES(a_reader_that_goes_hears_no_more, true)
{
	struct reader r, all;
	run(w);
	open_log(&r, w, (struct engine_logs_request){.tail = -1, .follow = true});
	w->maker->say(w, POD, "app", 1, "one\n");
	WAIT(w, r.out.len == 4);
	w->e->ops->cancel(w->e, r.op);
	w->maker->say(w, POD, "app", 1, "two\n");
	open_log(&all, w, (struct engine_logs_request){.tail = -1});
	WAIT(w, all.done);
	CHECK_STR(str_get(&all.out), "one\ntwo\n");
	CHECK_STR(str_get(&r.out), "one\n");
	CHECK(!r.done);
	reader_done(&r);
	reader_done(&all);
}

TEST_ENGINES(there_is_no_log_of_nobody, true)
{
	struct reader r;
	open_log(&r, w, (struct engine_logs_request){.tail = -1});
	CHECK(!r.done);
	WAIT(w, r.done);
	CHECK_INT(r.result, ENGINE_E_GONE);
	struct pod *p = pod_make(w, POD, "{'app': {'image': '" HELLO "'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_LOG(w, "", .tail = -1); /* it never ran */
	CHECK_LOG(w, "", .tail = -1, .follow = true);
	pod_drop(p);
}

#define BIG (1 << 20)

TEST_ENGINES(a_megabyte_arrives_whole, true)
{
	struct reader r;
	struct str want = STR_INIT;
	run(w);
	open_log(&r, w, (struct engine_logs_request){.tail = -1, .follow = true});
	r.pause_at = 100000;
	while (want.len < BIG) {
		struct str part = STR_INIT;
		while (part.len < 60000)
			str_printf(&part, "line %zu\n", want.len + part.len);
		w->maker->say(w, POD, "app", 1, part.data);
		str_add(&want, part.data, part.len);
		str_done(&part);
	}
	WAIT(w, r.out.len >= 100000);
	size_t held = r.out.len;
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK); /* the loop goes round, nothing more comes */
	CHECK_INT(r.out.len, held);
	w->e->ops->logs_resume(w->e, r.op);
	WAIT(w, r.out.len == want.len);
	CHECK_STR(str_get(&r.out), str_get(&want));
	w->e->ops->cancel(w->e, r.op);
	reader_done(&r);
	str_done(&want);
}
