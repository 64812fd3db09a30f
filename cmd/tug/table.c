#include "cmd/tug/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	size_t cell, columns;
	bool colour;
};

struct table *table_new(const char *const *columns, bool colour)
{
	struct table *t = NEW(struct table);
	t->scols = scols_new_table();
	if (!t->scols)
		abort();
	t->colour = colour;
	(void)scols_table_set_column_separator(t->scols, "   ");
	(void)scols_table_enable_colors(t->scols, colour);
	for (; columns[t->columns]; t->columns++) {
		struct libscols_column *c = scols_table_new_column(t->scols, columns[t->columns], 0, 0);
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
	if (t->cell < t->columns)
		(void)scols_line_set_data(t->line, t->cell++, text[0] ? text : "-");
}

void table_state(struct table *t, enum tone tone, const char *text)
{
	static const char *const colours[] = {
	        [TONE_GOOD] = "green", [TONE_BUSY] = "yellow", [TONE_BAD] = "red"};
	size_t at = t->cell;
	table_cell(t, "%s", text);
	if (t->colour && tone != TONE_PLAIN && at < t->columns)
		(void)scols_cell_set_color(scols_line_get_cell(t->line, at), colours[tone]);
}

void table_print(struct table *t)
{
	(void)scols_print_table(t->scols);
	scols_unref_table(t->scols);
	free(t);
}

/* Makes a cell of the last row as wide as the column was so far. The last column may end where it ends. */
static void pad(struct table *t, const struct table_widths *w)
{
	for (size_t i = 0; t->line && i + 1 < MIN(t->columns, w->count); i++) {
		char text[1024];
		const char *data = scols_cell_get_data(scols_line_get_cell(t->line, i));
		(void)snprintf(text, sizeof(text), "%-*s", (int)MIN(w->width[i], sizeof(text) - 1),
		               data ? data : "-");
		(void)scols_line_set_data(t->line, i, text);
	}
}

void table_print_more(struct table *t, struct table_widths *w)
{
	if (w->count) {
		(void)scols_table_enable_noheadings(t->scols, 1);
		pad(t, w);
	}
	(void)scols_print_table(t->scols);
	w->count = MIN(t->columns, ELEMENTS(w->width));
	for (size_t i = 0; i < w->count; i++)
		w->width[i] = MAX(w->width[i], scols_column_get_width(scols_table_get_column(t->scols, i)));
	scols_unref_table(t->scols);
	free(t);
}
