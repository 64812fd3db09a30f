/* JSON text: jansson reads it, after a scan that bounds what it will take; printing is ours (shortest
 * numbers). */
#include <jansson.h>
#undef JSON_COMPACT /* jansson's flag; ours is an enumerator */

#include "core/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

/* --- reading --- */

struct scan {
	size_t values; /* including the names of members */
	size_t names;
	int depth, deepest;
	int line; /* of the deepest place, or where the count ran over */
};

/* Counts what a parser would have to make of the text. Exact for valid JSON, never below for anything else. */
static void scan(const char *text, size_t len, struct scan *s)
{
	int line = 1;
	bool in_word = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool word = false;
		switch (c) {
		case '"':
			s->values++;
			for (i++; i < len && text[i] != '"'; i++)
				if (text[i] == '\\')
					i++;
				else if (text[i] == '\n')
					line++;
			break;
		case '{':
		case '[':
			s->values++;
			if (++s->depth > s->deepest) {
				s->deepest = s->depth;
				if (s->deepest == LIMIT_DEPTH + 1)
					s->line = line;
			}
			break;
		case '}':
		case ']':
			s->depth--;
			break;
		case ':':
			s->names++;
			break;
		case '\n':
			line++;
			break;
		case ' ':
		case '\t':
		case '\r':
		case ',':
			break;
		default:
			word = true;
			if (!in_word)
				s->values++;
			break;
		}
		in_word = word;
	}
}

static int check_bounds(const char *text, size_t len, struct error *err)
{
	struct scan s = {0};
	scan(text, len, &s);
	int r = 0;
	if (s.deepest > LIMIT_DEPTH) {
		r = error_set(err, -E2BIG, "", "nested more than %d levels deep", LIMIT_DEPTH);
		if (err)
			err->line = s.line;
	} else if (s.values > s.names && s.values - s.names > LIMIT_NODES) {
		r = error_set(err, -E2BIG, "", "%zu values are more than the %d allowed in one document",
		              s.values - s.names, LIMIT_NODES);
	}
	return r;
}

int json_parse(const char *text, size_t len, struct value **ret, struct error *err)
{
	int r = check_bounds(text, len, err);
	if (r < 0)
		return r;
	json_error_t why;
	json_t *j = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
	if (!j) {
		/* jansson quotes the text around the fault, which may hold anything: keep what can be shown */
		for (char *c = why.text; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = ' ';
		r = error_set(err, -EINVAL, "", "not valid JSON: %s (column %d)", why.text,
		              MAX(why.column, 1));
		if (err)
			err->line = MAX(why.line, 1);
		return r;
	}
	*ret = (struct value *)j;
	return 0;
}

/* --- printing --- */

static void print_string(const char *s, size_t len, struct str *out)
{
	static const char escapes[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	str_putc(out, '"');
	size_t from = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
			continue;
		str_add(out, s + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			str_printf(out, "\\%c", c);
		else if (c < sizeof(escapes) && escapes[c])
			str_printf(out, "\\%c", escapes[c]);
		else
			str_printf(out, "\\u%04x", c);
	}
	str_add(out, s + from, len - from);
	str_putc(out, '"');
}

/* The shortest form that reads back as the same number, always with a point or an exponent so that it stays a
 * real. */
static void print_real(double d, struct str *out)
{
	char buf[32];
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(buf, sizeof(buf), "%.*g", digits, d);
		if (strtod(buf, NULL) == d)
			break;
	}
	char *comma = strchr(buf, ','); /* the decimal point of some locales */
	if (comma)
		*comma = '.';
	str_puts(out, buf);
	if (!strpbrk(buf, ".e"))
		str_puts(out, ".0");
}

static void newline(enum json_style style, unsigned depth, struct str *out)
{
	if (style == JSON_COMPACT)
		return;
	str_putc(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		str_puts(out, "  ");
}

static void print(const struct value *v, enum json_style style, unsigned depth, struct str *out)
{
	bool first = true;
	switch (value_type(v)) {
	case VALUE_NULL:
		str_puts(out, "null");
		break;
	case VALUE_BOOL:
		str_puts(out, value_bool(v) ? "true" : "false");
		break;
	case VALUE_INT:
		str_printf(out, "%" PRId64, value_int(v));
		break;
	case VALUE_REAL:
		print_real(value_real(v), out);
		break;
	case VALUE_STRING:
		print_string(value_string(v), value_string_len(v), out);
		break;
	case VALUE_ARRAY:
		str_putc(out, '[');
		value_for_each_item (i, item, v) {
			if (i)
				str_putc(out, ',');
			newline(style, depth + 1, out);
			print(item, style, depth + 1, out);
		}
		if (value_count(v))
			newline(style, depth, out);
		str_putc(out, ']');
		break;
	case VALUE_OBJECT:
		str_putc(out, '{');
		value_for_each (it, v) {
			if (!first)
				str_putc(out, ',');
			first = false;
			newline(style, depth + 1, out);
			const char *name = value_iter_name(it);
			print_string(name, strlen(name), out);
			str_puts(out, style == JSON_COMPACT ? ":" : ": ");
			print(value_iter_value(it), style, depth + 1, out);
		}
		if (!first)
			newline(style, depth, out);
		str_putc(out, '}');
		break;
	}
}

void json_print(const struct value *v, enum json_style style, struct str *out)
{
	print(v, style, 0, out);
	if (style == JSON_INDENT)
		str_putc(out, '\n');
}
