/* The machine's record, on the store in memory. */
#include "controllers/up/register.h"

#include "lib/store_drive.h"
#include "memory/memory.h"

#define KEY "/tug/nodes/n1"

struct bench {
	struct loop *loop;
	struct store *s, *other; /* the registration's connection; the test's own */
	struct registration *r;
	unsigned done, states;
	const char *why_not;
};

static const struct options options = {.node = (char *)(uintptr_t) "n1",
                                       .prefix = (char *)(uintptr_t) "/tug",
                                       .zone = (char *)(uintptr_t) "z1"};

static void on_done(void *ctx, const char *why_not)
{
	struct bench *b = ctx;
	b->done++;
	b->why_not = why_not;
}

static void on_state(void *ctx, enum store_state state _unused_, const char *text _unused_)
{
	struct bench *b = ctx;
	b->states++;
}

static void begin(struct bench *b)
{
	*b = (struct bench){.loop = loop_new()};
	b->other = memory_store_new(b->loop);
	b->s = memory_store_open(b->other);
	b->s->on_state = on_state;
	b->s->on_state_ctx = b;
}

static void registers(struct bench *b)
{
	b->r = registration_new(b->s, &options, on_done, b);
	drive_settle(b->loop);
}

static void end(struct bench *b)
{
	b->r = registration_free(b->r);
	CHECK(b->s->on_state == on_state);
	b->s = store_free(b->s);
	b->other = store_free(b->other);
	b->loop = loop_free(b->loop);
}

static bool there(const struct bench *b)
{
	struct store_range range;
	CHECK_INT(memory_store_peek(b->other, &(struct store_range_request){.key = KEY}, &range), STORE_OK);
	bool found = range.count == 1 && strstr(range.kvs[0].value, "\"zone\":\"z1\"");
	free((void *)(uintptr_t)range.kvs);
	return found;
}

static void put(struct bench *b, const char *value)
{
	struct store_then then = {.what = value ? STORE_PUT : STORE_DELETE,
	                          .key = KEY,
	                          .value = value,
	                          .value_len = value ? strlen(value) : 0};
	CHECK_INT(memory_store_apply(b->other, &(struct store_txn){.thens = &then, .n_thens = 1}), STORE_OK);
	drive_settle(b->loop);
}

static void reconnect(struct bench *b)
{
	memory_store_cut(b->s, true);
	drive_settle(b->loop);
	memory_store_cut(b->s, false);
	drive_settle(b->loop);
}

TEST(it_is_made_once_and_what_people_changed_is_kept)
{
	struct bench b;
	begin(&b);
	put(&b, "{\"kind\":\"node\",\"name\":\"n1\",\"state\":\"inactive\",\"address\":\"10.0.0.9\"}");
	registers(&b);
	CHECK_INT(b.done, 1);
	CHECK(!b.why_not);
	CHECK(there(&b));
	int64_t rev = memory_store_revision(b.other);
	b.r = registration_free(b.r);
	registers(&b);
	CHECK_INT(b.done, 2);
	CHECK_INT(memory_store_revision(b.other), rev);
	struct store_range range;
	CHECK_INT(memory_store_peek(b.other, &(struct store_range_request){.key = KEY}, &range), STORE_OK);
	CHECK_HAS(range.kvs[0].value, "inactive");
	CHECK_HAS(range.kvs[0].value, "10.0.0.9");
	free((void *)(uintptr_t)range.kvs);
	end(&b);
}

TEST(another_store_gets_it_too)
{
	struct bench b;
	begin(&b);
	registers(&b);
	CHECK(there(&b));
	memory_store_replace(b.other);
	drive_settle(b.loop);
	CHECK(there(&b));
	CHECK_INT(b.done, 2);
	CHECK(b.states > 0);
	end(&b);
}

TEST(a_state_from_before_it_was_registered_gets_it_too)
{
	struct bench b;
	begin(&b);
	int64_t before = memory_store_revision(b.other);
	registers(&b);
	memory_store_restore(b.other, before);
	drive_settle(b.loop);
	CHECK(there(&b));
	end(&b);
}

TEST(what_people_deleted_stays_deleted)
{
	struct bench b;
	begin(&b);
	registers(&b);
	put(&b, NULL);
	reconnect(&b);
	CHECK(!there(&b));
	int64_t deleted = memory_store_revision(b.other);
	put(&b, "{\"kind\":\"node\",\"name\":\"somebody\"}");
	memory_store_restore(b.other, deleted); /* older, but not older than the registration */
	drive_settle(b.loop);
	CHECK(!there(&b));
	CHECK_INT(b.done, 1);
	end(&b);
}

TEST(a_store_that_is_away_is_waited_for)
{
	struct bench b;
	begin(&b);
	memory_store_fail_ranges(b.s, 1, STORE_E_UNAVAILABLE);
	memory_store_fail_txns(b.s, 1, STORE_E_UNKNOWN, true);
	registers(&b);
	UNTIL(b.loop, b.done > 0);
	CHECK(!b.why_not);
	CHECK(there(&b));
	end(&b);
}

TEST(another_machine_of_that_name_is_not_taken_over)
{
	struct bench b;
	begin(&b);
	put(&b, "{\"kind\":\"node\",\"name\":\"n1\",\"machineId\":\"00000000000000000000000000000001\"}");
	registers(&b);
	CHECK_INT(b.done, 1);
	CHECK_HAS(b.why_not, "another machine");
	CHECK(!there(&b));
	end(&b);
}
