#include "etcd/etcd.h"

#include <errno.h>
#include <stdio.h>

#include "core/mem.h"
#include "etcd/client.h"

#define DIAL_MS         3000
#define STREAM_QUIET_MS 10000 /* with the answer's limit a hung server is noticed after 13 s */
#define STREAM_PING_MS  3000
#define CALL_QUIET_MS   2000 /* a call lives 5 s: this leaves time for another endpoint */
#define CALL_PING_MS    2000
#define CALL_IDLE_MS    20000

/* --- state --- */

static void enter(struct etcd *e, enum store_state state, const char *text)
{
	struct store *s = &e->store;
	bool changed = s->state != state;
	s->state = state;
	(void)snprintf(s->state_text, sizeof(s->state_text), "%s", text);
	if (changed && s->on_state)
		s->on_state(s->on_state_ctx, state, s->state_text);
}

static void enter_ready(struct etcd *e)
{
	if (link_usable(&e->streams) && auth_ready(&e->auth))
		enter(e, STORE_READY, "");
}

struct store_identity etcd_saw(struct etcd *e, const Rpc__ResponseHeader *header)
{
	struct store_identity now = {.cluster_id = header->cluster_id, .revision = header->revision};
	/* the end of a compacted watch says where it is not: it has a cluster and no revision */
	if (now.revision <= 0 && now.cluster_id == e->identity.cluster_id)
		now.revision = e->identity.revision;
	if (now.cluster_id)
		e->identity = now;
	return now;
}

void etcd_admitted(struct etcd *e)
{
	enter_ready(e);
	ops_pump(&e->ops);
	watches_pump(&e->watches);
	leases_pump(&e->leases);
}

void etcd_refused(struct etcd *e, const char *why)
{
	ops_deny(&e->ops, why);
	enter(e, STORE_REFUSED, why);
}

/* --- the two connections --- */

static void on_streams_up(void *ctx)
{
	struct etcd *e = ctx;
	link_hint(&e->calls, e->streams.at);
	auth_begin(&e->auth);
	enter_ready(e);
	watches_pump(&e->watches);
	leases_pump(&e->leases);
}

static void on_streams_down(void *ctx, const char *why)
{
	struct etcd *e = ctx;
	enter(e, STORE_LOST, why);
}

static void on_calls_up(void *ctx)
{
	struct etcd *e = ctx;
	ops_pump(&e->ops);
}

static void on_calls_down(void *ctx, const char *why)
{
	struct etcd *e = ctx;
	ops_unreachable(&e->ops, why);
}

static const struct link_events streams_events = {.on_up = on_streams_up, .on_down = on_streams_down};
static const struct link_events calls_events = {.on_up = on_calls_up, .on_down = on_calls_down};

/* --- life --- */

/* The parts stop before the connections: their calls end silently. */
static void etcd_free(struct store *s)
{
	struct etcd *e = etcd_of(s);
	watches_done(&e->watches);
	leases_done(&e->leases);
	auth_done(&e->auth);
	ops_done(&e->ops);
	link_done(&e->streams);
	link_done(&e->calls);
	endpoints_done(&e->endpoints);
	arena_done(&e->decoded);
	arena_done(&e->encoding);
	free(e);
}

static void etcd_cancel(struct store *s _unused_, struct store_op *op)
{
	op_cancel(op);
}

static bool etcd_busy(const struct store *s)
{
	const struct etcd *e = (const struct etcd *)s;
	return !list_empty(&e->ops.waiting) || !list_empty(&e->ops.sent) || !list_empty(&e->ops.refused);
}

static const struct store_ops etcd_ops = {
        .free = etcd_free,
        .range = etcd_range,
        .txn = etcd_txn,
        .cancel = etcd_cancel,
        .watch = etcd_watch,
        .watch_free = etcd_watch_free,
        .lease = etcd_lease,
        .lease_free = etcd_lease_free,
        .busy = etcd_busy,
};

int etcd_open(struct loop *loop, const struct etcd_config *cfg, struct store **ret, struct error *err)
{
	struct etcd *e = NEW(struct etcd);
	e->store = (struct store){.ops = &etcd_ops, .loop = loop, .state = STORE_CONNECTING};
	int r = endpoints_init(&e->endpoints, cfg, err);
	if (r < 0) {
		endpoints_done(&e->endpoints);
		free(e);
		return r;
	}
	int64_t dial_ms = cfg->dial_timeout_ms > 0 ? cfg->dial_timeout_ms : DIAL_MS;
	struct link_config streams = {dial_ms, STREAM_QUIET_MS, STREAM_PING_MS, 0};
	struct link_config calls = {dial_ms, CALL_QUIET_MS, CALL_PING_MS, CALL_IDLE_MS};
	link_init(&e->streams, loop, &e->endpoints, &streams, &streams_events, e);
	link_init(&e->calls, loop, &e->endpoints, &calls, &calls_events, e);
	ops_init(&e->ops, e);
	auth_init(&e->auth, e, cfg->user, cfg->password);
	watches_init(&e->watches, e);
	leases_init(&e->leases, e);
	link_want(&e->streams);
	*ret = &e->store;
	return 0;
}
