/*
 * A pod, an engine's view of it and a plan, for the tests of the runner's plan: a pod of up to four
 * containers "a" to "d", described in letters.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "controllers/runner/plan.h"
#include "core/str.h"
#include "lib/test.h"

#define RIG_MAX 4

struct rig {
	struct pod pod;
	struct container items[RIG_MAX];
	struct engine_pod have;
	struct engine_container engine[RIG_MAX];
	struct plan_container containers[RIG_MAX];
	struct plan_in in;
	struct plan_memory memory;
	struct arena arena;
	struct plan plan;
	char text[1024];
};

static const char *const rig_names[RIG_MAX] = {"a", "b", "c", "d"};

/* policies: a letter for each container: a(lways), f (on-failure), n(ever). Images are "image-a", ... and
 * present. */
static inline void rig_init(struct rig *r, const char *policies)
{
	*r = (struct rig){0};
	size_t n = strlen(policies);
	assert(n <= RIG_MAX);
	r->pod = (struct pod){.project = (char *)(uintptr_t) "default",
	                      .name = (char *)(uintptr_t) "web-0-abc",
	                      .node = (char *)(uintptr_t) "n1",
	                      .service = (char *)(uintptr_t) "web",
	                      .revision = (char *)(uintptr_t) "abc",
	                      .stopGrace = 7000};
	for (size_t i = 0; i < n; i++) {
		static const char *const images[] = {"image-a", "image-b", "image-c", "image-d"};
		r->items[i].name = (char *)(uintptr_t)rig_names[i];
		r->items[i].image = (char *)(uintptr_t)images[i];
		r->items[i].restart = policies[i] == 'n'   ? RESTART_NEVER
		                      : policies[i] == 'f' ? RESTART_ON_FAILURE
		                                           : RESTART_ALWAYS;
		r->containers[i].image = IMAGE_PRESENT;
	}
	r->pod.containers = (struct list_of){.items = r->items, .count = n};
	r->in = (struct plan_in){.name = "web-0-abc",
	                         .node = "n1",
	                         .claim = CLAIM_WANTED,
	                         .want = &r->pod,
	                         .containers = r->containers,
	                         .engine_up = true,
	                         .now_ms = 1000000,
	                         .wall_ms = 1700000000000,
	                         .engine_name = "sim 1"};
	r->have = (struct engine_pod){.project = "default",
	                              .name = "web-0-abc",
	                              .service = "web",
	                              .revision = "abc",
	                              .containers = r->engine};
}

static inline void rig_done(struct rig *r)
{
	arena_done(&r->arena);
}

/*
 * What the engine reports: a letter for each container: - nothing, c created, r running, 0 or 1 or 9 exited
 * with code 0, 1, not known. NULL or only "-": no pod. The exit counters are the rig's own (rig_exit).
 */
static inline void rig_have(struct rig *r, const char *states)
{
	size_t n = 0;
	for (size_t i = 0; states && states[i]; i++) {
		if (states[i] == '-')
			continue;
		struct engine_container was = {0};
		for (size_t k = 0; k < RIG_MAX; k++)
			if (r->engine[k].name && streq(r->engine[k].name, rig_names[i]) && k >= n)
				was = r->engine[k];
		struct engine_container *e = &r->engine[n++];
		*e = (struct engine_container){.name = rig_names[i], .exits = was.exits, .ports = was.ports};
		e->state = states[i] == 'c'   ? CONTAINER_CREATED
		           : states[i] == 'r' ? CONTAINER_RUNNING
		                              : CONTAINER_EXITED;
		e->exit_code = states[i] == '1' ? 1 : states[i] == '9' ? -1 : 0;
		if (states[i] != 'c')
			e->started_at = was.started_at ? was.started_at : r->in.wall_ms;
	}
	r->have.n_containers = n;
	r->in.have = n ? &r->have : NULL;
}

/* The container ended with this code. */
static inline void rig_exit(struct rig *r, size_t i, int64_t code)
{
	r->engine[i].state = CONTAINER_EXITED;
	r->engine[i].exit_code = code;
	r->engine[i].exits++;
}

static inline void rig_start(struct rig *r, size_t i)
{
	r->engine[i].state = CONTAINER_RUNNING;
	r->engine[i].started_at = r->in.wall_ms;
}

/* u(nknown), p(resent), a(bsent) for each image; capital: FIND or PULL under way. */
static inline void rig_images(struct rig *r, const char *states)
{
	for (size_t i = 0; states[i]; i++) {
		char c = states[i];
		r->containers[i].image_busy = c == 'U' || c == 'A' || c == 'P';
		r->containers[i].image = c == 'u' || c == 'U'   ? IMAGE_UNKNOWN
		                         : c == 'a' || c == 'A' ? IMAGE_ABSENT
		                                                : IMAGE_PRESENT;
	}
}

/* Plans and returns the actions in words: "find image-a, create, start b"; "" for none. */
static inline const char *rig_plan(struct rig *r)
{
	arena_reset(&r->arena);
	plan_pod(&r->in, &r->memory, &r->arena, &r->plan);
	size_t len = 0;
	r->text[0] = '\0';
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct plan_action *a = &r->plan.actions[i];
		CHECK(a->why && *a->why);
		const char *what = a->image ? a->image : a->container >= 0 ? rig_names[a->container] : "";
		len += (size_t)snprintf(r->text + len, sizeof(r->text) - len, "%s%s%s%s", len ? ", " : "",
		                        action_name(a->kind), *what ? " " : "", what);
	}
	return r->text;
}

/* "Phase/Reason", with "+" when ready; "" when nothing is reported. After rig_plan(). */
static inline const char *rig_status(struct rig *r)
{
	r->text[0] = '\0';
	if (r->plan.report)
		(void)snprintf(r->text, sizeof(r->text), "%s/%s%s", pod_phase_words[r->plan.status.phase],
		               r->plan.status.reason, r->plan.status.ready ? "+" : "");
	return r->text;
}

static inline void rig_result(struct rig *r, enum plan_action_kind kind, int container,
                              enum engine_result result, const char *text)
{
	const char *image = kind == ACTION_PULL || kind == ACTION_FIND ? r->items[container].image : NULL;
	memory_result(&r->memory, &r->pod, r->in.name, kind, kind == ACTION_START ? container : -1, image,
	              result, text, r->in.now_ms, r->in.wall_ms);
}

static inline void rig_later(struct rig *r, int64_t ms)
{
	r->in.now_ms += ms;
	r->in.wall_ms += ms;
}

#define PLANS(r, want) CHECK_STR(rig_plan(r), want)
#define SAYS(r, want)  CHECK_STR(rig_status(r), want)
