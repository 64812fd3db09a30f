#include "etcd/auth.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "etcd/client.h"

#define RETRY_DENIED_MS      5000
#define RETRY_UNAVAILABLE_MS 200
#define TIMEOUT_MS           10000 /* the server computes a slow hash on purpose */

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static void complete(struct store_op *op, enum store_outcome outcome, const uint8_t *reply, size_t len,
                     const struct error *err)
{
	struct auth *a = op->ctx;
	struct etcd *e = a->etcd;
	a->op = NULL;
	Rpc__AuthenticateResponse *r =
	        outcome == STORE_OK
	                ? wire_unpack(&e->decoded, &rpc__authenticate_response__descriptor, reply, len)
	                : NULL;
	if (r && r->token[0]) {
		forget(&a->token);
		a->token = mem_strdup(r->token);
		a->state = AUTH_READY;
		a->generation++;
		arena_reset(&e->decoded);
		etcd_admitted(e);
		return;
	}
	arena_reset(&e->decoded);
	if (strstr(err->text, "authentication is not enabled")) {
		a->state = AUTH_NONE;
		etcd_admitted(e);
		return;
	}
	if (outcome == STORE_E_DENIED) {
		a->state = AUTH_DENIED;
		(void)snprintf(a->why, sizeof(a->why), "etcd refused user %.64s: %.120s", a->user, err->text);
		loop_timer_in(&a->retry, endpoints_jitter(&e->endpoints, RETRY_DENIED_MS));
		etcd_refused(e, a->why);
		return;
	}
	loop_timer_in(&a->retry, endpoints_jitter(&e->endpoints, RETRY_UNAVAILABLE_MS));
}

static void ask(void *ctx)
{
	struct auth *a = ctx;
	if (a->op)
		return;
	Rpc__AuthenticateRequest m = RPC__AUTHENTICATE_REQUEST__INIT;
	m.name = a->user;
	m.password = a->password;
	a->op = op_new(&a->etcd->ops, "/etcdserverpb.Auth/Authenticate", wire_pack(&m.base), TIMEOUT_MS,
	               complete, a);
	a->op->anonymous = true;
	op_submit(a->op);
}

void auth_init(struct auth *a, struct etcd *e, const char *user, const char *password)
{
	*a = (struct auth){.etcd = e, .user = mem_strdup(user)};
	a->password = user ? mem_strdup(password ? password : "") : NULL;
	a->state = user ? AUTH_WANTED : AUTH_NONE;
	loop_timer_init(e->store.loop, &a->retry, ask, a);
}

void auth_begin(struct auth *a)
{
	if (a->state == AUTH_WANTED)
		ask(a);
}

void auth_renew(struct auth *a)
{
	if (!a->user || a->state == AUTH_WANTED || a->state == AUTH_DENIED)
		return;
	a->state = AUTH_WANTED;
	ask(a);
}

void auth_done(struct auth *a)
{
	loop_timer_stop(&a->retry);
	op_cancel(a->op);
	a->op = NULL;
	forget(&a->token);
	forget(&a->password);
	free(a->user);
	a->user = NULL;
}
