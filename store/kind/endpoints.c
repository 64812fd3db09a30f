#include "kind/endpoints.h"

#include "core/limits.h"
#include "kind/check.h"

/* clang-format off */
static const struct field endpoint_fields[] = {
	FIELD_STRING(struct endpoint, pod, .required = true, .check = check_pod_name, .doc = "The pod."),
	FIELD_STRING(struct endpoint, node, .check = check_label, .doc = "Its node."),
	FIELD_STRING(struct endpoint, address, .doc = "Of the pod in its network."),
	FIELD_STRING(struct endpoint, hostAddress, .doc = "Of the node."),
	FIELD_PAIRS(struct endpoint, ports, .max = LIMIT_CONTAINERS * LIMIT_PORTS,
		    .doc = "\"<container>/<port>/<protocol>\" and the port of the node."),
};

static const struct schema endpoint_schema = {
	.name = "endpoint", .doc = "Where one pod is reached.", .size = sizeof(struct endpoint),
	.fields = endpoint_fields, .n_fields = ELEMENTS(endpoint_fields),
};

static const struct field endpoints_fields[] = {
	FIELD_KIND("endpoints"),
	FIELD_STRING(struct endpoints, project, .required = true, .check = check_label, .doc = "The project."),
	FIELD_STRING(struct endpoints, name, .required = true, .check = check_label, .doc = "The microservice."),
	FIELD_LIST(struct endpoints, ready, &endpoint_schema, .max = LIMIT_SCALE, .doc = "The pods that take traffic."),
};

const struct schema endpoints_schema = {
	.name = "endpoints", .doc = "Where a microservice is reached.", .size = sizeof(struct endpoints),
	.fields = endpoints_fields, .n_fields = ELEMENTS(endpoints_fields),
};
/* clang-format on */
