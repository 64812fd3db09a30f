/*
 * A microservice: what people ask for. A request body of ContainerOS is a complete one; everything else has a default.
 * Written by people, through any door; its status by the scheduler.
 */
#pragma once

#include "kind/container.h"
#include "kind/kind.h"

enum service_mode { MODE_SERVICE, MODE_DAEMON, MODE_JOB };
enum update_order { ORDER_START_FIRST, ORDER_STOP_FIRST };
enum update_failure { FAILURE_ROLLBACK, FAILURE_PAUSE, FAILURE_CONTINUE };

/* `scale: 2` or `scale: {min: 1, max: 10, cpu: 70}` */
struct scale {
	uint64_t present;
	int64_t min, max; /* equal when given as one number */
	int64_t cpu;	  /* percent of the limit at which one more is wanted; 0: fixed */
};

struct dependency {
	uint64_t present;
	char *service;
	int condition;	 /* index into dependency_words: started, ready, done */
	int64_t timeout; /* ms */
};

struct placement {
	uint64_t present;
	struct pairs labels;	     /* all must be on the node */
	struct strings nodes;	     /* one of these; empty: any */
	char *spread;		     /* label whose values pods are spread over; NULL: the node itself */
	struct strings antiAffinity; /* not on a node that runs one of these services */
	struct strings affinity;     /* only on a node that runs all of these services */
};

struct update {
	uint64_t present;
	int order;	      /* enum update_order */
	int64_t parallelism;  /* pods at a time */
	int64_t readyTimeout; /* ms */
	int onFailure;	      /* enum update_failure */
};

struct microservice {
	uint64_t present;
	char *project;
	char *name;
	int mode; /* enum service_mode */
	struct scale scale;
	bool singleton;
	struct list_of containers;     /* struct container, by name; may be empty */
	struct list_of initContainers; /* struct container */
	struct list_of dependsOn;      /* struct dependency */
	struct placement placement;
	struct update update;
	int64_t stopGrace; /* ms between the stop signal and the kill */
};

extern const struct schema microservice_schema;
extern const char *const mode_words[], *const order_words[], *const dependency_words[];

/*
 * The revision of a microservice: 10 lower-case hex digits that differ exactly when project, name or a field that
 * makes new pods (change class RECREATE) differs. buf needs 11 bytes. Returns buf.
 */
#define REVISION_SIZE 11
const char *microservice_revision(const struct microservice *m, char *buf) _nonnull_(1, 2);

/* --- status: written by the scheduler --------------------------------------------------------------------------- */

struct condition {
	uint64_t present;
	char *type;   /* "Valid", "Placed", "Available", "Progressing", "Pending" (fields not carried out yet) */
	bool status;  /* holds? */
	char *reason; /* CamelCase word for programs */
	char *message; /* sentence for people: place, numbers, remedy */
	int64_t since; /* wall clock ms of the last change of status */
};
extern const struct schema condition_schema;

struct microservice_status {
	uint64_t present;
	char *project, *name;
	int64_t observed;  /* mod_rev of the microservice that this speaks of */
	char *revision;	   /* wanted; empty while the spec is not valid and never was */
	int64_t desired;   /* pods wanted */
	int64_t pods;	   /* pods that exist */
	int64_t updated;   /* of these, of the wanted revision */
	int64_t running;   /* pods whose containers all run */
	int64_t ready;	   /* pods that take traffic */
	struct list_of conditions; /* struct condition */
};
extern const struct schema microservice_status_schema;
