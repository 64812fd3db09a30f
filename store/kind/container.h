/* One container of a microservice or pod: what to run, its bounds, its ports and its checks. */
#pragma once

#include "core/schema.h"

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

/* `ports: {"5432": {hostPort: 0, clusterPort: 61000, protocol: tcp}}` */
struct port {
	uint64_t present;
	char *name;	      /* the port inside the container, "5432": the key of the map */
	int64_t hostPort;     /* 0: a random free one; absent: not published on the host */
	int64_t clusterPort;  /* 0: none */
	int protocol;	      /* enum protocol */
	int64_t port;	      /* `name` as a number; filled by the check, not a field */
};

struct volume_mount {
	uint64_t present;
	char *name;  /* the volume, a DNS label, one of the node's engine */
	char *mount; /* absolute path inside */
	bool readOnly;
};

struct file_mount {
	uint64_t present;
	char *resource, *key, *mount, *mode;
};

struct http_check {
	uint64_t present;
	char *path;
	int64_t port;
};

struct tcp_check {
	uint64_t present;
	int64_t port;
};

/* Exactly one of exec, http and tcp is given. */
struct probe {
	uint64_t present;
	struct strings exec;
	struct http_check *http;
	struct tcp_check *tcp;
	int64_t interval; /* ms */
	int64_t timeout;  /* ms */
	int64_t failures; /* in a row before it counts */
};

struct probes {
	uint64_t present;
	struct probe *startup, *readiness, *liveness;
};

struct resources {
	uint64_t present;
	int64_t cpus;	/* milli-cores */
	int64_t memory; /* bytes */
};

struct container {
	uint64_t present;
	char *name; /* the key of the map */
	char *image;
	struct strings command; /* replaces the entrypoint */
	struct strings args;
	struct pairs env;	/* order kept; the last one of a name wins */
	struct pairs httpPorts; /* "80" -> "hello.localhost" ("" in a pod) */
	struct list_of ports;	/* struct port, by name */
	int64_t cpus;		/* milli-cores; the limit */
	int64_t memLimit;	/* bytes */
	struct resources requests; /* what the scheduler books; absent: nothing */
	struct list_of volumes;	/* struct volume_mount */
	struct list_of files;	/* struct file_mount */
	struct probes probes;
	int restart; /* enum restart_policy */
	char *user;
	bool readOnly;
};

extern const struct schema container_schema;
extern const char *const restart_words[], *const protocol_words[];
