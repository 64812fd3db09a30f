/*
 * What the refusals of Docker and Podman mean: their own words, as recorded from Docker 20.10 and Podman 4.3, for each
 * call that they were an answer to.
 */
#include "controllers/runner/engine_docker/dialect.h"
#include "core/json.h"
#include "core/str.h"
#include "lib/test.h"

#define ID "6f0c9ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"

struct refusal {
	const struct dialect *engine;
	enum dialect_call call;
	int status;
	const char *cause, *message;
	enum engine_result result;
	enum dialect_hint hint;
};

#define D &dialect_docker
#define P &dialect_podman

// clang-format off
static const struct refusal refusals[] = {
	/* the name is in use: whose it is has to be looked at */
	{D, CALL_CREATE, 409, NULL, "Conflict. The container name \"/X\" is already in use by container \"" ID "\".", ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
	{P, CALL_CREATE, 500, "that name is already in use", "creating container storage: the container name \"X\" is already in use", ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
	{P, CALL_CREATE, 409, "that name is already in use", "creating container storage: the container name \"X\" is already in use", ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
	{D, CALL_CREATE, 404, NULL, "No such container: " ID, ENGINE_E_FAILED, HINT_JOINED_GONE},
	/* no image */
	{P, CALL_CREATE, 500, NULL, "x:1: image not known", ENGINE_E_NO_IMAGE, HINT_NONE},
	{D, CALL_CREATE, 404, NULL, "No such image: X:1", ENGINE_E_NO_IMAGE, HINT_NONE},
	{P, CALL_CREATE, 404, "image not known", "No such image: X:1", ENGINE_E_NO_IMAGE, HINT_NONE},
	/* what will never work */
	{D, CALL_CREATE, 400, NULL, "Invalid container name (X), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", ENGINE_E_REFUSED, HINT_NONE},
	{P, CALL_CREATE, 500, "invalid argument", "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_CREATE, 500, NULL, "invalid character 'x' looking for beginning of value", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_CREATE, 500, NULL, "json: cannot unmarshal number into Go struct field", ENGINE_E_REFUSED, HINT_NONE},
	{P, CALL_CREATE, 500, "json: cannot unmarshal", "decode(): json: cannot unmarshal number", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_CREATE, 400, NULL, "No command specified", ENGINE_E_REFUSED, HINT_NONE},
	{P, CALL_CREATE, 500, "no command or entrypoint provided, and no CMD or ENTRYPOINT from image", "no command or entrypoint provided, and no CMD or ENTRYPOINT from image", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_CREATE, 400, NULL, "Minimum memory limit allowed is 6MB", ENGINE_E_REFUSED, HINT_NONE},
	/* what it is to join */
	{P, CALL_CREATE, 500, "no such container", "no container with name or ID \"" ID "\" found: no such container", ENGINE_E_FAILED, HINT_JOINED_GONE},
	{P, CALL_CREATE, 500, "network not found", "unable to find network with name or ID x: network not found", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_START, 409, NULL, "cannot join network of a non running container: 0123", ENGINE_E_FAILED, HINT_JOINED_GONE},
	{D, CALL_START, 404, NULL, "No such container: 0123456789", ENGINE_E_FAILED, HINT_JOINED_GONE},
	{D, CALL_START, 404, NULL, "network tugnet not found", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_START, 404, NULL, "No such container: " ID, ENGINE_E_GONE, HINT_GONE},
	{P, CALL_START, 404, "no such container", "no container with name or ID \"" ID "\" found: no such container", ENGINE_E_GONE, HINT_GONE},
	/* commands */
	{D, CALL_START, 400, NULL, "OCI runtime create failed: exec: \"/x\": stat /x: no such file or directory: unknown", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_START, 400, NULL, "OCI runtime create failed: exec: \"/x\": permission denied: unknown", ENGINE_E_REFUSED, HINT_NONE},
	{P, CALL_START, 500, "OCI runtime attempted to invoke a command that was not found", "runc: exec: \"/x\": stat /x: no such file or directory: OCI runtime attempted to invoke a command that was not found", ENGINE_E_REFUSED, HINT_NONE},
	{P, CALL_START, 500, "OCI permission denied", "runc: exec: \"/x\": permission denied: OCI permission denied", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_START, 500, NULL, "unable to find user nobody: no matching entries in passwd file", ENGINE_E_REFUSED, HINT_NONE},
	/* what is taken comes free */
	{D, CALL_START, 500, NULL, "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated", ENGINE_E_BUSY, HINT_NONE},
	{D, CALL_START, 500, NULL, "Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", ENGINE_E_BUSY, HINT_NONE},
	{P, CALL_START, 500, "address already in use", "rootlessport cannot expose port 80: listen tcp: bind: address already in use", ENGINE_E_BUSY, HINT_NONE},
	{D, CALL_START, 403, NULL, "Address already in use", ENGINE_E_BUSY, HINT_NONE},
	{P, CALL_START, 500, "IPAM error", "IPAM error: requested ip address 10.0.0.2 is already allocated", ENGINE_E_BUSY, HINT_NONE},
	/* an engine was killed while it started the container: a container that runs must not be taken for one of those */
	{D, CALL_START, 500, NULL, "task " ID ": already exists", ENGINE_E_GONE, HINT_STALE},
	{P, CALL_START, 500, NULL, "task " ID ": already exists", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_START, 403, NULL, "endpoint with name x already exists in network bridge", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_START, 500, NULL, "endpoint with name x already exists in network bridge", ENGINE_E_FAILED, HINT_NONE},
	/* may pass */
	{D, CALL_START, 500, NULL, "error gathering device information: no such file", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_START, 409, NULL, "cannot start a paused container, try unpause instead", ENGINE_E_FAILED, HINT_NONE},
	/* stop, kill */
	{D, CALL_STOP, 404, NULL, "No such container: " ID, ENGINE_OK, HINT_GONE},
	{P, CALL_STOP, 404, "no such container", "no such container", ENGINE_OK, HINT_GONE},
	{D, CALL_STOP, 409, NULL, "Container " ID " is not running", ENGINE_OK, HINT_DONE},
	{P, CALL_STOP, 500, "container state improper", "can only kill running containers: container state improper", ENGINE_OK, HINT_DONE},
	{P, CALL_STOP, 500, "container state improper", "container " ID " is running or paused, refusing to clean up", ENGINE_E_FAILED, HINT_PAUSED},
	{D, CALL_STOP, 500, NULL, "context deadline exceeded", ENGINE_E_FAILED, HINT_NONE},
	/* remove */
	{D, CALL_REMOVE, 404, NULL, "No such container: " ID, ENGINE_OK, HINT_GONE},
	{D, CALL_REMOVE, 409, NULL, "removal of container X is already in progress", ENGINE_OK, HINT_IN_PROGRESS},
	{D, CALL_REMOVE, 409, NULL, "You cannot remove a running container X. Stop the container before", ENGINE_E_FAILED, HINT_RUNNING},
	{P, CALL_REMOVE, 500, "container state improper", "cannot remove container X as it is running: container state improper", ENGINE_E_FAILED, HINT_RUNNING},
	{P, CALL_REMOVE, 500, "container already exists", "container X has dependent containers which must be removed before it", ENGINE_E_FAILED, HINT_NONE},
	/* pulls: by status, or by a line of a stream that began with 200 */
	{D, CALL_PULL, 404, NULL, "manifest for X not found: manifest unknown: manifest unknown", ENGINE_E_NO_IMAGE, HINT_NONE},
	{P, CALL_PULL, 200, NULL, "initializing source docker://X: reading manifest 1 in X: manifest unknown", ENGINE_E_NO_IMAGE, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "Get \"https://h/v2/x/manifests/1\": no basic auth credentials", ENGINE_E_NO_IMAGE, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "unauthorized: authentication required", ENGINE_E_NO_IMAGE, HINT_NONE},
	{P, CALL_PULL, 200, NULL, "initializing source: unauthorized: authentication required", ENGINE_E_NO_IMAGE, HINT_NONE},
	{D, CALL_PULL, 404, NULL, "pull access denied for x, repository does not exist or may require 'docker login'", ENGINE_E_NO_IMAGE, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "toomanyrequests: slow down", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "received unexpected HTTP status: 503 Service Unavailable", ENGINE_E_FAILED, HINT_NONE},
	{P, CALL_PULL, 200, NULL, "invalid status code from registry 503 (Service Unavailable)", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "Get \"http://h/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_PULL, 500, NULL, "Get \"https://h/v2/\": x509: certificate signed by unknown authority", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_PULL, 200, NULL, "filesystem layer verification failed for digest sha256:00", ENGINE_E_FAILED, HINT_NONE},
	{P, CALL_PULL, 200, NULL, "Digest did not match, expected sha256:00, got sha256:11", ENGINE_E_FAILED, HINT_NONE},
	{D, CALL_PULL, 400, NULL, "invalid reference format", ENGINE_E_NO_IMAGE, HINT_NONE},
	{P, CALL_PULL, 500, "invalid reference format", "invalid reference format", ENGINE_E_NO_IMAGE, HINT_NONE},
	/* logs, inspect */
	{D, CALL_LOGS, 404, NULL, "No such container: " ID, ENGINE_E_GONE, HINT_NONE},
	{D, CALL_LOGS, 501, NULL, "configured logging driver does not support reading", ENGINE_E_REFUSED, HINT_NONE},
	{D, CALL_INSPECT, 404, NULL, "No such container: " ID, ENGINE_E_GONE, HINT_GONE},
	{P, CALL_INSPECT, 500, "internal", "database is locked", ENGINE_E_FAILED, HINT_NONE},
};
// clang-format on

TEST(refusals)
{
	for (size_t i = 0; i < ELEMENTS(refusals); i++) {
		const struct refusal *r = &refusals[i];
		enum dialect_hint hint;
		enum engine_result result =
		        dialect_error(r->engine, r->call, r->status, r->cause, r->message, ID, &hint);
		if (result != r->result || hint != r->hint)
			test_fail(__FILE__, __LINE__, "%s %d %s: %s, hint %d; want %s, hint %d",
			          r->engine->name, r->status, r->message, engine_result_name(result),
			          (int)hint, engine_result_name(r->result), (int)r->hint);
	}
}

/* No word of Docker's may be taken for one of Podman's own. */
TEST(the_words_of_one_engine_mean_nothing_in_the_other)
{
	enum dialect_hint hint;
	CHECK_INT(dialect_error(D, CALL_STOP, 500, NULL, "container state improper", ID, &hint),
	          ENGINE_E_FAILED);
	CHECK_INT(dialect_error(D, CALL_CREATE, 500, NULL, "invalid argument", ID, &hint), ENGINE_E_FAILED);
	CHECK_INT(dialect_error(P, CALL_START, 400, NULL, "anything", ID, &hint), ENGINE_E_FAILED);
}

TEST(events_have_other_names)
{
	static const struct {
		const char *word;
		enum dialect_event event;
	} rows[] = {
	        {"create", EVENT_CREATE},
	        {"start", EVENT_START},
	        {"die", EVENT_DIE},
	        {"died", EVENT_DIE},
	        {"oom", EVENT_OOM},
	        {"destroy", EVENT_REMOVE},
	        {"remove", EVENT_REMOVE},
	        {"pause", EVENT_PAUSE},
	        {"unpause", EVENT_UNPAUSE},
	        {"init", EVENT_NONE},
	        {"cleanup", EVENT_NONE},
	        {"exec_start: /bin/sh", EVENT_NONE},
	        {"health_status: healthy", EVENT_NONE},
	        {"", EVENT_NONE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		CHECK_INT(dialect_event(rows[i].word), rows[i].event);
	/* each word of either engine is asked for */
	const char *const wanted[] = {"create",  "start",  "die",   "died",   "oom",
	                              "destroy", "remove", "pause", "unpause"};
	for (size_t i = 0; i < ELEMENTS(wanted); i++) {
		bool asked = false;
		for (const char *const *w = dialect_docker.event_words; *w; w++)
			asked = asked || streq(*w, wanted[i]);
		CHECK(asked);
	}
}

static const struct dialect *dialect_of(const char *json)
{
	_cleanup_value_ struct value *v = NULL;
	CHECK_INT(json_parse(json, strlen(json), &v, NULL), 0);
	return dialect_of_version(v);
}

TEST(which_engine_it_is)
{
	CHECK(dialect_of("{\"Components\":[{\"Name\":\"Engine\",\"Version\":\"20.10.24\"}]}") == D);
	CHECK(dialect_of("{\"Components\":[{\"Name\":\"Podman Engine\",\"Version\":\"4.3.1\"}]}") == P);
	CHECK(dialect_of("{\"Components\":7}") == D);
	CHECK(dialect_of("{}") == D);
}
