/* The file with the last known pods: what is written is read back, and whatever else is there is the same as nothing. */
#include "controllers/runner/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/loop.h"
#include "lib/test.h"

static struct arena arena;

static const struct snapshot_pod pods[] = {
        {.name = "web-0-a",
         .text = "{\"name\":\"web-0-a\"}",
         .create_rev = 7,
         .known = {.cluster = 0, .rev = 0}},
        {.name = "web-1-a",
         .text = "yaml: \"quotes\"\n",
         .create_rev = 9,
         .held = true,
         .known = {.cluster = UINT64_C(0xfedcba9876543210), .rev = 12}},
};

static void print(struct str *out)
{
	struct snapshot s = {.history = {.cluster = UINT64_C(0x8000000000000001), .rev = 42},
	                     .pods = (struct snapshot_pod *)(uintptr_t)pods,
	                     .n_pods = ELEMENTS(pods)};
	snapshot_print(&s, out);
}

TEST(what_is_written_is_read_back)
{
	_cleanup_str_ struct str text = STR_INIT;
	struct snapshot s;
	struct error err = {0};
	print(&text);
	CHECK_INT(snapshot_parse(str_get(&text), text.len, &arena, &s, &err), 0);
	CHECK(s.history.cluster == UINT64_C(0x8000000000000001));
	CHECK_INT(s.history.rev, 42);
	CHECK_INT(s.n_pods, 2);
	for (size_t i = 0; i < 2; i++) {
		CHECK_STR(s.pods[i].name, pods[i].name);
		CHECK_STR(s.pods[i].text, pods[i].text);
		CHECK_INT(s.pods[i].create_rev, pods[i].create_rev);
		CHECK_INT(s.pods[i].held, pods[i].held);
	}
	/* one that is not held was last seen in the history of the file */
	CHECK(s.pods[0].known.cluster == s.history.cluster && s.pods[0].known.rev == 42);
	CHECK(s.pods[1].known.cluster == pods[1].known.cluster && s.pods[1].known.rev == 12);
	arena_reset(&arena);
}

TEST(a_file_that_was_cut_anywhere_is_empty)
{
	_cleanup_str_ struct str text = STR_INIT;
	print(&text);
	for (size_t len = 0; len < text.len; len++) {
		struct snapshot s;
		struct error err = {0};
		CHECK_INT(snapshot_parse(str_get(&text), len, &arena, &s, &err), -EINVAL);
		CHECK_INT(s.n_pods, 0);
		CHECK(s.history.cluster == 0);
		CHECK(err.text[0]);
		arena_reset(&arena);
	}
}

TEST(what_is_not_understood_is_empty)
{
	static const char *const texts[] = {
	        "[]",
	        "null",
	        "7",
	        "{}",
	        "{\"version\":2,\"pods\":[]}",
	        "{\"version\":\"1\",\"pods\":[]}",
	        "{\"version\":1}",
	        "{\"version\":1,\"pods\":{}}",
	        "{\"version\":1,\"pods\":[7]}",
	        "{\"version\":1,\"pods\":[{\"name\":\"a\"}]}",
	        "{\"version\":1,\"pods\":[{\"text\":\"a\"}]}",
	        "{\"version\":1,\"pods\":[{\"name\":\"\",\"text\":\"a\"}]}",
	        "{\"version\":1,\"pods\":[{\"name\":\"a\",\"text\":\"a\"},{\"name\":1,\"text\":\"a\"}]}",
	};
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct snapshot s;
		struct error err = {0};
		CHECK_INT(snapshot_parse(texts[i], strlen(texts[i]), &arena, &s, &err), -EINVAL);
		CHECK_INT(s.n_pods, 0);
	}
}

/* --- the writer --- */

struct waiting {
	int done, result;
};

static void on_done(void *ctx, int result)
{
	struct waiting *w = ctx;
	w->done++;
	w->result = result;
}

static int write_to(const char *path)
{
	struct loop *loop = loop_new();
	struct waiting w = {0};
	struct snapshot_writer *writer = snapshot_writer_new(loop, path, on_done, &w);
	struct str text = STR_INIT;
	print(&text);
	CHECK_INT(snapshot_write(writer, &text), 0);
	CHECK(snapshot_writer_busy(writer));
	int64_t deadline = loop_now(loop) + 20000;
	while (!w.done && loop_now(loop) < deadline)
		loop_step(loop, 100);
	CHECK_INT(w.done, 1);
	CHECK(!snapshot_writer_busy(writer));
	writer = snapshot_writer_free(writer);
	loop = loop_free(loop);
	return w.result;
}

TEST(written_by_a_thread_and_read_only_by_root)
{
	char dir[] = "/tmp/tug-snapshot-XXXXXX", path[64];
	CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/pods.json", dir);
	struct snapshot s;
	struct error err = {0};
	struct stat st;
	CHECK_INT(snapshot_load(path, &arena, &s, &err), -ENOENT);
	CHECK_INT(write_to(path), 0);
	CHECK_INT(snapshot_load(path, &arena, &s, &err), 0);
	CHECK_INT(s.n_pods, 2);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(dir), 0);
	CHECK(write_to(path) < 0); /* the folder is gone: said, nothing else */
	arena_reset(&arena);
}

TEST(the_end_waits_for_the_write)
{
	char dir[] = "/tmp/tug-snapshot-XXXXXX", path[64];
	CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/pods.json", dir);
	struct loop *loop = loop_new();
	struct waiting w = {0};
	struct snapshot_writer *writer = snapshot_writer_new(loop, path, on_done, &w);
	struct str text = STR_INIT;
	print(&text);
	CHECK_INT(snapshot_write(writer, &text), 0);
	writer = snapshot_writer_free(writer);
	CHECK_INT(w.done, 0);
	CHECK_INT(access(path, R_OK), 0);
	loop = loop_free(loop);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(dir), 0);
}
