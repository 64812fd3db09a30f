/* Tables as people know them: columns, no borders; libsmartcols beneath. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/macro.h"

struct table;

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BUSY, TONE_BAD };

/* Of the columns of a table that grows (get --watch): zeroed at first, remembered by table_print_more(). */
struct table_widths {
	size_t count, width[12];
};

/* columns: NULL-terminated. colour: headings are bold, tones are shown. */
struct table *table_new(const char *const *columns, bool colour) _nonnull_(1);
/* A row; fill it cell by cell. Cells behind the last column are dropped. */
void table_row(struct table *t) _nonnull_(1);
/* The next cell of the present row; "" and NULL show as "-". */
void table_cell(struct table *t, const char *fmt, ...) _nonnull_(1, 2) _printf_(2, 3);
/* The same in a colour. */
void table_state(struct table *t, enum tone tone, const char *text) _nonnull_(1, 3);
/* Prints to stdout and frees. */
void table_print(struct table *t) _nonnull_(1);
/* The same; after the first call with these widths without headings, in the columns of the tables before. */
void table_print_more(struct table *t, struct table_widths *w) _nonnull_(1, 2);
