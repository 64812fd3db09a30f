/*
 * Docker and Podman serve the same API and differ in words, codes and order. Whatever differs is a row of a table
 * here, and nowhere else.
 */
#pragma once

#include <stdbool.h>

#include "controllers/runner/engine.h"
#include "core/value.h"

/* The calls whose refusals are told apart. */
enum dialect_call {
	CALL_LIST,
	CALL_INSPECT,
	CALL_CREATE,
	CALL_START,
	CALL_STOP,
	CALL_REMOVE,
	CALL_PULL,
	CALL_IMPORT,
	CALL_LOGS,
};

/* What a refusal of create or start is about, where the caller goes on by itself. */
enum dialect_hint {
	HINT_NONE,
	HINT_NAME_IN_USE,  /* create: somebody has the name; see who */
	HINT_GONE,	   /* the container itself is not there (the message names it) */
	HINT_JOINED_GONE,  /* the container whose namespace is joined is not there or does not run */
	HINT_DONE,	   /* what was asked for is so already */
	HINT_PAUSED,	   /* stop: it has to be unpaused first */
	HINT_IN_PROGRESS,  /* remove: a removal is under way */
	HINT_RUNNING,	   /* remove: it runs */
	HINT_STALE,	   /* start: left half started by an engine that was killed; only a new container starts */
};

struct dialect {
	const char *name;
	/* Stopping a paused container is refused: unpause first. */
	bool unpause_to_stop;
	/* The `event` filter matches these words only. */
	const char *const *event_words;
	/* Which rows of the table of refusals hold for it. */
	bool podman;
};

extern const struct dialect dialect_docker, dialect_podman;

/* From the reply to GET /version. */
const struct dialect *dialect_of_version(const struct value *version);

/* The engine's own name for what an event says; NULL: of no interest. */
enum dialect_event {
	EVENT_NONE,
	EVENT_CREATE,
	EVENT_START,
	EVENT_DIE,
	EVENT_OOM,
	EVENT_REMOVE,
	EVENT_PAUSE,
	EVENT_UNPAUSE,
};
enum dialect_event dialect_event(const char *action);

/* What a refusal with this status, cause and message means; own_id is the id (or name) that was acted on. */
enum engine_result dialect_error(const struct dialect *d, enum dialect_call call, int status, const char *cause,
				 const char *message, const char *own_id, enum dialect_hint *ret_hint);
