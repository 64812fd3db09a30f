#include "controllers/runtime/events.h"

#include "core/clock.h"
#include "core/limits.h"
#include "kind/event.h"
#include "lib/store_drive.h"
#include "memory/memory.h"

struct bench {
	struct loop *loop;
	struct store *s, *other;
	struct events *e;
	size_t count; /* of the last read */
	char keys[200][128];
	int64_t leases[200];
	void *objects[200];
};

static void begin(struct bench *b)
{
	*b = (struct bench){.loop = loop_new()};
	b->s = memory_store_new(b->loop);
	b->other = memory_store_open(b->s);
	b->e = events_new(b->s, "/tug", "runner", "n1");
	drive_settle(b->loop);
}

static void forget(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		b->objects[i] = kind_free(&kind_event, b->objects[i]);
	b->count = 0;
}

static void on_read(void *ctx, enum store_outcome outcome, const struct store_range *range,
                    const struct error *err _unused_)
{
	struct bench *b = ctx;
	CHECK_INT(outcome, STORE_OK);
	forget(b);
	for (size_t i = 0; i < range->count; i++) {
		const struct store_kv *kv = &range->kvs[i];
		(void)snprintf(b->keys[i], sizeof(b->keys[i]), "%s", str_after(kv->key, "/tug/"));
		b->leases[i] = kv->lease;
		struct error bad = {0};
		int r = kind_parse_stored(&kind_event, b->keys[i], kv->value, kv->value_len, &b->objects[i],
		                          &bad);
		CHECK_STR(bad.text, "");
		CHECK_INT(r, 0);
	}
	b->count = range->count;
}

/* Reads all events once everything that was added is written. */
static size_t events_read(struct bench *b)
{
	drive_settle(b->loop);
	struct store_range_request req = {.key = "/tug/events/", .prefix = true};
	(void)store_range(b->other, &req, on_read, b);
	drive_settle(b->loop);
	return b->count;
}

static const struct event *event_of(const struct bench *b, size_t i)
{
	return b->objects[i];
}

static void end(struct bench *b)
{
	forget(b);
	b->e = events_free(b->e);
	b->s = store_free(b->s);
	b->other = store_free(b->other);
	b->loop = loop_free(b->loop);
}

TEST(an_event_says_everything)
{
	struct bench b;
	begin(&b);
	int64_t before = clock_wall_ms();
	events_add(b.e, true, "pod/default/web-0-1a2b3c", "BackOff", "exit code %d", 7);
	CHECK_INT(events_read(&b), 1);
	const struct event *e = event_of(&b, 0);
	CHECK_STR(e->type, "Warning");
	CHECK_STR(e->object, "pod/default/web-0-1a2b3c");
	CHECK_STR(e->reason, "BackOff");
	CHECK_STR(e->message, "exit code 7");
	CHECK_STR(e->role, "runner");
	CHECK_STR(e->node, "n1");
	CHECK(e->at >= before && e->at <= clock_wall_ms());
	char want[64];
	(void)snprintf(want, sizeof(want), "events/%013" PRId64 "-runner-", e->at);
	CHECK(str_after(b.keys[0], want));
	CHECK(b.leases[0] != 0);
	end(&b);
}

TEST(one_turn_is_one_transaction_and_a_lease_is_shared)
{
	struct bench b;
	begin(&b);
	for (int i = 0; i < 10; i++)
		events_add(b.e, false, "node/n1", "Ready", "number %d", i);
	CHECK_INT(events_read(&b), 10);
	CHECK_INT(memory_store_counts(b.s).txns, 1);
	events_add(b.e, false, "node/n1", "Ready", "one more");
	CHECK_INT(events_read(&b), 11);
	CHECK_INT(memory_store_counts(b.s).leases, 1);
	for (size_t i = 0; i < 11; i++)
		CHECK_INT(b.leases[i], b.leases[0]);
	CHECK_STR(event_of(&b, 0)->type, "Normal");
	end(&b);
}

TEST(the_same_again_is_not_written)
{
	struct bench b;
	begin(&b);
	events_add(b.e, false, "node/n1", "Ready", "a");
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 1);
	events_add(b.e, false, "node/n1", "Ready", "%s", "a");
	events_add(b.e, false, "node/n2", "Ready", "a");
	events_add(b.e, false, "node/n1", "NotReady", "a");
	events_add(b.e, false, "node/n1", "Ready", "b");
	CHECK_INT(events_read(&b), 4);
	end(&b);
}

TEST(events_run_out_with_their_lease)
{
	struct bench b;
	begin(&b);
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 1);
	memory_store_advance(b.s, 3500000);
	CHECK_INT(events_read(&b), 1);
	memory_store_advance(b.s, 100000);
	CHECK_INT(events_read(&b), 0);
	end(&b);
}

TEST(events_stay_when_their_writer_ends)
{
	struct bench b;
	begin(&b);
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 1);
	b.e = events_free(b.e);
	CHECK_INT(events_read(&b), 1);
	end(&b);
}

TEST(leases_take_events_for_ten_minutes)
{
	CHECK(!events_lease_is_full(5000, 5000));
	CHECK(!events_lease_is_full(5000, 604999));
	CHECK(events_lease_is_full(5000, 605000));
}

TEST(a_lease_that_went_is_replaced)
{
	struct bench b;
	begin(&b);
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 1);
	memory_store_expire(b.s, b.leases[0]);
	events_add(b.e, false, "node/n1", "Ready", "refused with the lease, written with the next");
	CHECK_INT(events_read(&b), 1);
	CHECK_STR(event_of(&b, 0)->message, "refused with the lease, written with the next");
	events_add(b.e, false, "node/n1", "Ready", "c");
	CHECK_INT(events_read(&b), 2);
	end(&b);
}

TEST(what_two_leases_do_not_carry_is_dropped)
{
	struct bench b;
	begin(&b);
	memory_store_fail_txns(b.s, 2, STORE_E_NO_LEASE, false);
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 0);
	events_add(b.e, false, "node/n1", "Ready", "b");
	CHECK_INT(events_read(&b), 1);
	CHECK_STR(event_of(&b, 0)->message, "b");
	end(&b);
}

TEST(what_cannot_be_written_is_dropped)
{
	struct bench b;
	begin(&b);
	memory_store_fail_txns(b.s, 1, STORE_E_NO_SPACE, false);
	events_add(b.e, false, "node/n1", "Ready", "a");
	CHECK_INT(events_read(&b), 0);
	events_add(b.e, false, "node/n1", "Ready", "b");
	CHECK_INT(events_read(&b), 1);
	CHECK_STR(event_of(&b, 0)->message, "b");
	end(&b);
}

TEST(what_waits_is_bounded)
{
	struct bench b;
	begin(&b);
	memory_store_cut(b.s, true);
	for (int i = 0; i < 1000; i++)
		events_add(b.e, false, "node/n1", "Ready", "number %d", i);
	drive_settle(b.loop);
	memory_store_cut(b.s, false);
	CHECK_INT(events_read(&b), LIMIT_TXN_OPS);
	end(&b);
}

TEST(any_text)
{
	struct bench b;
	begin(&b);
	static char lengthy[20000];
	for (size_t i = 0; i + 2 < sizeof(lengthy); i += 2)
		memcpy(lengthy + i, "\xc3\xa4", 2); /* cut in the middle of one of them */
	events_add(b.e, false, "node/n1", "Ready", "x%s", lengthy);
	events_add(b.e, false, "node/n1", "Ready", "bad \xff\x01 \"quoted\"\n");
	events_add(b.e, false, "node/n1", "Ready",
	           "\xff"
	           "b");
	events_add(b.e, false, "node/n1", "Ready", "%s", "");
	CHECK_INT(events_read(&b), 4);
	CHECK_STR(event_of(&b, 2)->message, "?b");
	for (size_t i = 0; i < 2; i++) {
		const char *m = event_of(&b, i)->message;
		CHECK(str_is_utf8(m, strlen(m)));
		if (*m == 'x')
			CHECK(strlen(m) >= LIMIT_MESSAGE - 4);
		else
			CHECK_STR(m, "bad ?\x01 \"quoted\"\n");
	}
	end(&b);
}

TEST(the_end_comes_while_something_waits)
{
	struct bench b;
	begin(&b);
	events_add(b.e, false, "node/n1", "Ready", "never written");
	end(&b);
}
