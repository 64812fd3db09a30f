/*
 * Name and password for a token. Tokens of etcd run out (5 minutes unused by default) and die with the
 * server, so a refused token is no news: another is asked for. Only a refused password is.
 */
#pragma once

#include <stdbool.h>

#include "core/loop.h"
#include "core/macro.h"

struct etcd;
struct store_op;

enum auth_state {
	AUTH_NONE,   /* no user is configured, or the server wants none */
	AUTH_WANTED, /* a token is needed and being asked for */
	AUTH_READY,
	AUTH_DENIED, /* asked for again from time to time */
};

struct auth {
	struct etcd *etcd;
	char *user, *password; /* NULL: none */
	enum auth_state state;
	char *token;
	struct store_op *op; /* the request under way */
	struct loop_timer retry;
	unsigned generation; /* counts tokens */
	char why[256];
};

void auth_init(struct auth *a, struct etcd *e, const char *user, const char *password) _nonnull_(1, 2);
void auth_done(struct auth *a) _nonnull_(1);
/* The first token; etcd_admitted() or etcd_refused() follows where a user is configured. */
void auth_begin(struct auth *a) _nonnull_(1);
/* The token was refused: asks for another. Harmless while that is under way. */
void auth_renew(struct auth *a) _nonnull_(1);

static inline bool auth_wanted(const struct auth *a)
{
	return a->user != NULL;
}
static inline bool auth_ready(const struct auth *a)
{
	return a->state == AUTH_NONE || a->state == AUTH_READY;
}
static inline bool auth_denied(const struct auth *a)
{
	return a->state == AUTH_DENIED;
}
