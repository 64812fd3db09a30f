/* What refusals of the engines mean: one row for each kind of refusal that was seen. */
#include "controllers/runner/engine_docker/dialect.h"

#include "lib/test.h"

#define ID "95d37c8c461ea9c5f1badbbf0febae861b2db832b59af2fcb2f0587bb3777dcc"

TEST(refusals)
{
	const struct dialect *d = &dialect_docker, *p = &dialect_podman;
	// clang-format off
	const struct {
		const struct dialect *dialect;
		enum dialect_call call;
		int status;
		const char *message;
		enum engine_result result;
		enum dialect_hint hint;
	} rows[] = {
		{d, CALL_CREATE, 409, "Conflict. The container name \"/x\" is already in use", ENGINE_E_NAME_TAKEN, HINT_NAME_IN_USE},
		{d, CALL_CREATE, 404, "No such image: x:1", ENGINE_E_NO_IMAGE, HINT_NONE},
		{d, CALL_CREATE, 404, "No such container: " ID, ENGINE_E_FAILED, HINT_JOINED_GONE},
		{p, CALL_CREATE, 500, "x:1: image not known", ENGINE_E_NO_IMAGE, HINT_NONE},
		{d, CALL_START, 404, "No such container: " ID, ENGINE_E_GONE, HINT_GONE},
		{d, CALL_START, 404, "No such container: 1234", ENGINE_E_FAILED, HINT_JOINED_GONE},
		{d, CALL_START, 400, "exec: \"/x\": no such file or directory: unknown", ENGINE_E_REFUSED, HINT_NONE},
		{d, CALL_START, 500, "driver failed programming external connectivity: address already in use", ENGINE_E_BUSY, HINT_NONE},
		/* an engine was killed while it started the container */
		{d, CALL_START, 500, "task " ID ": already exists", ENGINE_E_GONE, HINT_STALE},
		/* a container that runs must not be taken for one of those */
		{d, CALL_START, 403, "endpoint with name x already exists in network bridge", ENGINE_E_FAILED, HINT_NONE},
		{d, CALL_START, 500, "endpoint with name x already exists in network bridge", ENGINE_E_FAILED, HINT_NONE},
		{p, CALL_START, 500, "task " ID ": already exists", ENGINE_E_FAILED, HINT_NONE},
		{d, CALL_STOP, 409, "Container " ID " is not running", ENGINE_OK, HINT_DONE},
		{d, CALL_REMOVE, 409, "removal of container " ID " is already in progress", ENGINE_OK, HINT_IN_PROGRESS},
		{d, CALL_PULL, 500, "unauthorized: authentication required", ENGINE_E_NO_IMAGE, HINT_NONE},
		{d, CALL_PULL, 500, "dial tcp 127.0.0.1:9: connect: connection refused", ENGINE_E_FAILED, HINT_NONE},
	};
	// clang-format on
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum dialect_hint hint;
		enum engine_result result = dialect_error(rows[i].dialect, rows[i].call, rows[i].status, NULL,
		                                          rows[i].message, ID, &hint);
		if (result != rows[i].result || hint != rows[i].hint)
			test_fail(__FILE__, __LINE__, "row %zu: %s, hint %d: %s", i,
			          engine_result_name(result), (int)hint, rows[i].message);
	}
}
