#include "etcd/lease.h"

#include "core/mem.h"
#include "etcd/client.h"

#define GRANT_RETRY_MS 500
#define GATHER_MS      10  /* an answer takes a fraction of it */
#define QUIET_MS       100 /* a stream that carried nothing for so long is not slowed by gathering */

static const struct call_events call_events;
static void ask(struct store_lease *l);

static int64_t now_of(const struct leases *ls)
{
	return loop_now(ls->etcd->store.loop);
}

static bool kept(const struct store_lease *l)
{
	return l->id && l->keep_alive;
}

/* --- when what is due --- */

static int64_t expires_ms(const struct store_lease *l)
{
	return l->confirmed_ms + l->ttl_ms;
}

/* When the next keep-alive, or doubt about the connection, is due. */
static int64_t speak_ms(const struct store_lease *l)
{
	if (l->n_sent)
		return l->sent_ms[l->n_sent - 1] + l->ttl_ms * 15 / 100;
	return l->confirmed_ms + l->ttl_ms * 60 / 100;
}

static void set_timer(struct leases *ls)
{
	int64_t due = INT64_MAX;
	list_for_each (node, &ls->all) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (kept(l))
			due = MIN(due, ls->stream ? MIN(speak_ms(l), expires_ms(l)) : expires_ms(l));
		else if (!l->id && l->retry_ms)
			due = MIN(due, l->retry_ms);
	}
	if (due == INT64_MAX)
		loop_timer_stop(&ls->timer);
	else
		loop_timer_at(&ls->timer, due);
}

/* --- keep-alives --- */

static void send_keep_alive(struct store_lease *l, int64_t now_ms)
{
	Rpc__LeaseKeepAliveRequest m = RPC__LEASE_KEEP_ALIVE_REQUEST__INIT;
	m.id = l->id;
	struct wire_bytes bytes = wire_pack(&m.base);
	call_send(l->leases->stream, bytes.data, bytes.len);
	free(bytes.data);
	l->sent_ms[l->n_sent++] = now_ms;
}

/* Sends what is due, and what is nearly due with it: one wake-up for all. */
static void speak(struct leases *ls, int64_t now_ms)
{
	struct etcd *e = ls->etcd;
	bool due = false, any = false;
	list_for_each (node, &ls->all) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		any = any || kept(l);
		due = due || (kept(l) && speak_ms(l) <= now_ms);
	}
	if (!any && ls->stream) {
		call_cancel(ls->stream);
		ls->stream = NULL;
	}
	if (!any || !link_usable(&e->streams) || !auth_ready(&e->auth))
		return;
	if (!ls->stream)
		ls->stream = call_stream(e->streams.transport, "/etcdserverpb.Lease/LeaseKeepAlive",
		                         e->auth.token, &call_events, ls);
	if (!due)
		return;
	if (now_ms - e->streams.received_ms > QUIET_MS)
		transport_gather(e->streams.transport, GATHER_MS);
	list_for_each (node, &ls->all) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (!kept(l) || speak_ms(l) - l->ttl_ms / 10 > now_ms)
			continue;
		if (l->n_sent < LEASE_TRIES) {
			send_keep_alive(l, now_ms);
		} else { /* another endpoint may still be in time */
			link_fail(&e->streams, "no answer to a keep-alive");
			return;
		}
	}
}

void leases_pump(struct leases *ls)
{
	speak(ls, now_of(ls));
	set_timer(ls);
}

/* --- losing one --- */

/* Best effort: at once when there is a connection, else when one comes in time. */
static void revoke(struct etcd *e, int64_t id, int64_t timeout_ms);

/* The callback must be the last thing that touches the lease. */
static void lose(struct store_lease *l)
{
	l->id = 0;
	l->n_sent = 0;
	ask(l);
	set_timer(l->leases);
	l->cbs.on_lost(l->ctx);
}

static struct store_lease *find_expired(struct leases *ls, int64_t now_ms)
{
	list_for_each (node, &ls->all) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (kept(l) && expires_ms(l) <= now_ms)
			return l;
	}
	return NULL;
}

static void on_timer(void *ctx)
{
	struct leases *ls = ctx;
	struct store_lease *l;
	int64_t now_ms = now_of(ls);
	while ((l = find_expired(ls, now_ms))) {
		/* the server may count from later: its keys would only be in the way of the next lease */
		revoke(ls->etcd, l->id, l->ttl_ms);
		lose(l);
	}
	list_for_each (node, &ls->all) {
		l = list_entry(node, struct store_lease, link);
		if (!l->id && l->retry_ms && l->retry_ms <= now_ms)
			ask(l);
	}
	leases_pump(ls);
}

void leases_receive(struct leases *ls, const uint8_t *data, size_t len)
{
	struct etcd *e = ls->etcd;
	Rpc__LeaseKeepAliveResponse *r =
	        wire_unpack(&e->decoded, &rpc__lease_keep_alive_response__descriptor, data, len);
	int64_t id = r ? r->id : 0, ttl_s = r ? r->ttl : 0;
	if (r && r->header)
		(void)etcd_saw(e, r->header);
	arena_reset(&e->decoded);
	if (!id)
		return;
	list_for_each (node, &ls->all) {
		struct store_lease *l = list_entry(node, struct store_lease, link);
		if (l->id != id || !l->keep_alive)
			continue;
		if (ttl_s <= 0) {
			lose(l);
			return;
		}
		if (l->n_sent) {
			l->confirmed_ms = l->sent_ms[0];
			memmove(l->sent_ms, l->sent_ms + 1, --l->n_sent * sizeof(l->sent_ms[0]));
		}
		break;
	}
	set_timer(ls);
}

static void on_message(void *ctx, const uint8_t *data, size_t len)
{
	leases_receive(ctx, data, len);
}

static void on_end(void *ctx, const struct call_end *end)
{
	struct leases *ls = ctx;
	struct etcd *e = ls->etcd;
	ls->stream = NULL;
	list_for_each (node, &ls->all)
		list_entry(node, struct store_lease, link)->n_sent = 0;
	if (wire_judge(end->status, end->text).token)
		auth_renew(&e->auth);
	link_fail(&e->streams, end->text);
	set_timer(ls);
}

static const struct call_events call_events = {.on_message = on_message, .on_end = on_end};

/* --- granting and revoking --- */

static void granted(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                    const struct error *err _unused_)
{
	struct store_lease *l = op->ctx;
	struct leases *ls = l->leases;
	struct etcd *e = ls->etcd;
	Rpc__LeaseGrantResponse *r =
	        outcome == STORE_OK
	                ? wire_unpack(&e->decoded, &rpc__lease_grant_response__descriptor, reply, len)
	                : NULL;
	int64_t id = r ? r->id : 0, ttl_s = r ? r->ttl : 0;
	if (r && r->header)
		(void)etcd_saw(e, r->header);
	arena_reset(&e->decoded);
	l->grant = NULL;
	if (!id || ttl_s <= 0 || ttl_s > INT64_MAX / 1000 || op->sent_ms + ttl_s * 1000 <= now_of(ls)) {
		l->retry_ms = now_of(ls) + endpoints_jitter(&e->endpoints, GRANT_RETRY_MS);
		set_timer(ls);
		return;
	}
	l->id = id;
	l->ttl_ms = ttl_s * 1000;
	l->confirmed_ms = op->sent_ms;
	l->n_sent = 0;
	leases_pump(ls);
	l->cbs.on_granted(l->ctx, id);
}

/* A grant whose answer was lost leaves a lease behind that runs out by itself: asking twice does no harm. */
static void ask(struct store_lease *l)
{
	struct etcd *e = l->leases->etcd;
	l->retry_ms = 0;
	Rpc__LeaseGrantRequest m = RPC__LEASE_GRANT_REQUEST__INIT;
	m.ttl = (l->asked_ms + 999) / 1000;
	l->grant = op_new(&e->ops, "/etcdserverpb.Lease/LeaseGrant", wire_pack(&m.base), 0, granted, l);
	op_submit(l->grant);
}

static void revoked(struct store_op *op _unused_, enum store_outcome outcome _unused_,
                    const uint8_t *reply _unused_, size_t len _unused_, const struct error *err _unused_)
{
}

static void revoke(struct etcd *e, int64_t id, int64_t timeout_ms)
{
	static const char path[] = "/etcdserverpb.Lease/LeaseRevoke";
	Rpc__LeaseRevokeRequest m = RPC__LEASE_REVOKE_REQUEST__INIT;
	m.id = id;
	struct wire_bytes bytes = wire_pack(&m.base);
	op_submit(op_new(&e->ops, path, bytes, timeout_ms, revoked, NULL));
}

/* --- the seam --- */

struct store_lease *etcd_lease(struct store *s, int64_t ttl_ms, bool keep_alive,
                               const struct store_lease_callbacks *cbs, void *ctx)
{
	struct etcd *e = etcd_of(s);
	struct store_lease *l = NEW(struct store_lease);
	l->leases = &e->leases;
	l->cbs = *cbs;
	l->ctx = ctx;
	l->keep_alive = keep_alive;
	l->asked_ms = MAX(ttl_ms, 1000);
	list_append(&e->leases.all, &l->link);
	ask(l);
	return l;
}

void etcd_lease_free(struct store *s, struct store_lease *l, bool revoke_it)
{
	struct leases *ls = l->leases;
	struct etcd *e = etcd_of(s);
	if (l->id && revoke_it)
		revoke(e, l->id, 0);
	op_cancel(l->grant);
	list_remove(&l->link);
	free(l);
	leases_pump(ls);
}

void leases_init(struct leases *ls, struct etcd *e)
{
	*ls = (struct leases){.etcd = e};
	list_init(&ls->all);
	loop_timer_init(e->store.loop, &ls->timer, on_timer, ls);
}

void leases_done(struct leases *ls)
{
	if (!ls->etcd)
		return;
	loop_timer_stop(&ls->timer);
	while (!list_empty(&ls->all)) {
		struct store_lease *l = list_first(&ls->all, struct store_lease, link);
		op_cancel(l->grant);
		list_remove(&l->link);
		free(l);
	}
	ls->etcd = NULL;
}
