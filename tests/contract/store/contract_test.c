/*
 * What every store promises (store.h), on the store in memory and on a real etcd: each case runs on both,
 * below a prefix of its own.
 */
#include <stdarg.h>

#include "core/limits.h"
#include "etcd/etcd.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"
#include "memory/memory.h"

struct world {
	struct loop *loop;
	struct store *store;
	struct etcd_server *server; /* NULL: in memory */
	char prefix[64];            /* "/contract-7/" */
	char key[8][96];            /* of key() */
	unsigned n_keys;
};

static struct etcd_server *shared_server;

static void end_shared_server(void)
{
	shared_server = etcd_server_free(shared_server);
}

static struct store *open_etcd(struct world *w)
{
	struct store *s;
	struct error err;
	CHECK_INT(
	        etcd_open(w->loop, &(struct etcd_config){.endpoints = etcd_server_url(w->server)}, &s, &err),
	        0);
	return s;
}

/* Another client of the same store. */
static struct store *open_again(struct world *w)
{
	return w->server ? open_etcd(w) : memory_store_open(w->store);
}

static void run_case(void (*body)(struct world *), bool on_etcd)
{
	static unsigned counter;
	struct world w = {.loop = loop_new()};
	(void)snprintf(w.prefix, sizeof(w.prefix), "/contract-%u/", ++counter);
	if (on_etcd) {
		if (!shared_server) {
			shared_server = etcd_server_start(NULL);
			(void)atexit(end_shared_server);
		}
		w.server = shared_server;
		w.store = open_etcd(&w);
	} else {
		w.store = memory_store_new(w.loop);
	}
	body(&w);
	store_free(w.store);
	loop_free(w.loop);
}

#define CASE(id)                                \
	static void case_##id(struct world *w); \
	TEST(id##_memory)                       \
	{                                       \
		run_case(case_##id, false);     \
	}                                       \
	TEST(id##_etcd)                         \
	{                                       \
		run_case(case_##id, true);      \
	}                                       \
	static void case_##id(struct world *w)

/* prefix + name; good for the next seven calls. */
static const char *key(struct world *w, const char *name)
{
	char *k = w->key[w->n_keys++ % ELEMENTS(w->key)];
	(void)snprintf(k, sizeof(w->key[0]), "%s%s", w->prefix, name);
	return k;
}

static int64_t put(struct world *w, const char *name, const char *value)
{
	return drive_put(w->store, key(w, name), value);
}

static enum store_outcome commit(struct world *w, const struct store_txn *txn, int64_t *ret_rev)
{
	return drive_txn(w->store, txn, ret_rev);
}

static void compact(struct world *w, int64_t rev)
{
	if (!w->server) {
		memory_store_compact(w->store, rev);
		return;
	}
	char text[32];
	(void)snprintf(text, sizeof(text), "%" PRId64, rev);
	free(etcd_server_ctl(w->server, "compaction", text, NULL));
}

static void check_text(const struct str *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void check_text(const struct str *text, const char *fmt, ...)
{
	char *want = NULL;
	va_list ap;
	va_start(ap, fmt);
	CHECK(vasprintf(&want, fmt, ap) >= 0);
	va_end(ap);
	CHECK_STR(str_get(text), want);
	free(want);
}

/* The events so far; how they were put into batches is the store's business. */
static void check_events(const struct drive_watch *watch, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static void check_events(const struct drive_watch *watch, const char *fmt, ...)
{
	char *want = NULL;
	struct str have = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	CHECK(vasprintf(&want, fmt, ap) >= 0);
	va_end(ap);
	for (const char *p = str_get(&watch->text); *p; p++)
		if (p[0] == '|' && p[1] == ' ')
			p++;
		else
			str_putc(&have, *p);
	CHECK_STR(str_get(&have), want);
	str_done(&have);
	free(want);
}

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

struct fate {
	bool done, cancelled;
};

static void on_fate(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	(void)outcome, (void)rev, (void)err;
	struct fate *f = ctx;
	CHECK(!f->cancelled && !f->done);
	f->done = true;
}

static void on_range_fate(void *ctx, enum store_outcome outcome, const struct store_range *r,
                          const struct error *err)
{
	(void)r;
	on_fate(ctx, outcome, 0, err);
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
