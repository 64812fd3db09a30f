/*
 * The cluster API: see README.md. api_run() is the role; api_new() is the same without signals and options,
 * on any store.
 */
#pragma once

#include "controllers/runtime/role.h"
#include "core/httpd/httpd.h"
#include "store.h"

struct api;

struct api_config {
	const char *prefix;    /* "/tug" */
	const char *node;      /* name of this machine */
	const char *password;  /* wanted of every request that does not come through the unix socket */
	const char *listen;    /* "127.0.0.1:8000"; NULL: none */
	const char *unix_path; /* of the local socket, absolute */
	const char *advertise; /* how other nodes reach this one, "10.0.0.1" or "10.0.0.1:8000"; NULL: as it
	                          listens */
	const struct httpd_tls *tls; /* NULL: clear text */
	struct httpd_limits limits;
	size_t list_bytes;          /* 62 MiB: a list's answer is ended there, with `next` */
	int64_t session_silence_ms; /* 45000: a runner that sends nothing for so long is given up */
};

#define API_DEFAULT_PASSWORD "dev"

/*
 * Checks that the address, the password and TLS go together: off loopback, a password of one's own and TLS
 * are needed. 0, or -EINVAL with err.
 */
int api_config_check(const struct api_config *config, struct error *err) _nonnull_(1) _must_check_;
/* Listens and begins to copy the store. config is copied. 0, or -errno with err. */
int api_new(struct loop *loop, struct store *store, const struct api_config *config, struct api **ret,
            struct error *err) _nonnull_(1, 2, 3, 4) _must_check_;
/* Closes everything at once. NULL is fine; returns NULL. */
struct api *api_free(struct api *a);
/* Ends streams, lets answers finish for grace_ms, then calls done. */
void api_stop(struct api *a, int64_t grace_ms, void (*done)(void *ctx), void *ctx) _nonnull_(1, 3);
/* Called once, when the copy of the store is complete. */
void api_on_synced(struct api *a, void (*fn)(void *ctx), void *ctx) _nonnull_(1, 2);
/* Reads certificate and key again. 0, or -EINVAL with err: the old ones stay. */
int api_reload(struct api *a, struct error *err) _nonnull_(1) _must_check_;
/* The port that is listened on (for ":0"); 0: none. */
uint16_t api_port(const struct api *a) _nonnull_(1);

/* The role, after role_init() with a store. The exit status. */
int api_run(struct role *r) _nonnull_(1) _must_check_;
