/*
 * The store on etcd v3 (floor 3.4), native gRPC: protobuf-c messages over nghttp2, one non-blocking socket
 * each for streams (watch, keep-alive) and for calls (range, txn, grant, revoke), so that a big read never
 * starves a watch (etcd issue 15402).
 */
#pragma once

#include "store.h"

struct etcd_config {
	const char *endpoints; /* "http://127.0.0.1:2379,https://10.0.0.2:2379", "unix:///path/socket" */
	const char *ca_file;   /* PEM; https only. NULL: the system's */
	const char *cert_file; /* client certificate and key; NULL: none */
	const char *key_file;
	const char *user; /* NULL: no authentication by name */
	const char *password;
	int64_t dial_timeout_ms; /* 0: 3000 */
};

/* Everything in cfg is copied. 0, or -EINVAL with err (a bad endpoint, an unreadable file). Connects by
 * itself. */
int etcd_open(struct loop *loop, const struct etcd_config *cfg, struct store **ret, struct error *err)
        _nonnull_(1, 2, 3) _must_check_;
