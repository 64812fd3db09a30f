/* The mirror and leadership on real etcd: the histories that a store in memory can only imitate. */
#include "controllers/runtime/leader.h"
#include "etcd/etcd.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"
#include "mirror/mirror.h"

struct bench {
	struct etcd_server *server;
	struct loop *loop;
	struct store *s, *other;
	struct mirror *m;
	struct str seen; /* "+key=value ", "~key=was>now ", "-key " */
	unsigned synced, identities;
};

static void on_change(void *ctx, const char *key, const struct mirror_entry *was,
                      const struct mirror_entry *now)
{
	struct bench *b = ctx;
	if (!was)
		str_printf(&b->seen, "+%s=%s ", key, now->value);
	else if (!now)
		str_printf(&b->seen, "-%s ", key);
	else
		str_printf(&b->seen, "~%s=%s>%s ", key, was->value, now->value);
}

static void on_synced(void *ctx)
{
	((struct bench *)ctx)->synced++;
}

static void on_identity(void *ctx, struct store_identity was _unused_, struct store_identity now _unused_)
{
	((struct bench *)ctx)->identities++;
}

static struct store *open_store(struct bench *b)
{
	struct store *s = NULL;
	struct error err = {0};
	struct etcd_config cfg = {.endpoints = etcd_server_url(b->server)};
	CHECK_INT(etcd_open(b->loop, &cfg, &s, &err), 0);
	return s;
}

static void begin(struct bench *b)
{
	*b = (struct bench){.server = etcd_server_start(NULL), .loop = loop_new()};
	b->s = open_store(b);
	b->other = open_store(b);
}

static void mirror_begin(struct bench *b)
{
	static const struct mirror_callbacks cbs = {
	        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};
	static const char *const prefixes[] = {"pods/n1/", "nodes/", NULL};
	b->m = mirror_new(b->s, "/tug", prefixes, false, &cbs, b);
	UNTIL(b->loop, b->synced);
}

static void end(struct bench *b)
{
	b->m = mirror_free(b->m);
	b->s = store_free(b->s);
	b->other = store_free(b->other);
	b->loop = loop_free(b->loop);
	str_done(&b->seen);
	b->server = etcd_server_free(b->server);
}

static void put(struct bench *b, const char *key, const char *value)
{
	free(etcd_server_ctl(b->server, "put", key, value, NULL));
}

static void add_text(void *ctx, const struct mirror_entry *e)
{
	str_printf(ctx, "%s=%s%s ", str_after(e->key, "/tug/"), e->value, e->orphan ? "(orphan)" : "");
}

#define CHECK_COPY(b, want)                                \
	do {                                               \
		struct str text_ = STR_INIT;               \
		mirror_list((b)->m, "", add_text, &text_); \
		CHECK_STR(str_get(&text_), want);          \
		str_done(&text_);                          \
	} while (0)

/* Waits until exactly this was told since the last time. */
#define CHECK_TOLD(b, want)                                      \
	do {                                                     \
		UNTIL((b)->loop, (b)->seen.len >= strlen(want)); \
		CHECK_STR(str_get(&(b)->seen), want);            \
		str_clear(&(b)->seen);                           \
	} while (0)

TEST(list_and_changes)
{
	struct bench b;
	begin(&b);
	put(&b, "/tug/pods/n1/a", "1");
	put(&b, "/tug/pods/n2/b", "1");
	put(&b, "/tug/nodes/n1", "1");
	mirror_begin(&b);
	CHECK_COPY(&b, "nodes/n1=1 pods/n1/a=1 ");
	put(&b, "/tug/pods/n2/b", "2");
	put(&b, "/tug/pods/n1/a", "2");
	CHECK_TOLD(&b, "~pods/n1/a=1>2 ");
	put(&b, "/tug/pods/n1/c", "1");
	CHECK_TOLD(&b, "+pods/n1/c=1 ");
	free(etcd_server_ctl(b.server, "del", "/tug/pods/n1/a", NULL));
	CHECK_TOLD(&b, "-pods/n1/a ");
	int64_t rev = drive_put(b.other, "/tug/nodes/n1", "own");
	mirror_wrote(b.m, "nodes/n1", "own", 3, rev);
	str_clear(&b.seen); /* the event may have been faster than the reply; from here on it tells nothing */
	put(&b, "/tug/nodes/n2", "1");
	CHECK_TOLD(&b, "+nodes/n2=1 ");
	CHECK_COPY(&b, "nodes/n1=own nodes/n2=1 pods/n1/c=1 ");
	end(&b);
}

TEST(what_changed_while_the_store_was_away_and_compacted)
{
	struct bench b;
	begin(&b);
	put(&b, "/tug/pods/n1/a", "1");
	put(&b, "/tug/pods/n1/b", "1");
	put(&b, "/tug/nodes/n1", "1");
	mirror_begin(&b);
	/* the mirror's process sleeps, so to speak: its loop does not run meanwhile */
	etcd_server_kill(b.server);
	etcd_server_restart(b.server);
	put(&b, "/tug/pods/n1/a", "2");
	free(etcd_server_ctl(b.server, "del", "/tug/pods/n1/b", NULL));
	put(&b, "/tug/pods/n1/c", "1");
	char rev[24];
	struct drive_done d;
	CHECK_INT(drive_range(b.other, &(struct store_range_request){.key = "/tug/pods/n1/c"}, &d), STORE_OK);
	str_done(&d.text);
	(void)snprintf(rev, sizeof(rev), "%" PRId64, d.identity.revision);
	free(etcd_server_ctl(b.server, "compact", rev, NULL));
	UNTIL(b.loop, mirror_get(b.m, "pods/n1/c") && !mirror_get(b.m, "pods/n1/b"));
	CHECK_COPY(&b, "nodes/n1=1 pods/n1/a=2 pods/n1/c=1 ");
	CHECK_INT(b.identities, 0);
	end(&b);
}

TEST(an_empty_etcd_of_another_cluster_is_not_a_deletion)
{
	struct bench b;
	begin(&b);
	put(&b, "/tug/pods/n1/a", "1");
	put(&b, "/tug/nodes/n1", "1");
	mirror_begin(&b);
	etcd_server_kill(b.server);
	etcd_server_replace(b.server);
	UNTIL(b.loop, b.identities);
	CHECK_COPY(&b, "nodes/n1=1(orphan) pods/n1/a=1(orphan) ");
	CHECK_STR(str_get(&b.seen), "");
	put(&b, "/tug/nodes/n1", "new");
	CHECK_TOLD(&b, "~nodes/n1=1>new ");
	CHECK_COPY(&b, "nodes/n1=new pods/n1/a=1(orphan) ");
	end(&b);
}

TEST(an_etcd_that_went_back_is_not_a_deletion)
{
	struct bench b;
	begin(&b);
	put(&b, "/tug/pods/n1/a", "1");
	etcd_server_kill(b.server);
	etcd_server_save(b.server);
	etcd_server_restart(b.server);
	put(&b, "/tug/pods/n1/a", "2");
	put(&b, "/tug/pods/n1/b", "1");
	mirror_begin(&b);
	CHECK_COPY(&b, "pods/n1/a=2 pods/n1/b=1 ");
	etcd_server_kill(b.server);
	etcd_server_restore(b.server);
	UNTIL(b.loop, b.identities);
	CHECK_COPY(&b, "pods/n1/a=1 pods/n1/b=1(orphan) ");
	CHECK_TOLD(&b, "~pods/n1/a=2>1 ");
	end(&b);
}

struct candidate {
	struct leader *l;
	unsigned elected, deposed;
};

static void on_elected(void *ctx)
{
	((struct candidate *)ctx)->elected++;
}

static void on_deposed(void *ctx)
{
	((struct candidate *)ctx)->deposed++;
}

TEST(leaders_succeed_one_another)
{
	static const struct leader_callbacks cbs = {.on_elected = on_elected, .on_deposed = on_deposed};
	struct bench b;
	begin(&b);
	struct candidate one = {0}, two = {0};
	one.l = leader_new(b.s, "/tug", "scheduler", "n1/1", 2000, &cbs, &one);
	UNTIL(b.loop, one.elected == 1);
	two.l = leader_new(b.other, "/tug", "scheduler", "n2/2", 2000, &cbs, &two);
	struct drive_done d;
	CHECK_INT(drive_range(b.other, &(struct store_range_request){.key = "/tug/leader/scheduler"}, &d),
	          STORE_OK);
	CHECK_HAS(str_get(&d.text), "/tug/leader/scheduler=n1/1@");
	str_done(&d.text);
	free(etcd_server_ctl(b.server, "del", "/tug/leader/scheduler", NULL));
	UNTIL(b.loop, one.deposed == 1 && one.elected + two.elected == 2);
	one.l = leader_free(one.l);
	UNTIL(b.loop, leader_is(two.l));
	/* etcd dies for longer than the lease: deposed by the own clock, elected again when it is back */
	etcd_server_kill(b.server);
	UNTIL(b.loop, two.deposed == two.elected);
	etcd_server_restart(b.server);
	UNTIL(b.loop, leader_is(two.l));
	struct store_if fence = leader_fence(two.l);
	struct store_then then = {.what = STORE_PUT, .key = "/tug/x", .value = "1", .value_len = 1};
	struct store_txn txn = {.ifs = &fence, .n_ifs = 1, .thens = &then, .n_thens = 1};
	CHECK_INT(drive_txn(b.other, &txn, NULL), STORE_OK);
	two.l = leader_free(two.l);
	end(&b);
}
