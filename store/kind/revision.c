#include "kind/revision.h"

#include "kind/check.h"

/* clang-format off */
#define FIXED .on_change = CHANGE_FORBIDDEN

static const struct field revision_fields[] = {
	FIELD_KIND("revision"),
	FIELD_STRING(struct revision, project, .required = true, .check = check_label, FIXED, .doc = "The project."),
	FIELD_STRING(struct revision, name, .required = true, .check = check_label, FIXED, .doc = "The microservice."),
	FIELD_STRING(struct revision, hash, .required = true, .check = check_label, FIXED, .doc = "What pods of it carry in their names."),
	FIELD_INT(struct revision, createdAt, FIXED, .doc = "When it was first wanted, ms since 1970."),
	FIELD_OBJECT(struct revision, spec, struct microservice, &microservice_schema, .required = true, FIXED,
		     .doc = "The microservice as it was."),
};

const struct schema revision_schema = {
	.name = "revision", .doc = "A microservice as it was; what rollback returns to.", .size = sizeof(struct revision),
	.fields = revision_fields, .n_fields = ELEMENTS(revision_fields),
};
/* clang-format on */
