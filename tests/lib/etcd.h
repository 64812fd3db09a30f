/*
 * A throw-away etcd for tests: the real server, with its data in a temporary folder and on free ports of
 * loopback. It dies with the test, however that ends, and its folder is removed then.
 *
 * Every function here fails the test when it cannot do its work; all wait for what they began.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct etcd_server;

struct etcd_server_options {
	const char *const *args; /* further arguments, NULL-terminated; NULL: none */
	/* TLS: all three or none. Clients must then show a certificate signed by the authority. */
	const char *ca, *cert, *key;
};

/* Starts one and waits until it is ready. options NULL: plain. Elections and smallest leases are quick (1 s). */
struct etcd_server *etcd_server_start(const struct etcd_server_options *options);
/* Kills it and removes its data. NULL is fine; returns NULL. */
struct etcd_server *etcd_server_free(struct etcd_server *s);
/* "http://127.0.0.1:PORT"; with TLS "https://...". The same over restarts. */
const char *etcd_server_url(const struct etcd_server *s);

/* kill -9, waited for. */
void etcd_server_kill(struct etcd_server *s);
/* After a kill: the same data on the same port. */
void etcd_server_restart(struct etcd_server *s);
/* The same, without waiting until it is ready. */
void etcd_server_restart_begin(struct etcd_server *s);
/* After a kill: an empty etcd of another cluster on the same port. */
void etcd_server_replace(struct etcd_server *s);
/* After a kill: puts the data aside, and brings what was put aside back in place of what is there now. */
void etcd_server_save(struct etcd_server *s);
void etcd_server_restore(struct etcd_server *s);
/* SIGSTOP and SIGCONT. */
void etcd_server_stop(struct etcd_server *s);
void etcd_server_continue(struct etcd_server *s);

/* Runs etcdctl with these arguments (up to a NULL) against it; what it printed, to be freed. */
char *etcd_server_ctl(struct etcd_server *s, const char *first, ...) __attribute__((sentinel));
/* The same where a failure may be; *ret_status is the exit status. */
char *etcd_server_try(struct etcd_server *s, int *ret_status, const char *const *args);
