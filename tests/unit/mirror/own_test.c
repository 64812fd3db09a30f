/* A mirror whose owner writes too, lists that fail or are large, and the end. */
#include "bench.h"

TEST(own_put_then_its_event)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	memory_store_hold_events(b.s, true);
	int64_t rev = drive_put(b.s, "/tug/a", "2");
	mirror_wrote(b.m, "a", "2", 1, rev);
	CHECK_COPY(&b, "", "a=2 ");
	CHECK_INT(mirror_get(b.m, "a")->mod_rev, rev);
	CHECK_INT(mirror_get(b.m, "a")->create_rev, 2);
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "");
	(void)drive_put(b.other, "/tug/a", "3");
	CHECK_SEEN(&b, "~a=2>3 ");
	end(&b);
}

TEST(own_put_after_its_event)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, all);
	int64_t rev = drive_put(b.s, "/tug/a", "1");
	CHECK_SEEN(&b, "+a=1 ");
	(void)drive_put(b.other, "/tug/a", "2");
	CHECK_SEEN(&b, "~a=1>2 ");
	mirror_wrote(b.m, "a", "1", 1, rev); /* the completion comes last */
	CHECK_COPY(&b, "", "a=2 ");
	(void)drive_delete(b.other, "/tug/a");
	CHECK_SEEN(&b, "-a ");
	mirror_wrote(b.m, "a", "1", 1, rev);
	CHECK_COPY(&b, "", "");
	end(&b);
}

TEST(own_put_and_a_foreign_one_on_its_way)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, all);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/tug/a", "foreign before");
	int64_t rev = drive_put(b.s, "/tug/a", "own");
	mirror_wrote(b.m, "a", "own", 3, rev);
	(void)drive_put(b.other, "/tug/a", "foreign after");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "~a=own>foreign after ");
	CHECK_INT(mirror_get(b.m, "a")->create_rev, rev - 1);
	end(&b);
}

TEST(own_delete_then_older_and_newer_events)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/tug/a", "2"); /* its event is still on the way */
	int64_t rev = drive_delete(b.s, "/tug/a");
	mirror_wrote(b.m, "a", NULL, 0, rev);
	CHECK_COPY(&b, "", "");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "");
	(void)drive_put(b.other, "/tug/a", "3");
	CHECK_SEEN(&b, "+a=3 ");
	/* deleted and at once made again by somebody else */
	memory_store_hold_events(b.s, true);
	rev = drive_delete(b.s, "/tug/a");
	mirror_wrote(b.m, "a", NULL, 0, rev);
	(void)drive_put(b.other, "/tug/a", "4");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "+a=4 ");
	end(&b);
}

TEST(own_delete_completes_after_the_key_was_made_again)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	int64_t rev = drive_delete(b.s, "/tug/a");
	(void)drive_put(b.other, "/tug/a", "2");
	CHECK_SEEN(&b, "-a +a=2 ");
	mirror_wrote(b.m, "a", NULL, 0, rev);
	CHECK_COPY(&b, "", "a=2 ");
	end(&b);
}

TEST(own_writes_while_a_list_is_under_way)
{
	struct bench b;
	begin(&b);
	char key[32];
	for (int i = 0; i < 8500; i++) { /* nine pages */
		(void)snprintf(key, sizeof(key), "/tug/k%04d", i);
		(void)drive_put(b.other, key, "1");
	}
	mirror_begin(&b, all);
	uint64_t ranges = memory_store_counts(b.s).ranges;
	memory_store_hold_events(b.s, true);
	mirror_check(b.m);
	UNTIL(b.loop, memory_store_counts(b.s).ranges == ranges + 1);
	int64_t rev = drive_delete(b.other, "/tug/k8400");
	mirror_wrote(b.m, "k8400", NULL, 0, rev);
	rev = drive_put(b.other, "/tug/k8401", "own");
	mirror_wrote(b.m, "k8401", "own", 3, rev);
	rev = drive_put(b.other, "/tug/new", "own");
	mirror_wrote(b.m, "new", "own", 3, rev);
	UNTIL(b.loop, memory_store_counts(b.s).ranges >= ranges + 9);
	CHECK_SEEN(&b, "");
	CHECK(!mirror_get(b.m, "k8400"));
	CHECK_STR(mirror_get(b.m, "k8401")->value, "own");
	CHECK_STR(mirror_get(b.m, "new")->value, "own");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "");
	CHECK_INT(mirror_count(b.m), 8500);
	end(&b);
}

TEST(events_while_a_list_is_under_way)
{
	struct bench b;
	begin(&b);
	char key[32];
	for (int i = 0; i < 8500; i++) {
		(void)snprintf(key, sizeof(key), "/tug/k%04d", i);
		(void)drive_put(b.other, key, "1");
	}
	mirror_begin(&b, all);
	/* an event that was lost is in the list only; others come between its pages */
	memory_store_lose_events(b.s, 1);
	(void)drive_put(b.other, "/tug/k8000", "lost");
	drive_settle(b.loop);
	uint64_t ranges = memory_store_counts(b.s).ranges;
	mirror_check(b.m);
	UNTIL(b.loop, memory_store_counts(b.s).ranges == ranges + 1);
	(void)drive_delete(b.other, "/tug/k8100");
	(void)drive_put(b.other, "/tug/k8200", "2");
	(void)drive_put(b.other, "/tug/new", "1");
	drive_settle(b.loop);
	CHECK_STR(str_get(&b.seen), "-k8100 ~k8200=1>2 +new=1 ~k8000=1>lost ");
	CHECK_INT(mirror_count(b.m), 8500);
	end(&b);
}

TEST(writes_before_the_first_list_is_in)
{
	struct bench b;
	begin(&b);
	drive_settle(b.loop);
	b.m = mirror_new(b.s, "/tug/", all, false, &callbacks, &b);
	memory_store_hold_events(b.s, true);
	int64_t rev = drive_put(b.other, "/tug/a", "1");
	mirror_wrote(b.m, "a", "1", 1, rev);
	UNTIL(b.loop, b.synced);
	CHECK_COPY(&b, "", "a=1 ");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "");
	end(&b);
}

TEST(writes_outside_the_prefixes_are_ignored)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, two);
	mirror_wrote(b.m, "status/pods/n1/a", "1", 1, 5);
	CHECK_INT(mirror_count(b.m), 0);
	end(&b);
}

TEST(a_store_that_is_away_at_first)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	memory_store_cut(b.s, true);
	b.m = mirror_new(b.s, "/tug", all, false, &callbacks, &b);
	drive_settle(b.loop);
	for (int i = 0; i < 3; i++) {
		memory_store_advance(b.s, 5000);
		drive_settle(b.loop);
	}
	CHECK_INT(b.synced, 0);
	memory_store_cut(b.s, false);
	UNTIL(b.loop, b.synced);
	CHECK_COPY(&b, "", "a=1 ");
	end(&b);
}

TEST(reads_that_fail_are_tried_again)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	memory_store_fail_ranges(b.s, 2, STORE_E_INTERNAL);
	mirror_begin(&b, all);
	CHECK_COPY(&b, "", "a=1 ");
	CHECK_INT(memory_store_counts(b.s).ranges, 3);
	end(&b);
}

TEST(pages_shrink_when_a_reply_is_too_large)
{
	struct bench b;
	begin(&b);
	char key[32];
	for (int i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "/tug/k%04d", i);
		(void)drive_put(b.other, key, "1");
	}
	memory_store_fail_ranges(b.s, 1, STORE_E_TOO_LARGE);
	mirror_begin(&b, all);
	CHECK_INT(mirror_count(b.m), 300);
	CHECK_INT(memory_store_counts(b.s).ranges, 1 + 3); /* 125 at once */
	end(&b);
}

/* The store is replaced between two pages of one list. */
TEST(a_list_does_not_mix_two_histories)
{
	struct bench b;
	begin(&b);
	char key[32];
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(key, sizeof(key), "/tug/k%04d", i);
		(void)drive_put(b.other, key, "1");
	}
	mirror_begin(&b, all);
	uint64_t ranges = memory_store_counts(b.s).ranges;
	mirror_check(b.m);
	UNTIL(b.loop, memory_store_counts(b.s).ranges == ranges + 1);
	memory_store_replace(b.s);
	for (int i = 0; i < 1600; i++)
		(void)drive_put(b.other, "/tug/x", "1");
	UNTIL(b.loop, b.identities);
	drive_settle(b.loop);
	CHECK_INT(b.identities, 1);
	CHECK_INT(mirror_count(b.m), 1501);
	CHECK(mirror_get(b.m, "k0000")->orphan && mirror_get(b.m, "k1499")->orphan);
	CHECK(!mirror_get(b.m, "x")->orphan);
	end(&b);
}

TEST(a_storm)
{
	struct bench b;
	begin(&b);
	enum { KEYS = 10000 };
	static char keys[100][32];
	struct store_then thens[100];
	mirror_begin(&b, all);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < KEYS / 100; i++) {
			for (int k = 0; k < 100; k++) {
				/* 10000 and 6007 have no common factor: every key once, in no order */
				(void)snprintf(keys[k], sizeof(keys[k]), "/tug/pods/n%d/%05d", k % 7,
				               (i * 100 + k) * 6007 % KEYS);
				thens[k] = (struct store_then){.what = round == 2 ? STORE_DELETE : STORE_PUT,
				                               .key = keys[k],
				                               .value = "value",
				                               .value_len = 5};
			}
			CHECK_INT(
			        drive_txn(b.other, &(struct store_txn){.thens = thens, .n_thens = 100}, NULL),
			        STORE_OK);
			if (round == 1 && i == 50)
				CHECK_INT(mirror_count(b.m), KEYS);
		}
	drive_settle(b.loop);
	CHECK_INT(b.changes, 3 * KEYS);
	CHECK_INT(mirror_count(b.m), 0);
	end(&b);
}

TEST(ten_thousand_keys_in_the_first_list)
{
	struct bench b;
	begin(&b);
	static char keys[100][32];
	struct store_then thens[100];
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 100; k++) {
			(void)snprintf(keys[k], sizeof(keys[k]), "/tug/nodes/%05d",
			               (i * 100 + k) * 6007 % 10000);
			thens[k] = (struct store_then){.what = STORE_PUT, .key = keys[k], .value = ""};
		}
		CHECK_INT(drive_txn(b.other, &(struct store_txn){.thens = thens, .n_thens = 100}, NULL),
		          STORE_OK);
	}
	mirror_begin(&b, two);
	CHECK_INT(mirror_count(b.m), 10000);
	CHECK_COPY(&b, "nodes/0999",
	           "nodes/09990= nodes/09991= nodes/09992= nodes/09993= nodes/09994= nodes/09995= "
	           "nodes/09996= nodes/09997= nodes/09998= nodes/09999= ");
	end(&b);
}

TEST(entries_outlive_the_copy_for_whoever_holds_them)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	const struct mirror_entry *borrowed = mirror_get(b.m, "a");
	struct mirror_entry *held = mirror_entry_ref((struct mirror_entry *)borrowed);
	mirror_wrote(b.m, "a", "2", 1, drive_put(b.s, "/tug/a", "2"));
	CHECK_STR(borrowed->value, "1");
	drive_settle(b.loop);
	(void)drive_delete(b.other, "/tug/a");
	drive_settle(b.loop);
	CHECK_STR(held->value, "1");
	held = mirror_entry_unref(held);
	CHECK(!held);
	CHECK(!mirror_entry_unref(NULL));
	end(&b);
}

TEST(the_end_comes_at_any_time)
{
	for (int rounds = 0; rounds < 6; rounds++) {
		struct bench b;
		begin(&b);
		(void)drive_put(b.other, "/tug/a", "1");
		b.m = mirror_new(b.s, "/tug", two, false, &callbacks, &b);
		for (int i = 0; i < rounds; i++)
			loop_step(b.loop, 0);
		end(&b);
	}
}
