/*
 * The Docker Engine API behind the engine port: what its files share. Not for others; the port is
 * controllers/runner/engine.h.
 *
 *   docker.c    the port's functions, the turn in which callbacks are made
 *   session.c   version, streams, list, reconnecting: what makes the engine "up"
 *   state.c     what is known of each container of ours; inspect, list and events become pods
 *   events.c    the event streams
 *   image.c     which images are here; pull.c: pull and import
 *   target.c    a pod of the store as bodies of create; pause.c: the image of its infra container
 *   action.c    one create, start, stop or removal with its deadline, its repetition and its unknown outcomes;
 *		 action_create.c and action_run.c read the replies
 *   pod_op.c    the order of operations on one pod; pod_create.c and pod_ops.c: these operations, made of actions
 *   logs.c      log streams
 *   dialect.c   the differences between Docker and Podman, and what their refusals mean
 *
 * A pod with one container is that container. A pod with several has an infra container beside them that holds the
 * network namespace, the host name and the ports; the others join it by its full id.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "controllers/runner/engine_docker/dialect.h"
#include "core/http/client.h"
#include "core/list.h"
#include "core/map.h"
#include "core/str.h"
#include "core/value.h"

#define ID_SIZE 65 /* 64 hex digits: shorter ones are prefixes, which may be somebody else's */

/* Deadlines, ms */
#define DEADLINE_VERSION 3000
#define DEADLINE_LIST	 5000
#define DEADLINE_INSPECT 3000
#define DEADLINE_CREATE	 10000
#define DEADLINE_START	 30000
#define DEADLINE_STOP	 15000 /* beyond the grace */
#define DEADLINE_KILL	 10000
#define DEADLINE_REMOVE	 30000
#define DEADLINE_IMPORT	 120000
#define DEADLINE_PULL	 60000 /* without a byte */

/* --- what is known ------------------------------------------------------------------------------------------------ */

struct docker_pod;

struct docker_container {
	struct list link; /* in its pod; the infra is not in it */
	struct docker_pod *pod;
	char id[ID_SIZE];
	char *name;   /* in the pod; NULL: the infra */
	char *spec;   /* hash of what it was made from */
	char *joined; /* id of the container whose namespace it joined; NULL: none */
	char *opens;  /* members: the ports of the infra that are its own, "80/tcp,53/udp" */
	uint64_t cluster;
	int64_t rev;
	enum engine_state state;
	enum engine_state listed; /* as the last list said, for when inspect does not answer */
	bool paused, oom, tty;
	int64_t exit_code;
	uint64_t exits;
	int64_t started_ns, finished_ns; /* wall clock; 0: never */
	bool started_exact;		 /* as inspect says; else the time of the event, which is a little later */
	bool started_assumed;		 /* from the reply to start, whose event is still to come */
	int64_t restart_count;
	char *error;
	char *address;
	struct pairs ports;
	uint64_t runs; /* counts the starts that events and inspects told of */
	uint64_t seq;  /* counts what was learned from events and replies: an inspect that is older is void */
	uint64_t born; /* docker->lists when it was learned of */
	struct docker *d;
	struct http_call *inspect; /* under way */
	uint64_t inspect_seq;	   /* seq when it was asked for */
	bool ports_wanted; /* it was started; ports and address are to be read */
};

struct docker_pod {
	char *name, *project, *service, *revision;
	struct list members;		/* struct docker_container, by name */
	struct docker_container *infra; /* NULL: none, or none left */
	struct list changed;		/* in docker->changed */
	bool reported;
};

/* --- work --------------------------------------------------------------------------------------------------------- */

/* One container to make. */
struct docker_target {
	char *full_name; /* the engine's name for it */
	char *name;	 /* in the pod; NULL: the infra */
	char *body;	 /* of POST create */
	char spec[17];
	struct docker *d;
};

struct docker_action;
typedef void docker_action_fn(void *ctx, enum engine_result result, const struct error *err);

/* The first member of everything that the port hands out as struct engine_op. */
struct docker_op {
	struct list link; /* docker->ops */
	struct docker *d;
	engine_done_fn *done; /* NULL: cancelled */
	void *ctx;
	void (*cancel)(struct docker_op *op); /* frees it, or lets it end by itself */
	void (*free)(struct docker_op *op);
	struct list finished; /* docker->finished */
	enum engine_result result;
	struct error err;
};

enum docker_phase { PHASE_DOWN, PHASE_VERSION, PHASE_INFO, PHASE_SYNC, PHASE_UP };

struct docker {
	struct engine base;
	struct engine_callbacks cbs;
	void *ctx;
	char *node, *pause_path;
	char *pause_ref; /* the infra's image; NULL until the program was read */
	unsigned parallel;
	struct http_client *quick;   /* version, lists, inspects */
	struct http_client *creates; /* creates, imports */
	struct http_client *works;   /* starts, stops, removals */
	struct http_client *streams; /* events, pulls, logs */
	struct loop_task turn;	     /* makes the callbacks */

	/* session */
	enum docker_phase phase;
	char api[32]; /* "/v1.41" */
	const struct dialect *dialect;
	struct http_call *call; /* version or info */
	struct http_call *container_events, *image_events;
	struct str container_line, image_line; /* of events, so far */
	struct http_call *listing;
	uint64_t lists;	    /* lists asked for so far */
	struct map removed; /* ids that went away while a list was on its way */
	unsigned inspects;  /* under way */
	bool listed, images_listed;
	struct loop_timer retry; /* of the connection, or the slow list */
	unsigned failures;	 /* of the session in a row */
	uint64_t dice;
	bool tell_up;
	char *tell_down; /* text */

	/* containers */
	struct map pods;       /* name -> struct docker_pod */
	struct map containers; /* id -> struct docker_container */
	struct list changed;   /* pods to report */
	struct http_call *refreshing; /* the list that reads ports */
	struct loop_task refresh;

	/* images */
	struct map images; /* familiar reference or id -> (void *)1 */
	struct map asked;  /* reference as asked for -> (void *)(1 + present) */
	struct http_call *images_listing;
	bool images_again;
	struct map pulls; /* reference -> struct docker_pull */

	/* operations */
	struct list ops, finished;
	struct map locks; /* pod -> struct docker_lock */
	struct list actions;
	struct list waiting; /* actions that wait for a slot */
	unsigned busy;	     /* slots in use */
	struct list pause_waiters; /* operations that wait for the pause image */
};

static inline struct docker *docker_of(struct engine *e)
{
	return container_of(e, struct docker, base);
}

/* --- docker.c */
/* A request with the version in front of its path; target is freed. The reply is buffered. */
struct http_call *docker_call(struct docker *d, struct http_client *c, const char *method, char *target,
			      const char *body, int64_t timeout_ms,
			      void (*on_done)(void *ctx, const struct http_response *r), void *ctx);
void docker_op_init(struct docker *d, struct docker_op *op, engine_done_fn *done, void *ctx,
		    void (*cancel)(struct docker_op *), void (*free_op)(struct docker_op *));
/* Ends an operation: its done is called in the turn, after the pods that changed were reported. */
void docker_op_finish(struct docker_op *op, enum engine_result result, const struct error *err);
/* The engine's message in a reply, or the connection's. Fills err, returns what it means for this call. */
enum engine_result docker_reply_error(const struct docker *d, enum dialect_call call, const struct http_response *r,
				      struct error *err);

/* --- session.c */
void session_begin(struct docker *d);
void session_end(struct docker *d);
/* Something did not answer: look whether the engine still does. */
void session_doubt(struct docker *d);
/* An inspect or a list ended: is the picture complete? */
void session_check(struct docker *d);
/* The stream ended or the engine stopped answering. */
void session_lost(struct docker *d, const char *text);

/* --- state.c */
struct docker_container *state_find(struct docker *d, const char *pod, const char *container);
/* A container of ours from an item of the list, or from inspect; NULL: not ours. */
struct docker_container *state_learn(struct docker *d, const char *id, const struct value *labels);
/* A complete list: takes what is new, drops what is gone, looks into what differs (or into all). */
void state_list(struct docker *d, const struct value *items, uint64_t asked, bool inspect_all);
void state_list_item(struct docker *d, const struct value *item, bool inspect);
void state_inspect(struct docker *d, struct docker_container *c);
void state_inspects_cancel(struct docker *d);
void state_event(struct docker *d, const char *action, const char *id, const struct value *attributes, int64_t ns);
/* The reply to a start that was sent when so many runs were known. */
void state_started(struct docker *d, struct docker_container *c, uint64_t runs_before);
void state_start_failed(struct docker *d, struct docker_container *c, const char *text);
void state_removed(struct docker *d, struct docker_container *c);
void state_changed(struct docker *d, struct docker_pod *pod);
bool state_broken(const struct docker_pod *pod);
/* Makes the on_pod callback. */
void state_report(struct docker *d, struct docker_pod *pod);
void state_done(struct docker *d);
/* Reads ports and addresses of what was started, in one list. */
void state_refresh(void *ctx);

/* --- events.c */
void events_open(struct docker *d);
void events_close(struct docker *d);
/* One object of the stream of containers. */
void event_line(struct docker *d, const char *text, size_t len);

/* --- image.c */
bool image_here(const struct docker *d, const char *ref);
void image_list(struct docker *d);
void image_arrived(struct docker *d, const char *ref);
/* After a reload: tells on_image of what was asked for. */
struct engine_op *image_find(struct engine *e, const char *ref, engine_done_fn *done, void *ctx);
/* "/images/" and the reference with what a path needs escaped. */
char *image_target(const char *ref, const char *suffix);

/* --- pull.c */
struct engine_op *image_pull(struct engine *e, const char *ref, void (*on_progress)(void *, int64_t, int64_t),
			     engine_done_fn *done, void *ctx);
struct engine_op *image_import(struct engine *e, const char *ref, const char *tar, size_t len,
			       const char *entrypoint, engine_done_fn *done, void *ctx);
void pulls_done(struct docker *d);

/* --- target.c */
/* The containers of a pod as targets, the infra first. ENGINE_OK or ENGINE_E_REFUSED with err. */
enum engine_result targets_make(struct docker *d, const struct pod *pod, uint64_t cluster, int64_t rev,
				struct docker_target **ret, size_t *ret_n, struct error *err);
/* The engine's name for a container, to be freed; container NULL: the infra. */
char *target_name(const char *project, const char *pod, const char *container);
void targets_free(struct docker_target *targets, size_t n);
/* The body with the namespace of the infra in its place. */
char *target_body(const struct docker_target *t, const char *infra_id);
/* FNV-1a, 64 bits. */
uint64_t docker_hash(const void *data, size_t len);

/* --- pause.c */
/* The pause image as a tar file; ENGINE_OK or ENGINE_E_FAILED. Also sets pause_ref. */
enum engine_result pause_tar(struct docker *d, struct str *ret, struct error *err);

/* --- action.c */
void action_create(struct docker *d, const char *pod, const struct docker_target *t, char *body,
		   docker_action_fn *on_end, void *ctx);
void action_start(struct docker *d, const struct docker_container *c, docker_action_fn *on_end, void *ctx);
void action_stop(struct docker *d, const struct docker_container *c, int64_t grace_ms, docker_action_fn *on_end,
		 void *ctx);
/* force: running ones are killed first */
void action_remove(struct docker *d, const struct docker_container *c, bool force, docker_action_fn *on_end, void *ctx);
void actions_done(struct docker *d);

/* --- pod_create.c and pod_ops.c */
struct engine_op *pod_create(struct engine *e, const struct pod *pod, uint64_t cluster, int64_t rev,
			     engine_done_fn *done, void *ctx);
struct engine_op *container_start(struct engine *e, const char *pod, const char *container, engine_done_fn *done,
				  void *ctx);
struct engine_op *container_stop(struct engine *e, const char *pod, const char *container, int64_t grace_ms,
				 engine_done_fn *done, void *ctx);
struct engine_op *pod_remove(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done, void *ctx);
struct engine_op *pod_repair(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done, void *ctx);

/* --- logs.c */
struct engine_op *logs_open(struct engine *e, const struct engine_logs_request *req);
void logs_resume(struct engine *e, struct engine_op *handle);
