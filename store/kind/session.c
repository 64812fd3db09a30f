#include "kind/session.h"

#include "core/limits.h"
#include "kind/check.h"

/* clang-format off */
static const struct field session_fields[] = {
	FIELD_KIND("session"),
	FIELD_STRING(struct session, node, .required = true, .check = check_label, .doc = "The node that is asked."),
	FIELD_STRING(struct session, name, .required = true, .check = check_label, .doc = "The id."),
	FIELD_STRING(struct session, what, .required = true, .doc = "logs."),
	FIELD_STRING(struct session, project, .check = check_label, .doc = "The project."),
	FIELD_STRING(struct session, pod, .check = check_pod_name, .doc = "The pod."),
	FIELD_STRING(struct session, container, .check = check_label, .doc = "The container."),
	FIELD_STRING(struct session, address, .required = true, .max = LIMIT_PATH, .doc = "Where the runner connects to."),
	FIELD_STRING(struct session, secret, .required = true, .secret = true, .doc = "What the runner shows there."),
	FIELD_BOOL(struct session, follow, .doc = "Go on with what is written later."),
	FIELD_INT(struct session, tail, .optional = true, .doc = "Lines from the end; absent: all."),
	FIELD_INT(struct session, since, .optional = true, .doc = "Only what is later, ms since 1970."),
	FIELD_BOOL(struct session, timestamps, .doc = "The time in front of each line."),
};

const struct schema session_schema = {
	.name = "session", .doc = "A stream that the API asks of a runner.", .size = sizeof(struct session),
	.fields = session_fields, .n_fields = ELEMENTS(session_fields),
};
/* clang-format on */
