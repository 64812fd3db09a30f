/*
 * A revision: the immutable template of a microservice at one time; what rollback returns to, and what the scheduler
 * goes on with while the microservice's present value is not valid. Key revisions/<project>/<name>/<hash>.
 */
#pragma once

#include "kind/microservice.h"

struct revision {
	uint64_t present;
	char *project;
	char *name; /* "<microservice>/<hash>" in the key; here the microservice */
	char *hash;
	int64_t createdAt; /* wall clock ms */
	struct microservice spec;
};
extern const struct schema revision_schema;
