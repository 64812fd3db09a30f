/*
 * A machine. nodes/<node> is what people and `tugd up` say of it; health/<node> what it says of itself, attached to
 * the node's lease: the key gone means the node is lost.
 */
#pragma once

#include "kind/kind.h"

enum node_state { NODE_ACTIVE, NODE_INACTIVE, NODE_DRAINING, NODE_DISABLED };
extern const char *const node_state_words[]; /* "active", "inactive", "draining", "disabled" */

struct node {
	uint64_t present;
	char *name;
	int state; /* enum node_state */
	char *zone;
	struct pairs labels;
	char *address;	 /* how others reach it */
	char *machineId; /* /etc/machine-id: tells two machines of one name apart */
};
extern const struct schema node_schema;

/* Figures are rewritten only when one moved noticeably (hysteresis). */
struct health {
	uint64_t present;
	char *name;
	int64_t cpus;	      /* milli-cores in all */
	int64_t cpuUsed;      /* percent of all cores, 0..100 */
	int64_t memory;	      /* bytes in all */
	int64_t memoryUsed;   /* bytes, caches not counted */
	int64_t disk;	      /* bytes of the data directory's file system */
	int64_t diskUsed;
	char *architecture;   /* "amd64", "arm64" */
	char *kernel;
	char *version;	      /* of tug */
	int64_t startedAt;    /* wall clock ms when the reporter started */
	int64_t updatedAt;    /* wall clock ms of this record */
	struct list_of conditions; /* struct condition: "DiskFull", "EngineDown" */
};
extern const struct schema health_schema;
