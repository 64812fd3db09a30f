/*
 * An operation of the port on a pod, made of actions. Operations on one pod do not overlap where that matters: starts
 * and stops of its containers run side by side, creating, removing and repairing it run alone, in the order of arrival.
 */
#pragma once

#include "controllers/runner/engine_docker/docker.h"

struct pod_op {
	struct docker_op op;
	struct list wait; /* in one queue of the lock, or in docker->pause_waiters */
	bool exclusive, locked;
	void (*run)(struct pod_op *op); /* called when it holds the lock, and again after a wait */
	char *pod, *container;
	int64_t grace_ms;
	struct docker_target *targets; /* create */
	size_t n_targets, at;
	bool again;           /* start: it was tried before */
	int64_t joined_ns;    /* start: since when the infra ran, as far as was known */
	bool imported;        /* create: the pause image was brought in */
	char (*ids)[ID_SIZE]; /* repair: what ran, and what is stopped or started */
	size_t n_ids;
	unsigned pending;          /* actions under way */
	enum engine_result result; /* the first failure */
	struct error err;
};

/* Of a pod that operations are under way on or wait for. */
struct docker_lock {
	struct list queue;
	struct list infra_queue; /* starts that wait for the start of the infra */
	unsigned shared;
	bool exclusive, infra_starting;
	bool serving;
};

struct pod_op *pod_op_new(struct engine *e, const char *pod, bool exclusive, void (*run)(struct pod_op *),
			  engine_done_fn *done, void *ctx);
/* Queues it for its pod, or ends it when the engine is away. */
struct engine_op *pod_op_begin(struct pod_op *op);
void pod_op_end(struct pod_op *op, enum engine_result result, const struct error *err);
void pod_op_refuse(struct pod_op *op, enum engine_result result, const char *text);
/* Nobody waits for it any more: then it was ended here. */
bool pod_op_cancelled(struct pod_op *op);
struct docker_lock *pod_op_lock(struct docker *d, const char *pod);

/* --- several actions at once: op->pending counts them, op->run goes on after the last */

/* One of them ended: the docker_action_fn of all. */
void pod_op_one(void *ctx, enum engine_result result, const struct error *err);
/* Remembers the containers of the pod that fit, by id: what is known of them may change meanwhile. */
void pod_op_gather(struct pod_op *op, bool (*fits)(const struct docker_container *c));
bool gather_running(const struct docker_container *c);
bool gather_any(const struct docker_container *c);
/* The i-th of them; NULL: it is gone by now. */
struct docker_container *pod_op_container(const struct pod_op *op, size_t i);
void pod_op_stop(struct pod_op *op);
void pod_op_start(struct pod_op *op);
/* force: running ones are killed first. */
void pod_op_remove(struct pod_op *op, bool force);
void pod_op_remove_infra(struct pod_op *op);
