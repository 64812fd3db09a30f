/*
 * The invariants of plan.h as one function, for the property test and the fuzz target: plans twice from the
 * same memory, compares, and looks at every action. Aborts with a sentence when something does not hold.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "controllers/runner/plan.h"
#include "core/str.h"

#define MUST(cond, ...)                                                                  \
	do {                                                                             \
		if (!(cond)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			(void)fprintf(stderr, __VA_ARGS__);                              \
			(void)fprintf(stderr, "\n");                                     \
			abort();                                                         \
		}                                                                        \
	} while (0)

static inline bool same_actions(const struct plan *a, const struct plan *b)
{
	bool same = a->n == b->n && a->wake_at_ms == b->wake_at_ms && a->finished == b->finished &&
	            a->report == b->report;
	for (size_t i = 0; same && i < a->n; i++)
		same = a->actions[i].kind == b->actions[i].kind &&
		       a->actions[i].container == b->actions[i].container &&
		       a->actions[i].grace_ms == b->actions[i].grace_ms &&
		       streq(a->actions[i].why, b->actions[i].why) &&
		       str_equal(a->actions[i].image, b->actions[i].image);
	return same;
}

static inline bool same_status(const struct pod_status *a, const struct pod_status *b)
{
	bool same = a->phase == b->phase && str_equal(a->reason, b->reason) &&
	            str_equal(a->message, b->message) && a->ready == b->ready && a->since == b->since &&
	            a->nextAttempt == b->nextAttempt && a->attempts == b->attempts &&
	            a->containers.count == b->containers.count;
	for (size_t i = 0; same && i < a->containers.count; i++) {
		const struct container_status *x = &LIST_ITEMS(&a->containers, struct container_status)[i];
		const struct container_status *y = &LIST_ITEMS(&b->containers, struct container_status)[i];
		same = streq(x->name, y->name) && streq(x->state, y->state) && x->exitCode == y->exitCode &&
		       x->restarts == y->restarts;
	}
	return same;
}

static inline const struct engine_container *check_reported(const struct plan_in *in, size_t i)
{
	const char *name = LIST_ITEMS(&in->want->containers, struct container)[i].name;
	for (size_t k = 0; in->have && k < in->have->n_containers; k++)
		if (streq(in->have->containers[k].name, name))
			return &in->have->containers[k];
	return NULL;
}

static inline void check_start(const struct plan_in *in, const struct plan_memory *m,
                               const struct plan_action *a)
{
	const struct engine_container *e = check_reported(in, (size_t)a->container);
	const struct container_memory *c = &m->containers[a->container];
	MUST(!in->containers[a->container].busy, "it is being started");
	MUST(!c->ended, "it ended for good");
	MUST(c->backoff.next_ms <= in->now_ms, "before its back-off is over");
	MUST(e ? e->state == CONTAINER_CREATED || e->state == CONTAINER_EXITED
	       : c->expected == CONTAINER_CREATED,
	     "not in a state to be started");
	for (size_t i = 0; (!e || e->state == CONTAINER_CREATED) && i < in->want->containers.count; i++)
		MUST(check_reported(in, i) || m->containers[i].ended ||
		             m->containers[i].expected != CONTAINER_MISSING,
		     "container %zu is not created yet", i);
}

static inline void check_create(const struct plan_in *in, const struct plan_memory *m)
{
	MUST(!in->waits_for, "the pod that it replaces is still there");
	for (size_t i = 0; i < in->want->containers.count; i++)
		MUST(in->containers[i].image == IMAGE_PRESENT || check_reported(in, i) ||
		             m->containers[i].ended || m->containers[i].expected != CONTAINER_MISSING,
		     "the image of container %zu is not here", i);
}

static inline void check_action(const struct plan_in *in, const struct plan_memory *m, enum step before,
                                const struct plan_action *a, bool busy)
{
	MUST(a->why && *a->why, "no reason");
	MUST(in->claim != CLAIM_UNDECIDED && in->engine_up, "nothing may be touched");
	bool image = a->kind == ACTION_FIND || a->kind == ACTION_PULL;
	MUST(image || !in->pod_busy, "%s while an operation of the pod is under way", action_name(a->kind));
	MUST(m->pause_until_ms <= in->now_ms, "%s in the pause after an unknown outcome",
	     action_name(a->kind));
	MUST(a->kind == ACTION_START || m->backoff.next_ms <= in->now_ms, "%s before the back-off is over",
	     action_name(a->kind));
	switch (a->kind) {
	case ACTION_FIND:
	case ACTION_PULL:
		MUST(!in->containers[a->container].image_busy, "asked for twice");
		MUST(in->containers[a->container].image ==
		             (a->kind == ACTION_FIND ? IMAGE_UNKNOWN : IMAGE_ABSENT),
		     "state");
		break;
	case ACTION_CREATE:
		MUST(!busy, "create while a container is being started");
		check_create(in, m);
		break;
	case ACTION_START:
		check_start(in, m, a);
		break;
	case ACTION_REPAIR:
		MUST(!busy && in->have && in->have->broken, "repair");
		break;
	case ACTION_REMOVE:
		MUST(!busy && in->have, "remove");
		MUST(in->claim == CLAIM_REMOVED || (in->claim == CLAIM_WANTED && before == STEP_REMOVING),
		     "of claim %d", (int)in->claim);
		break;
	case ACTION_MAX:
		MUST(false, "no action");
	}
}

/* Nothing under way and nothing asked: whatever waits for its time wakes us up not later than that. */
static inline void check_wake(const struct plan_in *in, const struct plan_memory *m, const struct plan *p,
                              bool busy)
{
	MUST(p->wake_at_ms == 0 || p->wake_at_ms > in->now_ms, "a wake-up in the past");
	if (!in->engine_up || !in->want || busy || (in->have && in->have->broken))
		return;
	if (in->claim != CLAIM_WANTED || m->step == STEP_REMOVING)
		return;
	if (m->pause_until_ms > in->now_ms)
		MUST(p->wake_at_ms && p->wake_at_ms <= m->pause_until_ms, "sleeps through the pause");
	for (size_t i = 0; i < in->want->containers.count && m->pause_until_ms <= in->now_ms; i++) {
		const struct engine_container *e = check_reported(in, i);
		const struct container_memory *c = &m->containers[i];
		bool waits =
		        e && e->state == CONTAINER_EXITED && c->expected == CONTAINER_MISSING && !c->ended;
		if (waits && c->backoff.next_ms > in->now_ms)
			MUST(p->n || (p->wake_at_ms && p->wake_at_ms <= c->backoff.next_ms),
			     "container %zu is due at %lld, wake-up at %lld", i,
			     (long long)c->backoff.next_ms, (long long)p->wake_at_ms);
	}
}

/* Plans with m (as plan_pod does) and checks. */
static inline void plan_checked(const struct plan_in *in, struct plan_memory *m, struct arena *a,
                                struct plan *ret)
{
	enum step before = m->step;
	struct plan_memory twin = *m, again;
	struct plan second, third;
	plan_pod(in, m, a, ret);
	plan_pod(in, &twin, a, &second);
	MUST(same_actions(ret, &second), "two plans from the same memory differ");
	MUST(memcmp(m, &twin, sizeof(twin)) == 0, "two memories differ");
	if (ret->report)
		MUST(same_status(&ret->status, &second.status), "two statuses differ");
	again = *m;
	plan_pod(in, &again, a, &third);
	MUST(same_actions(ret, &third) || ret->finished, "planning again changes the plan");
	if (ret->report && third.report)
		MUST(same_status(&ret->status, &third.status), "planning again changes the status");

	MUST(ret->n <= PLAN_ACTIONS, "%zu actions", ret->n);
	bool busy = in->pod_busy;
	for (size_t i = 0; in->want && i < in->want->containers.count; i++)
		busy |= in->containers[i].busy;
	for (size_t i = 0; i < ret->n; i++) {
		check_action(in, m, before, &ret->actions[i], busy);
		for (size_t k = 0; k < i; k++) {
			bool twice = ret->actions[k].kind == ret->actions[i].kind &&
			             ret->actions[k].container == ret->actions[i].container;
			MUST(!twice, "the same action twice");
			MUST(!ret->actions[i].image || !ret->actions[k].image ||
			             !streq(ret->actions[i].image, ret->actions[k].image),
			     "the same image twice");
		}
	}
	check_wake(in, m, ret, busy);
	MUST(!ret->finished || (!in->have && !busy && in->claim != CLAIM_WANTED && in->engine_up),
	     "finished too early");
	MUST(!ret->report || in->claim == CLAIM_WANTED || in->claim == CLAIM_REMOVED, "a report of claim %d",
	     (int)in->claim);
}
