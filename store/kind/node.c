#include "kind/node.h"

#include "core/limits.h"
#include "kind/check.h"
#include "kind/microservice.h"

const char *const node_state_words[] = {"active", "inactive", "draining", "disabled", NULL};

/* clang-format off */
#define LIVE .on_change = CHANGE_LIVE

static const struct field node_fields[] = {
	FIELD_KIND("node"),
	FIELD_STRING(struct node, name, .required = true, .check = check_label, .on_change = CHANGE_FORBIDDEN,
		     .doc = "Its name, a DNS label."),
	FIELD_ENUM(struct node, state, node_state_words, LIVE,
		   .doc = "active: takes pods; inactive: keeps what it has; draining: gives its pods away; disabled: runs nothing."),
	FIELD_STRING(struct node, zone, .max = LIMIT_DOMAIN, LIVE, .doc = "What fails together with it: a rack, a house."),
	FIELD_PAIRS(struct node, labels, .check_key = check_node_label_key, LIVE, .doc = "Words by which pods choose nodes."),
	FIELD_STRING(struct node, address, .max = LIMIT_DOMAIN, LIVE, .doc = "How others reach it."),
	FIELD_STRING(struct node, machineId, .max = LIMIT_NAME, LIVE, .doc = "Tells two machines of one name apart."),
};

const struct schema node_schema = {
	.name = "node", .doc = "A machine that runs pods.", .size = sizeof(struct node),
	.fields = node_fields, .n_fields = ELEMENTS(node_fields),
};

static const struct field health_fields[] = {
	FIELD_KIND("health"),
	FIELD_STRING(struct health, name, .required = true, .check = check_label, .doc = "The node."),
	FIELD_CPU(struct health, cpus, .doc = "Cores in all."),
	FIELD_INT(struct health, cpuUsed, .max = 100, .doc = "Percent of all cores in use."),
	FIELD_BYTES(struct health, memory, .doc = "Memory in all."),
	FIELD_BYTES(struct health, memoryUsed, .doc = "Memory in use, caches not counted."),
	FIELD_BYTES(struct health, disk, .doc = "Size of the file system that holds tug's data."),
	FIELD_BYTES(struct health, diskUsed, .doc = "What of it is in use."),
	FIELD_STRING(struct health, architecture, .doc = "amd64, arm64, ..."),
	FIELD_STRING(struct health, kernel, .doc = "Version of the kernel."),
	FIELD_STRING(struct health, version, .doc = "Version of tug."),
	FIELD_INT(struct health, startedAt, .doc = "When the reporter started, ms since 1970."),
	FIELD_INT(struct health, updatedAt, .doc = "When this was written, ms since 1970."),
	FIELD_LIST(struct health, conditions, &condition_schema, .max = LIMIT_CONDITIONS, .doc = "What is wrong with the node."),
};

const struct schema health_schema = {
	.name = "health", .doc = "What a node says of itself; the key goes when the node is lost.", .size = sizeof(struct health),
	.fields = health_fields, .n_fields = ELEMENTS(health_fields),
};
/* clang-format on */
