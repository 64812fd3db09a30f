/* The reply to a create, and what is to be done when somebody has the name. */
#include "controllers/runner/engine_docker/action.h"

#include <errno.h>

#include "controllers/runner/engine_docker/container.h"
#include "core/json.h"
#include "core/mem.h"

/* Takes over the container that was made or found. False: its labels are not ours. */
static bool create_learn(struct docker_action *a, const char *id, const struct value *labels,
                         const char *mode)
{
	struct docker_container *c = state_learn(a->d, id, labels);
	if (!c)
		return false;
	const char *joined = mode ? str_after(mode, "container:") : NULL;
	free(c->joined);
	c->joined = mem_strdup(joined);
	if (c->state == CONTAINER_MISSING)
		c->state = CONTAINER_CREATED;
	state_changed(a->d, c->pod);
	return true;
}

static void on_stale_removed(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	a->call = NULL;
	if (r->result == HTTP_OK && (r->status == 204 || r->status == 404)) {
		action_repeat(a);
		return;
	}
	action_end(a, docker_reply_error(a->d, CALL_REMOVE, r, &a->err));
}

/* Somebody has the name: one of ours that fits is what was wanted, one that does not goes, a foreign one
 * stays. */
static void on_holder(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	struct docker *d = a->d;
	const struct docker_target *t = a->target;
	a->call = NULL;
	_cleanup_value_ struct value *v = NULL, *body = NULL;
	if (r->result == HTTP_OK && r->status == 404) {
		action_repeat(a);
		return;
	}
	if (r->result != HTTP_OK || r->status != 200 || json_parse(r->body, r->body_len, &v, NULL) < 0 ||
	    json_parse(a->body, strlen(a->body), &body, NULL) < 0) {
		enum engine_result result = docker_reply_error(d, CALL_INSPECT, r, &a->err);
		action_end(a, result ? result : ENGINE_E_FAILED);
		return;
	}
	const struct value *labels = value_get(value_get(v, "Config"), "Labels");
	const char *id = value_get_string(v, "Id"), *name = value_get_string(v, "Name");
	const char *mode = value_get_string(value_get(v, "HostConfig"), "NetworkMode");
	const char *want = value_get_string(value_get(body, "HostConfig"), "NetworkMode");
	bool ours = id && strlen(id) == ID_SIZE - 1 && name &&
	            streq(*name == '/' ? name + 1 : name, t->full_name) &&
	            str_equal(value_get_string(labels, "tug.node"), d->node) &&
	            str_equal(value_get_string(labels, "tug.pod"), a->pod) &&
	            str_equal(value_get_string(labels, "tug.container"), t->name ? t->name : "");
	if (!ours) {
		(void)error_set(
		        &a->err, -EEXIST, "",
		        "the container name %s is taken by %.12s, which is not tug's: remove or rename it",
		        t->full_name, id ? id : "another container");
		action_end(a, ENGINE_E_NAME_TAKEN);
		return;
	}
	bool fits =
	        str_equal(value_get_string(labels, "tug.spec"), t->spec) && (!want || str_equal(mode, want));
	if (!fits) {
		a->call = docker_call(d, d->creates, "DELETE", mem_printf("/containers/%s?v=1&force=1", id),
		                      NULL, DEADLINE_REMOVE, on_stale_removed, a);
		return;
	}
	bool learned = create_learn(a, id, labels, mode);
	if (learned)
		(void)container_of_inspect(map_get(&d->containers, id), v, false);
	action_end(a, learned ? ENGINE_OK : ENGINE_E_FAILED);
}

void action_created(void *ctx, const struct http_response *r)
{
	struct docker_action *a = ctx;
	struct docker *d = a->d;
	a->call = NULL;
	if (r->result != HTTP_OK) {
		action_unknown(a, r);
		return;
	}
	if (r->status != 201) {
		enum dialect_hint hint;
		enum engine_result result = action_refused(a, CALL_CREATE, r, &hint);
		if (hint == HINT_NAME_IN_USE)
			/* the name holds letters that no id has, so it is no prefix of one */
			a->call = docker_call(d, d->quick, "GET",
			                      mem_printf("/containers/%s/json", a->target->full_name), NULL,
			                      DEADLINE_INSPECT, on_holder, a);
		else
			action_end(a, result ? result : ENGINE_E_FAILED);
		return;
	}
	_cleanup_value_ struct value *reply = NULL, *body = NULL;
	bool learned = json_parse(r->body, r->body_len, &reply, NULL) == 0 &&
	               json_parse(a->body, strlen(a->body), &body, NULL) == 0 &&
	               create_learn(a, value_get_string(reply, "Id"), value_get(body, "Labels"),
	                            value_get_string(value_get(body, "HostConfig"), "NetworkMode"));
	if (!learned)
		(void)error_set(&a->err, -EPROTO, "",
		                "the engine's reply to create names no new container: %.200s", r->body);
	action_end(a, learned ? ENGINE_OK : ENGINE_E_FAILED);
}
