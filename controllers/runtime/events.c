#include "controllers/runtime/events.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controllers/runtime/fold.h"
#include "core/clock.h"
#include "core/dice.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"
#include "kind/event.h"

enum {
	LEASE_MS = 3600000,           /* how long an event can be read, at least */
	SHARED_MS = 600000,           /* how long a lease takes further events */
	FOLD_MS = 60000,              /* the same event is written once in this time */
	PENDING_MOST = LIMIT_TXN_OPS, /* what waits is one transaction at most; more than that is dropped */
};

struct pending {
	char *key;
	struct str value;
};

struct events {
	struct store *store;
	char *root, *role, *node;
	struct fold fold;
	struct store_lease *lease;
	int64_t lease_id; /* 0: not granted yet */
	int64_t lease_taken_ms;
	uint32_t seq;
	struct pending pending[PENDING_MOST];
	size_t n_pending;
	size_t n_sent; /* of these, the first are in the transaction that is under way */
	bool sent_again;
	struct store_op *op;
	struct loop_task flush;
};

/* The first n are done with. */
static void pending_drop(struct events *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(e->pending[i].key);
		str_done(&e->pending[i].value);
	}
	e->n_pending -= n;
	memmove(e->pending, e->pending + n, e->n_pending * sizeof(e->pending[0]));
}

bool events_lease_is_full(int64_t taken_ms, int64_t now_ms)
{
	return now_ms - taken_ms >= SHARED_MS;
}

static void lease_forget(struct events *e)
{
	e->lease = store_lease_free(e->store, e->lease, false); /* left to run out, with its events */
	e->lease_id = 0;
}

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev _unused_,
                       const struct error *err _unused_)
{
	struct events *e = ctx;
	e->op = NULL;
	bool no_lease = outcome == STORE_E_NO_LEASE;
	if (no_lease)
		lease_forget(e); /* the store was replaced, which is what these events may be about */
	if (!no_lease || e->sent_again)
		pending_drop(e, e->n_sent);
	e->sent_again = no_lease && !e->sent_again;
	e->n_sent = 0;
	if (e->n_pending)
		loop_task_schedule(&e->flush);
}

static void on_granted(void *ctx, int64_t lease_id)
{
	struct events *e = ctx;
	e->lease_id = lease_id;
	loop_task_schedule(&e->flush);
}

static void lease_take(struct events *e)
{
	static const struct store_lease_callbacks cbs = {.on_granted = on_granted};
	lease_forget(e);
	e->lease_taken_ms = loop_now(e->store->loop);
	e->lease = store_lease(e->store, LEASE_MS, false, &cbs, e);
}

/* Writes what waits in one transaction. What it cannot write is dropped: nothing depends on an event. */
static void on_flush(void *ctx)
{
	struct events *e = ctx;
	if (!e->n_pending || e->op)
		return;
	if (!e->lease || (e->lease_id && events_lease_is_full(e->lease_taken_ms, loop_now(e->store->loop))))
		lease_take(e);
	if (!e->lease_id)
		return;
	struct store_then thens[PENDING_MOST];
	size_t n = 0, bytes = 0;
	for (; n < e->n_pending; n++) {
		const struct pending *p = &e->pending[n];
		bytes += strlen(p->key) + p->value.len + 64;
		if (bytes > LIMIT_TXN_BYTES)
			break;
		thens[n] = (struct store_then){.what = STORE_PUT,
		                               .key = p->key,
		                               .value = str_get(&p->value),
		                               .value_len = p->value.len,
		                               .lease = e->lease_id};
	}
	e->n_sent = n;
	e->op = store_txn(e->store, &(struct store_txn){.thens = thens, .n_thens = n}, on_written, e);
}

/* Text from engines and users may be anything, and was perhaps cut within a character; stored is UTF-8. */
static void make_text(char *s)
{
	size_t len = strlen(s);
	for (size_t cut = 0; cut < 4 && (cut == 0 || (unsigned char)s[len - cut] >= 0x80); cut++) {
		if (str_is_utf8(s, len - cut)) {
			s[len - cut] = '\0';
			return;
		}
		if (cut == len)
			break;
	}
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			*s = '?';
}

void events_add(struct events *e, bool warning, const char *object, const char *reason, const char *fmt, ...)
{
	char message[LIMIT_MESSAGE];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	make_text(message);
	_cleanup_free_ char *same = mem_printf("%s\n%s\n%s", object, reason, message);
	if (!fold_is_new(&e->fold, same, loop_now(e->store->loop)) || e->n_pending == PENDING_MOST)
		return;
	int64_t at = clock_wall_ms();
	char name[LIMIT_NAME * 2 + 32];
	(void)snprintf(name, sizeof(name), "%013" PRId64 "-%s-%" PRIu32, at, e->role, e->seq++);
	struct event event = {
	        .name = name,
	        .at = at,
	        .type = (char *)(warning ? "Warning" : "Normal"),
	        .reason = (char *)reason,
	        .object = (char *)object,
	        .message = message,
	        .role = e->role,
	        .node = e->node,
	};
	struct pending *p = &e->pending[e->n_pending++];
	*p = (struct pending){.key = mem_printf("%s/%s%s", e->root, kind_event.key_prefix, name)};
	kind_print(&kind_event, &event, &p->value);
	loop_task_schedule(&e->flush);
}

struct events *events_new(struct store *s, const char *root, const char *role, const char *node)
{
	struct events *e = NEW(struct events);
	e->store = s;
	e->root = mem_strdup(root);
	e->role = mem_strdup(role);
	e->node = mem_strdup(node);
	/* processes of one role on several nodes must not meet in one key of the same millisecond */
	e->seq = (uint32_t)dice_roll();
	fold_init(&e->fold, FOLD_MS);
	loop_task_init(s->loop, &e->flush, on_flush, e);
	return e;
}

struct events *events_free(struct events *e)
{
	if (!e)
		return NULL;
	loop_task_cancel(&e->flush);
	store_cancel(e->store, e->op);
	lease_forget(e);
	pending_drop(e, e->n_pending);
	fold_done(&e->fold);
	free(e->root);
	free(e->role);
	free(e->node);
	free(e);
	return NULL;
}
