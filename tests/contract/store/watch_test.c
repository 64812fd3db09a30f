/* The contract of store.h, on the store in memory and on a real etcd: watches, leases, several clients. */
#include "contract.h"

/* --- watching --- */

CASE(watch_shows_what_changes)
{
	int64_t rev = put(w, "a", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 1);
	put(w, "b", "2");
	drive_put(w->store, "/elsewhere", "x");
	drive_delete(w->store, key(w, "a"));
	UNTIL(w->loop, watch.events == 2);
	check_events(&watch, "put %sb=2@%" PRId64 " del %sa@%" PRId64 " ", w->prefix, rev + 1, w->prefix,
	             rev + 3);
	CHECK(watch.identity.cluster_id != 0);
	CHECK_INT(watch.identity.revision, rev + 3);
	drive_watch_end(&watch, w->store);
}

CASE(watch_of_one_key_sees_no_other)
{
	int64_t rev = put(w, "a", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, key(w, "a"), false, rev + 1);
	put(w, "ab", "x");
	put(w, "a", "2");
	UNTIL(w->loop, watch.events == 1);
	check_events(&watch, "put %sa=2@%" PRId64 " ", w->prefix, rev + 2);
	drive_watch_end(&watch, w->store);
}

CASE(watch_begins_in_the_past)
{
	int64_t rev = put(w, "a", "1");
	put(w, "a", "2");
	put(w, "b", "3");
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 1);
	UNTIL(w->loop, watch.events == 2);
	put(w, "c", "4");
	UNTIL(w->loop, watch.events == 3);
	CHECK_HAS(str_get(&watch.text), "a=2");
	CHECK_HAS(str_get(&watch.text), "b=3");
	CHECK_HAS(str_get(&watch.text), "c=4");
	CHECK(!strstr(str_get(&watch.text), "a=1"));
	CHECK_INT(watch.last_rev, rev + 3);
	drive_watch_end(&watch, w->store);
}

CASE(one_revision_comes_whole)
{
	static char names[LIMIT_TXN_OPS][96];
	struct store_then thens[LIMIT_TXN_OPS];
	int64_t rev = put(w, "0", "x");
	/* larger than what a server sends in one piece, so that it comes in several */
	char *value = mem_zalloc(13000);
	for (size_t i = 0; i < LIMIT_TXN_OPS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s%zu", w->prefix, i);
		thens[i] = (struct store_then){
		        .what = STORE_PUT, .key = names[i], .value = value, .value_len = 13000};
	}
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 1);
	int64_t last = 0;
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(commit(w, &(struct store_txn){.thens = thens, .n_thens = LIMIT_TXN_OPS}, &last),
		          STORE_OK);
	UNTIL(w->loop, watch.last_rev == last);
	CHECK_INT(watch.events, 3 * LIMIT_TXN_OPS); /* drive_on_events() checks that no revision is split */
	/* and the same as a catch-up of all three at once */
	struct drive_watch again;
	drive_watch_begin(&again, w->store, w->prefix, true, rev + 1);
	UNTIL(w->loop, again.last_rev == last);
	CHECK_INT(again.events, 3 * LIMIT_TXN_OPS);
	drive_watch_end(&watch, w->store);
	drive_watch_end(&again, w->store);
	free(value);
}

CASE(watches_share_a_connection_and_not_their_fate)
{
	int64_t rev = put(w, "a/1", "1");
	struct drive_watch a, b, all;
	drive_watch_begin(&a, w->store, key(w, "a/"), true, rev + 1);
	drive_watch_begin(&b, w->store, key(w, "b/"), true, rev + 1);
	drive_watch_begin(&all, w->store, w->prefix, true, rev + 1);
	put(w, "a/2", "1");
	put(w, "b/1", "1");
	UNTIL(w->loop, a.events == 1 && b.events == 1 && all.events == 2);
	drive_watch_end(&a, w->store);
	put(w, "a/3", "1");
	put(w, "b/2", "1");
	UNTIL(w->loop, b.events == 2 && all.events == 4);
	CHECK_INT(a.events, 1);
	/* one freed before it was ever confirmed */
	struct drive_watch brief;
	drive_watch_begin(&brief, w->store, w->prefix, true, rev + 1);
	drive_watch_end(&brief, w->store);
	drive_watch_begin(&a, w->store, key(w, "a/"), true, rev + 1);
	UNTIL(w->loop, a.events == 2);
	CHECK_INT(brief.events, 0);
	drive_watch_end(&a, w->store);
	drive_watch_end(&b, w->store);
	drive_watch_end(&all, w->store);
	/* a stream that nobody used for a moment is there again when it is wanted */
	drive_watch_begin(&b, w->store, key(w, "b/"), true, rev + 1);
	UNTIL(w->loop, b.events == 2);
	drive_watch_end(&b, w->store);
}

CASE(a_watch_from_a_compacted_revision_lists_again)
{
	int64_t rev = put(w, "a", "1");
	put(w, "a", "2");
	put(w, "a", "3");
	compact(w, rev + 2);
	struct drive_watch watch, other;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev);
	drive_watch_begin(&other, w->store, w->prefix, true, rev + 3);
	UNTIL(w->loop, watch.relists == 1);
	CHECK_INT(watch.why, STORE_E_COMPACTED);
	CHECK(watch.identity.cluster_id != 0);
	put(w, "a", "4");
	UNTIL(w->loop, other.events == 1);
	CHECK_INT(watch.events, 0);
	CHECK_INT(watch.relists, 1);
	drive_watch_end(&watch, w->store);
	drive_watch_end(&other, w->store);
}

CASE(compaction_does_not_disturb_a_watch_that_keeps_up)
{
	int64_t rev = put(w, "a", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 1);
	for (unsigned i = 0; i < 20; i++) {
		int64_t now = put(w, "a", "x");
		if (i % 5 == 4) {
			UNTIL(w->loop, watch.last_rev == now);
			compact(w, now);
		}
	}
	UNTIL(w->loop, watch.events == 20);
	CHECK_INT(watch.relists, 0);
	drive_watch_end(&watch, w->store);
}

struct suicide {
	struct store *store;
	struct store_watch *watch;
	unsigned events;
};

static void on_last_events(void *ctx, const struct store_event *events, size_t count,
                           struct store_identity identity)
{
	(void)events, (void)count, (void)identity;
	struct suicide *s = ctx;
	s->events++;
	s->watch = store_watch_free(s->store, s->watch);
}

static void on_no_relist(void *ctx, enum store_outcome why, struct store_identity identity)
{
	(void)ctx, (void)why, (void)identity;
	test_fail(__FILE__, __LINE__, "relist");
}

CASE(a_watch_may_end_itself)
{
	int64_t rev = put(w, "a", "1");
	struct suicide s = {.store = w->store};
	struct store_watch_callbacks cbs = {.on_events = on_last_events, .on_relist = on_no_relist};
	s.watch = store_watch(
	        w->store,
	        &(struct store_watch_request){.key = w->prefix, .prefix = true, .start_rev = rev + 1}, &cbs,
	        &s);
	struct drive_watch other;
	drive_watch_begin(&other, w->store, w->prefix, true, rev + 1);
	put(w, "a", "2");
	UNTIL(w->loop, s.events == 1 && other.events == 1);
	put(w, "a", "3");
	UNTIL(w->loop, other.events == 2);
	CHECK_INT(s.events, 1);
	drive_watch_end(&other, w->store);
}

/* --- leases --- */

static bool exists(struct world *w, struct store *s, const char *name)
{
	struct drive_done d;
	CHECK_INT(drive_range(s, &(struct store_range_request){.key = key(w, name)}, &d), STORE_OK);
	bool there = d.text.len > 0;
	str_done(&d.text);
	return there;
}

CASE(a_lease_takes_its_keys_along_when_it_is_revoked)
{
	struct drive_lease l;
	drive_lease_begin(&l, w->store, 60000, true);
	CHECK_INT(l.granted, 0);
	UNTIL(w->loop, l.id);
	int64_t rev = drive_put_lease(w->store, key(w, "a"), "1", l.id);
	drive_put_lease(w->store, key(w, "b"), "1", l.id);
	put(w, "stays", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 3);
	l.lease = store_lease_free(w->store, l.lease, true);
	UNTIL(w->loop, watch.events == 2);
	check_events(&watch, "del %sa@%" PRId64 " del %sb@%" PRId64 " ", w->prefix, rev + 3, w->prefix,
	             rev + 3);
	CHECK(exists(w, w->store, "stays"));
	CHECK_INT(l.lost, 0);
	drive_watch_end(&watch, w->store);
}

CASE(a_client_that_ends_sees_its_lease_revoked)
{
	struct store *leaver = open_again(w);
	struct drive_lease l;
	drive_lease_begin(&l, leaver, 60000, true);
	UNTIL(w->loop, l.id);
	drive_put_lease(w->store, key(w, "a"), "1", l.id);
	UNTIL(w->loop, !store_busy(leaver));
	l.lease = store_lease_free(leaver, l.lease, true);
	UNTIL(w->loop, !store_busy(leaver));
	leaver = store_free(leaver);
	CHECK(!exists(w, w->store, "a"));
}

CASE(a_lease_that_does_not_exist)
{
	struct store_then then = {
	        .what = STORE_PUT, .key = key(w, "a"), .value = "1", .value_len = 1, .lease = 4711};
	CHECK_INT(commit(w, &(struct store_txn){.thens = &then, .n_thens = 1}, NULL), STORE_E_NO_LEASE);
	CHECK(!exists(w, w->store, "a"));
}

/* On etcd: in real time. A lease of 2 s outlives 5 s with keep-alives and not without. */
CASE(leases_run_out_unless_kept_alive)
{
	struct store *leaver = open_again(w);
	struct drive_lease kept, left, shared;
	drive_lease_begin(&kept, w->store, 2000, true);
	drive_lease_begin(&left, leaver, 2000, true);
	drive_lease_begin(&shared, w->store, 2000, false);
	UNTIL(w->loop, kept.id && left.id && shared.id);
	int64_t rev = drive_put_lease(w->store, key(w, "kept"), "1", kept.id);
	drive_put_lease(w->store, key(w, "left"), "1", left.id);
	drive_put_lease(w->store, key(w, "shared"), "1", shared.id);
	struct drive_watch watch;
	drive_watch_begin(&watch, w->store, w->prefix, true, rev + 3);
	store_free(leaver); /* dies without a word */
	if (w->server) {
		int64_t begin = loop_now(w->loop);
		UNTIL(w->loop, watch.events == 2);
		UNTIL(w->loop, loop_now(w->loop) - begin > 5000);
	} else {
		drive_settle(w->loop);
		memory_store_advance(w->store, 5000);
		UNTIL(w->loop, watch.events == 2);
	}
	CHECK_HAS(str_get(&watch.text), "del");
	CHECK_HAS(str_get(&watch.text), key(w, "left"));
	CHECK_HAS(str_get(&watch.text), key(w, "shared"));
	CHECK(exists(w, w->store, "kept"));
	CHECK_INT(kept.lost, 0);
	CHECK_INT(kept.granted, 1);
	CHECK_INT(shared.lost, 0);
	kept.lease = store_lease_free(w->store, kept.lease, false);
	shared.lease = store_lease_free(w->store, shared.lease, false);
	drive_watch_end(&watch, w->store);
}

CASE(a_lease_ended_by_others_is_lost_and_asked_for_again)
{
	struct drive_lease l;
	drive_lease_begin(&l, w->store, 2000, true);
	UNTIL(w->loop, l.id);
	int64_t id = l.id;
	if (w->server) {
		char text[32];
		(void)snprintf(text, sizeof(text), "%" PRIx64, id);
		free(etcd_server_ctl(w->server, "lease", "revoke", text, NULL));
	} else {
		memory_store_expire(w->store, id);
	}
	UNTIL(w->loop, l.lost == 1);
	UNTIL(w->loop, l.granted == 2);
	CHECK(l.id != id);
	drive_put_lease(w->store, key(w, "a"), "1", l.id);
	l.lease = store_lease_free(w->store, l.lease, true);
}

/* --- two clients --- */

CASE(of_two_who_create_one_key_one_wins)
{
	struct store *other = open_again(w);
	struct store_if absent = {STORE_IF_CREATE_REV, key(w, "leader"), 0};
	struct store_then mine = {.what = STORE_PUT, .key = key(w, "leader"), .value = "a", .value_len = 1};
	struct drive_done one = {0}, two = {0};
	(void)store_txn(w->store, &(struct store_txn){&absent, 1, &mine, 1}, drive_on_txn, &one);
	(void)store_txn(other, &(struct store_txn){&absent, 1, &mine, 1}, drive_on_txn, &two);
	UNTIL(w->loop, one.done && two.done);
	CHECK_INT(one.outcome + two.outcome, STORE_E_CONFLICT);
	CHECK_INT(one.rev, two.rev);
	store_free(other);
}

CASE(freeing_a_store_in_the_middle_of_everything)
{
	struct store *s = open_again(w);
	struct drive_watch watch;
	struct drive_lease lease;
	struct fate never = {.cancelled = true};
	for (unsigned i = 0; i < 3; i++) {
		struct store_then then = {
		        .what = STORE_PUT, .key = key(w, "a"), .value = "1", .value_len = 1};
		(void)store_txn(s, &(struct store_txn){.thens = &then, .n_thens = 1}, on_fate, &never);
		(void)store_range(s, &(struct store_range_request){.key = key(w, "a")}, on_range_fate,
		                  &never);
	}
	drive_watch_begin(&watch, s, w->prefix, true, 1);
	drive_lease_begin(&lease, s, 5000, true);
	watch.watch = store_watch_free(s, watch.watch);
	lease.lease = store_lease_free(s, lease.lease, true);
	store_free(s);
	drive_settle(w->loop);
	CHECK_INT(watch.events + watch.relists + lease.granted, 0);
}
