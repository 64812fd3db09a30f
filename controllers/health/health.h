/* The node health reporter: says what this machine is and that it lives. Its page is README.md beside this file. */
#pragma once

#include "controllers/runtime/role.h"

struct health_reporter;

/* What a reporter is made of; the strings are copied. */
struct health_config {
	struct loop *loop;
	struct store *store; /* borrowed */
	const char *root;    /* of all keys: "/tug" */
	const char *node;
	const char *data_dir; /* whose file system is reported */
	/* The record is in the store; may be NULL. Called after each write. */
	void (*on_ready)(void *ctx);
	void *ctx;
};

struct health_reporter *health_new(const struct health_config *config) _nonnull_(1);
/* Leaves the lease to run out. NULL is fine; returns NULL. */
struct health_reporter *health_free(struct health_reporter *h);

/* r: initialised with a store. Runs until told to stop; returns the exit status. */
int health_run(struct role *r) _nonnull_(1) _must_check_;
