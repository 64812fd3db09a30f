#include "kind/pod.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"
#include "kind/check.h"

const char *const pod_phase_words[] = {"Pending",  "Running", "Succeeded", "Failed",
                                       "Stopping", "Unknown", NULL};

/* clang-format off */
#define NEW_POD .on_change = CHANGE_RECREATE
#define FIXED	.on_change = CHANGE_FORBIDDEN

static const struct field pod_fields[] = {
	FIELD_KIND("pod"),
	FIELD_STRING(struct pod, project, .required = true, .check = check_label, FIXED, .doc = "The project."),
	FIELD_STRING(struct pod, name, .required = true, .check = check_pod_name, FIXED,
		     .doc = "<microservice>-<ordinal>-<revision>."),
	FIELD_STRING(struct pod, node, .required = true, .check = check_label, FIXED, .doc = "The node that runs it."),
	FIELD_STRING(struct pod, service, .required = true, .check = check_label, FIXED, .doc = "The microservice."),
	FIELD_INT(struct pod, ordinal, .max = LIMIT_SCALE, FIXED, .doc = "Which copy it is, from 0."),
	FIELD_STRING(struct pod, revision, .required = true, .check = check_label, FIXED,
		     .doc = "The revision of the microservice."),
	FIELD_MAP(struct pod, containers, &container_schema, .max = LIMIT_CONTAINERS, .check_key = check_label_key, NEW_POD,
		  .doc = "Its containers, by name."),
	FIELD_DURATION(struct pod, stopGrace, .dflt = "30s", .max = LIMIT_GRACE_MS, NEW_POD,
		       .doc = "From the signal that asks a container to stop to the one that kills it."),
	FIELD_STRING(struct pod, replaces, .check = check_pod_name, .on_change = CHANGE_LIVE,
		     .doc = "The pod of the same node that is stopped before this one starts."),
};
/* clang-format on */

const struct schema pod_schema = {
        .name = "pod",
        .doc = "One copy of a microservice on one node.",
        .size = sizeof(struct pod),
        .fields = pod_fields,
        .n_fields = ELEMENTS(pod_fields),
};

const char *pod_name(const char *service, int64_t ordinal, const char *revision, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s-%" PRId64 "-%s", service, ordinal, revision);
	assert(n >= 0 && (size_t)n < size);
	return buf;
}

_Static_assert(LIMIT_POD_NAME < POD_NAME_SIZE, "a pod's name fits");

/* clang-format off */
static const struct field container_status_fields[] = {
	FIELD_STRING(struct container_status, name, .required = true, .check = check_label, .doc = "The container."),
	FIELD_STRING(struct container_status, state, .doc = "created, running, exited or missing, as the engine says."),
	FIELD_INT(struct container_status, exitCode, .optional = true, .doc = "Of the last exit; -1: not known."),
	FIELD_BOOL(struct container_status, oom, .doc = "It ended for want of memory."),
	FIELD_INT(struct container_status, restarts, .doc = "How often it was started again."),
	FIELD_INT(struct container_status, startedAt, .doc = "When it started last, ms since 1970."),
	FIELD_PAIRS(struct container_status, ports, .max = LIMIT_PORTS, .doc = "\"80/tcp\" and the port of the node."),
};

static const struct schema container_status_schema = {
	.name = "containerStatus", .doc = "What the runner says of a container.", .size = sizeof(struct container_status),
	.fields = container_status_fields, .n_fields = ELEMENTS(container_status_fields),
};

static const struct field pod_status_fields[] = {
	FIELD_KIND("podStatus"),
	FIELD_STRING(struct pod_status, project, .check = check_label, .doc = "The project."),
	FIELD_STRING(struct pod_status, name, .required = true, .check = check_pod_name, .doc = "The pod."),
	FIELD_STRING(struct pod_status, node, .required = true, .check = check_label, .doc = "Its node."),
	FIELD_STRING(struct pod_status, service, .check = check_label, .doc = "The microservice."),
	FIELD_STRING(struct pod_status, revision, .doc = "The revision of the microservice."),
	FIELD_ENUM(struct pod_status, phase, pod_phase_words, .doc = "Where the pod is in its life."),
	FIELD_STRING(struct pod_status, reason, .doc = "Why, as a word for programs."),
	FIELD_STRING(struct pod_status, message, .doc = "Why, as a sentence for people."),
	FIELD_BOOL(struct pod_status, ready, .doc = "It takes traffic."),
	FIELD_INT(struct pod_status, since, .doc = "When phase or reason changed last, ms since 1970."),
	FIELD_INT(struct pod_status, nextAttempt, .optional = true, .doc = "When the next try is due, ms since 1970."),
	FIELD_INT(struct pod_status, attempts, .doc = "Failed tries in a row."),
	FIELD_STRING(struct pod_status, address, .doc = "Of the pod in its network."),
	FIELD_STRING(struct pod_status, engine, .doc = "What runs it, with its version."),
	FIELD_LIST(struct pod_status, containers, &container_status_schema, .max = LIMIT_CONTAINERS,
		   .doc = "Its containers, by name."),
};
/* clang-format on */

const struct schema pod_status_schema = {
        .name = "podStatus",
        .doc = "What the runner says of a pod.",
        .size = sizeof(struct pod_status),
        .fields = pod_status_fields,
        .n_fields = ELEMENTS(pod_status_fields),
};
