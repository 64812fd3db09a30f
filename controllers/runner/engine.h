/*
 * The engine port: what the runner needs of whatever runs containers. It speaks of pods, images, containers, exits and
 * streams. Namespaces, infra containers, networks, names and labels belong to the implementation:
 *
 *   engine_docker/   the Docker Engine API (Podman's differences in one table)
 *   engine_sim.c     simulated, on the loop's clock, with faults; for tests and the simulator
 *
 * One contract suite (tests/contract/engine) runs on every implementation.
 *
 * Rules:
 *  - Callbacks come from the loop, never from inside a call. Each operation completes exactly once, within its deadline.
 *  - Level-triggered: on_pod says how a pod is now, as often as it changes; what happened while the connection was
 *    away comes after the next list. `exits` counts, so that an exit is never missed or counted twice.
 *  - Containers without our labels, or with another node's, are never touched and never reported.
 *  - An operation whose outcome is not known is looked up by name and label before it ends; ENGINE_E_UNKNOWN is said
 *    only when the engine does not answer at all. All operations may be repeated.
 *  - At most `parallel` starts, stops and removals are under way; others wait in order. Pulls of one image are merged.
 */
#pragma once

#include "core/error.h"
#include "core/loop.h"
#include "kind/pod.h"

enum engine_result {
	ENGINE_OK,
	ENGINE_E_NO_IMAGE,    /* create: the image is not here; pull: it does not exist or access was denied */
	ENGINE_E_REFUSED,     /* it can not work as asked (bad command, bad limit): the same request will fail again */
	ENGINE_E_BUSY,	      /* a resource is taken: host port, address */
	ENGINE_E_NAME_TAKEN,  /* a container of somebody else has our name */
	ENGINE_E_GONE,	      /* what it was about does not exist */
	ENGINE_E_UNAVAILABLE, /* the engine does not answer: nothing was done */
	ENGINE_E_UNKNOWN,     /* the engine stopped answering in mid operation */
	ENGINE_E_FAILED,      /* anything else, likely to pass: try again later */
};
static inline const char *engine_result_name(enum engine_result r)
{
	switch (r) {
	case ENGINE_OK:
		return "ok";
	case ENGINE_E_NO_IMAGE:
		return "no such image";
	case ENGINE_E_REFUSED:
		return "refused";
	case ENGINE_E_BUSY:
		return "a resource is taken";
	case ENGINE_E_NAME_TAKEN:
		return "the name is taken";
	case ENGINE_E_GONE:
		return "it does not exist";
	case ENGINE_E_UNAVAILABLE:
		return "the engine is not available";
	case ENGINE_E_UNKNOWN:
		return "the outcome is not known";
	case ENGINE_E_FAILED:
		return "failed";
	}
	return "?";
}

enum engine_state { CONTAINER_MISSING, CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };

struct engine_container {
	const char *name; /* of the container in its pod */
	enum engine_state state;
	bool paused;	   /* by hand; counts as running */
	int64_t exit_code; /* EXITED; -1: not known (engine restarted) */
	bool oom;
	uint64_t exits;	      /* since this container was created or adopted */
	int64_t started_at;   /* wall clock ms; 0: never */
	int64_t finished_at;  /* wall clock ms; 0: never */
	const char *error;    /* the engine's words about a failed start; NULL: none */
	const struct pairs *ports; /* "80/tcp" -> "32768" */
};

/* A pod as the engine has it. Borrowed during the callback. */
struct engine_pod {
	const char *project, *name, *service, *revision;
	uint64_t cluster; /* store_identity.cluster_id under which it was made */
	int64_t rev;	  /* create_rev of the pod's key when it was made */
	const char *address; /* NULL: not known */
	bool broken;	  /* its shared namespace is gone: needs engine_pod_repair() */
	bool gone;	  /* nothing of it is left: last word about this pod */
	const struct engine_container *containers; /* by name */
	size_t n_containers;
};

struct engine_info {
	char name[64];	 /* "docker", "podman", "sim" */
	char version[64];
	int64_t cpus;	/* milli-cores */
	int64_t memory; /* bytes */
};

struct engine_callbacks {
	/* up: a complete list is in, every pod of ours was reported before this call. down: text says why. */
	void (*on_up)(void *ctx, const struct engine_info *info);
	void (*on_down)(void *ctx, const char *text);
	void (*on_pod)(void *ctx, const struct engine_pod *pod);
	/* An image came or went; ref as asked for in engine_image_find. */
	void (*on_image)(void *ctx, const char *ref, bool present);
};

typedef void engine_done_fn(void *ctx, enum engine_result result, const struct error *err);

/* Log lines: stream 1 stdout, 2 stderr; data as the program wrote it, cut anywhere. len 0: the end. */
struct engine_logs_request {
	const char *pod, *container; /* pod: its name */
	bool follow, timestamps;
	int64_t tail;	  /* lines; -1: all */
	int64_t since_ms; /* wall clock; 0: all */
	bool (*on_data)(void *ctx, int stream, const char *data, size_t len); /* false: pause until engine_logs_resume */
	engine_done_fn *done;
	void *ctx;
};

struct engine;
struct engine_op;

struct engine_ops {
	void (*free)(struct engine *e);
	/* Is the image here? ENGINE_OK or ENGINE_E_NO_IMAGE. Answered from memory when known. */
	struct engine_op *(*image_find)(struct engine *e, const char *ref, engine_done_fn *done, void *ctx);
	/* on_progress (may be NULL): bytes so far and in all (0: not known). */
	struct engine_op *(*image_pull)(struct engine *e, const char *ref,
					void (*on_progress)(void *ctx, int64_t now, int64_t total), engine_done_fn *done,
					void *ctx);
	/* An uncompressed tar file becomes image `ref`; entrypoint: JSON array or NULL. */
	struct engine_op *(*image_import)(struct engine *e, const char *ref, const char *tar, size_t len,
					  const char *entrypoint, engine_done_fn *done, void *ctx);
	/* Makes whatever of the pod is missing (nothing is started). Adopts what fits, never what is somebody else's. */
	struct engine_op *(*pod_create)(struct engine *e, const struct pod *pod, uint64_t cluster, int64_t rev,
					engine_done_fn *done, void *ctx);
	/* Starts one container; its pod's namespace first where needed. */
	struct engine_op *(*container_start)(struct engine *e, const char *pod, const char *container,
					     engine_done_fn *done, void *ctx);
	/* Signal, grace, kill. An already stopped one is ENGINE_OK. */
	struct engine_op *(*container_stop)(struct engine *e, const char *pod, const char *container, int64_t grace_ms,
					    engine_done_fn *done, void *ctx);
	/* Stops all containers of the pod (grace) and removes them and their namespace; volumes with names are kept. */
	struct engine_op *(*pod_remove)(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
					void *ctx);
	/* Restores the shared namespace: stops the members, starts it, starts those that ran. */
	struct engine_op *(*pod_repair)(struct engine *e, const char *pod, int64_t grace_ms, engine_done_fn *done,
					void *ctx);
	struct engine_op *(*logs)(struct engine *e, const struct engine_logs_request *req);
	void (*logs_resume)(struct engine *e, struct engine_op *op);
	/* No callback afterwards. A write that is under way may still be carried out. NULL is fine. */
	void (*cancel)(struct engine *e, struct engine_op *op);
};

/* The first member of every implementation. */
struct engine {
	const struct engine_ops *ops;
	struct loop *loop;
	struct engine_info info; /* valid while up */
	bool up;
};

struct engine_config {
	const char *address; /* "unix:///var/run/docker.sock" */
	const char *node;    /* our node: containers of others are foreign */
	unsigned parallel;   /* 0: twice the cores, at least 4 */
	/* The pause image's program (static); NULL: found beside the running executable. */
	const char *pause_path;
};

/* Callbacks begin with the next round of the loop. NULL with err only for a malformed address. */
struct engine *engine_docker_new(struct loop *loop, const struct engine_config *cfg, const struct engine_callbacks *cbs,
				 void *ctx, struct error *err) _nonnull_(1, 2, 3);

static inline struct engine *engine_free(struct engine *e)
{
	if (e)
		e->ops->free(e);
	return NULL;
}
