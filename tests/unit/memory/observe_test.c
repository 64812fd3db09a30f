/* store/memory as the simulator uses it: who wrote what, what becomes of events, processes on loops of their own. */
#include "lib/store_drive.h"
#include "memory/memory.h"

struct ear {
	const struct store *by;
	struct str text;
	struct store *cut; /* cut inside of the observer */
};

static void on_write(void *ctx, const struct store *by, const struct store_event *events, size_t count)
{
	struct ear *e = ctx;
	e->by = by;
	for (size_t i = 0; i < count; i++)
		str_printf(&e->text, "%s%s@%d ", events[i].deleted ? "-" : "", events[i].kv.key,
		           (int)events[i].kv.mod_rev);
	if (e->cut)
		memory_store_cut(e->cut, true);
}

TEST(each_write_is_heard_with_its_writer)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l), *other = memory_store_open(s);
	struct ear e = {0};
	memory_store_observe(s, on_write, &e);
	(void)drive_put(s, "/a", "1");
	CHECK(e.by == s);
	struct store_then thens[] = {{.what = STORE_DELETE, .key = "/a"},
	                             {.what = STORE_PUT, .key = "/b", .value = "2", .value_len = 1}};
	CHECK_INT(memory_store_apply(other, &(struct store_txn){.thens = thens, .n_thens = 2}), STORE_OK);
	CHECK(e.by == other);
	CHECK_STR(str_get(&e.text), "/a@2 -/a@3 /b@3 ");
	struct store_range range;
	CHECK_INT(memory_store_peek(s, &(struct store_range_request){.key = "/", .prefix = true}, &range),
	          STORE_OK);
	CHECK_INT(range.count, 1);
	CHECK_STR(range.kvs[0].value, "2");
	free((void *)(uintptr_t)range.kvs);
	CHECK_STR(memory_store_last_write(s, 2, "/b"), "/a");
	CHECK(!memory_store_last_write(s, 3, ""));
	CHECK(!memory_store_last_write(s, 1, "/"));
	/* nothing changed: nothing is heard */
	str_clear(&e.text);
	CHECK_INT(drive_delete(s, "/nothing"), 3);
	CHECK_STR(str_get(&e.text), "");
	str_done(&e.text);
	store_free(other);
	store_free(s);
	loop_free(l);
}

TEST(who_is_cut_by_its_own_write_does_not_hear_the_outcome)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l), *other = memory_store_open(s);
	struct ear e = {.cut = s};
	memory_store_observe(s, on_write, &e);
	struct store_then put = {.what = STORE_PUT, .key = "/a", .value = "1", .value_len = 1};
	int64_t rev;
	CHECK_INT(drive_txn(s, &(struct store_txn){.thens = &put, .n_thens = 1}, &rev), STORE_E_UNKNOWN);
	memory_store_observe(s, NULL, NULL);
	CHECK_LIST(other, "/", "/a=1@2 ");
	str_done(&e.text);
	store_free(other);
	store_free(s);
	loop_free(l);
}

TEST(a_lease_that_ends_on_the_server_is_nobodys_write)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l), *other = memory_store_open(s);
	struct drive_lease lease;
	drive_lease_begin(&lease, other, 5000, true);
	UNTIL(l, lease.id);
	struct store_then put = {
	        .what = STORE_PUT, .key = "/a", .value = "1", .value_len = 1, .lease = lease.id};
	CHECK_INT(memory_store_apply(s, &(struct store_txn){.thens = &put, .n_thens = 1}), STORE_OK);
	struct ear e = {.by = s};
	memory_store_observe(s, on_write, &e);
	memory_store_cut(other, true);
	memory_store_advance(s, 5001);
	CHECK(!e.by);
	CHECK_STR(str_get(&e.text), "-/a@3 ");
	memory_store_observe(s, NULL, NULL);
	str_done(&e.text);
	(void)store_lease_free(other, lease.lease, false);
	store_free(other);
	store_free(s);
	loop_free(l);
}

/* --- what becomes of events --- */

struct fate {
	enum memory_delivery next;
	unsigned asked;
};

static enum memory_delivery on_deliver(void *ctx, struct store *to _unused_, const struct store_event *events,
                                       size_t count)
{
	struct fate *f = ctx;
	CHECK(count > 0 && events[0].kv.mod_rev > 0);
	f->asked++;
	enum memory_delivery now = f->next;
	f->next = MEMORY_DELIVER;
	return now;
}

TEST(events_are_lost_and_deferred)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	struct fate f = {0};
	memory_store_on_deliver(s, on_deliver, &f);
	struct drive_watch seen;
	drive_watch_begin(&seen, s, "/", true, 2);
	(void)drive_put(s, "/a", "1");
	drive_settle(l);
	CHECK_STR(str_get(&seen.text), "put /a=1@2 | ");
	f.next = MEMORY_LOSE;
	(void)drive_put(s, "/a", "2");
	drive_settle(l);
	(void)drive_put(s, "/a", "3");
	drive_settle(l);
	CHECK_STR(str_get(&seen.text), "put /a=1@2 | put /a=3@4 | ");
	str_clear(&seen.text);
	f.next = MEMORY_DEFER;
	(void)drive_put(s, "/a", "5");
	drive_settle(l);
	(void)drive_put(s, "/a", "6");
	drive_settle(l);
	CHECK_STR(str_get(&seen.text), "");
	memory_store_hold_events(s, false);
	drive_settle(l);
	CHECK_STR(str_get(&seen.text), "put /a=5@5 put /a=6@6 | ");
	CHECK_INT(f.asked, 5);
	drive_watch_end(&seen, s);
	store_free(s);
	loop_free(l);
}

static void count_batch(void *ctx, const struct store_event *events _unused_, size_t count _unused_,
                        struct store_identity identity _unused_)
{
	++*(unsigned *)ctx;
}

TEST(a_watch_may_go_on_while_the_others_are_held)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	struct drive_watch all, one;
	drive_watch_begin(&all, s, "/", true, 2);
	drive_watch_begin(&one, s, "/b", false, 2);
	memory_store_hold_events(s, true);
	memory_store_hold_but(s, "/b");
	CHECK_INT(memory_store_pending(s), 0);
	(void)drive_put(s, "/a", "1");
	(void)drive_put(s, "/b", "2");
	drive_settle(l);
	CHECK_STR(str_get(&all.text), "");
	CHECK_STR(str_get(&one.text), "put /b=2@3 | ");
	memory_store_hold_events(s, false);
	drive_settle(l);
	CHECK_STR(str_get(&all.text), "put /a=1@2 put /b=2@3 | ");
	drive_watch_end(&all, s);
	drive_watch_end(&one, s);
	store_free(s);
	loop_free(l);
}

TEST(events_come_twice)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	struct fate f = {.next = MEMORY_TWICE};
	unsigned batches = 0;
	memory_store_on_deliver(s, on_deliver, &f);
	struct store_watch_callbacks cbs = {.on_events = count_batch};
	struct store_watch *w =
	        store_watch(s, &(struct store_watch_request){.key = "/a", .start_rev = 2}, &cbs, &batches);
	(void)drive_put(s, "/a", "1");
	drive_settle(l);
	CHECK_INT(batches, 2);
	(void)store_watch_free(s, w);
	store_free(s);
	loop_free(l);
}

TEST(a_handle_on_a_loop_of_its_own_stands_still_with_it)
{
	struct loop *l = loop_new(), *own = loop_new();
	struct store *s = memory_store_new(l), *other = memory_store_open_on(s, own);
	struct drive_watch seen;
	drive_watch_begin(&seen, other, "/", true, 2);
	drive_settle(own);
	(void)drive_put(s, "/a", "1");
	drive_settle(l);
	CHECK_STR(str_get(&seen.text), "");
	drive_settle(own);
	CHECK_STR(str_get(&seen.text), "put /a=1@2 | ");
	drive_watch_end(&seen, other);
	store_free(other);
	store_free(s);
	loop_free(own);
	loop_free(l);
}

TEST(a_restore_takes_leases_back_that_were_granted_later)
{
	struct loop *l = loop_new();
	struct store *s = memory_store_new(l);
	struct drive_lease early, late;
	drive_lease_begin(&early, s, 60000, true);
	UNTIL(l, early.id);
	(void)drive_put(s, "/a", "1");
	(void)drive_put(s, "/a", "2");
	drive_lease_begin(&late, s, 60000, true);
	UNTIL(l, late.id);
	memory_store_restore(s, 2);
	UNTIL(l, late.granted == 2);
	CHECK_INT(late.lost, 1);
	CHECK_INT(early.lost, 0);
	(void)store_lease_free(s, early.lease, false);
	(void)store_lease_free(s, late.lease, false);
	store_free(s);
	loop_free(l);
}
