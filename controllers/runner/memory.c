#include "controllers/runner/memory.h"

#include <assert.h>
#include <stdio.h>

#include "core/str.h"

const char *const reason_words[REASON_MAX] = {
        [REASON_NONE] = "",
        [REASON_PULLING_CONTAINERS] = "PullingContainers",
        [REASON_WAITING] = "Waiting",
        [REASON_STARTING_CONTAINERS] = "StartingContainers",
        [REASON_STARTED] = "Started",
        [REASON_COMPLETED] = "Completed",
        [REASON_FAILED_PULLING] = "ContainerFailedPulling",
        [REASON_FAILED_STARTING] = "ContainerFailedStarting",
        [REASON_KEEPS_CRASHING] = "ContainerKeepsCrashing",
        [REASON_EXITED] = "ContainerExited",
        [REASON_NAME_TAKEN] = "NameTaken",
        [REASON_ENGINE_UNAVAILABLE] = "EngineUnavailable",
        [REASON_REMOVING] = "Removing",
};

/* --- steps
 * ------------------------------------------------------------------------------------------------------- */

#define BIT(s) (1U << (s))
/* What every living step may turn into: the world moves by hand too. */
#define ANY_LIFE                                                                          \
	(BIT(STEP_PULLING) | BIT(STEP_WAITING) | BIT(STEP_STARTING) | BIT(STEP_RUNNING) | \
	 BIT(STEP_COMPLETED) | BIT(STEP_FAILED) | BIT(STEP_UNKNOWN))
#define THE_END (BIT(STEP_REMOVING) | BIT(STEP_GONE))

static const struct {
	const char *name;
	enum pod_phase phase;
	unsigned successors;
} steps[STEP_MAX] = {
        // clang-format off
	[STEP_NEW]       = {"new",       POD_PENDING,   ANY_LIFE | THE_END},
	[STEP_PULLING]   = {"pulling",   POD_PENDING,   ANY_LIFE | THE_END},
	[STEP_WAITING]   = {"waiting",   POD_PENDING,   ANY_LIFE | THE_END},
	[STEP_STARTING]  = {"starting",  POD_PENDING,   ANY_LIFE | THE_END},
	[STEP_RUNNING]   = {"running",   POD_RUNNING,   ANY_LIFE | THE_END},
	/* what has ended for good is not created again */
	[STEP_COMPLETED] = {"completed", POD_SUCCEEDED,
			    (ANY_LIFE | THE_END) & ~(BIT(STEP_PULLING) | BIT(STEP_WAITING))},
	[STEP_FAILED]    = {"failed",    POD_FAILED,    ANY_LIFE | THE_END},
	[STEP_UNKNOWN]   = {"unknown",   POD_UNKNOWN,   ANY_LIFE | THE_END},
	/* a removal that has begun is finished, whatever is wanted meanwhile */
	[STEP_REMOVING]  = {"removing",  POD_STOPPING,  BIT(STEP_GONE)},
	/* the name may come again, as a new pod */
	[STEP_GONE]      = {"gone",      POD_STOPPING,  BIT(STEP_NEW)},
        // clang-format on
};

bool step_allowed(enum step from, enum step to)
{
	return from == to || (steps[from].successors & BIT(to)) != 0;
}

enum pod_phase step_phase(enum step s)
{
	return steps[s].phase;
}

const char *step_name(enum step s)
{
	return steps[s].name;
}

void memory_move(struct plan_memory *m, enum step to, enum reason reason, int64_t wall_ms)
{
	assert(step_allowed(m->step, to));
	m->step = to;
	if (m->since == 0 || m->phase != step_phase(to) || m->reason != reason)
		m->since = wall_ms;
	m->phase = step_phase(to);
	m->reason = reason;
}

void memory_reborn(struct plan_memory *m)
{
	assert(step_allowed(m->step, STEP_NEW));
	*m = (struct plan_memory){.step = STEP_NEW};
}

/* --- back-off
 * ---------------------------------------------------------------------------------------------------- */

static const struct {
	int64_t first_ms, cap_ms;
	bool at_once; /* the first try comes without a delay */
} delays[FAILURE_MAX] = {
        [FAILURE_NONE] = {0, 0, true},
        [FAILURE_PULL] = {1000, 300000, false},
        [FAILURE_REFUSED] = {30000, 300000, false},
        [FAILURE_BUSY] = {1000, 30000, false},
        [FAILURE_NAME_TAKEN] = {1000, 30000, false},
        [FAILURE_ENGINE] = {1000, 60000, false},
        [FAILURE_CRASH] = {1000, 300000, true},
        [FAILURE_REMOVE] = {1000, 30000, false},
};

#define LONGEST_DELAY_MS 330000 /* the highest cap with its jitter */
#define ATTEMPTS_MAX     1000000

int64_t backoff_delay_ms(enum failure f, unsigned attempts, const char *pod, unsigned salt)
{
	unsigned doublings = attempts > 0 ? attempts - 1 : 0;
	if (delays[f].at_once) {
		if (doublings == 0)
			return 0;
		doublings--;
	}
	int64_t ms = delays[f].first_ms;
	for (; doublings > 0 && ms < delays[f].cap_ms; doublings--)
		ms *= 2;
	ms = MIN(ms, delays[f].cap_ms);

	uint64_t h = SCHEMA_HASH_INIT; /* FNV-1a over name, container and attempt */
	for (const char *p = pod; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	h = (h ^ salt) * UINT64_C(0x100000001b3);
	h = (h ^ attempts) * UINT64_C(0x100000001b3);
	int64_t permille = (int64_t)((h >> 32) % 201) - 100;
	return ms + ms * permille / 1000;
}

void memory_fail(struct plan_memory *m, const char *pod, int container, enum failure f, int64_t now_ms,
                 int64_t wall_ms)
{
	struct backoff *b = container < 0 ? &m->backoff : &m->containers[container].backoff;
	if (b->next_ms > now_ms)
		return;
	b->failure = f;
	b->attempts = MIN(b->attempts + 1, (unsigned)ATTEMPTS_MAX);
	int64_t delay = backoff_delay_ms(f, b->attempts, pod, (unsigned)(container + 1));
	b->next_ms = now_ms + delay;
	b->next_wall = delay ? wall_ms + delay : 0;
}

/* --- results
 * ----------------------------------------------------------------------------------------------------- */

const char *action_name(enum plan_action_kind k)
{
	static const char *const names[ACTION_MAX] = {
	        [ACTION_FIND] = "find",   [ACTION_PULL] = "pull",     [ACTION_CREATE] = "create",
	        [ACTION_START] = "start", [ACTION_REPAIR] = "repair", [ACTION_REMOVE] = "remove"};
	return names[k];
}

bool restart_wanted(int restart_policy, int64_t exit_code)
{
	switch ((enum restart_policy)restart_policy) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_ON_FAILURE:
		return exit_code != 0;
	case RESTART_NEVER:
		return false;
	}
	return true;
}

static enum failure failure_of(enum plan_action_kind kind, enum engine_result result)
{
	if (kind == ACTION_FIND || kind == ACTION_PULL)
		return FAILURE_PULL;
	if (kind == ACTION_REMOVE)
		return FAILURE_REMOVE;
	switch (result) {
	case ENGINE_E_REFUSED:
		return FAILURE_REFUSED;
	case ENGINE_E_BUSY:
		return FAILURE_BUSY;
	case ENGINE_E_NAME_TAKEN:
		return FAILURE_NAME_TAKEN;
	case ENGINE_OK:
	case ENGINE_E_NO_IMAGE:
	case ENGINE_E_GONE:
	case ENGINE_E_UNAVAILABLE:
	case ENGINE_E_UNKNOWN:
	case ENGINE_E_FAILED:
		break;
	}
	return FAILURE_ENGINE;
}

static void succeeded(struct plan_memory *m, const struct pod *pod, enum plan_action_kind kind, int container,
                      int64_t now_ms)
{
	switch (kind) {
	case ACTION_FIND:
	case ACTION_PULL:
	case ACTION_MAX:
		break;
	case ACTION_CREATE:
		m->backoff = (struct backoff){0};
		m->remake = false;
		for (size_t i = 0; pod && i < pod->containers.count; i++) {
			struct container_memory *c = &m->containers[i];
			if (c->seen || c->ended)
				continue;
			c->seen = true;
			c->exits = 0;
			c->expected = CONTAINER_CREATED;
			c->expected_until_ms = now_ms + REPORT_MS;
		}
		break;
	case ACTION_START: {
		struct container_memory *c = &m->containers[container];
		c->backoff.next_ms = c->backoff.next_wall = 0;
		if (c->exits != c->expected_exits)
			break; /* it ended again before we heard that it was started */
		c->expected = CONTAINER_RUNNING;
		c->expected_until_ms = now_ms + REPORT_MS;
		break;
	}
	case ACTION_REPAIR:
	case ACTION_REMOVE:
		m->backoff = (struct backoff){0};
		m->pause_until_ms = now_ms + PAUSE_MS; /* for the engine's report */
		break;
	}
}

static void describe(struct plan_memory *m, const struct pod *pod, enum plan_action_kind kind, int container,
                     const char *image, const char *text)
{
	const char *words = text ? text : "", *colon = *words ? ": " : "";
	const char *name =
	        pod && container >= 0 ? LIST_ITEMS(&pod->containers, struct container)[container].name : "";
	switch (kind) {
	case ACTION_FIND:
	case ACTION_PULL:
		(void)snprintf(m->text, sizeof(m->text), "Failed pulling image %s%s%s", image ? image : "",
		               colon, words);
		break;
	case ACTION_CREATE:
		(void)snprintf(m->text, sizeof(m->text), "Failed creating containers%s%s", colon, words);
		break;
	case ACTION_START:
		(void)snprintf(m->text, sizeof(m->text), "Failed starting container %s%s%s", name, colon,
		               words);
		break;
	case ACTION_REPAIR:
		(void)snprintf(m->text, sizeof(m->text), "Failed repairing the pod's network%s%s", colon,
		               words);
		break;
	case ACTION_REMOVE:
		(void)snprintf(m->text, sizeof(m->text), "Failed removing%s%s", colon, words);
		break;
	case ACTION_MAX:
		break;
	}
}

void memory_result(struct plan_memory *m, const struct pod *pod, const char *name, enum plan_action_kind kind,
                   int container, const char *image, enum engine_result result, const char *text,
                   int64_t now_ms, int64_t wall_ms)
{
	bool done = result == ENGINE_OK || (kind == ACTION_REMOVE && result == ENGINE_E_GONE) ||
	            (kind == ACTION_FIND && result == ENGINE_E_NO_IMAGE);
	if (done) {
		succeeded(m, pod, kind, container, now_ms);
	} else if (kind == ACTION_REPAIR && result == ENGINE_E_GONE) {
		m->remake = true;
	} else if (result == ENGINE_E_UNAVAILABLE || result == ENGINE_E_UNKNOWN) {
		/* the pod is not at fault, and what is true will be reported */
		m->pause_until_ms = now_ms + PAUSE_MS;
	} else {
		describe(m, pod, kind, container, image, text);
		memory_fail(m, name, kind == ACTION_START ? container : -1, failure_of(kind, result), now_ms,
		            wall_ms);
	}
}

/* --- after a restart of the runner
 * ------------------------------------------------------------------------------- */

static enum reason reason_find(const char *word)
{
	for (enum reason r = REASON_NONE; r < REASON_MAX; r++)
		if (word && streq(reason_words[r], word))
			return r;
	return REASON_NONE;
}

static const struct container_status *find_status(const struct pod_status *s, const char *name)
{
	for (size_t i = 0; i < s->containers.count; i++) {
		const struct container_status *c = &LIST_ITEMS(&s->containers, struct container_status)[i];
		if (c->name && streq(c->name, name))
			return c;
	}
	return NULL;
}

/* Did it fail before any container was made? */
static bool none_made(const struct pod_status *s)
{
	for (size_t i = 0; i < s->containers.count; i++) {
		const char *state = LIST_ITEMS(&s->containers, struct container_status)[i].state;
		if (state && !streq(state, "missing"))
			return false;
	}
	return true;
}

static void restore_container(struct container_memory *c, const struct container *want,
                              const struct container_status *s)
{
	c->restarts = MAX(s->restarts, 0);
	c->exit_code = s->exitCode;
	c->oom = s->oom;
	c->started = s->startedAt > 0;
	c->ended = s->state && streq(s->state, "exited") && !restart_wanted(want->restart, s->exitCode);
}

void memory_restore(struct plan_memory *m, const struct pod *pod, const struct pod_status *status,
                    int64_t now_ms, int64_t wall_ms)
{
	enum reason reason = reason_find(status->reason);
	m->phase = (enum pod_phase)status->phase;
	m->reason = reason;
	m->since = status->since;
	if (reason == REASON_FAILED_PULLING || reason == REASON_FAILED_STARTING ||
	    reason == REASON_NAME_TAKEN)
		(void)snprintf(m->text, sizeof(m->text), "%s", status->message ? status->message : "");

	struct backoff b = {.attempts = (unsigned)CLAMP(status->attempts, 0, ATTEMPTS_MAX)};
	if (b.attempts > 0 && status->nextAttempt > 0) {
		/* both clocks may have jumped meanwhile: never longer than the longest delay */
		b.next_ms = now_ms + CLAMP(status->nextAttempt - wall_ms, 0, LONGEST_DELAY_MS);
		b.next_wall = status->nextAttempt;
	}
	bool whole = reason == REASON_FAILED_PULLING || reason == REASON_NAME_TAKEN ||
	             (reason == REASON_FAILED_STARTING && none_made(status));
	if (b.attempts > 0 && whole) {
		m->backoff = b;
		m->backoff.failure = reason == REASON_FAILED_PULLING ? FAILURE_PULL
		                     : reason == REASON_NAME_TAKEN   ? FAILURE_NAME_TAKEN
		                                                     : FAILURE_ENGINE;
	}
	for (size_t i = 0; i < MIN(pod->containers.count, (size_t)LIMIT_CONTAINERS); i++) {
		const struct container *want = &LIST_ITEMS(&pod->containers, struct container)[i];
		const struct container_status *s = find_status(status, want->name);
		struct container_memory *c = &m->containers[i];
		if (!s)
			continue;
		restore_container(c, want, s);
		bool ran = s->state && streq(s->state, "running");
		if (b.attempts > 0 && !whole && !c->ended && (!ran || s->restarts > 0)) {
			c->backoff = b;
			c->backoff.failure =
			        reason == REASON_FAILED_STARTING ? FAILURE_ENGINE : FAILURE_CRASH;
		}
	}
}
