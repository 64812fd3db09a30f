/* The store on a real etcd that dies, hangs, is cut off, or is not the one it was. */
#include "etcd/etcd.h"
#include "forward.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"

static struct store *open_url(struct loop *l, const char *endpoints)
{
	struct store *s;
	struct error err;
	CHECK_INT(
	        etcd_open(l, &(struct etcd_config){.endpoints = endpoints, .dial_timeout_ms = 400}, &s, &err),
	        0);
	return s;
}

struct world {
	struct loop *loop;
	struct etcd_server *server;
	struct store *store;
	struct forward wire;
	struct store *wired; /* goes through the wire */
};

static void world_begin(struct world *w)
{
	*w = (struct world){.loop = loop_new(), .server = etcd_server_start(NULL)};
	w->store = open_url(w->loop, etcd_server_url(w->server));
	forward_begin(&w->wire, w->loop, etcd_server_url(w->server));
	w->wired = open_url(w->loop, w->wire.url);
}

static void world_end(struct world *w)
{
	store_free(w->store);
	store_free(w->wired);
	forward_end(&w->wire);
	loop_free(w->loop);
	etcd_server_free(w->server);
}

/* --- killed under writes --- */

/* Writes one key after the other without end; what may or may not have been written does not matter to it. */
struct writer {
	struct store *store;
	unsigned ok, unsure;
	bool stop, idle;
};

static void write_next(struct writer *w);

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	(void)rev, (void)err;
	struct writer *w = ctx;
	CHECK(outcome == STORE_OK || outcome == STORE_E_UNKNOWN || outcome == STORE_E_UNAVAILABLE);
	w->ok += outcome == STORE_OK;
	w->unsure += outcome == STORE_E_UNKNOWN;
	w->idle = w->stop;
	if (!w->stop)
		write_next(w);
}

static void write_next(struct writer *w)
{
	char key[32];
	(void)snprintf(key, sizeof(key), "/k/%u", (w->ok + w->unsure) % 10);
	struct store_then thens[] = {{.what = STORE_PUT, .key = key, .value = "x", .value_len = 1},
	                             {.what = STORE_PUT, .key = "/k/count", .value = "y", .value_len = 1}};
	(void)store_txn(w->store, &(struct store_txn){.thens = thens, .n_thens = 2}, on_written, w);
}

TEST(killed_and_restarted_under_writes_loses_and_doubles_nothing)
{
	struct world w;
	world_begin(&w);
	int64_t rev = drive_put(w.store, "/k/first", "x");
	struct drive_watch watch, narrow;
	drive_watch_begin(&watch, w.wired, "/k/", true, rev + 1);
	drive_watch_begin(&narrow, w.wired, "/k/count", false, rev + 1);
	struct writer writers[3];
	for (size_t i = 0; i < ELEMENTS(writers); i++) {
		writers[i] = (struct writer){.store = w.store};
		write_next(&writers[i]);
	}
	for (unsigned round = 0; round < 3; round++) {
		size_t events = watch.events;
		UNTIL(w.loop, watch.events > events + 200);
		etcd_server_kill(w.server);
		UNTIL(w.loop, w.store->state == STORE_LOST);
		CHECK_HAS(w.store->state_text, "127.0.0.1:");
		etcd_server_restart_begin(w.server);
		UNTIL(w.loop, w.store->state == STORE_READY && w.wired->state == STORE_READY);
	}
	/* and the wire alone, under writes that go on */
	size_t events = watch.events;
	forward_cut(&w.wire, false);
	UNTIL(w.loop, watch.events > events + 200);
	for (size_t i = 0; i < ELEMENTS(writers); i++) {
		writers[i].stop = true;
		UNTIL(w.loop, writers[i].idle);
	}
	int64_t last = drive_put(w.store, "/k/count", "end");
	UNTIL(w.loop, watch.last_rev == last && narrow.last_rev == last);
	/* every revision since the first is a transaction with two keys, the last one with one */
	CHECK_INT(watch.events, 2 * (last - rev) - 1);
	CHECK_INT(narrow.events, last - rev);
	CHECK_INT(watch.relists + narrow.relists, 0);
	CHECK(w.wire.accepted >= 4);
	drive_watch_end(&watch, w.wired);
	drive_watch_end(&narrow, w.wired);
	world_end(&w);
}

/* --- outcomes that are not known --- */

static void begin_put(struct store *s, struct drive_done *d, const char *key, bool retry_safe,
                      int64_t timeout_ms)
{
	*d = (struct drive_done){0};
	struct store_if absent = {STORE_IF_CREATE_REV, key, 0};
	struct store_then then = {.what = STORE_PUT, .key = key, .value = "x", .value_len = 1};
	(void)store_txn(s, &(struct store_txn){&absent, 1, &then, 1, retry_safe, timeout_ms}, drive_on_txn,
	                d);
}

static bool is_there(struct store *s, const char *key)
{
	struct drive_done d;
	CHECK_INT(drive_range(s, &(struct store_range_request){.key = key}, &d), STORE_OK);
	bool there = d.text.len > 0;
	str_done(&d.text);
	return there;
}

TEST(a_lost_answer_to_a_write_is_unknown)
{
	struct world w;
	world_begin(&w);
	drive_put(w.wired, "/a", "1");
	/* carried out, but nobody heard */
	forward_hold(&w.wire, false, true);
	struct drive_done d;
	begin_put(w.wired, &d, "/done", false, 0);
	UNTIL(w.loop, is_there(w.store, "/done"));
	CHECK(!d.done);
	forward_cut(&w.wire, false);
	UNTIL(w.loop, d.done);
	CHECK_INT(d.outcome, STORE_E_UNKNOWN);
	/* not carried out, and as far as we can know just the same */
	forward_hold(&w.wire, false, false);
	drive_put(w.wired, "/a", "2");
	forward_hold(&w.wire, true, false);
	begin_put(w.wired, &d, "/lost", false, 300);
	UNTIL(w.loop, d.done);
	CHECK_INT(d.outcome, STORE_E_UNKNOWN);
	CHECK_HAS(d.error, "300 ms");
	forward_cut(&w.wire, false);
	forward_hold(&w.wire, false, false);
	CHECK(!is_there(w.wired, "/lost"));
	world_end(&w);
}

TEST(what_is_safe_to_repeat_is_repeated)
{
	struct world w;
	world_begin(&w);
	drive_put(w.wired, "/a", "1");
	struct drive_done safe, read = {0};
	forward_hold(&w.wire, true, false); /* neither gets through */
	begin_put(w.wired, &safe, "/safe", true, 0);
	(void)store_range(w.wired, &(struct store_range_request){.key = "/a"}, drive_on_range, &read);
	drive_settle(w.loop);
	forward_cut(&w.wire, false);
	forward_hold(&w.wire, false, false);
	UNTIL(w.loop, safe.done && read.done);
	CHECK_INT(safe.outcome, STORE_OK);
	CHECK_INT(read.outcome, STORE_OK);
	str_done(&read.text);
	/* the first run did it, the second finds that: the caller looks who it was */
	forward_hold(&w.wire, false, true);
	begin_put(w.wired, &safe, "/twice", true, 0);
	UNTIL(w.loop, is_there(w.store, "/twice"));
	forward_cut(&w.wire, false);
	forward_hold(&w.wire, false, false);
	UNTIL(w.loop, safe.done);
	CHECK_INT(safe.outcome, STORE_E_CONFLICT);
	world_end(&w);
}

TEST(what_was_never_sent_is_not_unknown)
{
	struct world w;
	world_begin(&w);
	drive_put(w.wired, "/a", "1");
	forward_cut(&w.wire, true);
	UNTIL(w.loop, w.wired->state == STORE_LOST);
	struct drive_done d;
	begin_put(w.wired, &d, "/never", false, 300);
	UNTIL(w.loop, d.done);
	CHECK_INT(d.outcome, STORE_E_UNAVAILABLE);
	/* one that waits long enough is carried out after all */
	begin_put(w.wired, &d, "/late", false, 10000);
	drive_settle(w.loop);
	forward_cut(&w.wire, false);
	UNTIL(w.loop, d.done);
	CHECK_INT(d.outcome, STORE_OK);
	CHECK(!is_there(w.store, "/never"));
	world_end(&w);
}

TEST(a_server_killed_in_mid_write_leaves_it_unknown)
{
	struct world w;
	world_begin(&w);
	drive_put(w.store, "/a", "1");
	etcd_server_stop(w.server);
	struct drive_done d, read = {0};
	begin_put(w.store, &d, "/b", false, 0);
	(void)store_range(w.store, &(struct store_range_request){.key = "/a"}, drive_on_range, &read);
	drive_settle(w.loop);
	etcd_server_kill(w.server);
	UNTIL(w.loop, d.done);
	CHECK_INT(d.outcome, STORE_E_UNKNOWN);
	CHECK(!read.done);
	etcd_server_restart_begin(w.server);
	UNTIL(w.loop, read.done);
	CHECK_INT(read.outcome, STORE_OK);
	CHECK_STR(str_get(&read.text), "/a=1@2 ");
	str_done(&read.text);
	world_end(&w);
}

/* --- other histories --- */

TEST(a_large_gap_lists_again)
{
	struct world w;
	world_begin(&w);
	int64_t rev = drive_put(w.store, "/a", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w.wired, "/", true, rev + 1);
	rev = drive_put(w.store, "/a", "2");
	UNTIL(w.loop, watch.events == 1);
	/* a small one is replayed */
	forward_cut(&w.wire, true);
	for (unsigned i = 0; i < 100; i++)
		rev = drive_put(w.store, "/a", "x");
	forward_cut(&w.wire, false);
	UNTIL(w.loop, watch.last_rev == rev);
	CHECK_INT(watch.events, 101);
	forward_cut(&w.wire, true);
	struct writer writers[64];
	for (size_t i = 0; i < ELEMENTS(writers); i++) {
		writers[i] = (struct writer){.store = w.store};
		write_next(&writers[i]);
	}
	UNTIL(w.loop, writers[0].ok > 5200 / ELEMENTS(writers));
	for (size_t i = 0; i < ELEMENTS(writers); i++) {
		writers[i].stop = true;
		UNTIL(w.loop, writers[i].idle);
	}
	forward_cut(&w.wire, false);
	UNTIL(w.loop, watch.relists == 1);
	CHECK_INT(watch.why, STORE_E_COMPACTED);
	CHECK_INT(watch.events, 101);
	CHECK(watch.identity.revision > rev + 5000);
	drive_watch_end(&watch, w.wired);
	world_end(&w);
}

TEST(compaction_while_away_lists_again)
{
	struct world w;
	world_begin(&w);
	int64_t rev = drive_put(w.store, "/a", "1");
	struct drive_watch watch;
	drive_watch_begin(&watch, w.wired, "/", true, rev + 1);
	rev = drive_put(w.store, "/a", "2");
	UNTIL(w.loop, watch.events == 1);
	forward_cut(&w.wire, true);
	drive_put(w.store, "/a", "3");
	rev = drive_put(w.store, "/a", "4");
	char text[32];
	(void)snprintf(text, sizeof(text), "%" PRId64, rev);
	free(etcd_server_ctl(w.server, "compaction", text, NULL));
	forward_cut(&w.wire, false);
	UNTIL(w.loop, watch.relists == 1);
	CHECK_INT(watch.why, STORE_E_COMPACTED);
	CHECK_INT(watch.identity.revision, rev);
	CHECK_INT(watch.events, 1);
	drive_watch_end(&watch, w.wired);
	world_end(&w);
}

TEST(an_empty_etcd_in_its_place_lists_again_with_its_identity)
{
	struct world w;
	world_begin(&w);
	int64_t rev = drive_put(w.store, "/a", "1");
	for (unsigned i = 0; i < 5; i++)
		rev = drive_put(w.store, "/a", "x");
	struct drive_watch watch, idle;
	struct drive_lease lease;
	drive_watch_begin(&watch, w.store, "/a", true, rev + 1);
	drive_watch_begin(&idle, w.store, "/idle", true, rev + 1);
	drive_lease_begin(&lease, w.store, 3000, true);
	rev = drive_put(w.store, "/a", "last");
	UNTIL(w.loop, watch.events == 1 && lease.id);
	uint64_t before = watch.identity.cluster_id;
	etcd_server_kill(w.server);
	etcd_server_replace(w.server);
	UNTIL(w.loop, watch.relists == 1 && idle.relists == 1);
	CHECK(watch.identity.cluster_id != 0 && watch.identity.cluster_id != before);
	CHECK(idle.identity.cluster_id == watch.identity.cluster_id);
	CHECK(watch.identity.revision < rev);
	CHECK_INT(watch.events, 1);
	UNTIL(w.loop, lease.lost == 1 && lease.granted == 2);
	/* and a new watch lives on the new history */
	drive_watch_end(&watch, w.store);
	drive_watch_begin(&watch, w.store, "/a", true, watch.identity.revision + 2);
	drive_put(w.store, "/a", "new");
	drive_watch_end(&watch, w.store);
	struct drive_done d;
	CHECK_INT(drive_range(w.store, &(struct store_range_request){.key = "/", .prefix = true}, &d),
	          STORE_OK);
	CHECK_HAS(str_get(&d.text), "/a=new");
	drive_watch_begin(&watch, w.store, "/a", true, d.identity.revision + 1);
	str_done(&d.text);
	drive_put(w.store, "/a", "newer");
	UNTIL(w.loop, watch.events == 1);
	CHECK_INT(watch.relists, 0);
	drive_watch_end(&watch, w.store);
	drive_watch_end(&idle, w.store);
	lease.lease = store_lease_free(w.store, lease.lease, true);
	world_end(&w);
}

TEST(a_restored_backup_lists_again)
{
	struct world w;
	world_begin(&w);
	int64_t old = drive_put(w.store, "/a", "1");
	etcd_server_kill(w.server);
	etcd_server_save(w.server);
	UNTIL(w.loop, w.store->state == STORE_LOST);
	etcd_server_restart(w.server);
	UNTIL(w.loop, w.store->state == STORE_READY);
	int64_t rev = 0;
	for (unsigned i = 0; i < 10; i++)
		rev = drive_put(w.store, "/a", "x");
	struct drive_watch watch;
	drive_watch_begin(&watch, w.store, "/", true, rev + 1);
	rev = drive_put(w.store, "/a", "last");
	UNTIL(w.loop, watch.events == 1);
	uint64_t before = watch.identity.cluster_id;
	etcd_server_kill(w.server);
	etcd_server_restore(w.server);
	UNTIL(w.loop, watch.relists == 1);
	CHECK(watch.identity.cluster_id == before);
	CHECK_INT(watch.identity.revision, old);
	drive_watch_end(&watch, w.store);
	world_end(&w);
}

/* --- endpoints --- */

TEST(a_dead_endpoint_among_two_costs_nothing)
{
	struct world w;
	world_begin(&w);
	char endpoints[160];
	forward_cut(&w.wire, true);
	(void)snprintf(endpoints, sizeof(endpoints), "http://127.0.0.1:1,%s", etcd_server_url(w.server));
	for (unsigned i = 0; i < 8; i++) { /* they are tried in random order */
		struct store *s = open_url(w.loop, endpoints);
		int64_t begin = loop_now(w.loop);
		drive_put(s, "/a", "1");
		CHECK(loop_now(w.loop) - begin < 2000);
		store_free(s);
	}
	world_end(&w);
}

/* A store whose first choice is the wire: endpoints are tried in random order. */
static struct store *open_over_wire(struct world *w)
{
	char endpoints[160];
	(void)snprintf(endpoints, sizeof(endpoints), "%s,%s", w->wire.url, etcd_server_url(w->server));
	for (unsigned i = 0; i < 64; i++) {
		unsigned before = w->wire.accepted;
		struct store *s = open_url(w->loop, endpoints);
		drive_put(s, "/a", "1");
		if (w->wire.accepted == before + 2)
			return s;
		store_free(s);
	}
	test_fail(__FILE__, __LINE__, "64 stores did not choose the same endpoint first");
}

TEST(a_hanging_endpoint_is_left_for_the_other)
{
	struct world w;
	world_begin(&w);
	struct store *s = open_over_wire(&w);
	struct drive_watch watch;
	struct drive_lease lease;
	struct drive_done read = {0}, safe;
	int64_t rev = drive_put(s, "/a", "1");
	drive_watch_begin(&watch, s, "/", true, rev + 1);
	drive_lease_begin(&lease, s, 2000, true);
	drive_put(s, "/a", "2");
	UNTIL(w.loop, watch.events == 1 && lease.id);
	forward_hold(&w.wire, true, true);
	int64_t begin = loop_now(w.loop);
	/* a read and a harmless write find their way within their time */
	(void)store_range(s, &(struct store_range_request){.key = "/a"}, drive_on_range, &read);
	begin_put(s, &safe, "/safe", true, 0);
	rev = drive_put(w.store, "/a", "3");
	/* keep-alives find out in time to save the lease, and the watch comes along */
	UNTIL(w.loop, watch.last_rev >= rev);
	CHECK(loop_now(w.loop) - begin < 2500);
	UNTIL(w.loop, read.done && safe.done && loop_now(w.loop) - begin > 2500);
	CHECK_INT(read.outcome, STORE_OK);
	CHECK_INT(safe.outcome, STORE_OK);
	CHECK_INT(lease.lost, 0);
	str_done(&read.text);
	drive_watch_end(&watch, s);
	lease.lease = store_lease_free(s, lease.lease, false);
	store_free(s);
	world_end(&w);
}

TEST(bad_configurations_are_refused)
{
	struct loop *l = loop_new();
	struct store *s = NULL;
	struct error err;
	const struct {
		struct etcd_config cfg;
		const char *want;
	} rows[] = {
	        {{.endpoints = NULL}, "no endpoint"},
	        {{.endpoints = ","}, "no endpoint"},
	        {{.endpoints = "etcd.example.org:2379"}, "IP address"},
	        {{.endpoints = "http://127.0.0.1:x"}, "not an address"},
	        {{.endpoints = "https://127.0.0.1:1", .ca_file = "/nonexistent"}, "/nonexistent"},
	        {{.endpoints = "https://127.0.0.1:1", .cert_file = "/nonexistent"}, "both or neither"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		CHECK_INT(etcd_open(l, &rows[i].cfg, &s, &err), -EINVAL);
		CHECK_HAS(err.text, rows[i].want);
		CHECK(!s);
	}
	loop_free(l);
}
