#include "etcd/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   5000
#define STEADY_MS        1000  /* a connection that lived that long was a success */
#define PING_EVERY_MS    10000 /* at most: etcd's own bound is 5 s */
#define TIMER_SLACK_MS \
	1000 /* the timer is not moved for less: under load it would be moved with each reply */

static void on_timer(void *ctx);
static const struct transport_events transport_events;

void link_init(struct link *l, struct loop *loop, struct endpoints *endpoints, const struct link_config *cfg,
               const struct link_events *events, void *ctx)
{
	*l = (struct link){
	        .loop = loop, .endpoints = endpoints, .config = *cfg, .events = events, .ctx = ctx};
	loop_timer_init(loop, &l->timer, on_timer, l);
}

void link_done(struct link *l)
{
	loop_timer_stop(&l->timer);
	l->transport = transport_free(l->transport);
	l->state = LINK_IDLE;
}

/* --- dialling --- */

static void dial(struct link *l)
{
	struct net_address *a = &l->endpoints->list[l->at];
	l->state = LINK_DIALING;
	l->answering = false;
	l->pinged_ms = 0;
	l->transport =
	        transport_open(l->loop, a, a->tls ? endpoints_tls(l->endpoints) : NULL, &transport_events, l);
	loop_timer_in(&l->timer, l->config.dial_ms);
}

/* The first round over all endpoints is made without delay; each further one waits longer. */
static void dial_again(struct link *l)
{
	unsigned n = (unsigned)l->endpoints->n, round = l->failures / n;
	if (l->failures % n != 0 || round == 0) {
		dial(l);
		return;
	}
	int64_t wait_ms = BACKOFF_FIRST_MS << MIN(round - 1, 10U);
	l->state = LINK_WAITING;
	loop_timer_in(&l->timer, endpoints_jitter(l->endpoints, MIN(wait_ms, BACKOFF_MAX_MS)));
}

void link_want(struct link *l)
{
	l->called_ms = loop_now(l->loop);
	if (l->state == LINK_IDLE)
		dial_again(l);
}

void link_hint(struct link *l, size_t at)
{
	if (l->state != LINK_IDLE && l->state != LINK_WAITING)
		return;
	l->at = at;
	l->failures = 0;
	if (l->state == LINK_WAITING)
		dial(l);
}

bool link_usable(const struct link *l)
{
	return l->state == LINK_UP && transport_usable(l->transport);
}

static void on_down(void *ctx, const char *why)
{
	struct link *l = ctx;
	char text[sizeof(((struct store *)NULL)->state_text)], address[64];
	(void)snprintf(text, sizeof(text), "%s: %s",
	               net_address_format(&l->endpoints->list[l->at], address, sizeof(address)), why);
	bool steady = l->state == LINK_UP && loop_now(l->loop) - l->up_ms >= STEADY_MS;
	l->failures = steady ? 0 : l->failures + 1;
	l->transport = transport_free(l->transport);
	l->at = (l->at + 1) % l->endpoints->n;
	l->state = LINK_IDLE;
	loop_timer_stop(&l->timer);
	l->events->on_down(l->ctx, text);
	/* one that closes when idle was wanted by the calls that it lost, which want it again */
	if (!l->config.idle_ms && l->state == LINK_IDLE)
		dial_again(l);
}

void link_fail(struct link *l, const char *why)
{
	if (l->transport)
		transport_drop(l->transport, why);
}

/* --- while it is up --- */

static int64_t next_due(const struct link *l)
{
	if (transport_calls(l->transport) == 0)
		return l->config.idle_ms ? l->called_ms + l->config.idle_ms : INT64_MAX;
	if (l->answering)
		return l->pinged_ms + l->config.answer_ms;
	int64_t quiet = MAX(l->received_ms, l->called_ms) + l->config.quiet_ms;
	return l->pinged_ms ? MAX(quiet, l->pinged_ms + PING_EVERY_MS) : quiet;
}

static void set_timer(struct link *l)
{
	int64_t due = next_due(l);
	if (due == INT64_MAX) {
		loop_timer_stop(&l->timer);
		return;
	}
	if (loop_timer_active(&l->timer) && l->due_ms <= due && due - l->due_ms < TIMER_SLACK_MS)
		return;
	l->due_ms = due;
	loop_timer_at(&l->timer, due);
}

static void on_up_due(struct link *l)
{
	if (loop_now(l->loop) < next_due(l)) {
		set_timer(l);
	} else if (transport_calls(l->transport) == 0) {
		l->transport = transport_free(l->transport);
		l->state = LINK_IDLE;
		l->failures = 0;
	} else if (l->answering) {
		char why[64];
		(void)snprintf(why, sizeof(why), "no answer within %" PRId64 " ms", l->config.answer_ms);
		transport_drop(l->transport, why);
	} else {
		l->answering = true;
		l->pinged_ms = loop_now(l->loop);
		transport_ping(l->transport);
		set_timer(l);
	}
}

static void on_timer(void *ctx)
{
	struct link *l = ctx;
	switch (l->state) {
	case LINK_IDLE:
		break;
	case LINK_WAITING:
		dial(l);
		break;
	case LINK_DIALING: {
		char why[64];
		(void)snprintf(why, sizeof(why), "no answer within %" PRId64 " ms", l->config.dial_ms);
		transport_drop(l->transport, why);
		break;
	}
	case LINK_UP:
		on_up_due(l);
		break;
	}
}

static void on_up(void *ctx)
{
	struct link *l = ctx;
	l->state = LINK_UP;
	l->up_ms = l->received_ms = l->called_ms = loop_now(l->loop);
	loop_timer_stop(&l->timer);
	l->events->on_up(l->ctx);
	set_timer(l);
}

static void on_received(void *ctx)
{
	struct link *l = ctx;
	l->received_ms = loop_now(l->loop);
	l->answering = false;
	if (l->state == LINK_UP)
		set_timer(l);
}

static void on_calls(void *ctx)
{
	struct link *l = ctx;
	if (l->state != LINK_UP)
		return;
	l->called_ms = loop_now(l->loop);
	/* asked to leave: calls with an end of their own may reach it, streams move on at once */
	if (transport_leaving(l->transport) && (!l->config.idle_ms || transport_calls(l->transport) == 0))
		transport_drop(l->transport, "the server asked us to leave");
	else
		set_timer(l);
}

static const struct transport_events transport_events = {
        .on_up = on_up, .on_down = on_down, .on_received = on_received, .on_calls = on_calls};
