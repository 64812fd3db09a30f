/* The document in a request's body, and what it becomes in the store. Pure. */
#pragma once

#include "core/document.h"
#include "core/http/http1.h"
#include "kind/kind.h"

/*
 * Reads a body as its Content-Type says: JSON (also when none or a form's is given, as curl -d does), or
 * YAML. 0; or the status to answer with (400, 413, 415) and err.
 */
int body_parse(struct http1_slice type, const char *body, size_t len, struct document *ret, struct error *err)
        _nonnull_(2, 4) _must_check_;

/*
 * The text to store for a document at a place: project (NULL: as the document says, or "default") and name
 * (NULL: as the document says) are filled in and must not differ. 0 with the object's key in *ret_below and
 * its text; or 400, 413 with err, whose line is set where d says it.
 */
int body_object(const struct kind *k, const struct document *d, const char *project, const char *name,
                char **ret_below, struct str *ret_text, struct error *err) _nonnull_(1, 2, 5, 6) _must_check_;
