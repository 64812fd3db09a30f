/*
 * What the cases of the contract of store.h share: each CASE runs on the store in memory and on a real etcd, one server for
 * all cases of a program.
 */
#pragma once

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

static inline void end_shared_server(void)
{
	shared_server = etcd_server_free(shared_server);
}

static inline struct store *open_etcd(struct world *w)
{
	struct store *s;
	struct error err;
	CHECK_INT(
	        etcd_open(w->loop, &(struct etcd_config){.endpoints = etcd_server_url(w->server)}, &s, &err),
	        0);
	return s;
}

/* Another client of the same store. */
static inline struct store *open_again(struct world *w)
{
	return w->server ? open_etcd(w) : memory_store_open(w->store);
}

static inline void run_case(void (*body)(struct world *), bool on_etcd)
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

static inline int64_t put(struct world *w, const char *name, const char *value)
{
	return drive_put(w->store, key(w, name), value);
}

static inline enum store_outcome commit(struct world *w, const struct store_txn *txn, int64_t *ret_rev)
{
	return drive_txn(w->store, txn, ret_rev);
}

static inline void compact(struct world *w, int64_t rev)
{
	if (!w->server) {
		memory_store_compact(w->store, rev);
		return;
	}
	char text[32];
	(void)snprintf(text, sizeof(text), "%" PRId64, rev);
	free(etcd_server_ctl(w->server, "compaction", text, NULL));
}

static inline void check_text(const struct str *text, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static inline void check_text(const struct str *text, const char *fmt, ...)
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
static inline void check_events(const struct drive_watch *watch, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static inline void check_events(const struct drive_watch *watch, const char *fmt, ...)
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

/* How often an operation that was perhaps cancelled called back. */
struct fate {
	bool done, cancelled;
};

static inline void on_fate(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	(void)outcome, (void)rev, (void)err;
	struct fate *f = ctx;
	CHECK(!f->cancelled && !f->done);
	f->done = true;
}

static inline void on_range_fate(void *ctx, enum store_outcome outcome, const struct store_range *r,
                                 const struct error *err)
{
	(void)r;
	on_fate(ctx, outcome, 0, err);
}
