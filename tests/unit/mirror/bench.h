/* A mirror on a store in memory, and what it said of it in words. */
#pragma once

#include "mirror/mirror.h"

#include "lib/store_drive.h"
#include "memory/memory.h"

struct bench {
	struct loop *loop;
	struct store *s, *other; /* the mirror's handle, and the one that changes things */
	struct mirror *m;
	struct str seen; /* "+key=value ", "~key=value>value ", "-key ", "!" for another history */
	unsigned synced, changes, identities;
	struct store_identity was, now;
};

static inline void on_change(void *ctx, const char *key, const struct mirror_entry *was,
                             const struct mirror_entry *now)
{
	struct bench *b = ctx;
	CHECK(b->synced);
	CHECK(was || now);
	b->changes++;
	CHECK(mirror_get(b->m, key) == now);
	if (!was)
		str_printf(&b->seen, "+%s=%s ", key, now->value);
	else if (!now)
		str_printf(&b->seen, "-%s ", key);
	else
		str_printf(&b->seen, "~%s=%s>%s ", key, was->value, now->value);
}

static inline void on_synced(void *ctx)
{
	struct bench *b = ctx;
	CHECK_INT(++b->synced, 1);
	CHECK(mirror_synced(b->m));
}

static inline void on_identity(void *ctx, struct store_identity was, struct store_identity now)
{
	struct bench *b = ctx;
	b->identities++;
	b->was = was;
	b->now = now;
	str_puts(&b->seen, "! ");
}

static const struct mirror_callbacks callbacks = {
        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};

static inline void begin(struct bench *b)
{
	*b = (struct bench){.loop = loop_new()};
	b->s = memory_store_new(b->loop);
	b->other = memory_store_open(b->s);
}

static inline void mirror_begin(struct bench *b, const char *const *prefixes)
{
	b->m = mirror_new(b->s, "/tug", prefixes, false, &callbacks, b);
	CHECK(!mirror_synced(b->m));
	UNTIL(b->loop, b->synced);
	drive_settle(b->loop);
}

static inline void end(struct bench *b)
{
	b->m = mirror_free(b->m);
	b->s = store_free(b->s);
	b->other = store_free(b->other);
	b->loop = loop_free(b->loop);
	str_done(&b->seen);
}

static inline void add_text(void *ctx, const struct mirror_entry *e)
{
	str_printf(ctx, "%s=%s%s ", str_after(e->key, "/tug/"), e->value, e->orphan ? "(orphan)" : "");
}

#define CHECK_COPY(b, prefix, want)                            \
	do {                                                   \
		struct str text_ = STR_INIT;                   \
		mirror_list((b)->m, prefix, add_text, &text_); \
		CHECK_STR(str_get(&text_), want);              \
		str_done(&text_);                              \
	} while (0)

/* What was told since the last time. */
#define CHECK_SEEN(b, want)                           \
	do {                                          \
		drive_settle((b)->loop);              \
		CHECK_STR(str_get(&(b)->seen), want); \
		str_clear(&(b)->seen);                \
	} while (0)

static const char *const two[] = {"pods/n1/", "nodes/", NULL};
static const char *const all[] = {"", NULL};
