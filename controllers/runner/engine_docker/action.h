/*
 * One create, start, stop or removal of one container, while it is under way. Shared by action.c, which begins, sends,
 * looks up and ends them, and the files that read the replies: action_create.c and action_run.c.
 */
#pragma once

#include "controllers/runner/engine_docker/docker.h"

enum action_kind { ACTION_CREATE, ACTION_START, ACTION_STOP, ACTION_REMOVE };

struct docker_action {
	struct list link; /* docker->actions */
	struct list slot; /* docker->waiting */
	struct docker *d;
	enum action_kind kind;
	bool has_slot;
	struct http_call *call;
	struct loop_timer timer; /* between two looks at a removal */
	char id[ID_SIZE];
	char *pod;
	const struct docker_target *target; /* create */
	char *body;
	int64_t grace_ms;
	bool force;    /* remove */
	bool killed;   /* stop */
	bool unpaused; /* stop */
	bool timed_out;
	unsigned tries, polls;
	uint64_t runs; /* of the container when start was sent */
	uint64_t seq;  /* of what is looked at, when it was asked for */
	char looked[ID_SIZE]; /* what is looked at in the end */
	enum engine_result then;
	docker_action_fn *on_end;
	void *ctx;
	struct error err;
};

/* --- action.c */
/* Sends its request, for the first time or again. */
void action_send(struct docker_action *a);
/* Tells its end, a->err being the text, and frees it. */
void action_end(struct docker_action *a, enum engine_result result);
/* Sends it once more, or ends it as unknown. */
void action_repeat(struct docker_action *a);
/* A reply did not come: looks up what became of it. */
void action_unknown(struct docker_action *a, const struct http_response *r);
/* A refusal: its text into a->err, its meaning. */
enum engine_result action_refused(struct docker_action *a, enum dialect_call call, const struct http_response *r,
				  enum dialect_hint *ret_hint);
/* NULL: it is gone by now. */
struct docker_container *action_container(const struct docker_action *a);

/* --- action_create.c: the reply to create */
void action_created(void *ctx, const struct http_response *r);

/* --- action_run.c: the replies to start, stop, kill and removal */
void action_started(void *ctx, const struct http_response *r);
void action_stopped(void *ctx, const struct http_response *r);
void action_killed(void *ctx, const struct http_response *r);
void action_removed(void *ctx, const struct http_response *r);
/* Unpauses it, then sends the stop. */
void action_unpause(struct docker_action *a);
/* Looks whether a removal that is under way has ended. */
void action_poll(void *ctx);
