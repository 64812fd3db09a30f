/*
 * Something that happened, for people: events/<wall ms, 13 digits>-<role>-<seq>. Written by any role, bounded in time
 * by shared leases.
 */
#pragma once

#include "kind/kind.h"

struct event {
	uint64_t present;
	char *name;
	int64_t at;    /* wall clock ms */
	char *type;    /* "Normal" or "Warning" */
	char *reason;  /* "Scheduled", "Pulled", "Started", "BackOff", ... */
	char *object;  /* "microservice/default/web", "pod/default/web-0-1a2b3c", "node/n1" */
	char *message;
	char *role, *node; /* who says so */
};
extern const struct schema event_schema;
