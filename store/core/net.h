/*
 * Addresses and non-blocking sockets. Hosts are numeric: a daemon of tug never blocks in a resolver ("localhost" is
 * understood as 127.0.0.1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "core/error.h"

struct net_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	};
	socklen_t len;
	bool tls;	/* the scheme was https */
	char host[128]; /* as written, for the Host field and certificates; "localhost" for unix */
};

/*
 * "unix:///run/x.sock", "127.0.0.1:80", "[::1]:80", ":80" (any address), "http://127.0.0.1:80", "https://...", "tcp://...".
 * A path behind http://host:port is refused, a lone '/' is fine. 0 or -EINVAL with err.
 */
int net_address_parse(const char *text, struct net_address *ret, struct error *err) _nonnull_(1, 2) _must_check_;
/* "10.0.0.7:51234", "[::1]:80", "unix". Returns buf. */
const char *net_address_format(const struct net_address *a, char *buf, size_t size) _nonnull_(1, 2);
/* 127.0.0.0/8, ::1 or a unix socket. */
bool net_address_is_local(const struct net_address *a) _nonnull_(1);

/* A non-blocking, close-on-exec socket whose connect() has begun (writable when it ended: net_connect_result). */
int net_connect(const struct net_address *a) _nonnull_(1) _must_check_;
/* 0, or the -errno of the connect. */
int net_connect_result(int fd) _must_check_;
/* A listening socket; a unix socket gets mode 0600, and a dead one in its place is replaced. fd or -errno. */
int net_listen(const struct net_address *a, int backlog) _nonnull_(1) _must_check_;
