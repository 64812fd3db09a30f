/*
 * A throw-away Docker Engine for tests: the real dockerd (Debian's docker.io), with its data in a temporary folder. The
 * test process and everything it starts move into a network namespace of their own first, so that the engine's bridge,
 * ports and firewall rules meet nobody else's. It dies with the test, however that ends: containers, data and all.
 *
 * Every function here fails the test when it can not do its work; all wait for what they began.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct dockerd;

/* args: further arguments, NULL-terminated; NULL: none. Needs root. Once per process. */
struct dockerd *dockerd_start(const char *const *args);
/* Ends it, its containers and its data. NULL is fine; returns NULL. */
struct dockerd *dockerd_free(struct dockerd *d);
/* "unix:///tmp/.../docker.sock": the same over restarts. */
const char *dockerd_address(const struct dockerd *d);

/* Sends SIGTERM or SIGKILL and waits for the end. */
void dockerd_kill(struct dockerd *d, int signum);
void dockerd_restart(struct dockerd *d);
/* The process id of its containerd; 0: there is none. */
pid_t dockerd_containerd(const struct dockerd *d);
/* SIGSTOP and SIGCONT. */
void dockerd_stop(struct dockerd *d);
void dockerd_continue(struct dockerd *d);

/* Runs a program in the same namespaces; its output, to be freed. The exit status has to be 0. */
char *dockerd_run(const char *const *argv);
/* docker CLI-free calls: a request on the socket, the body of its reply, to be freed. *ret_status may be NULL. */
char *dockerd_call(struct dockerd *d, const char *method, const char *target, const char *body, int *ret_status);
