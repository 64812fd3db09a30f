/* Bytes to and from one server: a non-blocking socket, with TLS when the endpoint asks for it. */
#pragma once

#include <sys/types.h>

#include "core/loop.h"
#include "core/net.h"
#include "core/tls.h"

struct channel {
	int fd;          /* -1: closed */
	struct tls *tls; /* NULL: plain */
	struct loop_fd io;
	bool connected;   /* connect() has ended well */
	bool established; /* and so has the handshake */
	bool blocked;     /* a write, or TLS itself, waits for room in the socket */
	char text[200];   /* why the last function failed */
};

/* on_ready: something may be done: establish, then read and write. 0, or -errno with the reason in text. */
int channel_open(struct channel *c, struct loop *l, const struct net_address *a, struct tls_context *tls,
                 void (*on_ready)(void *, unsigned), void *ctx) _nonnull_(1, 2, 3, 5) _must_check_;
/* Idempotent; harmless on a zeroed one that has fd -1. */
void channel_close(struct channel *c) _nonnull_(1);
/* 0: bytes may flow; -EAGAIN: wait for on_ready; another -errno: it failed. */
int channel_establish(struct channel *c) _nonnull_(1) _must_check_;
/* Bytes; 0: the server closed; -EAGAIN: nothing there; another -errno: it failed. */
ssize_t channel_read(struct channel *c, void *buf, size_t len) _nonnull_(1, 2) _must_check_;
/* Bytes (> 0); -EAGAIN: no room, on_ready will tell; another -errno: it failed. */
ssize_t channel_write(struct channel *c, const void *buf, size_t len) _nonnull_(1, 2) _must_check_;
/*
 * While on, a few bytes do not wake the loop (on_ready), only many of them or the end of the connection; nothing is lost.
 * Best effort: sockets that do not know this wake it as ever.
 */
void channel_gather(struct channel *c, bool on) _nonnull_(1);
/* Tells the loop what is waited for; to be called when a round of reading and writing is over. */
void channel_wait(struct channel *c) _nonnull_(1);
