/* The control socket of `tugd up`: what runs here, and "stop everything". Root only, by the socket's mode. */
#pragma once

#include "core/error.h"
#include "core/loop.h"
#include "core/str.h"

struct control;

struct control_callbacks {
	/* Appends a JSON object to out: the children and their states. */
	void (*on_status)(void *ctx, struct str *out);
	/* Stop everything; the caller tells of it with control_say() until it ends. */
	void (*on_down)(void *ctx);
};

/* path: of the unix socket. NULL with err. */
struct control *control_new(struct loop *loop, const char *path, const struct control_callbacks *cbs, void *ctx,
			    struct error *err) _nonnull_(1, 2, 3);
/* Ends all answers. NULL is fine; returns NULL. */
struct control *control_free(struct control *c);
/* A line to everybody who asked for /v1/down. */
void control_say(struct control *c, const char *line, size_t len) _nonnull_(1, 2);
