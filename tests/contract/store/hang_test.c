/* An etcd that is stopped for half a minute (SIGSTOP): everything is noticed in its time, and everything goes
 * on. */
#include "etcd/etcd.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"

#define HANG_MS 30000

static struct store *open_url(struct loop *l, const char *url)
{
	struct store *s;
	CHECK_INT(etcd_open(l, &(struct etcd_config){.endpoints = url}, &s, NULL), 0);
	return s;
}

static void begin_put(struct store *s, struct drive_done *d)
{
	struct store_then then = {.what = STORE_PUT, .key = "/a", .value = "x", .value_len = 1};
	(void)store_txn(s, &(struct store_txn){.thens = &then, .n_thens = 1}, drive_on_txn, d);
}

TEST(half_a_minute_of_silence)
{
	struct etcd_server *server = etcd_server_start(NULL);
	struct loop *l = loop_new();
	/* one that only watches has nothing but PINGs to find out with; the other has a lease to lose and
	 * calls to make */
	struct store *quiet = open_url(l, etcd_server_url(server)),
	             *busy = open_url(l, etcd_server_url(server));
	int64_t rev = drive_put(busy, "/a", "1");
	struct drive_watch watch;
	struct drive_lease lease;
	drive_watch_begin(&watch, quiet, "/", true, rev + 1);
	drive_lease_begin(&lease, busy, 4000, true);
	UNTIL(l, lease.id);
	drive_put_lease(busy, "/leased", "1", lease.id);
	UNTIL(l, watch.events == 1);

	etcd_server_stop(server);
	int64_t stopped = loop_now(l), lease_lost = 0, noticed = 0, ended = 0;
	struct drive_done write = {0}, read = {0}, late = {0};
	begin_put(busy, &write);
	(void)store_range(busy, &(struct store_range_request){.key = "/a"}, drive_on_range, &read);
	while (loop_now(l) - stopped < HANG_MS) {
		loop_step(l, 100);
		int64_t after = loop_now(l) - stopped;
		lease_lost = lease_lost || !lease.lost ? lease_lost : after;
		noticed = noticed || quiet->state != STORE_LOST ? noticed : after;
		ended = ended || !(write.done && read.done) ? ended : after;
		if (after > 20000 && !late.done && !late.outcome) {
			late.outcome = STORE_E_INTERNAL; /* submitted once */
			begin_put(busy, &late);
		}
	}
	CHECK(lease_lost > 0 && lease_lost <= 4200);
	CHECK(noticed > 0 && noticed <= 14000);
	CHECK_HAS(quiet->state_text, "no answer");
	CHECK(ended > 0 && ended <= 5500);
	CHECK_INT(write.outcome, STORE_E_UNKNOWN);
	CHECK_INT(read.outcome, STORE_E_UNAVAILABLE);
	CHECK(late.done);
	CHECK_INT(late.outcome, STORE_E_UNAVAILABLE);
	CHECK_INT(lease.granted, 1);
	CHECK_INT(watch.events, 1);

	etcd_server_continue(server);
	UNTIL(l, quiet->state == STORE_READY && busy->state == STORE_READY && lease.granted == 2);
	rev = drive_put(busy, "/a", "end");
	UNTIL(l, watch.last_rev == rev);
	CHECK_INT(watch.relists, 0);
	CHECK_HAS(str_get(&watch.text), "del /leased");
	drive_watch_end(&watch, quiet);
	str_done(&read.text);
	lease.lease = store_lease_free(busy, lease.lease, true);
	store_free(quiet);
	store_free(busy);
	loop_free(l);
	etcd_server_free(server);
}
