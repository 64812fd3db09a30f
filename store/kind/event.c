#include "kind/event.h"

#include "core/limits.h"
#include "kind/check.h"

/* clang-format off */
static const struct field event_fields[] = {
	FIELD_KIND("event"),
	FIELD_STRING(struct event, name, .required = true, .check = check_pod_name, .doc = "<time>-<role>-<number>."),
	FIELD_INT(struct event, at, .doc = "When, ms since 1970."),
	FIELD_STRING(struct event, type, .doc = "Normal or Warning."),
	FIELD_STRING(struct event, reason, .doc = "What happened, as a word for programs."),
	FIELD_STRING(struct event, object, .doc = "To what: microservice/<project>/<name>, pod/<project>/<name>, node/<name>."),
	FIELD_STRING(struct event, message, .max = LIMIT_MESSAGE, .doc = "What happened, as a sentence for people."),
	FIELD_STRING(struct event, role, .doc = "The role that says so."),
	FIELD_STRING(struct event, node, .doc = "The node of that role."),
};

const struct schema event_schema = {
	.name = "event", .doc = "Something that happened.", .size = sizeof(struct event),
	.fields = event_fields, .n_fields = ELEMENTS(event_fields),
};
/* clang-format on */
