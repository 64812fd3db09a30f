/*
 * What every store promises (store.h), on the store in memory and on a real etcd: each case runs on both,
 * below a prefix of its own.
 */
#include "contract.h"

/* --- reading and writing --- */

CASE(put_then_get)
{
	int64_t first = put(w, "a", "one"), second = put(w, "a", "two");
	CHECK_INT(second, first + 1);
	struct drive_done d;
	CHECK_INT(drive_range(w->store, &(struct store_range_request){.key = key(w, "a")}, &d), STORE_OK);
	check_text(&d.text, "%sa=two@%" PRId64 " ", w->prefix, second);
	CHECK_INT(d.identity.revision, second);
	CHECK(d.identity.cluster_id != 0);
	CHECK(!d.more);
	str_done(&d.text);
}

CASE(absent_key_is_no_error)
{
	struct drive_done d;
	CHECK_INT(drive_range(w->store, &(struct store_range_request){.key = key(w, "nothing")}, &d),
	          STORE_OK);
	check_text(&d.text, "%s", "");
	str_done(&d.text);
}

static void keep_first(void *ctx, enum store_outcome outcome, const struct store_range *range,
                       const struct error *err)
{
	(void)err;
	CHECK_INT(outcome, STORE_OK);
	CHECK_INT(range->count, 1);
	struct store_kv *kv = ctx;
	*kv = range->kvs[0];
	kv->key = NULL;
	/* the value holds a NUL and is followed by one that does not count */
	CHECK_INT(kv->value_len, 3);
	CHECK(memcmp(kv->value, "a\0b", 4) == 0);
}

CASE(values_are_bytes_and_versions_count)
{
	put(w, "a", "x");
	struct store_then then = {.what = STORE_PUT, .key = key(w, "a"), .value = "a\0b", .value_len = 3};
	int64_t rev;
	CHECK_INT(commit(w, &(struct store_txn){.thens = &then, .n_thens = 1}, &rev), STORE_OK);
	struct store_kv kv = {0};
	(void)store_range(w->store, &(struct store_range_request){.key = key(w, "a")}, keep_first, &kv);
	UNTIL(w->loop, kv.mod_rev);
	CHECK_INT(kv.mod_rev, rev);
	CHECK_INT(kv.create_rev, rev - 1);
	CHECK_INT(kv.version, 2);
	CHECK_INT(kv.lease, 0);
}

CASE(empty_values_are_values)
{
	int64_t rev = put(w, "empty", "");
	struct drive_done d;
	CHECK_INT(drive_range(w->store, &(struct store_range_request){.key = key(w, "empty")}, &d), STORE_OK);
	check_text(&d.text, "%sempty=@%" PRId64 " ", w->prefix, rev);
	str_done(&d.text);
}

CASE(keys_only_leaves_values_out)
{
	int64_t rev = put(w, "a", "one");
	struct drive_done d;
	struct store_range_request req = {.key = w->prefix, .prefix = true, .keys_only = true};
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	check_text(&d.text, "%sa=@%" PRId64 " ", w->prefix, rev);
	str_done(&d.text);
}

CASE(pages_show_one_revision)
{
	char name[8];
	int64_t first = 0;
	for (unsigned i = 0; i < 7; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		int64_t rev = put(w, name, "v");
		first = first ? first : rev;
	}
	struct store_range_request req = {.key = w->prefix, .prefix = true, .limit = 3};
	struct drive_done d;
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	CHECK(d.more);
	int64_t at = d.identity.revision;
	CHECK_INT(at, first + 6);
	check_text(&d.text, "%sk0=v@%" PRId64 " %sk1=v@%" PRId64 " %sk2=v@%" PRId64 " ", w->prefix, first,
	           w->prefix, first + 1, w->prefix, first + 2);
	str_done(&d.text);
	/* what happens between the pages is not in them */
	drive_delete(w->store, key(w, "k3"));
	put(w, "k4", "changed");
	put(w, "k45", "new");
	req.after = key(w, "k2");
	req.rev = at;
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	CHECK(d.more);
	check_text(&d.text, "%sk3=v@%" PRId64 " %sk4=v@%" PRId64 " %sk5=v@%" PRId64 " ", w->prefix, first + 3,
	           w->prefix, first + 4, w->prefix, first + 5);
	str_done(&d.text);
	req.after = key(w, "k5");
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	CHECK(!d.more);
	check_text(&d.text, "%sk6=v@%" PRId64 " ", w->prefix, first + 6);
	str_done(&d.text);
}

CASE(a_page_that_ends_with_the_last_key_has_no_next)
{
	put(w, "a", "1");
	put(w, "b", "1");
	struct drive_done d;
	CHECK_INT(drive_range(w->store,
	                      &(struct store_range_request){.key = w->prefix, .prefix = true, .limit = 2},
	                      &d),
	          STORE_OK);
	CHECK(!d.more);
	str_done(&d.text);
}

CASE(prefixes_end_where_they_should)
{
	int64_t rev = put(w, "ab", "1");
	put(w, "ac", "1");
	put(w, "a", "1");
	put(w, "ab\xff\xff", "1");
	put(w, "ab\xff", "1");
	struct drive_done d;
	CHECK_INT(
	        drive_range(w->store, &(struct store_range_request){.key = key(w, "ab"), .prefix = true}, &d),
	        STORE_OK);
	check_text(&d.text, "%sab=1@%" PRId64 " %sab\xff=1@%" PRId64 " %sab\xff\xff=1@%" PRId64 " ",
	           w->prefix, rev, w->prefix, rev + 4, w->prefix, rev + 3);
	str_done(&d.text);
	CHECK_INT(drive_range(w->store,
	                      &(struct store_range_request){.key = key(w, "ab\xff"), .prefix = true}, &d),
	          STORE_OK);
	check_text(&d.text, "%sab\xff=1@%" PRId64 " %sab\xff\xff=1@%" PRId64 " ", w->prefix, rev + 4,
	           w->prefix, rev + 3);
	str_done(&d.text);
	/* after a key that does not exist any more, and one before the prefix */
	CHECK_INT(drive_range(w->store,
	                      &(struct store_range_request){
	                              .key = key(w, "a"), .prefix = true, .after = key(w, "abc")},
	                      &d),
	          STORE_OK);
	CHECK_HAS(str_get(&d.text), "ac=1");
	CHECK(!strstr(str_get(&d.text), "ab=1"));
	str_done(&d.text);
	CHECK_INT(
	        drive_range(w->store,
	                    &(struct store_range_request){.key = key(w, "ac"), .prefix = true, .after = "!"},
	                    &d),
	        STORE_OK);
	check_text(&d.text, "%sac=1@%" PRId64 " ", w->prefix, rev + 1);
	str_done(&d.text);
}

CASE(an_empty_prefix_is_everything)
{
	put(w, "a", "1");
	struct drive_done d;
	struct store_range_request req = {.key = "", .prefix = true, .after = w->prefix, .limit = 1};
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	CHECK_HAS(str_get(&d.text), key(w, "a"));
	str_done(&d.text);
}

CASE(past_revisions_can_be_read_until_compacted)
{
	int64_t rev = put(w, "a", "old");
	put(w, "a", "new");
	struct drive_done d;
	struct store_range_request req = {.key = key(w, "a"), .rev = rev};
	CHECK_INT(drive_range(w->store, &req, &d), STORE_OK);
	check_text(&d.text, "%sa=old@%" PRId64 " ", w->prefix, rev);
	str_done(&d.text);
	compact(w, rev + 1);
	CHECK_INT(drive_range(w->store, &req, &d), STORE_E_COMPACTED);
	CHECK_HAS(d.error, "compacted");
	str_done(&d.text);
}

/* --- transactions --- */

CASE(compares_guard_writes)
{
	int64_t rev = put(w, "a", "1");
	struct store_then then = {.what = STORE_PUT, .key = key(w, "b"), .value = "x", .value_len = 1};
	const struct {
		enum store_compare what;
		const char *name;
		int64_t rev;
		enum store_outcome want;
	} rows[] = {
	        {STORE_IF_MOD_REV, "a", rev, STORE_OK},
	        {STORE_IF_MOD_REV, "a", rev - 1, STORE_E_CONFLICT},
	        {STORE_IF_MOD_REV, "a", 0, STORE_E_CONFLICT},
	        {STORE_IF_MOD_REV, "absent", 0, STORE_OK},
	        {STORE_IF_MOD_REV, "absent", rev, STORE_E_CONFLICT},
	        {STORE_IF_CREATE_REV, "a", rev, STORE_OK},
	        {STORE_IF_CREATE_REV, "a", rev + 1, STORE_E_CONFLICT},
	        {STORE_IF_CREATE_REV, "absent", 0, STORE_OK},
	        {STORE_IF_CREATE_REV, "a", 0, STORE_E_CONFLICT},
	};
	int64_t last = rev;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct store_if guard = {rows[i].what, key(w, rows[i].name), rows[i].rev};
		int64_t after;
		CHECK_INT(commit(w, &(struct store_txn){&guard, 1, &then, 1}, &after), rows[i].want);
		CHECK_INT(after, last + (rows[i].want == STORE_OK)); /* a refusal makes no revision */
		last = after;
	}
}

CASE(all_compares_must_hold_and_all_writes_are_one_revision)
{
	int64_t a = put(w, "a", "1"), b = put(w, "b", "1");
	put(w, "gone/1", "1");
	put(w, "gone/2", "1");
	struct store_if ifs[] = {{STORE_IF_MOD_REV, key(w, "a"), a}, {STORE_IF_MOD_REV, key(w, "b"), b + 1}};
	struct store_then thens[] = {
	        {.what = STORE_PUT, .key = key(w, "a"), .value = "2", .value_len = 1},
	        {.what = STORE_DELETE, .key = key(w, "b")},
	        {.what = STORE_DELETE_PREFIX, .key = key(w, "gone/")},
	};
	struct store_txn txn = {.ifs = ifs, .n_ifs = 2, .thens = thens, .n_thens = 3};
	CHECK_INT(commit(w, &txn, NULL), STORE_E_CONFLICT);
	ifs[1].rev = b;
	int64_t rev;
	CHECK_INT(commit(w, &txn, &rev), STORE_OK);
	CHECK_INT(rev, b + 3);
	struct drive_done d;
	CHECK_INT(drive_range(w->store, &(struct store_range_request){.key = w->prefix, .prefix = true}, &d),
	          STORE_OK);
	check_text(&d.text, "%sa=2@%" PRId64 " ", w->prefix, rev);
	str_done(&d.text);
}

CASE(a_write_that_changes_nothing_makes_no_revision)
{
	int64_t rev = put(w, "a", "1");
	struct store_then then = {.what = STORE_DELETE, .key = key(w, "absent")};
	int64_t after;
	CHECK_INT(commit(w, &(struct store_txn){.thens = &then, .n_thens = 1}, &after), STORE_OK);
	CHECK_INT(after, rev);
	struct store_if guard = {STORE_IF_MOD_REV, key(w, "a"), rev};
	CHECK_INT(commit(w, &(struct store_txn){.ifs = &guard, .n_ifs = 1}, &after), STORE_OK);
	CHECK_INT(after, rev);
}

CASE(limits_are_kept)
{
	static char names[LIMIT_TXN_OPS + 1][96];
	struct store_then thens[LIMIT_TXN_OPS + 1];
	for (size_t i = 0; i < ELEMENTS(thens); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s%zu", w->prefix, i);
		thens[i] =
		        (struct store_then){.what = STORE_PUT, .key = names[i], .value = "x", .value_len = 1};
	}
	CHECK_INT(commit(w, &(struct store_txn){.thens = thens, .n_thens = LIMIT_TXN_OPS + 1}, NULL),
	          STORE_E_TOO_LARGE);
	CHECK_INT(commit(w, &(struct store_txn){.thens = thens, .n_thens = LIMIT_TXN_OPS}, NULL), STORE_OK);
	char *big = mem_zalloc(LIMIT_VALUE + 1);
	struct store_then two[] = {
	        {.what = STORE_PUT, .key = key(w, "big"), .value = big, .value_len = LIMIT_VALUE + 1},
	        {.what = STORE_PUT, .key = key(w, "big2"), .value = big, .value_len = LIMIT_VALUE}};
	CHECK_INT(commit(w, &(struct store_txn){.thens = two, .n_thens = 1}, NULL), STORE_E_TOO_LARGE);
	two[0].value_len = LIMIT_VALUE;
	CHECK_INT(commit(w, &(struct store_txn){.thens = two, .n_thens = 1}, NULL), STORE_OK);
	/* each fits, both together do not */
	CHECK_INT(commit(w, &(struct store_txn){.thens = two, .n_thens = 2}, NULL), STORE_E_TOO_LARGE);
	free(big);
	struct drive_done d;
	CHECK_INT(drive_range(w->store,
	                      &(struct store_range_request){
	                              .key = key(w, "big"), .prefix = true, .keys_only = true},
	                      &d),
	          STORE_OK);
	CHECK(!strstr(str_get(&d.text), "big2"));
	str_done(&d.text);
}

/* ctx: {sum of the revisions, completions}; what is under way together may end in any order */
static void on_sum(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	(void)err;
	int64_t *sum = ctx;
	CHECK_INT(outcome, STORE_OK);
	sum[0] += rev;
	sum[1]++;
}

CASE(many_at_once_all_complete)
{
	int64_t sum[2] = {0}, want = 0, rev = put(w, "first", "x");
	char name[16];
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i % 20);
		struct store_then then = {
		        .what = STORE_PUT, .key = key(w, name), .value = "v", .value_len = 1};
		(void)store_txn(w->store, &(struct store_txn){.thens = &then, .n_thens = 1}, on_sum, sum);
		want += rev + 1 + i;
	}
	CHECK_INT(sum[1], 0); /* never from inside the call */
	UNTIL(w->loop, sum[1] == 300);
	CHECK_INT(sum[0], want); /* a revision each, and none twice */
}

static void cancel(struct store *s, struct store_op *op, struct fate *f)
{
	if (f->done)
		return;
	f->cancelled = true;
	store_cancel(s, op);
}

CASE(cancelled_is_silent)
{
	put(w, "a", "1"); /* the connection is up: what follows goes out at once */
	struct fate fates[4][3] = {0};
	char *big = mem_zalloc(LIMIT_VALUE + 1);
	for (unsigned i = 0; i < ELEMENTS(fates); i++) {
		struct fate *f = fates[i];
		struct store_then then = {
		        .what = STORE_PUT, .key = key(w, "a"), .value = "2", .value_len = 1};
		struct store_op *txn = store_txn(w->store, &(struct store_txn){.thens = &then, .n_thens = 1},
		                                 on_fate, &f[0]);
		struct store_op *range = store_range(
		        w->store, &(struct store_range_request){.key = key(w, "a")}, on_range_fate, &f[1]);
		then.value = big; /* refused without being sent */
		then.value_len = LIMIT_VALUE + 1;
		struct store_op *large = store_txn(
		        w->store, &(struct store_txn){.thens = &then, .n_thens = 1}, on_fate, &f[2]);
		if (i % 2)
			loop_step(w->loop, 0); /* in flight */
		cancel(w->store, txn, &f[0]);
		cancel(w->store, range, &f[1]);
		cancel(w->store, large, &f[2]);
	}
	free(big);
	store_cancel(w->store, NULL);
	for (unsigned i = 0; i < 5; i++)
		put(w, "b", "x");
	CHECK(fates[0][0].cancelled && fates[0][1].cancelled && fates[0][2].cancelled);
}
