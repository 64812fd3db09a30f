/*
 * Values as YAML in block style. A string is left plain only where this reader and others (YAML 1.1 ones read
 * `no`, `0x10` and dates as something else) surely read it as the same string.
 */
#include "core/yaml.h"

#include <string.h>
#include <strings.h>

#include "core/json.h"

/* Longer names cannot be simple keys (YAML 1.2 section 7.4.2: 1024 characters). */
#define SIMPLE_KEY_MAX 500

static const char *const reserved_words[] = {"y",    "n",     "yes",  "no", "on", "off",
                                             "true", "false", "null", "~",  "=",  "<<"};

static bool is_reserved(const char *s)
{
	for (size_t i = 0; i < ELEMENTS(reserved_words); i++)
		if (strcasecmp(s, reserved_words[i]) == 0)
			return true;
	return false;
}

/*
 * Characters that may stand for themselves (YAML 1.1 section 4.1.1, c-printable): not the control characters,
 * and none of those that some readers take for a line break or a byte order mark. Only these: multi-byte ones
 * among them are U+0080..U+009F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF.
 */
static bool is_special(const unsigned char *s)
{
	if (s[0] < 0x80)
		return (s[0] < ' ' && s[0] != '\n') || s[0] == 0x7f;
	if (s[0] == 0xc2)
		return s[1] < 0xa0;
	if (s[0] == 0xe2)
		return s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9);
	if (s[0] == 0xef)
		return (s[1] == 0xbb && s[2] == 0xbf) || (s[1] == 0xbf && s[2] >= 0xbe);
	return false;
}

static bool has_special(const char *s)
{
	for (; *s; s++)
		if (is_special((const unsigned char *)s))
			return true;
	return false;
}

static bool is_plain(const char *s)
{
	size_t len = strlen(s);
	if (!yaml_plain_is_string(s) || is_reserved(s) || strchr("-?:,[]{}#&*!|>'\"%@` ", s[0]) ||
	    s[len - 1] == ' ')
		return false;
	/* what another reader could take for a number, a date or a time */
	if (strchr("0123456789+.", s[0]) && strspn(s, "0123456789abcdefABCDEFoOxX_.:+-") == len)
		return false;
	return !strchr(s, '\n') && !strstr(s, ": ") && !strstr(s, " #") && s[len - 1] != ':' &&
	       !str_after(s, "...") && !has_special(s);
}

/* Several lines that can stand as they are under a "|". */
static bool is_literal(const char *s)
{
	size_t len = strlen(s);
	return strchr(s, '\n') && s[0] != '\n' && s[0] != ' ' &&
	       (len < 2 || s[len - 2] != '\n' || s[len - 1] != '\n') && !has_special(s);
}

static void indent(int column, struct str *out)
{
	for (int i = 0; i < column; i++)
		str_putc(out, ' ');
}

static void print_literal(const char *s, int column, struct str *out)
{
	size_t len = strlen(s);
	str_puts(out, s[len - 1] == '\n' ? "|\n" : "|-\n");
	while (*s) {
		size_t n = strcspn(s, "\n");
		if (n) {
			indent(column, out);
			str_add(out, s, n);
		}
		str_putc(out, '\n');
		s += n + (s[n] == '\n');
	}
}

/* In double quotes, with JSON's escapes and those for what a YAML reader would not take as it is. */
static void print_quoted(const char *s, struct str *out)
{
	static const char hex[] = "0123456789abcdef";
	str_putc(out, '"');
	while (*s) {
		const unsigned char *u = (const unsigned char *)s;
		if (*s == '"' || *s == '\\') {
			str_putc(out, '\\');
			str_putc(out, *s++);
		} else if (*s == '\n') {
			str_puts(out, "\\n");
			s++;
		} else if (*s == '\t') {
			str_puts(out, "\\t");
			s++;
		} else if (is_special(u)) {
			unsigned n = *u < 0x80 ? 1 : *u < 0xe0 ? 2 : 3;
			unsigned c = n == 1   ? u[0]
			             : n == 2 ? (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu)
			                      : (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
			str_puts(out, "\\u");
			for (int shift = 12; shift >= 0; shift -= 4)
				str_putc(out, hex[c >> shift & 0xf]);
			s += n;
		} else {
			str_putc(out, *s++);
		}
	}
	str_putc(out, '"');
}

static void print_name(const char *name, struct str *out)
{
	if (is_plain(name))
		str_puts(out, name);
	else
		print_quoted(name, out);
}

/* A scalar or an empty collection, and the end of its line. */
static void print_scalar(const struct value *v, int column, struct str *out)
{
	const char *s = value_string(v);
	if (!s) {
		json_print(v, JSON_COMPACT, out);
	} else if (is_plain(s)) {
		str_puts(out, s);
	} else if (is_literal(s)) {
		print_literal(s, column + 2, out);
		return;
	} else {
		print_quoted(s, out);
	}
	str_putc(out, '\n');
}

static void print_entries(const struct value *v, int column, bool begun, struct str *out);

/* What follows "name:" or "-" at the given column. */
static void print_after(const struct value *v, int column, bool in_list, struct str *out)
{
	if (value_count(v) == 0) {
		str_putc(out, ' ');
		print_scalar(v, column, out);
	} else if (in_list) {
		str_putc(out, ' ');
		print_entries(v, column + 2, true, out);
	} else {
		str_putc(out, '\n');
		print_entries(v, value_type(v) == VALUE_ARRAY ? column : column + 2, false, out);
	}
}

/* The members or items of v, one a line; begun: the first line is already there up to the column. */
static void print_entries(const struct value *v, int column, bool begun, struct str *out)
{
	value_for_each_item (i, item, v) {
		if (i || !begun)
			indent(column, out);
		str_putc(out, '-');
		print_after(item, column, true, out);
	}
	value_for_each (it, v) {
		const char *name = value_iter_name(it);
		if (!begun)
			indent(column, out);
		begun = false;
		if (strlen(name) > SIMPLE_KEY_MAX) {
			str_puts(out, "? ");
			print_name(name, out);
			str_putc(out, '\n');
			indent(column, out);
		} else {
			print_name(name, out);
		}
		str_putc(out, ':');
		print_after(value_iter_value(it), column, false, out);
	}
}

void yaml_print(const struct value *v, struct str *out)
{
	if (value_count(v) == 0)
		print_scalar(v, 0, out);
	else
		print_entries(v, 0, false, out);
}
