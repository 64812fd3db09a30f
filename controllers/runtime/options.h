/*
 * The options of `tugd`: one table from which flags, environment variables, config file keys, --help and --print-config
 * come. The table in controllers/up/README.md is compared with it.
 *
 * A flag wins over the environment, which wins over the config file (--config, TUG_CONFIG, /etc/tug/tug.yaml when it
 * exists), which wins over the default. `tugd up` hands everything to its roles in the environment, so that no secret
 * shows in the process list.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/str.h"

/* All members are strings owned by the structure; NULL: not set and without a default. */
struct options {
	char *node;	/* name of this machine; default: the host name's first label */
	char *data_dir; /* default /var/lib/tug */
	char *prefix;	/* of all keys in etcd; default "/tug" */
	char *etcd;	/* endpoints; not set: `tugd up` runs an etcd of its own */
	char *etcd_ca, *etcd_cert, *etcd_key;
	char *etcd_user, *etcd_password;
	char *listen;	 /* of the API; default "127.0.0.1:8000" */
	char *advertise; /* address under which others reach this node */
	char *engine;	 /* default: the first socket that exists: DOCKER_HOST, Docker's, Podman's */
	char *tls_cert, *tls_key, *tls_client_ca; /* of the API */
	char *password;	 /* of the API; default "dev" */
	char *zone;
	char *labels;  /* "k=v,k=v" */
	char *verbose; /* "1": plans are logged */
	char *config;
	const char *origin[32]; /* by row of the table: "default", "file", "environment", "flag" */
};

struct option_row {
	const char *flag;  /* "node"; NULL ends the table */
	const char *env;   /* "TUG_NODE" */
	const char *value; /* "NAME"; NULL: a switch */
	const char *dflt;  /* NULL: none, or found out at run time */
	const char *doc;
	size_t offset;
	bool secret; /* *** in --print-config; no flag, so that it never is in a process list */
	bool list;   /* may be repeated: joined with commas */
};
extern const struct option_row option_table[];

/*
 * Reads file, environment and the flags in argv (from argv[0] on; stops at the first word that is not a flag of the
 * table, and says in *ret_used how many words were taken). 0, or -EINVAL with err.
 */
int options_load(struct options *o, int argc, char **argv, int *ret_used, struct error *err)
	_nonnull_(1, 4) _must_check_;
void options_done(struct options *o) _nonnull_(1);
/* Sets the environment variables, for child processes. */
void options_export(const struct options *o) _nonnull_(1);
/*
 * Which node and which engine `tugd up` used, kept in <data_dir>/up.json for commands that come when it is gone. 0 or
 * -errno.
 */
int options_remember(const struct options *o) _nonnull_(1) _must_check_;
/* Takes from there what was neither given nor configured. Without a file, or one that says nothing, nothing changes. */
void options_recall(struct options *o) _nonnull_(1);
/* One line per option: value and where it came from. */
void options_print(const struct options *o, struct str *out) _nonnull_(1, 2);
/* "<data_dir>/<name>"; to be freed. */
char *options_path(const struct options *o, const char *name) _nonnull_(1, 2);
/* The value of a row. */
const char *options_value(const struct options *o, const struct option_row *row) _nonnull_(1, 2);
