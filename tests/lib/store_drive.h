/* For tests of and on a store: operations that wait for their end, and a watch that writes down what it is
 * told. */
#pragma once

#include <stdlib.h>

#include "core/loop.h"
#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"
#include "store.h"

/*
 * Runs the loop until the condition holds; fails after 20 s. Rounds that do not wait come first: the tasks of
 * a round run before it waits, and may be what the condition is about.
 */
#define UNTIL(loop, cond)                                                                      \
	do {                                                                                   \
		int64_t deadline_ = loop_now(loop) + 60000;                                    \
		unsigned round_ = 0;                                                           \
		while (!(cond)) {                                                              \
			if (loop_now(loop) > deadline_)                                        \
				test_fail(__FILE__, __LINE__, "never became true: %s", #cond); \
			loop_step(loop, round_++ % 4 == 3 ? 10 : 0);                           \
		}                                                                              \
	} while (0)

/* Lets everything happen that needs no time to pass. */
static inline void drive_settle(struct loop *l)
{
	for (int i = 0; i < 20; i++)
		loop_step(l, 0);
}

struct drive_done {
	bool done;
	enum store_outcome outcome;
	int64_t rev;
	struct store_identity identity;
	bool more;
	struct str text; /* ranges: "key=value@mod_rev " */
	char error[512];
};

static inline void drive_on_txn(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	struct drive_done *d = ctx;
	CHECK(!d->done);
	d->done = true;
	d->outcome = outcome;
	d->rev = rev;
	(void)snprintf(d->error, sizeof(d->error), "%s", err ? err->text : "");
}

static inline void drive_on_range(void *ctx, enum store_outcome outcome, const struct store_range *range,
                                  const struct error *err)
{
	struct drive_done *d = ctx;
	CHECK(!d->done);
	d->done = true;
	d->outcome = outcome;
	(void)snprintf(d->error, sizeof(d->error), "%s", err ? err->text : "");
	CHECK((outcome == STORE_OK) == (range != NULL));
	if (!range)
		return;
	d->identity = range->identity;
	d->more = range->more;
	for (size_t i = 0; i < range->count; i++)
		str_printf(&d->text, "%s=%s@%" PRId64 " ", range->kvs[i].key, range->kvs[i].value,
		           range->kvs[i].mod_rev);
}

/* The transaction, waited for; *ret_rev may be NULL. */
static inline enum store_outcome drive_txn(struct store *s, const struct store_txn *txn, int64_t *ret_rev)
{
	struct drive_done d = {0};
	(void)store_txn(s, txn, drive_on_txn, &d);
	CHECK(!d.done);
	UNTIL(s->loop, d.done);
	if (ret_rev)
		*ret_rev = d.rev;
	return d.outcome;
}

/* Puts the key and returns the revision. */
static inline int64_t drive_put_lease(struct store *s, const char *key, const char *value, int64_t lease)
{
	struct store_then then = {
	        .what = STORE_PUT, .key = key, .value = value, .value_len = strlen(value), .lease = lease};
	int64_t rev = 0;
	CHECK_INT(drive_txn(s, &(struct store_txn){.thens = &then, .n_thens = 1}, &rev), STORE_OK);
	return rev;
}

static inline int64_t drive_put(struct store *s, const char *key, const char *value)
{
	return drive_put_lease(s, key, value, 0);
}

static inline int64_t drive_write(struct store *s, enum store_write what, const char *key)
{
	struct store_then then = {.what = what, .key = key};
	int64_t rev = 0;
	CHECK_INT(drive_txn(s, &(struct store_txn){.thens = &then, .n_thens = 1}, &rev), STORE_OK);
	return rev;
}

static inline int64_t drive_delete(struct store *s, const char *key)
{
	return drive_write(s, STORE_DELETE, key);
}

/* The range, waited for; ret_text is to be freed. */
static inline enum store_outcome drive_range(struct store *s, const struct store_range_request *req,
                                             struct drive_done *ret)
{
	*ret = (struct drive_done){0};
	(void)store_range(s, req, drive_on_range, ret);
	CHECK(!ret->done);
	UNTIL(s->loop, ret->done);
	return ret->outcome;
}

/* "key=value@rev ..." of a prefix; to be freed. */
static inline char *drive_list(struct store *s, const char *prefix)
{
	struct drive_done d;
	CHECK_INT(drive_range(s, &(struct store_range_request){.key = prefix, .prefix = true}, &d), STORE_OK);
	return str_take(&d.text);
}

#define CHECK_LIST(store, prefix, want)                  \
	do {                                             \
		char *list_ = drive_list(store, prefix); \
		CHECK_STR(list_, want);                  \
		free(list_);                             \
	} while (0)

struct drive_watch {
	struct store_watch *watch;
	struct str text; /* "put key=value@rev ", "del key@rev ", "| " after each batch */
	size_t events;
	int64_t last_rev;
	struct store_identity identity;
	unsigned relists;
	enum store_outcome why;
};

static inline void drive_on_events(void *ctx, const struct store_event *events, size_t count,
                                   struct store_identity identity)
{
	struct drive_watch *w = ctx;
	CHECK(count > 0);
	CHECK_INT(w->relists, 0);
	for (size_t i = 0; i < count; i++) {
		const struct store_kv *kv = &events[i].kv;
		CHECK(kv->mod_rev >= w->last_rev);
		CHECK(i || kv->mod_rev > w->last_rev); /* a revision comes whole */
		w->last_rev = kv->mod_rev;
		if (events[i].deleted)
			str_printf(&w->text, "del %s@%" PRId64 " ", kv->key, kv->mod_rev);
		else
			str_printf(&w->text, "put %s=%s@%" PRId64 " ", kv->key, kv->value, kv->mod_rev);
	}
	CHECK(identity.revision >= w->last_rev);
	str_puts(&w->text, "| ");
	w->events += count;
	w->identity = identity;
}

static inline void drive_on_relist(void *ctx, enum store_outcome why, struct store_identity identity)
{
	struct drive_watch *w = ctx;
	w->relists++;
	w->why = why;
	w->identity = identity;
}

static inline void drive_watch_begin(struct drive_watch *w, struct store *s, const char *key, bool prefix,
                                     int64_t start_rev)
{
	*w = (struct drive_watch){0};
	struct store_watch_callbacks cbs = {.on_events = drive_on_events, .on_relist = drive_on_relist};
	w->watch = store_watch(
	        s, &(struct store_watch_request){.key = key, .prefix = prefix, .start_rev = start_rev}, &cbs,
	        w);
}

static inline void drive_watch_end(struct drive_watch *w, struct store *s)
{
	w->watch = store_watch_free(s, w->watch);
	str_done(&w->text);
}

struct drive_lease {
	struct store_lease *lease;
	int64_t id;
	unsigned granted, lost;
};

static inline void drive_on_granted(void *ctx, int64_t id)
{
	struct drive_lease *l = ctx;
	CHECK(id != 0);
	l->granted++;
	l->id = id;
}

static inline void drive_on_lost(void *ctx)
{
	struct drive_lease *l = ctx;
	l->lost++;
	l->id = 0;
}

static inline void drive_lease_begin(struct drive_lease *l, struct store *s, int64_t ttl_ms, bool keep_alive)
{
	*l = (struct drive_lease){0};
	struct store_lease_callbacks cbs = {.on_granted = drive_on_granted, .on_lost = drive_on_lost};
	l->lease = store_lease(s, ttl_ms, keep_alive, &cbs, l);
}
