/*
 * What the runner remembers of one pod between two plans: the step it is at, what failed and when the next
 * try is due, which exits were counted. Plain data; every change goes through a function of this header, all
 * of them pure: time comes in, nothing is allocated. After a restart of the runner the memory begins with
 * memory_restore() from the status in the store, so that a crash loop does not begin anew.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "core/limits.h"
#include "kind/pod.h"

/* --- steps: the one state machine of a pod
 * ----------------------------------------------------------------------- */

enum step {
	STEP_NEW,       /* nothing is known or said yet */
	STEP_PULLING,   /* images are looked for or pulled */
	STEP_WAITING,   /* images are here, the pod whose place it takes is not gone yet */
	STEP_STARTING,  /* containers are created and started */
	STEP_RUNNING,   /* all run that should */
	STEP_COMPLETED, /* all ended well, and none is to run again */
	STEP_FAILED,    /* something failed; tried again later, unless its restart policy says never */
	STEP_UNKNOWN,   /* the engine does not answer */
	STEP_REMOVING,  /* stopped and removed; once begun it is finished */
	STEP_GONE,      /* nothing of it is left */
	STEP_MAX,
};

/* The reason in a pod's status; reason_words[] are the words. */
enum reason {
	REASON_NONE,
	REASON_PULLING_CONTAINERS,
	REASON_WAITING,
	REASON_STARTING_CONTAINERS,
	REASON_STARTED,
	REASON_COMPLETED,
	REASON_FAILED_PULLING,
	REASON_FAILED_STARTING,
	REASON_KEEPS_CRASHING,
	REASON_EXITED,
	REASON_NAME_TAKEN,
	REASON_ENGINE_UNAVAILABLE,
	REASON_REMOVING,
	REASON_MAX,
};
extern const char *const reason_words[REASON_MAX];

/* May a pod go from one step to the other? Staying is always allowed. */
bool step_allowed(enum step from, enum step to);
enum pod_phase step_phase(enum step s);
const char *step_name(enum step s);

/* --- failures
 * ---------------------------------------------------------------------------------------------------- */

/* Each has a first delay and a cap; the delay doubles in between, +-10 % by a hash of pod and attempt (no
 * dice). */
enum failure {
	FAILURE_NONE,
	FAILURE_PULL,    /* an image could not be pulled: 1 s .. 5 min; over at once when the image is here */
	FAILURE_REFUSED, /* can not work as asked: 30 s .. 5 min (who corrects it makes a new pod) */
	FAILURE_BUSY,    /* a port is taken: 1 s .. 30 s, so that a freed port heals soon */
	FAILURE_NAME_TAKEN, /* somebody else's container has our name, it is not touched: 1 s .. 30 s */
	FAILURE_ENGINE,     /* anything else the engine said: 1 s .. 1 min */
	FAILURE_CRASH,      /* a container ended or was removed: at once, then 1 s .. 5 min */
	FAILURE_REMOVE,     /* stopping or removing failed: 1 s .. 30 s */
	FAILURE_MAX,
};

struct backoff {
	enum failure failure;
	unsigned attempts; /* failures in a row */
	int64_t next_ms;   /* monotonic: no try before it */
	int64_t next_wall; /* the same for people; 0: the next try is at once */
};

/* The delay after the attempts'th failure in a row (1: the first), jitter included. */
int64_t backoff_delay_ms(enum failure f, unsigned attempts, const char *pod, unsigned salt) _nonnull_(3);

#define CRASHES_MANY   3     /* failures in a row from which the reason is ContainerKeepsCrashing */
#define HEALTHY_MS     60000 /* running for so long ends a container's series of failures */
#define READY_AFTER_MS 10000 /* after many crashes it takes traffic only when it ran for so long */
#define REPORT_MS                                                                                         \
	2000          /* how long what an operation brought about is believed without the engine's report \
	               */
#define PAUSE_MS 1000 /* after an operation whose outcome is not known */

/* --- the memory
 * -------------------------------------------------------------------------------------------------- */

struct container_memory {
	struct backoff backoff;
	bool seen;     /* the engine has it, or should have */
	bool reported; /* the engine said so */
	bool started;  /* it ran at least once */
	bool ended;    /* it ended, and its restart policy leaves it so */
	bool removed;  /* its last end was a removal by hand */
	bool oom;
	int64_t exit_code; /* of its last end; -1: not known */
	uint64_t exits;    /* of the engine's counter, counted so far */
	int64_t restarts;
	int64_t running_since_ms; /* monotonic; 0: it does not run */
	/* What an operation brought about and the engine has not reported yet. */
	enum engine_state expected; /* CONTAINER_MISSING: nothing is expected */
	uint64_t expected_exits;    /* `exits` when the start was asked for: later ones are news */
	int64_t expected_until_ms;
};

struct plan_memory {
	enum step step; /* assigned by memory_move() only */
	enum reason reason;
	enum pod_phase phase;   /* with `reason`: what `since` is about */
	int64_t since;          /* wall clock of the last change of phase or reason */
	bool ready;             /* as last said */
	struct backoff backoff; /* of what concerns the pod as a whole: pull, create, repair, remove */
	int64_t pause_until_ms; /* an outcome was not known: nothing is asked of the engine before it */
	bool remake;            /* its shared namespace was removed: no repair helps, it has to be made again */
	char text[1024];        /* the last failure, a sentence for people; "" when none */
	struct container_memory containers[LIMIT_CONTAINERS]; /* as in pod.containers */
};

/* The only assignment of `step`: checks the table and stamps `since`. */
void memory_move(struct plan_memory *m, enum step to, enum reason reason, int64_t wall_ms) _nonnull_(1);
/* The name came again after STEP_GONE: everything is forgotten. */
void memory_reborn(struct plan_memory *m) _nonnull_(1);
/* From the status that an earlier runner wrote; m is zeroed. */
void memory_restore(struct plan_memory *m, const struct pod *pod, const struct pod_status *status,
                    int64_t now_ms, int64_t wall_ms) _nonnull_(1, 2, 3);

/* Counts one failure of the pod (container -1) or of a container. A wait that is under way is not prolonged.
 */
void memory_fail(struct plan_memory *m, const char *pod, int container, enum failure f, int64_t now_ms,
                 int64_t wall_ms) _nonnull_(1, 2);
/* Is this container to run again after it ended with this exit code (-1: not known)? */
bool restart_wanted(int restart_policy, int64_t exit_code);

/* What the runner asked of the engine. */
enum plan_action_kind {
	ACTION_FIND, /* is this image here? */
	ACTION_PULL,
	ACTION_CREATE, /* all of the pod that is missing */
	ACTION_START,  /* one container */
	ACTION_REPAIR, /* the shared namespace */
	ACTION_REMOVE, /* stop and remove the whole pod */
	ACTION_MAX,
};
const char *action_name(enum plan_action_kind k);

/*
 * How an action ended. container: index for START, else -1; image: for FIND and PULL; text: the engine's
 * words. The state of images is not kept here (they are the node's, not the pod's).
 */
void memory_result(struct plan_memory *m, const struct pod *pod, const char *name, enum plan_action_kind kind,
                   int container, const char *image, enum engine_result result, const char *text,
                   int64_t now_ms, int64_t wall_ms) _nonnull_(1, 3);
