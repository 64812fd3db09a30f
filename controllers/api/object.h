/* Stored objects as clients see them: their own fields, revision, status; and which of them a request is
 * about. */
#pragma once

#include "controllers/api/server.h"

/*
 * The merged object (README.md, "Objects in answers"). below: its key without the root; text: as stored. A
 * new value.
 */
struct value *object_value(const struct api *a, const struct kind *k, const char *below, const char *text,
                           size_t len, int64_t rev, bool defaults) _nonnull_(1, 2, 3, 4);
/* {"kind","project" or "node","name"} from the key alone. A new value. */
struct value *object_name(const struct kind *k, const char *below) _nonnull_(1, 2);
/*
 * The object whose answer shows the entry of this key: itself, or the one whose status or health it is. Its
 * key without the root in buf (KEY_SIZE bytes), its kind; NULL: none.
 */
const struct kind *object_shown(const char *below, char *buf) _nonnull_(1, 2);

/* What a list or watch is limited to; NULL members do not count. Strings are the filter's. */
struct filter {
	const struct kind *kind;
	char *prefix; /* of the keys, without the root; the whole key for a single object */
	bool single;
	char *name; /* single, of a kind with nodes: the last part of the key, whose node may not be known */
	char *project, *node, *service, *object; /* members of the merged object */
	int64_t since_ms;                        /* of events: at least this `at` */
};

/* From the path and the query of a call. 0, or -EINVAL with err. Needs filter_done(). */
int filter_init(struct filter *f, const struct call *c, struct error *err) _nonnull_(1, 2) _must_check_;
void filter_done(struct filter *f) _nonnull_(1);
/* By the key alone; cheap, comes first. */
bool filter_key(const struct filter *f, const struct kind *k, const char *below) _nonnull_(1, 2, 3);
/* By the merged object (or what is left of a deleted one). */
bool filter_value(const struct filter *f, const struct value *v) _nonnull_(1);
