/*
 * Log streams for the API (kind/session.h): nodes dial out only, so the runner connects to the session's
 * address and sends the stream as the chunked body of `POST /v1/sessions/<id>` with the secret as bearer
 * token.
 *
 * The body is a row of frames, cut anywhere by HTTP's chunks:
 *
 *   1 byte   stream: 1 stdout, 2 stderr, 3 an error's text for people (the last frame, if any)
 *   4 bytes  length of the data, big-endian, at most SESSION_FRAME_MAX
 *   data
 *
 * An empty frame every SESSION_IDLE_MS keeps an idle stream alive. The body ends when the log ends; the API
 * ends it by answering or by cutting the connection, and deletes the key. A reader who is slow stops the
 * engine's stream, and the other way round: at most 256 KiB wait in between.
 *
 * A log that is followed goes on across restarts of its container, also when the container is made anew. It ends when
 * the container has ended for good or its pod is gone.
 */
#pragma once

#include "controllers/runner/engine.h"
#include "controllers/runner/slot.h"
#include "kind/session.h"

#define SESSIONS_MAX      64
#define SESSION_FRAME_MAX (1024 * 1024)
#define SESSION_IDLE_MS   10000

struct sessions;

/* What is known of pods. */
struct sessions_host {
	const struct slot *(*slot)(void *ctx, const char *pod); /* NULL: there is no such pod */
	void (*look)(void *ctx, const char *pod);               /* have sessions_turn() called soon */
	void *ctx;
};

struct sessions *sessions_new(struct loop *loop, struct engine *e, const struct sessions_host *host)
	_nonnull_(1, 2, 3);
/* Ends all streams. Before the engine is freed. NULL is fine; returns NULL. */
struct sessions *sessions_free(struct sessions *s);
/*
 * The key sessions/<node>/<id> is as it is now: a new one begins a stream, NULL ends it. One that was begun
 * before is not begun again until its key was gone. Beyond SESSIONS_MAX at once it is refused (logged; the
 * API gives up by itself).
 */
void sessions_change(struct sessions *s, const char *id, const struct session *now) _nonnull_(1, 2);
/* The pod had its turn: what waits for a restart of one of its containers goes on, or ends. */
void sessions_turn(struct sessions *s, const char *pod) _nonnull_(1, 2);
/* Streams under way. */
size_t sessions_count(const struct sessions *s) _nonnull_(1);
