/* What a store costs a process that has nothing to do: how often it is woken. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "etcd/etcd.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"

#define IDLE_MS 12000

static void on_end(void *ctx)
{
	loop_stop(ctx);
}

/* One process as a role is one; returns its wake-ups in IDLE_MS. */
static unsigned idle(const char *url, bool watch, bool lease)
{
	struct loop *l = loop_new();
	struct store *s;
	CHECK_INT(etcd_open(l, &(struct etcd_config){.endpoints = url}, &s, NULL), 0);
	struct drive_watch w = {0};
	struct drive_lease kept = {0};
	if (watch)
		drive_watch_begin(&w, s, "/", true, 1);
	if (lease) {
		drive_lease_begin(&kept, s, 4000, true);
		UNTIL(l, kept.id);
	}
	UNTIL(l, s->state == STORE_READY);
	struct loop_timer timer = {0};
	loop_timer_init(l, &timer, on_end, l);
	loop_timer_in(&timer, 1000); /* what the two sides have to say to each other at first */
	loop_run(l);
	uint64_t before = loop_wakeups(l);
	loop_timer_in(&timer, IDLE_MS);
	loop_run(l);
	uint64_t woken = loop_wakeups(l) - before - 1; /* its end */
	CHECK_INT(kept.lost, 0);
	CHECK_INT(s->state, STORE_READY);
	drive_watch_end(&w, s);
	kept.lease = store_lease_free(s, kept.lease, false);
	store_free(s);
	loop_free(l);
	return (unsigned)woken;
}

TEST(idle_processes_sleep)
{
	struct etcd_server *server = etcd_server_start(NULL);
	const struct {
		bool watch, lease;
		unsigned most;
	} rows[] = {
	        {false, false, 0},
	        {true, false, 4}, /* a PING after 10 s and its answer, perhaps twice */
	        {true, true, 15}, /* two for each keep-alive every 2.4 s; a third when the server sends a PING
	                             of its own */
	};
	pid_t pids[ELEMENTS(rows)];
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			unsigned woken = idle(etcd_server_url(server), rows[i].watch, rows[i].lease);
			_exit((int)MIN(woken, 200U));
		}
	}
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int status;
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		CHECK(WIFEXITED(status));
		unsigned woken = (unsigned)WEXITSTATUS(status);
		fprintf(stderr, "watch %d lease %d: woken %u times in %d ms\n", rows[i].watch, rows[i].lease,
		        woken, IDLE_MS);
		CHECK(woken <= rows[i].most);
	}
	etcd_server_free(server);
}
