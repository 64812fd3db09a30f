/* The embedded etcd: its ports, its arguments, and what etcdctl needs to speak to it. */
#pragma once

#include "controllers/runtime/options.h"
#include "core/error.h"

struct etcd_child {
	char *argv[64]; /* NULL-terminated */
	char *env[8];
	char *endpoint; /* "http://127.0.0.1:2379" */
	char **token;	/* the argument that is new with each start */
};

/*
 * Chooses the ports (those of the last start; at the first start 2379 and 2380, or the next free pair) and makes the
 * folder. Variables of etcd's own (ETCD_...) are taken out of this process's environment. 0, or -errno with err (no etcd
 * program, no folder).
 */
int etcd_child_init(struct etcd_child *c, const struct options *o, struct error *err) _nonnull_(1, 2, 3) _must_check_;
void etcd_child_done(struct etcd_child *c) _nonnull_(1);
/* Before each start: should it begin a new cluster, that is one with an id of its own. */
void etcd_child_renew(struct etcd_child *c) _nonnull_(1);

/*
 * Writes <data-dir>/etcd.env: shell lines that set ETCDCTL_API, ETCDCTL_ENDPOINTS and, for TLS, the certificates, for
 * whichever etcd the options name. `tug etcd env` prints it. 0 or -errno.
 */
int etcd_env_write(const struct options *o) _nonnull_(1) _must_check_;
