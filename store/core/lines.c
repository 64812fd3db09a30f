#include "core/lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

struct line {
	uint32_t parent;
	int line;
	size_t name; /* offset into names */
};

struct lines {
	struct line *items; /* in the order of the text, parents before children */
	size_t count, cap;
	struct str names; /* NUL-terminated, "[3]" for items of lists */
};

struct lines *lines_new(int root_line)
{
	struct lines *l = NEW(struct lines);
	(void)lines_add(l, UINT32_MAX, "", 0, root_line);
	return l;
}

struct lines *lines_free(struct lines *l)
{
	if (l) {
		free(l->items);
		str_done(&l->names);
		free(l);
	}
	return NULL;
}

uint32_t lines_add(struct lines *l, uint32_t parent, const char *name, size_t index, int line)
{
	if (l->count == l->cap) {
		l->cap = MAX(l->cap * 2, (size_t)16);
		l->items = mem_realloc_array(l->items, l->cap, sizeof(*l->items));
	}
	l->items[l->count] = (struct line){.parent = parent, .line = line, .name = l->names.len};
	if (name)
		str_puts(&l->names, name);
	else
		str_printf(&l->names, "[%zu]", index);
	str_putc(&l->names, '\0');
	return (uint32_t)l->count++;
}

/*
 * What is left of path behind the name, or NULL when it does not begin with the whole of it. Names may hold
 * dots, so the caller takes the longest that fits.
 */
static const char *behind(const char *path, const char *name)
{
	const char *rest = str_after(path, name);
	if (!rest || (rest[0] != '\0' && rest[0] != '.' && rest[0] != '['))
		return NULL;
	return rest[0] == '.' ? rest + 1 : rest;
}

int lines_find(const struct lines *l, const char *path)
{
	uint32_t at = LINES_ROOT;
	while (*path) {
		const char *best = NULL;
		uint32_t next = at;
		for (size_t i = at + 1; i < l->count; i++) {
			if (l->items[i].parent != at)
				continue;
			const char *name = l->names.data + l->items[i].name;
			const char *rest = name[0] ? behind(path, name) : NULL;
			if (rest && (!best || rest > best)) {
				best = rest;
				next = (uint32_t)i;
			}
		}
		if (!best)
			break;
		at = next;
		path = best;
	}
	return l->items[at].line;
}
