#include "core/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/lines.h"
#include "core/mem.h"
#include "core/yaml.h"

/* --- lines of JSON text --- */

/* Reads again, for its line breaks, text that is known to be valid. */
struct cursor {
	const char *at, *end;
	int line;
	struct lines *lines;
};

static void skip_blanks(struct cursor *c)
{
	for (; c->at < c->end && strchr(" \t\r\n,:", *c->at) && *c->at; c->at++)
		c->line += *c->at == '\n';
}

/* Passes over the string that begins here; gives its text, quotes included. */
static size_t skip_string(struct cursor *c)
{
	const char *from = c->at++;
	while (*c->at != '"')
		c->at += *c->at == '\\' ? 2 : 1;
	c->at++;
	return (size_t)(c->at - from);
}

static uint32_t add_member(struct cursor *c, uint32_t parent)
{
	const char *from = c->at;
	int line = c->line;
	size_t len = skip_string(c);
	_cleanup_value_ struct value *name = NULL;
	int r = json_parse(from, len, &name, NULL); /* for its escapes */
	return lines_add(c->lines, parent, r < 0 ? "" : value_string(name), 0, line);
}

static void walk(struct cursor *c, uint32_t self)
{
	skip_blanks(c);
	if (*c->at == '"') {
		(void)skip_string(c);
		return;
	}
	char close = *c->at == '{' ? '}' : *c->at == '[' ? ']' : '\0';
	if (!close) {
		while (c->at < c->end && *c->at && !strchr(" \t\r\n,:]}", *c->at))
			c->at++;
		return;
	}
	c->at++;
	size_t i = 0;
	for (skip_blanks(c); *c->at != close; skip_blanks(c)) {
		uint32_t item =
		        close == '}' ? add_member(c, self) : lines_add(c->lines, self, NULL, i++, c->line);
		walk(c, item);
	}
	c->at++;
}

/* Text on one line, as programs write it, needs no table. */
static struct lines *lines_of_json(const char *text, size_t len)
{
	struct cursor c = {.at = text, .end = text + len, .line = 1};
	skip_blanks(&c);
	c.lines = lines_new(c.line);
	if (memchr(c.at, '\n', (size_t)(c.end - c.at)))
		walk(&c, LINES_ROOT);
	return c.lines;
}

/* --- documents --- */

static bool is_json(const char *text, size_t len)
{
	size_t i = 0;
	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n'))
		i++;
	return i < len && (text[i] == '{' || text[i] == '[');
}

static int parse(const char *text, size_t len, size_t most, struct documents *ret, struct error *err)
{
	if (!is_json(text, len))
		return yaml_parse(text, len, most, ret, err);
	struct value *v;
	int r = json_parse(text, len, &v, err);
	if (r < 0)
		return r;
	ret->items = mem_zalloc(sizeof(*ret->items));
	ret->items[ret->count++] = (struct document){.value = v, .lines = lines_of_json(text, len)};
	return 0;
}

int document_parse(const char *text, size_t len, struct document *ret, struct error *err)
{
	if (len > LIMIT_VALUE)
		return error_set(err, -E2BIG, "", "%zu bytes are more than the %d allowed for one object",
		                 len, LIMIT_VALUE);
	struct documents all = {0};
	int r = parse(text, len, 1, &all, err);
	if (r == 0 && all.count == 0)
		r = error_set(err, -EINVAL, "", "the text is empty; one JSON or YAML document is wanted");
	if (r == 0) {
		*ret = all.items[0];
		all.count = 0;
	}
	documents_done(&all);
	return r;
}

int documents_parse(const char *text, size_t len, struct documents *ret, struct error *err)
{
	if (len > LIMIT_STREAM)
		return error_set(err, -E2BIG, "", "%zu bytes are more than the %d allowed at once", len,
		                 LIMIT_STREAM);
	struct documents all = {0};
	int r = parse(text, len, LIMIT_DOCUMENTS, &all, err);
	if (r < 0)
		documents_done(&all);
	else
		*ret = all;
	return r;
}

void document_done(struct document *d)
{
	value_unrefp(&d->value);
	d->lines = lines_free(d->lines);
}

void documents_done(struct documents *d)
{
	for (size_t i = 0; i < d->count; i++)
		document_done(&d->items[i]);
	free(d->items);
	*d = (struct documents){0};
}

void document_locate(const struct document *d, struct error *err)
{
	if (d->lines)
		err->line = lines_find(d->lines, err->path);
}
