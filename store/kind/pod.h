/*
 * A pod: one copy of a microservice on one node; complete, so that the runner of the node needs nothing else.
 * Key pods/<node>/<pod>. Written by the scheduler, immutable except for deletion; status by the runner of the node.
 */
#pragma once

#include "kind/container.h"
#include "kind/kind.h"

struct pod {
	uint64_t present;
	char *project;
	char *name;	/* <microservice>-<ordinal>-<revision> */
	char *node;
	char *service;	/* the microservice */
	int64_t ordinal;
	char *revision;
	struct list_of containers; /* struct container; httpPorts with empty domains */
	int64_t stopGrace;	   /* ms */
	/*
	 * Name of the pod on the same node whose place this one takes (update order stop-first): the runner pulls this
	 * one's images, then stops that one, then starts this one. NULL: none.
	 */
	char *replaces;
};
extern const struct schema pod_schema;

#define POD_NAME_SIZE 128
/* "<service>-<ordinal>-<revision>". Returns buf. */
const char *pod_name(const char *service, int64_t ordinal, const char *revision, char *buf, size_t size)
	_nonnull_(1, 3, 4);

/* --- status: written by the runner ----------------------------------------------------------------------------- */

/* ContainerOS's words, which its users know; reasons beyond them are ours. */
enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED, POD_STOPPING, POD_UNKNOWN };
extern const char *const pod_phase_words[]; /* "Pending", "Running", "Succeeded", "Failed", "Stopping", "Unknown" */

/*
 * Reasons by phase:
 *   Pending    PullingContainers, StartingContainers, Waiting (for the pod that it replaces)
 *   Running    Started
 *   Succeeded  Completed
 *   Failed     ContainerFailedPulling, ContainerFailedStarting, ContainerKeepsCrashing, ContainerExited, NameTaken
 *   Stopping   Removing
 *   Unknown    EngineUnavailable
 */
struct container_status {
	uint64_t present;
	char *name;
	char *state; /* "created", "running", "exited", "missing" as the engine says */
	int64_t exitCode;   /* of the last exit */
	bool oom;	    /* it ended for want of memory */
	int64_t restarts;
	int64_t startedAt;  /* wall clock ms; 0: never */
	struct pairs ports; /* "80/tcp" -> "32768": host ports */
};

struct pod_status {
	uint64_t present;
	char *project, *name, *node, *service, *revision;
	int phase;	/* enum pod_phase */
	char *reason;	/* as above */
	char *message;	/* "" or a sentence */
	bool ready;	/* takes traffic */
	int64_t since;	/* wall clock ms of the last change of phase or reason */
	int64_t nextAttempt; /* wall clock ms of the next try; absent: none is due */
	int64_t attempts;    /* failed tries in a row */
	char *address;	/* of the pod in its network; NULL: not known */
	char *engine;	/* "docker 20.10.24" */
	struct list_of containers; /* struct container_status, by name */
};
extern const struct schema pod_status_schema;
