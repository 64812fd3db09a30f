/* The mirror on the store in memory: first list, events, everything that can go missing, other histories. */
#include "bench.h"

TEST(first_list_of_several_prefixes)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/pods/n1/b", "2");
	(void)drive_put(b.other, "/tug/pods/n1/a", "1");
	(void)drive_put(b.other, "/tug/pods/n2/c", "3");
	(void)drive_put(b.other, "/tug/nodes/n1", "4");
	(void)drive_put(b.other, "/tug", "5");
	(void)drive_put(b.other, "/tugboat/nodes/n1", "6");
	mirror_begin(&b, two);
	CHECK_SEEN(&b, "");
	CHECK_COPY(&b, "", "nodes/n1=4 pods/n1/a=1 pods/n1/b=2 ");
	CHECK_COPY(&b, "pods/n1/", "pods/n1/a=1 pods/n1/b=2 ");
	CHECK_COPY(&b, "pods/n1/b", "pods/n1/b=2 ");
	CHECK_COPY(&b, "x", "");
	CHECK_INT(mirror_count(b.m), 3);
	const struct mirror_entry *e = mirror_get(b.m, "pods/n1/b");
	CHECK_STR(e->key, "/tug/pods/n1/b");
	CHECK_INT(e->mod_rev, 2);
	CHECK_INT(e->create_rev, 2);
	CHECK(!mirror_get(b.m, "pods/n2/c"));
	CHECK(!mirror_object(b.m, "pods/n1/b"));
	CHECK_INT(mirror_identity(b.m).revision, 7);
	CHECK_INT(mirror_identity(b.m).cluster_id == memory_store_cluster(b.s), true);
	end(&b);
}

TEST(nothing_is_there)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, all);
	CHECK_COPY(&b, "", "");
	CHECK_INT(mirror_identity(b.m).revision, 1);
	end(&b);
}

TEST(changes)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, all);
	(void)drive_put(b.other, "/tug/a", "1");
	CHECK_SEEN(&b, "+a=1 ");
	(void)drive_put(b.other, "/tug/a", "2");
	CHECK_SEEN(&b, "~a=1>2 ");
	(void)drive_put(b.other, "/tug/a",
	                "2"); /* the same value, but another revision for whoever compares */
	CHECK_SEEN(&b, "~a=2>2 ");
	CHECK_INT(mirror_get(b.m, "a")->mod_rev, 4);
	CHECK_INT(mirror_get(b.m, "a")->create_rev, 2);
	(void)drive_delete(b.other, "/tug/a");
	CHECK_SEEN(&b, "-a ");
	(void)drive_put(b.other, "/tugboat", "x");
	CHECK_SEEN(&b, "");
	CHECK_INT(mirror_identity(b.m).revision, 5);
	end(&b);
}

TEST(a_change_between_list_and_watch_is_not_lost)
{
	struct bench b;
	begin(&b);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	(void)drive_put(b.other, "/tug/a", "2");
	CHECK_SEEN(&b, "");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "~a=1>2 ");
	end(&b);
}

TEST(values_are_kept_whole)
{
	struct bench b;
	begin(&b);
	struct store_then then = {.what = STORE_PUT, .key = "/tug/a", .value = "x\0y", .value_len = 3};
	CHECK_INT(drive_txn(b.other, &(struct store_txn){.thens = &then, .n_thens = 1}, NULL), STORE_OK);
	mirror_begin(&b, all);
	const struct mirror_entry *e = mirror_get(b.m, "a");
	CHECK_INT(e->value_len, 3);
	CHECK(memcmp(e->value, "x\0y", 4) == 0);
	end(&b);
}

TEST(away_changes_come_when_the_connection_is_back)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/gone", "1");
	(void)drive_put(b.other, "/tug/kept", "1");
	(void)drive_put(b.other, "/tug/new", "1");
	mirror_begin(&b, all);
	memory_store_cut(b.s, true);
	(void)drive_delete(b.other, "/tug/gone");
	(void)drive_put(b.other, "/tug/new", "2");
	CHECK_SEEN(&b, "");
	CHECK_COPY(&b, "", "gone=1 kept=1 new=1 "); /* readable all the while */
	memory_store_cut(b.s, false);
	CHECK_SEEN(&b, "-gone ~new=1>2 ");
	end(&b);
}

TEST(compacted_history_leaves_exactly_the_differences)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	(void)drive_put(b.other, "/tug/c", "1");
	(void)drive_put(b.other, "/tug/d", "1");
	mirror_begin(&b, all);
	memory_store_cut(b.s, true);
	(void)drive_put(b.other, "/tug/a", "2");
	(void)drive_put(b.other, "/tug/a", "3");
	(void)drive_delete(b.other, "/tug/b");
	(void)drive_delete(b.other, "/tug/c");
	(void)drive_put(b.other, "/tug/c", "again");
	(void)drive_put(b.other, "/tug/e", "1");
	(void)drive_put(b.other, "/tug/f", "never heard of");
	(void)drive_delete(b.other, "/tug/f");
	memory_store_compact(b.s, 0);
	memory_store_cut(b.s, false);
	UNTIL(b.loop, b.changes);
	CHECK_SEEN(&b, "~a=1>3 ~c=1>again +e=1 -b ");
	CHECK_COPY(&b, "", "a=3 c=again d=1 e=1 ");
	CHECK_INT(b.identities, 0);
	(void)drive_put(b.other, "/tug/a", "4"); /* the new watch lives */
	CHECK_SEEN(&b, "~a=3>4 ");
	end(&b);
}

TEST(another_cluster_is_not_a_deletion)
{
	struct bench b;
	begin(&b);
	for (int i = 0; i < 5; i++)
		(void)drive_put(b.other, "/tug/other", "x");
	(void)drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	mirror_begin(&b, all);
	struct store_identity was = mirror_identity(b.m);
	memory_store_replace(b.s);
	UNTIL(b.loop, b.identities);
	CHECK_SEEN(&b, "! ");
	CHECK_COPY(&b, "", "a=1(orphan) b=1(orphan) other=x(orphan) ");
	CHECK_INT(b.was.revision, was.revision);
	CHECK_INT(b.was.cluster_id == was.cluster_id, true);
	CHECK_INT(b.now.cluster_id == memory_store_cluster(b.s), true);
	CHECK_INT(mirror_identity(b.m).revision, 1);
	CHECK_INT(b.synced, 1);
	/* the new history goes on, with revisions far below the orphans' */
	(void)drive_put(b.other, "/tug/a", "new");
	CHECK_SEEN(&b, "~a=1>new ");
	(void)drive_delete(b.other, "/tug/a");
	CHECK_SEEN(&b, "-a ");
	/* and no later list takes the orphans for deleted */
	mirror_check(b.m);
	drive_settle(b.loop);
	CHECK_SEEN(&b, "");
	CHECK_COPY(&b, "", "b=1(orphan) other=x(orphan) ");
	mirror_wrote(b.m, "other", NULL, 0, 0); /* the owner decided */
	CHECK_COPY(&b, "", "b=1(orphan) ");
	mirror_check(b.m);
	CHECK_SEEN(&b, "");
	CHECK_INT(b.identities, 1);
	end(&b);
}

TEST(another_cluster_with_contents)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	mirror_begin(&b, all);
	memory_store_cut(b.s, true);
	memory_store_replace(b.s);
	(void)drive_put(b.other, "/tug/a", "1"); /* by chance the same revision and the same value */
	(void)drive_put(b.other, "/tug/c", "1");
	for (int i = 0; i < 10; i++)
		(void)drive_put(b.other, "/tug/c", "2");
	memory_store_cut(b.s, false);
	UNTIL(b.loop, b.identities);
	CHECK_SEEN(&b, "! +c=2 ");
	CHECK_COPY(&b, "", "a=1 b=1(orphan) c=2 ");
	end(&b);
}

TEST(a_store_that_went_back_is_not_a_deletion)
{
	struct bench b;
	begin(&b);
	int64_t rev = drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	(void)drive_put(b.other, "/tug/a", "2");
	mirror_begin(&b, all);
	memory_store_restore(b.s, rev);
	UNTIL(b.loop, b.identities);
	CHECK_SEEN(&b, "! ~a=2>1 ");
	CHECK_COPY(&b, "", "a=1 b=1(orphan) ");
	CHECK_INT(b.was.cluster_id == b.now.cluster_id, true);
	CHECK_INT(mirror_identity(b.m).revision, rev);
	(void)drive_put(b.other, "/tug/b", "back");
	CHECK_SEEN(&b, "~b=1>back ");
	CHECK_COPY(&b, "", "a=1 b=back ");
	(void)drive_delete(b.other, "/tug/b");
	CHECK_SEEN(&b, "-b ");
	end(&b);
}

/* The watch says nothing, so that the slow list is the first to see the other history. */
TEST(the_slow_list_sees_another_history_too)
{
	struct bench b;
	begin(&b);
	int64_t rev = drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	mirror_begin(&b, all);
	memory_store_hold_events(b.s, true);
	memory_store_restore(b.s, rev);
	mirror_check(b.m);
	UNTIL(b.loop, b.identities);
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "! ");
	CHECK_COPY(&b, "", "a=1 b=1(orphan) ");
	(void)drive_put(b.other, "/tug/c", "1");
	CHECK_SEEN(&b, "+c=1 ");
	end(&b);
}

TEST(the_slow_list_finds_what_the_watch_lost)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/b", "1");
	mirror_begin(&b, all);
	memory_store_lose_events(b.s, 3);
	(void)drive_put(b.other, "/tug/a", "2");
	(void)drive_delete(b.other, "/tug/b");
	(void)drive_put(b.other, "/tug/c", "1");
	CHECK_SEEN(&b, "");
	mirror_check(b.m);
	CHECK_SEEN(&b, "~a=1>2 +c=1 -b ");
	mirror_check(b.m);
	CHECK_SEEN(&b, "");
	end(&b);
}

TEST(events_that_are_late_do_not_undo_what_a_list_brought)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.other, "/tug/a", "1");
	mirror_begin(&b, all);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/tug/a", "2");
	(void)drive_put(b.other, "/tug/b", "1");
	(void)drive_delete(b.other, "/tug/b");
	(void)drive_put(b.other, "/tug/a", "3");
	mirror_check(b.m);
	CHECK_SEEN(&b, "~a=1>3 ");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "");
	(void)drive_put(b.other, "/tug/a", "4");
	CHECK_SEEN(&b, "~a=3>4 ");
	end(&b);
}

TEST(events_that_come_twice_change_nothing)
{
	struct bench b;
	begin(&b);
	mirror_begin(&b, all);
	memory_store_duplicate_events(b.s, true);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/tug/a", "1");
	(void)drive_put(b.other, "/tug/a", "2");
	(void)drive_delete(b.other, "/tug/a");
	memory_store_hold_events(b.s, false);
	CHECK_SEEN(&b, "+a=1 ~a=1>2 -a ");
	end(&b);
}
