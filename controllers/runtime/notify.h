/* The readiness protocol of systemd (sd_notify(3)): datagrams like "READY=1" to the socket in NOTIFY_SOCKET. */
#pragma once

#include "core/macro.h"

/* Sends text when NOTIFY_SOCKET is set; nothing otherwise. Best effort. */
void notify_send(const char *text) _nonnull_(1);
/* A datagram socket at path for children to notify; non-blocking. fd or -errno. */
int notify_listen(const char *path) _nonnull_(1) _must_check_;
