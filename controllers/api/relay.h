/*
 * Sessions with runners, for what has no place in the store: the log of a container. Nodes dial out only, so
 * a session is a key that the runner of the node sees, and the runner connects back and sends the stream,
 * which is relayed to the reader as fast as the reader takes it.
 */
#pragma once

#include "controllers/api/server.h"
#include "kind/pod.h"

#define SESSION_WAIT_MS  5000  /* for the runner to connect */
#define SESSION_QUIET_MS 1000  /* connected, but silent: the answer begins all the same */
#define SESSION_LEASE_MS 60000 /* of all keys of this process */
/* A runner that sends not even an empty frame for so long, three of them being due, is given up. */
#define SESSION_SILENCE_MS 45000

/* silence_ms 0: SESSION_SILENCE_MS */
struct relays *relays_new(struct api *a, int64_t silence_ms) _nonnull_(1);
/* All calls are gone. NULL is fine; returns NULL. */
struct relays *relays_free(struct relays *s);
/*
 * Asks the runner of the pod's node for the log of a container and relays it to the call. options: further
 * members of the session. streams: the reader takes frames rather than text.
 */
void relay_begin(struct call *c, const struct pod *pod, const char *container, const struct value *options,
                   bool streams) _nonnull_(1, 2, 3, 4);
/* Is this the upload that a session waits for? Asked before the body is taken. */
bool relays_expect(const struct relays *s, const char *id, const struct httpd_request *http)
        _nonnull_(1, 2, 3);
unsigned relays_count(const struct relays *s) _nonnull_(1);
