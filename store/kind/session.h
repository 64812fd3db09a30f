/*
 * A request of the API to the runner of a node, for what has no place in the store: log streams (later exec). Nodes dial
 * out only: the API writes sessions/<node>/<id>, the runner connects to `address` and sends the stream as the chunked
 * body of `POST /v1/sessions/<id>`, with the secret as bearer token. The API deletes the key when the session ends; a
 * lease bounds it.
 */
#pragma once

#include "kind/kind.h"

struct session {
	uint64_t present;
	char *node;
	char *name; /* the id: 32 hex digits */
	char *what; /* "logs" */
	char *project, *pod, *container;
	char *address; /* "unix:///var/lib/tug/run/api.sock", "http://10.0.0.1:8000" */
	char *secret;
	bool follow;
	int64_t tail;  /* lines; absent: all */
	int64_t since; /* wall clock ms; absent: from the start */
	bool timestamps;
};
extern const struct schema session_schema;
