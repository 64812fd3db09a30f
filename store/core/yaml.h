/* Between yaml.c, yaml_print.c and document.c only: the two halves of YAML agree here on what a plain scalar is. */
#pragma once

#include "core/document.h"

/* Appends the documents of a stream to ret, at most `most` of them. 0, -EINVAL or -E2BIG; ret is to be ended anyway. */
int yaml_parse(const char *text, size_t len, size_t most, struct documents *ret, struct error *err) _nonnull_(1, 4)
	_must_check_;

/* Does a plain (unquoted) scalar read as a string? If not it is a number, true, false or null. */
bool yaml_plain_is_string(const char *s) _nonnull_(1);
