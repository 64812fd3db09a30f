/* The servers that may be asked, what is needed to speak TLS with them, and the dice for jitter. */
#pragma once

#include <time.h>

#include "core/net.h"
#include "core/tls.h"
#include "etcd/etcd.h"

struct endpoints_file {
	char *path; /* NULL: not used */
	struct timespec modified;
	uint64_t inode;
};

struct endpoints {
	struct net_address *list; /* shuffled, so that not every client crowds the first */
	size_t n;
	bool tls; /* one of them speaks it */
	struct tls_context *context;
	struct endpoints_file ca, cert, key; /* what the context was made from */
	uint64_t dice;
};

/* 0, or -EINVAL with err. */
int endpoints_init(struct endpoints *e, const struct etcd_config *cfg, struct error *err)
        _nonnull_(1, 2) _must_check_;
void endpoints_done(struct endpoints *e) _nonnull_(1);
/* The context for a new connection; made anew when a file changed, so that renewed certificates are taken up. */
struct tls_context *endpoints_tls(struct endpoints *e) _nonnull_(1);
/* ms, more or less by up to a quarter. */
int64_t endpoints_jitter(struct endpoints *e, int64_t ms) _nonnull_(1);
