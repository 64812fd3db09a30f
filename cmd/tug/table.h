/* Tables as people know them: columns, no borders, cut to the terminal's width; libsmartcols beneath. */
#pragma once

#include <stdbool.h>

#include "core/macro.h"

struct table;

/* columns: NULL-terminated. colour: headings are bold. */
struct table *table_new(const char *const *columns, bool colour) _nonnull_(1);
/* A row; fill it cell by cell. */
void table_row(struct table *t) _nonnull_(1);
/* The next cell of the present row; "" and NULL show as "-". */
void table_cell(struct table *t, const char *fmt, ...) _nonnull_(1, 2) _printf_(2, 3);
/* Prints to stdout and frees. */
void table_print(struct table *t) _nonnull_(1);
