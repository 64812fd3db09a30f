#include "controllers/runtime/leader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controllers/runtime/queue.h"
#include "core/dice.h"
#include "core/mem.h"
#include "core/str.h"

enum { RETRY_MOST_MS = 5000 };

struct leader {
	struct store *store;
	char *key;
	char *identity;
	struct leader_callbacks cbs;
	void *ctx;
	struct store_lease *lease;
	int64_t lease_id;   /* 0: we have none, and may not campaign */
	int64_t create_rev; /* of the key that we hold; 0: we do not lead */
	struct store_op *op;
	bool again; /* the key went while the operation was on its way */
	struct store_watch *watch;
	bool watch_dead; /* to be freed in a turn, then the key is looked at */
	unsigned failures;
	struct loop_task turn;
	struct loop_timer retry;
};

static void campaign(struct leader *l);
static void look(struct leader *l);

static void elect(struct leader *l, int64_t create_rev)
{
	l->create_rev = create_rev;
	l->cbs.on_elected(l->ctx);
}

static void depose(struct leader *l)
{
	if (!l->create_rev)
		return;
	l->create_rev = 0;
	l->cbs.on_deposed(l->ctx);
}

/* What we asked for cannot be had now. */
static void later(struct leader *l)
{
	int64_t ms = queue_backoff_ms(l->failures++, dice_fraction());
	loop_timer_in(&l->retry, MIN(ms, RETRY_MOST_MS));
}

/* --- the key --- */

static void on_events(void *ctx, const struct store_event *events, size_t count,
                      struct store_identity identity _unused_)
{
	struct leader *l = ctx;
	bool gone = false;
	for (size_t i = 0; i < count; i++) {
		const struct store_event *e = &events[i];
		gone = e->deleted;
		/* older news than our own election are nothing to us */
		if (l->create_rev && e->kv.mod_rev > l->create_rev &&
		    (e->deleted || e->kv.create_rev != l->create_rev))
			depose(l);
	}
	if (!gone || l->create_rev)
		return;
	if (l->op)
		l->again = true;
	else
		campaign(l);
}

static void on_relist(void *ctx, enum store_outcome why _unused_, struct store_identity identity _unused_)
{
	struct leader *l = ctx;
	l->watch_dead = true;
	loop_task_schedule(&l->turn);
}

static void watch_from(struct leader *l, int64_t rev)
{
	static const struct store_watch_callbacks cbs = {.on_events = on_events, .on_relist = on_relist};
	if (!l->watch)
		l->watch = store_watch(
		        l->store, &(struct store_watch_request){.key = l->key, .start_rev = rev}, &cbs, l);
}

static void on_turn(void *ctx)
{
	struct leader *l = ctx;
	if (!l->watch_dead)
		return;
	l->watch_dead = false;
	l->watch = store_watch_free(l->store, l->watch);
	look(l);
}

/* --- asking --- */

static void on_look(void *ctx, enum store_outcome outcome, const struct store_range *range,
                    const struct error *err _unused_)
{
	struct leader *l = ctx;
	l->op = NULL;
	if (outcome) {
		later(l);
		return;
	}
	l->failures = 0;
	const struct store_kv *kv = range->count ? &range->kvs[0] : NULL;
	bool ours = kv && l->lease_id && kv->lease == l->lease_id;
	if (l->create_rev && (!ours || kv->create_rev != l->create_rev))
		depose(l);
	watch_from(l, range->identity.revision + 1);
	if (ours && !l->create_rev)
		elect(l, kv->create_rev); /* a campaign whose reply was lost had won */
	else if (!kv || l->again)
		campaign(l);
}

/* Reads who leads. */
static void look(struct leader *l)
{
	loop_timer_stop(&l->retry);
	store_cancel(l->store, l->op);
	l->again = false;
	l->op = store_range(l->store, &(struct store_range_request){.key = l->key}, on_look, l);
}

static void on_campaign(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err _unused_)
{
	struct leader *l = ctx;
	l->op = NULL;
	switch (outcome) {
	case STORE_OK:
		l->failures = 0;
		watch_from(l, rev + 1);
		elect(l, rev);
		return;
	case STORE_E_CONFLICT:
		if (l->watch && l->again)
			campaign(l);
		else
			look(l); /* whose is it? Perhaps ours: a repeated transaction conflicts with itself */
		return;
	case STORE_E_UNKNOWN:
		look(l);
		return;
	case STORE_E_UNAVAILABLE:
	case STORE_E_COMPACTED:
	case STORE_E_DENIED:
	case STORE_E_TOO_LARGE:
	case STORE_E_NO_LEASE:
	case STORE_E_NO_SPACE:
	case STORE_E_INTERNAL:
		later(l);
		return;
	}
}

/* Writes the key, if nobody holds it. */
static void campaign(struct leader *l)
{
	if (!l->lease_id || l->create_rev)
		return;
	loop_timer_stop(&l->retry);
	store_cancel(l->store, l->op);
	l->again = false;
	struct store_if absent = {.what = STORE_IF_CREATE_REV, .key = l->key, .rev = 0};
	struct store_then put = {
	        .what = STORE_PUT,
	        .key = l->key,
	        .value = l->identity,
	        .value_len = strlen(l->identity),
	        .lease = l->lease_id,
	};
	struct store_txn txn = {.ifs = &absent, .n_ifs = 1, .thens = &put, .n_thens = 1, .retry_safe = true};
	l->op = store_txn(l->store, &txn, on_campaign, l);
}

static void on_retry(void *ctx)
{
	struct leader *l = ctx;
	if (l->op)
		return;
	if (l->watch)
		campaign(l);
	else
		look(l);
}

/* --- the lease --- */

static void on_granted(void *ctx, int64_t lease_id)
{
	struct leader *l = ctx;
	l->lease_id = lease_id;
	campaign(l);
}

static void on_lost(void *ctx)
{
	struct leader *l = ctx;
	l->lease_id = 0;
	loop_timer_stop(&l->retry);
	store_cancel(l->store, TAKE_PTR(l->op));
	depose(l);
}

/* --- the interface --- */

struct leader *leader_new(struct store *s, const char *root, const char *role, const char *identity,
                          int64_t ttl_ms, const struct leader_callbacks *cbs, void *ctx)
{
	struct leader *l = NEW(struct leader);
	l->store = s;
	l->key = mem_printf("%s/leader/%s", root, role);
	l->identity = mem_strdup(identity);
	l->cbs = *cbs;
	l->ctx = ctx;
	loop_task_init(s->loop, &l->turn, on_turn, l);
	loop_timer_init(s->loop, &l->retry, on_retry, l);
	static const struct store_lease_callbacks lease_cbs = {.on_granted = on_granted, .on_lost = on_lost};
	l->lease = store_lease(s, ttl_ms, true, &lease_cbs, l);
	return l;
}

struct leader *leader_free(struct leader *l)
{
	if (!l)
		return NULL;
	loop_task_cancel(&l->turn);
	loop_timer_stop(&l->retry);
	store_cancel(l->store, l->op);
	(void)store_watch_free(l->store, l->watch);
	(void)store_lease_free(l->store, l->lease, true); /* and the key goes with it */
	free(l->key);
	free(l->identity);
	free(l);
	return NULL;
}

bool leader_is(const struct leader *l)
{
	return l->create_rev != 0;
}

struct store_if leader_fence(const struct leader *l)
{
	assert(l->create_rev);
	return (struct store_if){.what = STORE_IF_CREATE_REV, .key = l->key, .rev = l->create_rev};
}
