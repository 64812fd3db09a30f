/* The ready addresses of a microservice, one key a service: endpoints/<project>/<name>. Written by the scheduler. */
#pragma once

#include "kind/kind.h"

struct endpoint {
	uint64_t present;
	char *pod, *node;
	char *address;	    /* of the pod; NULL: not known */
	char *hostAddress;  /* of the node */
	struct pairs ports; /* "app/80/tcp" -> host port */
};

struct endpoints {
	uint64_t present;
	char *project, *name;
	struct list_of ready; /* struct endpoint, by pod */
};
extern const struct schema endpoints_schema;
