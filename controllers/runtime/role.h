/*
 * What every role's process is made of: options, loop, log, store connection, signals. A role's main calls role_init(),
 * sets itself up, and role_run() until SIGTERM or SIGINT.
 *
 * Options come from flags, which win over TUG_... environment variables, which win over the config file; `tugd up`
 * passes them on to its roles in the environment, so that no secret shows in the process list.
 */
#pragma once

#include "core/loop.h"
#include "store.h"

struct role_options {
	const char *node;     /* --node, TUG_NODE: default the host name's first label */
	const char *data_dir; /* --data-dir, TUG_DATA_DIR: default /var/lib/tug */
	const char *prefix;   /* --prefix, TUG_PREFIX: default "/tug" */
	const char *etcd;     /* --etcd, TUG_ETCD: endpoints */
	const char *etcd_ca, *etcd_cert, *etcd_key; /* TUG_ETCD_CA, ... */
	const char *etcd_user, *etcd_password;
	const char *listen;    /* --listen, TUG_LISTEN: default "127.0.0.1:8000" */
	const char *advertise; /* --advertise, TUG_ADVERTISE: how others reach this node; NULL: guessed */
	const char *engine;    /* --engine, TUG_ENGINE: "unix:///var/run/docker.sock" */
	const char *tls_cert, *tls_key, *tls_client_ca; /* TUG_TLS_CERT, ...: of the API */
	const char *password;  /* TUG_PASSWORD: of the API; default "dev" */
	const char *zone;      /* --zone, TUG_ZONE */
	const char *labels;    /* --label K=V (repeated), TUG_LABEL: "k=v,k=v" */
	bool verbose;	       /* -v, TUG_VERBOSE=1: plans are logged */
};

/* One row per option, for parsing, --help, --print-config, man page and completion. */
struct role_option {
	const char *flag; /* "node" */
	const char *env;  /* "TUG_NODE" */
	const char *value; /* "NAME"; NULL: a switch */
	const char *dflt;
	const char *doc;
	size_t offset; /* in struct role_options */
	bool secret;   /* shown as *** by --print-config, never passed as a flag */
};
extern const struct role_option role_option_table[]; /* ends with flag NULL */

struct role {
	struct role_options options;
	const char *name; /* "scheduler" */
	struct loop *loop;
	struct store *store;
	struct loop_signal term, interrupt;
	bool stopping;
	void (*on_stop)(void *ctx); /* a graceful stop began; the role calls role_quit() when done. NULL: at once */
	void *on_stop_ctx;
};

/*
 * From the environment (the roles' only source; `tugd up` and `tugd ROLE --flag` put flags into it first). Opens the
 * store when with_store. 0 or -errno after printing why.
 */
int role_init(struct role *r, const char *name, bool with_store) _nonnull_(1, 2) _must_check_;
/* Runs the loop; returns the exit status. */
int role_run(struct role *r) _nonnull_(1) _must_check_;
void role_quit(struct role *r) _nonnull_(1);
void role_done(struct role *r) _nonnull_(1);
