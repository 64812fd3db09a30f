/* What store/memory adds to the contract: the knobs; and the corners of the contract that need them. */
#include "memory/memory.h"

#include "core/limits.h"
#include "lib/store_drive.h"

struct bench {
	struct loop *loop;
	struct store *s, *other;
};

static void begin(struct bench *b)
{
	b->loop = loop_new();
	b->s = memory_store_new(b->loop);
	b->other = memory_store_open(b->s);
	CHECK_INT(b->s->state, STORE_CONNECTING);
	drive_settle(b->loop);
	CHECK_INT(b->s->state, STORE_READY);
}

static void end(struct bench *b)
{
	b->s = store_free(b->s);
	b->other = store_free(b->other);
	b->loop = loop_free(b->loop);
}

TEST(revisions_versions_and_lists)
{
	struct bench b;
	begin(&b);
	CHECK_INT(memory_store_revision(b.s), 1);
	CHECK_INT(drive_put(b.s, "/a", "1"), 2);
	CHECK_INT(drive_put(b.other, "/b", "2"), 3);
	CHECK_INT(drive_put(b.s, "/a", "3"), 4);
	CHECK_LIST(b.other, "/", "/a=3@4 /b=2@3 ");
	CHECK_INT(drive_delete(b.s, "/nothing"), 4); /* no change, no revision */
	CHECK_INT(drive_delete(b.s, "/a"), 5);
	CHECK_LIST(b.s, "/", "/b=2@3 ");
	struct drive_done d;
	CHECK_INT(drive_range(b.s, &(struct store_range_request){.key = "/", .prefix = true, .rev = 3}, &d),
	          0);
	CHECK_STR(str_get(&d.text), "/a=1@2 /b=2@3 ");
	CHECK_INT(d.identity.revision, 3);
	str_done(&d.text);
	CHECK_INT(drive_range(b.s, &(struct store_range_request){.key = "/", .prefix = true, .rev = 6}, &d),
	          STORE_E_INTERNAL);
	end(&b);
}

TEST(pages_are_of_one_revision)
{
	struct bench b;
	begin(&b);
	char key[16], after[16] = "";
	for (int i = 0; i < 10; i++) {
		(void)snprintf(key, sizeof(key), "/k%d", i);
		(void)drive_put(b.s, key, "v");
	}
	int64_t rev = 0;
	struct str all = STR_INIT;
	for (int page = 0;; page++) {
		struct drive_done d;
		struct store_range_request req = {
		        .key = "/", .prefix = true, .after = page ? after : NULL, .rev = rev, .limit = 4};
		CHECK_INT(drive_range(b.s, &req, &d), STORE_OK);
		CHECK(page < 3);
		CHECK_INT(d.more, page < 2);
		str_puts(&all, str_get(&d.text));
		str_done(&d.text);
		if (!rev)
			rev = d.identity.revision;
		(void)snprintf(after, sizeof(after), "/k%d", page * 4 + 3);
		(void)drive_put(b.s, "/k99", "later");
		(void)drive_delete(b.s, "/k5");
		if (!d.more)
			break;
	}
	CHECK_STR(str_get(&all),
	          "/k0=v@2 /k1=v@3 /k2=v@4 /k3=v@5 /k4=v@6 /k5=v@7 /k6=v@8 /k7=v@9 /k8=v@10 /k9=v@11 ");
	str_done(&all);
	end(&b);
}

TEST(transactions_compare_and_write_all_or_nothing)
{
	struct bench b;
	begin(&b);
	int64_t rev = drive_put(b.s, "/a", "1");
	struct store_if ifs[] = {{STORE_IF_MOD_REV, "/a", rev}, {STORE_IF_CREATE_REV, "/b", 0}};
	struct store_then thens[] = {
	        {.what = STORE_PUT, .key = "/a", .value = "2", .value_len = 1},
	        {.what = STORE_PUT, .key = "/b", .value = "x\0y", .value_len = 3},
	        {.what = STORE_DELETE_PREFIX, .key = "/c/"},
	};
	struct store_txn txn = {.ifs = ifs, .n_ifs = 2, .thens = thens, .n_thens = 3};
	int64_t got = 0;
	CHECK_INT(drive_txn(b.s, &txn, &got), STORE_OK);
	CHECK_INT(got, rev + 1);
	CHECK_INT(drive_txn(b.s, &txn, &got), STORE_E_CONFLICT);
	CHECK_INT(got, rev + 1);
	ifs[0].rev = rev + 1;
	ifs[1].rev = rev + 1;
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_OK);
	thens[2] = (struct store_then){.what = STORE_DELETE_PREFIX, .key = "/"};
	txn.n_ifs = 0;
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_INTERNAL); /* put and deleted at once */
	CHECK_LIST(b.s, "/", "/a=2@4 /b=x@4 ");
	CHECK_INT(drive_write(b.s, STORE_DELETE_PREFIX, ""), 5);
	CHECK_LIST(b.s, "", "");
	end(&b);
}

TEST(too_much_is_refused)
{
	struct bench b;
	begin(&b);
	static struct store_then thens[LIMIT_TXN_OPS + 1];
	static char keys[LIMIT_TXN_OPS + 1][16];
	for (int i = 0; i <= LIMIT_TXN_OPS; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "/%d", i);
		thens[i] = (struct store_then){.what = STORE_PUT, .key = keys[i], .value = ""};
	}
	struct store_txn txn = {.thens = thens, .n_thens = LIMIT_TXN_OPS + 1};
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_TOO_LARGE);
	txn.n_thens = LIMIT_TXN_OPS;
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_OK);
	char *big = mem_zalloc(LIMIT_TXN_BYTES + 1);
	thens[0].value = big;
	thens[0].value_len = LIMIT_TXN_BYTES + 1;
	txn.n_thens = 1;
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_TOO_LARGE);
	free(big);
	end(&b);
}

TEST(watch_from_the_past_and_on)
{
	struct bench b;
	begin(&b);
	(void)drive_put(b.s, "/a", "1"); /* 2 */
	(void)drive_put(b.s, "/x", "1"); /* 3 */
	(void)drive_delete(b.s, "/a");   /* 4 */
	struct drive_watch w, one;
	drive_watch_begin(&w, b.other, "/", true, 3);
	drive_watch_begin(&one, b.other, "/a", false, 2);
	UNTIL(b.loop, w.events == 2 && one.events == 2);
	CHECK_STR(str_get(&w.text), "put /x=1@3 del /a@4 | ");
	CHECK_STR(str_get(&one.text), "put /a=1@2 del /a@4 | ");
	str_clear(&w.text);
	struct store_then thens[] = {{.what = STORE_PUT, .key = "/n", .value = "n", .value_len = 1},
	                             {.what = STORE_DELETE_PREFIX, .key = "/x"}};
	CHECK_INT(drive_txn(b.s, &(struct store_txn){.thens = thens, .n_thens = 2}, NULL), STORE_OK);
	UNTIL(b.loop, w.events == 4);
	CHECK_STR(str_get(&w.text), "put /n=n@5 del /x@5 | ");
	CHECK_INT(one.events, 2);
	drive_watch_end(&w, b.other);
	drive_watch_end(&one, b.other);
	(void)drive_put(b.s, "/n", "unheard");
	drive_settle(b.loop);
	end(&b);
}

TEST(a_long_past_comes_in_whole_revisions)
{
	struct bench b;
	begin(&b);
	struct store_then thens[7];
	char keys[7][16];
	for (int i = 0; i < 400; i++) {
		for (int k = 0; k < 7; k++) {
			(void)snprintf(keys[k], sizeof(keys[k]), "/%d/%d", i, k);
			thens[k] = (struct store_then){.what = STORE_PUT, .key = keys[k], .value = ""};
		}
		CHECK_INT(drive_txn(b.s, &(struct store_txn){.thens = thens, .n_thens = 7}, NULL), STORE_OK);
	}
	struct drive_watch w; /* checks that no revision is torn */
	drive_watch_begin(&w, b.s, "/", true, 2);
	UNTIL(b.loop, w.events == 2800);
	CHECK_INT(w.identity.revision, 401);
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(compaction)
{
	struct bench b;
	begin(&b);
	for (int i = 0; i < 5; i++)
		(void)drive_put(b.s, "/a", "v"); /* 2..6 */
	(void)drive_put(b.s, "/gone", "v");      /* 7 */
	(void)drive_delete(b.s, "/gone");        /* 8 */
	memory_store_compact(b.s, 5);
	struct drive_done d;
	struct store_range_request req = {.key = "/", .prefix = true, .rev = 4};
	CHECK_INT(drive_range(b.s, &req, &d), STORE_E_COMPACTED);
	req.rev = 5;
	CHECK_INT(drive_range(b.s, &req, &d), STORE_OK);
	CHECK_STR(str_get(&d.text), "/a=v@5 ");
	str_done(&d.text);
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/", true, 4);
	UNTIL(b.loop, w.relists);
	CHECK_INT(w.why, STORE_E_COMPACTED);
	drive_watch_end(&w, b.s);
	drive_watch_begin(&w, b.s, "/", true, 5);
	UNTIL(b.loop, w.events == 4);
	CHECK_STR(str_get(&w.text), "put /a=v@5 put /a=v@6 put /gone=v@7 del /gone@8 | ");
	memory_store_compact(b.s, 0); /* harms nobody who is up to date */
	(void)drive_put(b.s, "/a", "w");
	UNTIL(b.loop, w.events == 5);
	CHECK_INT(w.relists, 0);
	CHECK_LIST(b.s, "/", "/a=w@9 ");
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(cut_watches_go_on_where_they_were)
{
	struct bench b;
	begin(&b);
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/", true, 1);
	(void)drive_put(b.other, "/a", "1");
	UNTIL(b.loop, w.events == 1);
	memory_store_cut(b.s, true);
	(void)drive_put(b.other, "/a", "2");
	(void)drive_delete(b.other, "/a");
	drive_settle(b.loop);
	CHECK_INT(b.s->state, STORE_LOST);
	CHECK_INT(w.events, 1);
	memory_store_cut(b.s, false);
	UNTIL(b.loop, w.events == 3);
	CHECK_INT(b.s->state, STORE_READY);
	CHECK_STR(str_get(&w.text), "put /a=1@2 | put /a=2@3 del /a@4 | ");
	/* away for so long that the history is gone */
	memory_store_cut(b.s, true);
	(void)drive_put(b.other, "/a", "3");
	(void)drive_put(b.other, "/a", "4");
	memory_store_compact(b.s, 0);
	memory_store_cut(b.s, false);
	UNTIL(b.loop, w.relists);
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(cut_operations_wait_and_then_fail_without_being_carried_out)
{
	struct bench b;
	begin(&b);
	memory_store_cut(b.s, true);
	struct store_then then = {.what = STORE_PUT, .key = "/a", .value = "1", .value_len = 1};
	struct drive_done short_txn = {0}, long_txn = {0}, read = {0};
	struct store_txn txn = {.thens = &then, .n_thens = 1, .timeout_ms = 1000};
	(void)store_txn(b.s, &txn, drive_on_txn, &short_txn);
	then.key = "/b";
	txn.timeout_ms = 0;
	(void)store_txn(b.s, &txn, drive_on_txn, &long_txn);
	(void)store_range(b.s, &(struct store_range_request){.key = "/a", .timeout_ms = 1000}, drive_on_range,
	                  &read);
	drive_settle(b.loop);
	CHECK(!short_txn.done && !long_txn.done && !read.done);
	memory_store_advance(b.s, 1000);
	drive_settle(b.loop);
	CHECK(short_txn.done && !long_txn.done && read.done);
	CHECK_INT(short_txn.outcome, STORE_E_UNAVAILABLE);
	CHECK_INT(read.outcome, STORE_E_UNAVAILABLE);
	CHECK_HAS(read.error, "cut");
	memory_store_cut(b.s, false);
	UNTIL(b.loop, long_txn.done);
	CHECK_INT(long_txn.outcome, STORE_OK);
	CHECK_LIST(b.s, "/", "/b=1@2 ");
	end(&b);
}

TEST(a_deadline_passes_on_the_real_clock_too)
{
	struct bench b;
	begin(&b);
	memory_store_cut(b.s, true);
	struct drive_done d;
	CHECK_INT(drive_range(b.s, &(struct store_range_request){.key = "/a", .timeout_ms = 20}, &d),
	          STORE_E_UNAVAILABLE);
	end(&b);
}

static void never_txn(void *ctx _unused_, enum store_outcome o _unused_, int64_t rev _unused_,
                      const struct error *err _unused_)
{
	test_fail(__FILE__, __LINE__, "completed after it was cancelled");
}

TEST(cancelled_operations_do_not_complete)
{
	struct bench b;
	begin(&b);
	struct store_then then = {.what = STORE_PUT, .key = "/a", .value = "1", .value_len = 1};
	struct store_op *op =
	        store_txn(b.s, &(struct store_txn){.thens = &then, .n_thens = 1}, never_txn, NULL);
	store_cancel(b.s, op);
	store_cancel(b.s, NULL);
	(void)store_txn(b.s, &(struct store_txn){.thens = &then, .n_thens = 1}, never_txn, NULL);
	end(&b); /* ends what waits */
}

TEST(made_to_fail)
{
	struct bench b;
	begin(&b);
	struct store_then then = {.what = STORE_PUT, .key = "/a", .value = "1", .value_len = 1};
	struct store_if absent = {STORE_IF_MOD_REV, "/a", 0};
	struct store_txn txn = {.thens = &then, .n_thens = 1};
	memory_store_fail_txns(b.s, 1, STORE_E_UNKNOWN, false);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_UNKNOWN);
	CHECK_LIST(b.s, "/", "");
	memory_store_fail_txns(b.s, 1, STORE_E_UNKNOWN, true);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_UNKNOWN);
	CHECK_LIST(b.s, "/", "/a=1@2 ");
	/* repeated by the store: its own first run makes it conflict */
	(void)drive_delete(b.s, "/a");
	txn.ifs = &absent;
	txn.n_ifs = 1;
	txn.retry_safe = true;
	memory_store_fail_txns(b.s, 1, STORE_E_UNKNOWN, true);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_CONFLICT);
	CHECK_LIST(b.s, "/", "/a=1@4 ");
	memory_store_fail_txns(b.s, 2, STORE_E_NO_SPACE, false);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_NO_SPACE);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_NO_SPACE);
	CHECK_INT(drive_txn(b.s, &txn, NULL), STORE_E_CONFLICT);
	memory_store_fail_ranges(b.s, 1, STORE_E_DENIED);
	struct drive_done d;
	CHECK_INT(drive_range(b.s, &(struct store_range_request){.key = "/"}, &d), STORE_E_DENIED);
	end(&b);
}

TEST(held_and_lost_events)
{
	struct bench b;
	begin(&b);
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/", true, 1);
	memory_store_hold_events(b.s, true);
	(void)drive_put(b.other, "/a", "1");
	(void)drive_put(b.other, "/a", "2");
	drive_settle(b.loop);
	CHECK_INT(w.events, 0);
	memory_store_lose_events(b.s, 1);
	memory_store_hold_events(b.s, false);
	drive_settle(b.loop);
	CHECK_STR(str_get(&w.text), "put /a=2@3 | ");
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(another_cluster)
{
	struct bench b;
	begin(&b);
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/", true, 1);
	(void)drive_put(b.s, "/a", "1");
	UNTIL(b.loop, w.events == 1);
	uint64_t was = w.identity.cluster_id;
	CHECK_INT(was == memory_store_cluster(b.s), true);
	memory_store_replace(b.s);
	UNTIL(b.loop, w.relists == 1);
	CHECK(w.identity.cluster_id != was);
	CHECK_INT(w.identity.revision, 1);
	CHECK_LIST(b.s, "/", "");
	drive_settle(b.loop);
	CHECK_INT(w.relists, 1);
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(an_older_state_of_the_same_cluster)
{
	struct bench b;
	begin(&b);
	int64_t rev = drive_put(b.s, "/a", "1");
	(void)drive_put(b.s, "/b", "1");
	(void)drive_put(b.s, "/a", "2");
	struct drive_watch w;
	drive_watch_begin(&w, b.s, "/", true, 5);
	drive_settle(b.loop);
	memory_store_restore(b.s, rev);
	UNTIL(b.loop, w.relists == 1);
	CHECK_INT(w.identity.revision, rev);
	CHECK_LIST(b.s, "/", "/a=1@2 ");
	CHECK_INT(drive_put(b.s, "/b", "again"), 3);
	drive_watch_end(&w, b.s);
	end(&b);
}

TEST(leases_are_kept_alive_through_any_jump_of_time)
{
	struct bench b;
	begin(&b);
	struct drive_lease kept, left;
	drive_lease_begin(&kept, b.s, 2000, true);
	drive_lease_begin(&left, b.s, 2000, false);
	CHECK_INT(kept.granted, 0);
	UNTIL(b.loop, kept.granted == 1 && left.granted == 1);
	(void)drive_put_lease(b.s, "/kept", "", kept.id);
	(void)drive_put_lease(b.s, "/left", "", left.id);
	(void)drive_put_lease(b.s, "/moved", "", left.id);
	(void)drive_put_lease(b.s, "/moved", "now without", 0);
	int64_t rev = memory_store_revision(b.s);
	memory_store_advance(b.s, 1000);
	CHECK_LIST(b.s, "/left", "/left=@3 ");
	memory_store_advance(b.s, 100000);
	CHECK_LIST(b.s, "/", "/kept=@2 /moved=now without@5 ");
	CHECK_INT(memory_store_revision(b.s), rev + 1);
	struct store_then then = {.what = STORE_PUT, .key = "/x", .value = "", .lease = left.id};
	CHECK_INT(drive_txn(b.s, &(struct store_txn){.thens = &then, .n_thens = 1}, NULL), STORE_E_NO_LEASE);
	CHECK_INT(kept.lost, 0);
	(void)store_lease_free(b.s, kept.lease, true); /* revoked: at once */
	(void)store_lease_free(b.s, left.lease, false);
	CHECK_LIST(b.s, "/", "/moved=now without@5 ");
	end(&b);
}

TEST(a_lease_ends_without_its_connection)
{
	struct bench b;
	begin(&b);
	struct drive_lease l;
	drive_lease_begin(&l, b.s, 4000, true);
	UNTIL(b.loop, l.granted == 1);
	(void)drive_put_lease(b.s, "/k", "", l.id);
	memory_store_cut(b.s, true);
	memory_store_advance(b.s, 3000);
	memory_store_cut(b.s, false); /* in time */
	drive_settle(b.loop);
	memory_store_advance(b.s, 3000);
	CHECK_LIST(b.other, "/", "/k=@2 ");
	memory_store_cut(b.s, true);
	memory_store_advance(b.s, 4000);
	UNTIL(b.loop, l.lost == 1); /* by its own clock: nobody can tell it */
	CHECK_LIST(b.other, "/", "");
	CHECK_INT(l.granted, 1);
	memory_store_cut(b.s, false);
	UNTIL(b.loop, l.granted == 2);
	memory_store_expire(b.s, l.id);
	UNTIL(b.loop, l.granted == 3);
	CHECK_INT(l.lost, 2);
	(void)drive_put_lease(b.s, "/k", "", l.id);
	memory_store_replace(b.s);
	UNTIL(b.loop, l.granted == 4);
	CHECK_INT(l.lost, 3);
	/* the process dies: its keys live as long as the lease */
	(void)drive_put_lease(b.s, "/k", "", l.id);
	b.s = store_free(b.s);
	CHECK_LIST(b.other, "/", "/k=@2 ");
	memory_store_advance(b.other, 4000);
	CHECK_LIST(b.other, "/", "");
	end(&b);
}

TEST(leases_run_out_on_the_real_clock_too)
{
	struct bench b;
	begin(&b);
	struct drive_lease l;
	drive_lease_begin(&l, b.s, 50, false);
	UNTIL(b.loop, l.granted == 1);
	struct drive_watch w;
	drive_watch_begin(&w, b.other, "/k", false, 1);
	(void)drive_put_lease(b.s, "/k", "", l.id);
	UNTIL(b.loop, w.events == 2);
	drive_watch_end(&w, b.other);
	end(&b);
}

TEST(restored_keys_have_their_leases)
{
	struct bench b;
	begin(&b);
	struct drive_lease l;
	drive_lease_begin(&l, b.s, 5000, false);
	UNTIL(b.loop, l.granted == 1);
	int64_t rev = drive_put_lease(b.s, "/k", "", l.id);
	memory_store_advance(b.s, 5000);
	CHECK_LIST(b.s, "/", "");
	memory_store_restore(b.s, rev);
	CHECK_LIST(b.s, "/", "/k=@2 ");
	memory_store_advance(b.s, 5000);
	CHECK_LIST(b.s, "/", "");
	end(&b);
}

static void note_state(void *ctx, enum store_state state, const char *text _unused_)
{
	str_printf(ctx, "%d ", state);
}

TEST(states_are_told)
{
	struct loop *loop = loop_new();
	struct store *s = memory_store_new(loop);
	struct str seen = STR_INIT;
	s->on_state = note_state;
	s->on_state_ctx = &seen;
	drive_settle(loop);
	memory_store_cut(s, true);
	drive_settle(loop);
	memory_store_cut(s, false);
	drive_settle(loop);
	CHECK_STR(str_get(&seen), "1 2 1 ");
	str_done(&seen);
	s = store_free(s);
	loop = loop_free(loop);
}

struct reentrant {
	struct bench b;
	struct drive_watch inner;
	struct store_watch *self;
	unsigned calls;
};

static void swap_watches(void *ctx, const struct store_event *events _unused_, size_t count _unused_,
                         struct store_identity identity)
{
	struct reentrant *r = ctx;
	r->calls++;
	r->self = store_watch_free(r->b.s, r->self);
	drive_watch_begin(&r->inner, r->b.s, "/", true, identity.revision + 1);
}

static void no_relist(void *ctx _unused_, enum store_outcome why _unused_,
                      struct store_identity identity _unused_)
{
	test_fail(__FILE__, __LINE__, "nothing was compacted");
}

TEST(a_watch_may_be_ended_and_begun_inside_its_callback)
{
	struct reentrant r = {0};
	begin(&r.b);
	struct store_watch_callbacks cbs = {.on_events = swap_watches, .on_relist = no_relist};
	memory_store_duplicate_events(r.b.s, true); /* must not tell a watch that has ended */
	r.self = store_watch(r.b.s, &(struct store_watch_request){.key = "/", .prefix = true, .start_rev = 1},
	                     &cbs, &r);
	(void)drive_put(r.b.other, "/a", "1");
	drive_settle(r.b.loop);
	memory_store_duplicate_events(r.b.s, false);
	(void)drive_put(r.b.other, "/a", "2");
	drive_settle(r.b.loop);
	CHECK_INT(r.calls, 1);
	CHECK_STR(str_get(&r.inner.text), "put /a=2@3 | ");
	drive_watch_end(&r.inner, r.b.s);
	end(&r.b);
}
