/* The multiplexed stream: whatever the cuts between reads, the same bytes come out. */
#include "controllers/runner/engine_docker/frames.h"
#include "core/str.h"
#include "lib/test.h"

static void add_frame(struct str *s, char stream, const char *text)
{
	size_t n = strlen(text);
	const char head[8] = {stream, 0, 0, 0, 0, 0, (char)(n >> 8), (char)n};
	str_add(s, head, sizeof(head));
	str_add(s, text, n);
}

/* Reads data in pieces of `step` bytes. */
static void check_read(const struct str *data, size_t step, const char *out, const char *err)
{
	struct frames f = {0};
	struct str got[2] = {STR_INIT, STR_INIT};
	for (size_t at = 0; at < data->len; at += step) {
		const char *p = data->data + at;
		size_t len = MIN(step, data->len - at);
		struct frame_piece piece;
		while (frames_next(&f, &p, &len, &piece)) {
			CHECK(piece.len > 0);
			CHECK(piece.stream == 1 || piece.stream == 2);
			str_add(&got[piece.stream - 1], piece.data, piece.len);
		}
		CHECK_INT(len, 0);
	}
	CHECK_STR(str_get(&got[0]), out);
	CHECK_STR(str_get(&got[1]), err);
	str_done(&got[0]);
	str_done(&got[1]);
}

TEST(frames_cut_anywhere)
{
	struct str s = STR_INIT;
	add_frame(&s, 1, "hello ");
	add_frame(&s, 2, "oh\n");
	add_frame(&s, 1, "");
	add_frame(&s, 0, "stdin counts as output ");
	add_frame(&s, 1, "world\n");
	for (size_t step = 1; step <= s.len; step++)
		check_read(&s, step, "hello stdin counts as output world\n", "oh\n");
	str_done(&s);
}

TEST(a_frame_that_never_ends)
{
	struct str s = STR_INIT;
	str_add(&s, "\x02\0\0\0\xff\xff\xff\xff", 8);
	str_puts(&s, "some of four gigabytes");
	for (size_t step = 1; step <= s.len; step++)
		check_read(&s, step, "", "some of four gigabytes");
	str_done(&s);
}
