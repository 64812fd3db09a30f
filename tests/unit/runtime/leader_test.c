/* Two candidates, each on a connection of its own, on the store in memory. */
#include "controllers/runtime/leader.h"

#include "lib/store_drive.h"
#include "memory/memory.h"

enum { TTL_MS = 4000 };

struct candidate {
	struct store *s;
	struct leader *l;
	unsigned elected, deposed;
};

struct bench {
	struct loop *loop;
	struct store *s; /* of the test itself */
	struct candidate a, b;
};

static void on_elected(void *ctx)
{
	struct candidate *c = ctx;
	CHECK(leader_is(c->l));
	CHECK_INT(++c->elected, c->deposed + 1);
}

static void on_deposed(void *ctx)
{
	struct candidate *c = ctx;
	CHECK(!leader_is(c->l));
	CHECK_INT(++c->deposed, c->elected);
}

static void stand(struct bench *b, struct candidate *c, const char *identity)
{
	static const struct leader_callbacks cbs = {.on_elected = on_elected, .on_deposed = on_deposed};
	*c = (struct candidate){.s = memory_store_open(b->s)};
	c->l = leader_new(c->s, "/tug", "scheduler", identity, TTL_MS, &cbs, c);
	CHECK(!leader_is(c->l));
	drive_settle(b->loop);
}

static void begin(struct bench *b)
{
	*b = (struct bench){.loop = loop_new()};
	b->s = memory_store_new(b->loop);
	stand(b, &b->a, "n1/1");
	stand(b, &b->b, "n2/2");
	CHECK(leader_is(b->a.l));
	CHECK(!leader_is(b->b.l));
}

static void withdraw(struct candidate *c)
{
	c->l = leader_free(c->l);
	c->s = store_free(c->s);
}

static void end(struct bench *b)
{
	withdraw(&b->a);
	withdraw(&b->b);
	b->s = store_free(b->s);
	b->loop = loop_free(b->loop);
}

/* A write under the fence. */
static enum store_outcome fenced(struct store *s, struct store_if fence)
{
	struct store_then then = {.what = STORE_PUT, .key = "/tug/pods/n1/x", .value = "1", .value_len = 1};
	return drive_txn(s, &(struct store_txn){.ifs = &fence, .n_ifs = 1, .thens = &then, .n_thens = 1},
	                 NULL);
}

TEST(the_first_one_leads_and_the_key_says_who)
{
	struct bench b;
	begin(&b);
	CHECK_LIST(b.s, "/tug/leader/", "/tug/leader/scheduler=n1/1@2 ");
	CHECK_INT(fenced(b.a.s, leader_fence(b.a.l)), STORE_OK);
	CHECK_INT(leader_fence(b.a.l).rev, 2);
	end(&b);
}

TEST(a_leader_that_is_cut_off_is_succeeded_and_fenced)
{
	struct bench b;
	begin(&b);
	struct store_if old = leader_fence(b.a.l);
	CHECK_STR(old.key, "/tug/leader/scheduler");
	memory_store_cut(b.a.s, true);
	memory_store_advance(b.s, TTL_MS);
	UNTIL(b.loop, b.a.deposed == 1); /* by its own clock */
	UNTIL(b.loop, b.b.elected == 1);
	CHECK(!leader_is(b.a.l));
	CHECK_INT(fenced(b.b.s, leader_fence(b.b.l)), STORE_OK);
	memory_store_cut(b.a.s, false);
	CHECK_INT(fenced(b.a.s, (struct store_if){STORE_IF_CREATE_REV, "/tug/leader/scheduler", old.rev}),
	          STORE_E_CONFLICT);
	drive_settle(b.loop);
	CHECK(!leader_is(b.a.l)); /* back, and in the second row */
	CHECK(leader_is(b.b.l));
	withdraw(&b.b);
	UNTIL(b.loop, b.a.elected == 2);
	b.b.s = memory_store_open(b.s);
	end(&b);
}

/* What a candidate that waits does when the key goes: one transaction, nothing else. */
TEST(succession_takes_one_round_trip)
{
	struct bench b;
	begin(&b);
	struct memory_counts before = memory_store_counts(b.b.s);
	b.a.l = leader_free(b.a.l);
	UNTIL(b.loop, b.b.elected == 1);
	CHECK_INT(memory_store_counts(b.b.s).txns - before.txns, 1);
	CHECK_INT(memory_store_counts(b.b.s).ranges - before.ranges, 0);
	CHECK_INT(memory_store_counts(b.b.s).watches - before.watches, 0);
	end(&b);
}

TEST(a_short_cut_changes_nothing)
{
	struct bench b;
	begin(&b);
	memory_store_cut(b.a.s, true);
	memory_store_advance(b.s, TTL_MS / 2);
	drive_settle(b.loop);
	memory_store_cut(b.a.s, false);
	drive_settle(b.loop);
	memory_store_advance(b.s, TTL_MS / 2 + 100);
	drive_settle(b.loop);
	CHECK(leader_is(b.a.l));
	CHECK_INT(b.a.deposed, 0);
	CHECK_INT(b.b.elected, 0);
	end(&b);
}

TEST(the_key_deleted_by_hand_deposes)
{
	struct bench b;
	begin(&b);
	struct store_if old = leader_fence(b.a.l);
	(void)drive_delete(b.s, "/tug/leader/scheduler");
	UNTIL(b.loop, b.a.deposed == 1);
	UNTIL(b.loop, leader_is(b.a.l) || leader_is(b.b.l));
	drive_settle(b.loop);
	CHECK(leader_is(b.a.l) != leader_is(b.b.l));
	CHECK_INT(fenced(b.s, old), STORE_E_CONFLICT);
	end(&b);
}

TEST(the_key_overwritten_by_hand_is_still_the_leaders)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.s, "/tug/leader/scheduler", "vandal");
	drive_settle(b.loop);
	CHECK(leader_is(b.a.l));
	CHECK_INT(fenced(b.a.s, leader_fence(b.a.l)), STORE_OK);
	end(&b);
}

TEST(the_lease_revoked_by_the_server)
{
	struct bench b;
	begin(&b);
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/tug/leader/scheduler", false, 1);
	/* the first lease of the database is the first candidate's */
	memory_store_expire(b.s, (INT64_C(1) << 40) + 1);
	UNTIL(b.loop, b.a.deposed == 1 && (b.a.elected == 2 || b.b.elected == 1));
	CHECK_HAS(str_get(&w.text), "del /tug/leader/scheduler@3");
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(won_although_the_reply_was_lost)
{
	struct bench b = {.loop = loop_new()};
	b.s = memory_store_new(b.loop);
	b.b.s = memory_store_open(b.s);
	struct store *s = memory_store_open(b.s);
	memory_store_fail_txns(s, 1, STORE_E_UNKNOWN, true); /* the store repeats it, which conflicts */
	static const struct leader_callbacks cbs = {.on_elected = on_elected, .on_deposed = on_deposed};
	b.a = (struct candidate){.s = s};
	b.a.l = leader_new(s, "/tug", "scheduler", "n1/1", TTL_MS, &cbs, &b.a);
	UNTIL(b.loop, b.a.elected == 1);
	CHECK_INT(fenced(b.a.s, leader_fence(b.a.l)), STORE_OK);
	end(&b);
}

TEST(faults_are_tried_again)
{
	struct bench b;
	begin(&b);
	memory_store_fail_txns(b.b.s, 1, STORE_E_NO_SPACE, false);
	b.a.l = leader_free(b.a.l);
	UNTIL(b.loop, b.b.elected == 1);
	end(&b);
}

TEST(a_store_of_another_cluster_has_to_be_won_anew)
{
	struct bench b;
	begin(&b);
	memory_store_replace(b.s);
	UNTIL(b.loop, b.a.deposed == 1);
	UNTIL(b.loop, leader_is(b.a.l) || leader_is(b.b.l));
	drive_settle(b.loop);
	CHECK(leader_is(b.a.l) != leader_is(b.b.l));
	struct candidate *c = leader_is(b.a.l) ? &b.a : &b.b;
	CHECK_INT(fenced(c->s, leader_fence(c->l)), STORE_OK);
	end(&b);
}

TEST(a_store_that_went_back_to_before_the_election)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.s, "/tug/x", "1");
	memory_store_restore(b.s, 1);
	UNTIL(b.loop, b.a.deposed == 1);
	UNTIL(b.loop, leader_is(b.a.l) || leader_is(b.b.l));
	drive_settle(b.loop);
	CHECK(leader_is(b.a.l) != leader_is(b.b.l));
	end(&b);
}

TEST(compaction_hides_a_succession_from_nobody)
{
	struct bench b;
	begin(&b);
	memory_store_hold_events(b.b.s, true);
	b.a.l = leader_free(b.a.l);
	drive_settle(b.loop);
	(void)drive_put(b.s, "/tug/x", "1");
	memory_store_compact(b.s, 0);
	memory_store_hold_events(b.b.s, false);
	UNTIL(b.loop, b.b.elected == 1);
	end(&b);
}

TEST(the_end_comes_at_any_time)
{
	static const struct leader_callbacks cbs = {.on_elected = on_elected, .on_deposed = on_deposed};
	for (int rounds = 0; rounds < 6; rounds++) {
		struct loop *loop = loop_new();
		struct candidate c = {.s = memory_store_new(loop)};
		c.l = leader_new(c.s, "/tug", "scheduler", "n1/1", TTL_MS, &cbs, &c);
		for (int i = 0; i < rounds; i++)
			loop_step(loop, 0);
		withdraw(&c);
		loop = loop_free(loop);
	}
}
