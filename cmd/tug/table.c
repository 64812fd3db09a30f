#include "cmd/tug/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	size_t cell;
};

struct table *table_new(const char *const *columns, bool colour)
{
	struct table *t = NEW(struct table);
	t->scols = scols_new_table();
	if (!t->scols)
		abort();
	(void)scols_table_set_column_separator(t->scols, "   ");
	(void)scols_table_enable_colors(t->scols, colour);
	for (size_t i = 0; columns[i]; i++) {
		struct libscols_column *c = scols_table_new_column(t->scols, columns[i], 0, 0);
		if (!c)
			abort();
		if (colour)
			(void)scols_cell_set_color(scols_column_get_header(c), "bold");
	}
	return t;
}

void table_row(struct table *t)
{
	t->line = scols_table_new_line(t->scols, NULL);
	t->cell = 0;
	if (!t->line)
		abort();
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)scols_line_set_data(t->line, t->cell++, text[0] ? text : "-");
}

void table_print(struct table *t)
{
	(void)scols_print_table(t->scols);
	scols_unref_table(t->scols);
	free(t);
}
