/*
 * JSON text (RFC 8259) to values and back. Strict: duplicate members, bad UTF-8, NUL in strings, trailing text,
 * numbers beyond 64 bits, more than LIMIT_DEPTH levels or LIMIT_NODES values are refused, the bound being checked
 * before memory is taken for it.
 */
#pragma once

#include "core/error.h"
#include "core/str.h"
#include "core/value.h"

/* 0, or -EINVAL / -E2BIG with err filled (line included); *ret is untouched on failure. */
int json_parse(const char *text, size_t len, struct value **ret, struct error *err) _nonnull_(1, 3) _must_check_;

enum json_style {
	JSON_COMPACT, /* what programs store and send */
	JSON_INDENT,  /* two spaces, for people; ends with a newline */
};

void json_print(const struct value *v, enum json_style style, struct str *out) _nonnull_(1, 3);
