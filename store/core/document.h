/*
 * A document as people write it: JSON or YAML, with the line of every value for messages.
 *
 * YAML is read through libyaml events (yaml.c, the only file that includes yaml.h) into the same values as JSON.
 * JSON's scalars only: true, false, null, numbers as RFC 8259 writes them; everything else plain is a string, so
 * `no`, `0x10`, `1_000`, `2026-11-21` and `08` are strings. Refused: anchors and aliases, tags, duplicate and
 * non-scalar keys, merge keys, more than LIMIT_DEPTH / LIMIT_NODES / LIMIT_DOCUMENTS, bad UTF-8. Each refusal names
 * the line.
 *
 * Text whose first character other than blanks is '{' or '[' is read as strict JSON (core/json.h).
 */
#pragma once

#include "core/error.h"
#include "core/str.h"
#include "core/value.h"

struct document {
	struct value *value;
	struct lines *lines; /* path -> line; NULL when not known */
};

struct documents {
	struct document *items;
	size_t count;
};

/* One document, as a stored value is. 0, -EINVAL or -E2BIG with err filled. More than one document: -EINVAL. */
int document_parse(const char *text, size_t len, struct document *ret, struct error *err) _nonnull_(1, 3)
	_must_check_;
/* A stream, as `tug apply` reads it: documents divided by "---"; empty ones are left out. */
int documents_parse(const char *text, size_t len, struct documents *ret, struct error *err) _nonnull_(1, 3)
	_must_check_;

void document_done(struct document *d) _nonnull_(1);
void documents_done(struct documents *d) _nonnull_(1);

/* Sets err->line from err->path (the deepest part of the path that has a line). */
void document_locate(const struct document *d, struct error *err) _nonnull_(1, 2);

/* A value as YAML text: block style, strings quoted where they would read as something else; `-o yaml`. */
void yaml_print(const struct value *v, struct str *out) _nonnull_(1, 2);
