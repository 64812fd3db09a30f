/* The work queue on a real loop. Nothing here measures time: delays are tested where they are computed. */
#include "controllers/runtime/queue.h"

#include "core/str.h"
#include "lib/test.h"

struct bench {
	struct loop *loop;
	struct queue *q;
	struct str seen; /* keys in the order in which they were handled */
	enum queue_result say;
	void (*inside)(struct bench *b, const char *key); /* what the handler does beside; may be NULL */
	unsigned handled;
};

static enum queue_result handle(void *ctx, const char *key)
{
	struct bench *b = ctx;
	str_printf(&b->seen, "%s ", key);
	b->handled++;
	if (b->inside)
		b->inside(b, key);
	return b->say;
}

static void begin(struct bench *b, unsigned per_turn)
{
	*b = (struct bench){.loop = loop_new()};
	b->q = queue_new(b->loop, per_turn, handle, b);
}

static void end(struct bench *b)
{
	b->q = queue_free(b->q);
	b->loop = loop_free(b->loop);
	str_done(&b->seen);
}

/* Waits for events until n handlers ran since the start. */
static void until(struct bench *b, unsigned n)
{
	int64_t deadline = loop_now(b->loop) + 20000;
	while (b->handled < n) {
		CHECK(loop_now(b->loop) < deadline);
		loop_step(b->loop, 1000);
	}
	CHECK_INT(b->handled, n);
}

TEST(keys_collapse_and_keep_their_order)
{
	struct bench b;
	begin(&b, 10);
	queue_add(b.q, "b");
	queue_add(b.q, "a");
	queue_add(b.q, "b");
	CHECK_INT(queue_length(b.q), 2);
	CHECK_STR(str_get(&b.seen), ""); /* nothing from inside */
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "b a ");
	CHECK_INT(queue_length(b.q), 0);
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 2);
	end(&b);
}

TEST(a_turn_is_bounded)
{
	struct bench b;
	begin(&b, 3);
	char key[16];
	for (int i = 0; i < 7; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		queue_add(b.q, key);
	}
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 3);
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 6);
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "k0 k1 k2 k3 k4 k5 k6 ");
	end(&b);
}

static void add_itself_twice(struct bench *b, const char *key)
{
	if (b->handled == 1) {
		queue_add(b->q, key);
		queue_add(b->q, key);
	}
}

TEST(a_key_added_while_it_is_handled_runs_again)
{
	struct bench b;
	begin(&b, 10);
	b.inside = add_itself_twice;
	queue_add(b.q, "a");
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 1);
	CHECK_INT(queue_length(b.q), 1);
	loop_step(b.loop, 0);
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 2);
	end(&b);
}

TEST(again_means_the_next_turn_and_others_go_first)
{
	struct bench b;
	begin(&b, 10);
	b.say = QUEUE_AGAIN;
	queue_add(b.q, "a");
	queue_add(b.q, "b");
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "a b ");
	b.say = QUEUE_DONE;
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "a b a b ");
	end(&b);
}

TEST(again_without_end_becomes_a_delay)
{
	struct bench b;
	begin(&b, 10);
	b.say = QUEUE_AGAIN;
	queue_add(b.q, "a");
	for (int i = 0; i < 20; i++)
		loop_step(b.loop, 0);
	CHECK_INT(b.handled, 10);
	b.say = QUEUE_DONE;
	until(&b, 11);
	end(&b);
}

TEST(retry_comes_back_by_itself_or_at_once_when_added)
{
	struct bench b;
	begin(&b, 10);
	b.say = QUEUE_RETRY;
	queue_add(b.q, "a");
	loop_step(b.loop, 0);
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 1); /* not before its delay */
	until(&b, 2);
	queue_add(b.q, "a"); /* a change does not wait for the back-off */
	b.say = QUEUE_DONE;
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 3);
	/* and the wake-up of the back-off is gone with it */
	queue_at(b.q, "z", loop_now(b.loop) + 500);
	until(&b, 4);
	CHECK_STR(str_get(&b.seen), "a a a z ");
	end(&b);
}

TEST(wake_ups_run_in_order_of_their_time)
{
	struct bench b;
	begin(&b, 10);
	int64_t now = loop_now(b.loop);
	char key[16];
	for (int i = 0; i < 50; i++) {
		int at = i * 37 % 50;
		(void)snprintf(key, sizeof(key), "%02d", at);
		queue_at(b.q, key, now + 20 + at);
	}
	until(&b, 50);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "%02d ", i);
		CHECK(memcmp(str_get(&b.seen) + 3 * i, key, 3) == 0);
	}
	end(&b);
}

TEST(an_earlier_wake_up_stands_and_zero_forgets)
{
	struct bench b;
	begin(&b, 10);
	int64_t now = loop_now(b.loop);
	queue_at(b.q, "a", now + 10);
	queue_at(b.q, "a", now + 3600000);
	until(&b, 1);
	queue_at(b.q, "a", now + 3600000);
	queue_at(b.q, "a", now + 30);
	until(&b, 2);
	queue_at(b.q, "never", now + 10);
	queue_at(b.q, "never", 0);
	queue_at(b.q, "unknown", 0);
	queue_at(b.q, "b", now - 5); /* past: as soon as possible */
	until(&b, 3);
	CHECK_STR(str_get(&b.seen), "a a b ");
	end(&b);
}

static void wake_in_an_hour(struct bench *b, const char *key)
{
	queue_at(b->q, key, loop_now(b->loop) + 3600000);
}

TEST(a_run_clears_the_wake_up_that_it_anticipates)
{
	struct bench b;
	begin(&b, 10);
	queue_at(b.q, "a", loop_now(b.loop) + 30);
	queue_add(b.q, "a");
	b.inside = wake_in_an_hour;
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 1);
	b.inside = NULL;
	queue_at(b.q, "z", loop_now(b.loop) + 60);
	until(&b, 2);
	CHECK_STR(str_get(&b.seen), "a z ");
	end(&b);
}

TEST(pause_collects)
{
	struct bench b;
	begin(&b, 10);
	queue_pause(b.q, true);
	queue_add(b.q, "a");
	queue_at(b.q, "b", loop_now(b.loop) + 1);
	int64_t deadline = loop_now(b.loop) + 20000;
	while (queue_length(b.q) < 2) {
		CHECK(loop_now(b.loop) < deadline);
		loop_step(b.loop, 100);
	}
	CHECK_INT(b.handled, 0);
	queue_pause(b.q, false);
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "a b ");
	end(&b);
}

static void pause_inside(struct bench *b, const char *key _unused_)
{
	queue_pause(b->q, true);
}

TEST(pause_from_inside_stops_the_turn)
{
	struct bench b;
	begin(&b, 10);
	b.inside = pause_inside;
	queue_add(b.q, "a");
	queue_add(b.q, "b");
	loop_step(b.loop, 0);
	loop_step(b.loop, 0);
	CHECK_STR(str_get(&b.seen), "a ");
	CHECK_INT(queue_length(b.q), 1);
	end(&b);
}

static void forget_both(struct bench *b, const char *key _unused_)
{
	queue_forget(b->q, "a");
	queue_forget(b->q, "b");
}

TEST(forget)
{
	struct bench b;
	begin(&b, 10);
	queue_add(b.q, "x");
	queue_at(b.q, "y", loop_now(b.loop) + 1);
	queue_retry(b.q, "z");
	queue_forget(b.q, "x");
	queue_forget(b.q, "y");
	queue_forget(b.q, "z");
	queue_forget(b.q, "unknown");
	CHECK_INT(queue_length(b.q), 0);
	b.inside = forget_both;
	queue_add(b.q, "a");
	queue_add(b.q, "b");
	queue_at(b.q, "last", loop_now(b.loop) + 200);
	until(&b, 2);
	CHECK_STR(str_get(&b.seen), "a last ");
	end(&b);
}

static void retry_inside(struct bench *b, const char *key)
{
	if (b->handled == 1)
		queue_retry(b->q, key);
}

TEST(retry_from_inside_counts_even_when_the_handler_is_done)
{
	struct bench b;
	begin(&b, 10);
	b.inside = retry_inside;
	queue_add(b.q, "a");
	loop_step(b.loop, 0);
	CHECK_INT(b.handled, 1);
	until(&b, 2);
	end(&b);
}

/* A handler that only begins an action says DONE; the action's failures must still be spaced out. */
TEST(failures_that_show_later_make_a_series)
{
	struct bench b;
	begin(&b, 10);
	int64_t started = loop_now(b.loop);
	queue_add(b.q, "a");
	for (unsigned i = 1; i <= 3; i++) {
		until(&b, i);
		queue_retry(b.q, "a");
	}
	until(&b, 4);
	/* at least 80 + 160 + 320 ms by the lower bounds, where three first delays would at most make 360 */
	CHECK(loop_now(b.loop) - started >= 560);
	end(&b);
}

TEST(backoff_is_pure_bounded_and_jittered)
{
	CHECK_INT(queue_backoff_ms(0, 0.0), 80);
	CHECK_INT(queue_backoff_ms(0, 0.5), 100);
	CHECK_INT(queue_backoff_ms(1, 0.5), 200);
	CHECK_INT(queue_backoff_ms(5, 0.5), 3200);
	CHECK_INT(queue_backoff_ms(8, 0.5), 25600);
	CHECK_INT(queue_backoff_ms(9, 0.5), 30000);
	CHECK_INT(queue_backoff_ms(UINT32_MAX, 0.5), 30000);
	CHECK_INT(queue_backoff_ms(9, 0.0), 24000);
	for (unsigned i = 0; i < 20; i++) {
		CHECK(queue_backoff_ms(i, 0.999999) <= 36000);
		CHECK(queue_backoff_ms(i, 0.0) < queue_backoff_ms(i, 0.999999));
	}
}

TEST(ten_thousand_keys)
{
	struct bench b;
	begin(&b, 1000);
	char key[32];
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 10000; i++) {
			(void)snprintf(key, sizeof(key), "default/web-%d", i);
			queue_add(b.q, key);
			queue_at(b.q, key, loop_now(b.loop) + 60000 + i * 7919 % 10000);
		}
	CHECK_INT(queue_length(b.q), 10000);
	until(&b, 10000);
	queue_at(b.q, "last", loop_now(b.loop) + 1);
	until(&b, 10001);
	end(&b);
}
