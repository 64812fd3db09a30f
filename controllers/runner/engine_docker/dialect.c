#include "controllers/runner/engine_docker/dialect.h"

#include <string.h>

#include "core/str.h"

/* Docker's words and Podman's own: each engine passes over the other's (an unknown word matches nothing). */
static const char *const words[] = {"create",  "start",  "die",   "died",    "oom",
                                    "destroy", "remove", "pause", "unpause", NULL};

const struct dialect dialect_docker = {.name = "docker", .event_words = words};
const struct dialect dialect_podman = {
        .name = "podman", .unpause_to_stop = true, .event_words = words, .podman = true};

const struct dialect *dialect_of_version(const struct value *version)
{
	const struct value *components = value_get(version, "Components");
	value_for_each_item (i, c, components) {
		const char *name = value_get_string(c, "Name");
		if (name && strstr(name, "Podman"))
			return &dialect_podman;
	}
	return &dialect_docker;
}

enum dialect_event dialect_event(const char *action)
{
	static const struct {
		const char *word;
		enum dialect_event event;
	} rows[] = {
	        {"create", EVENT_CREATE}, {"start", EVENT_START}, {"die", EVENT_DIE},
	        {"died", EVENT_DIE},      {"oom", EVENT_OOM},     {"destroy", EVENT_REMOVE},
	        {"remove", EVENT_REMOVE}, {"pause", EVENT_PAUSE}, {"unpause", EVENT_UNPAUSE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (streq(action, rows[i].word))
			return rows[i].event;
	return EVENT_NONE;
}

enum { D = 1, P = 2, DP = D | P };
#define ANY_STATUS 0

/* The first row that fits counts: engine, call, status, a part of cause or message. */
struct row {
	int engines;
	enum dialect_call call;
	int status;
	const char *text; /* NULL: any */
	enum engine_result result;
	enum dialect_hint hint;
};

// clang-format off
static const struct row rows[] = {
	/* create */
	{DP, CALL_CREATE, 409, NULL,				     ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
	{ P, CALL_CREATE, 500, "that name is already in use",	     ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
	{DP, CALL_CREATE, 404, "No such container",		     ENGINE_E_FAILED,	  HINT_JOINED_GONE},
	{DP, CALL_CREATE, 404, "no such container",		     ENGINE_E_FAILED,	  HINT_JOINED_GONE},
	{ P, CALL_CREATE, 500, "no such container",		     ENGINE_E_FAILED,	  HINT_JOINED_GONE},
	{DP, CALL_CREATE, 404, NULL,				     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{ P, CALL_CREATE, 500, "image not known",		     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_CREATE, 400, NULL,				     ENGINE_E_REFUSED,	  HINT_NONE},
	{ P, CALL_CREATE, 500, "invalid argument",		     ENGINE_E_REFUSED,	  HINT_NONE},
	{ P, CALL_CREATE, 500, "decode()",			     ENGINE_E_REFUSED,	  HINT_NONE},
	{ P, CALL_CREATE, 500, "no command or entrypoint",	     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_CREATE, 500, "cannot unmarshal",		     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_CREATE, 500, "invalid character",		     ENGINE_E_REFUSED,	  HINT_NONE},
	/* start: a resource that is taken comes free again; a bad command does not */
	{DP, CALL_START, ANY_STATUS, "address already in use",	     ENGINE_E_BUSY,	  HINT_NONE},
	{DP, CALL_START, ANY_STATUS, "port is already allocated",    ENGINE_E_BUSY,	  HINT_NONE},
	{DP, CALL_START, ANY_STATUS, "is already allocated",	     ENGINE_E_BUSY,	  HINT_NONE},
	{ D, CALL_START, 403, "Address already in use",		     ENGINE_E_BUSY,	  HINT_NONE},
	{DP, CALL_START, ANY_STATUS, "cannot join network of a non running", ENGINE_E_FAILED, HINT_JOINED_GONE},
	{ D, CALL_START, 400, NULL,				     ENGINE_E_REFUSED,	  HINT_NONE},
	{ P, CALL_START, 500, "attempted to invoke a command that was not found", ENGINE_E_REFUSED, HINT_NONE},
	{ P, CALL_START, 500, "OCI permission denied",		     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_START, 500, "unable to find user",		     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_START, 500, "unable to find group",		     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_START, 409, NULL,				     ENGINE_E_FAILED,	  HINT_NONE},
	/* "task ID: already exists": containerd has a dead task of that id, which dockerd never removes */
	{ D, CALL_START, 500, ": already exists",		     ENGINE_E_GONE,	  HINT_STALE},
	/* stop and kill: not running and not there are both what was wanted */
	{DP, CALL_STOP, 404, NULL,				     ENGINE_OK,		  HINT_GONE},
	{ P, CALL_STOP, 500, "paused",				     ENGINE_E_FAILED,	  HINT_PAUSED},
	{DP, CALL_STOP, 409, "is not running",			     ENGINE_OK,		  HINT_DONE},
	{ P, CALL_STOP, 409, NULL,				     ENGINE_OK,		  HINT_DONE},
	{ P, CALL_STOP, 500, "container state improper",	     ENGINE_OK,		  HINT_DONE},
	/* remove */
	{DP, CALL_REMOVE, 404, NULL,				     ENGINE_OK,		  HINT_GONE},
	{ D, CALL_REMOVE, 409, "is already in progress",	     ENGINE_OK,		  HINT_IN_PROGRESS},
	{DP, CALL_REMOVE, 409, NULL,				     ENGINE_E_FAILED,	  HINT_RUNNING},
	{ P, CALL_REMOVE, 500, "container state improper",	     ENGINE_E_FAILED,	  HINT_RUNNING},
	/* pull: what no repetition will bring */
	{DP, CALL_PULL, 404, NULL,				     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "manifest unknown",		     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "name unknown",		     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "repository does not exist",     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "unauthorized",		     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "no basic auth credentials",     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "access denied",		     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "access to the resource is denied", ENGINE_E_NO_IMAGE, HINT_NONE},
	{DP, CALL_PULL, ANY_STATUS, "invalid reference",	     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	{DP, CALL_PULL, 400, NULL,				     ENGINE_E_NO_IMAGE,	  HINT_NONE},
	/* import, logs */
	{DP, CALL_IMPORT, 400, NULL,				     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_LOGS, 404, NULL,				     ENGINE_E_GONE,	  HINT_NONE},
	{DP, CALL_LOGS, 501, NULL,				     ENGINE_E_REFUSED,	  HINT_NONE},
	{DP, CALL_INSPECT, 404, NULL,				     ENGINE_E_GONE,	  HINT_GONE},
};
// clang-format on

enum engine_result dialect_error(const struct dialect *d, enum dialect_call call, int status,
                                 const char *cause, const char *message, const char *own_id,
                                 enum dialect_hint *ret_hint)
{
	int engine = d->podman ? P : D;
	*ret_hint = HINT_NONE;
	/* 404 of start says three things: the container, a network, or the container that is joined */
	if (call == CALL_START && status == 404) {
		bool own = own_id && strstr(message, own_id);
		bool container = strstr(message, "o such container") != NULL;
		*ret_hint = own ? HINT_GONE : container ? HINT_JOINED_GONE : HINT_NONE;
		return own ? ENGINE_E_GONE : ENGINE_E_FAILED;
	}
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct row *r = &rows[i];
		if (!(r->engines & engine) || r->call != call || (r->status && r->status != status))
			continue;
		if (r->text && !strstr(message, r->text) && !(cause && strstr(cause, r->text)))
			continue;
		*ret_hint = r->hint;
		return r->result;
	}
	return ENGINE_E_FAILED;
}
