/*
 * The scheduler: decides which pods of a microservice exist and on which nodes. Its page is README.md beside this file.
 */
#pragma once

#include "controllers/runtime/role.h"

struct scheduler;

/* What a scheduler is made of; the strings are copied. */
struct scheduler_config {
	struct loop *loop;
	struct store *store; /* borrowed */
	const char *root;    /* of all keys: "/tug" */
	const char *node;    /* who we are, for people */
	/* The first complete list is in; may be NULL. */
	void (*on_ready)(void *ctx);
	void *ctx;
};

struct scheduler *scheduler_new(const struct scheduler_config *config) _nonnull_(1);
/* Gives leadership up at once. NULL is fine; returns NULL. */
struct scheduler *scheduler_free(struct scheduler *t);

/* r: initialised with a store. Runs until told to stop; returns the exit status. */
int scheduler_run(struct role *r) _nonnull_(1) _must_check_;
