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
 */
#pragma once

#include "controllers/runner/engine.h"
#include "kind/session.h"

#define SESSIONS_MAX      64
#define SESSION_FRAME_MAX (1024 * 1024)
#define SESSION_IDLE_MS   10000

struct sessions;

struct sessions *sessions_new(struct loop *loop, struct engine *e) _nonnull_(1, 2);
/* Ends all streams. Before the engine is freed. NULL is fine; returns NULL. */
struct sessions *sessions_free(struct sessions *s);
/*
 * The key sessions/<node>/<id> is as it is now: a new one begins a stream, NULL ends it. One that was begun
 * before is not begun again until its key was gone. Beyond SESSIONS_MAX at once it is refused (logged; the
 * API gives up by itself).
 */
void sessions_change(struct sessions *s, const char *id, const struct session *now) _nonnull_(1, 2);
/* Streams under way. */
size_t sessions_count(const struct sessions *s) _nonnull_(1);
