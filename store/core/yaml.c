/* YAML into values, from libyaml's events; what JSON cannot say is refused. */
#include "core/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/lines.h"
#include "core/mem.h"

struct reader {
	yaml_parser_t parser;
	const char *text;
	size_t len;
	struct lines *lines; /* of the present document */
	size_t values;       /* in the present document */
	struct error *err;
};

static void event_done(yaml_event_t *e)
{
	yaml_event_delete(e);
}
#define _cleanup_event_ _cleanup_(event_done)

static int line_of(const yaml_mark_t *mark)
{
	return mark->line < INT32_MAX ? (int)mark->line + 1 : 0;
}

static int refuse(struct reader *r, int code, int line, const char *text)
{
	code = error_set(r->err, code, "", "%s", text);
	if (r->err)
		r->err->line = line;
	return code;
}

/* libyaml has given up: says why in its words. */
static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	if (p->error == YAML_MEMORY_ERROR) {
		(void)fputs("out of memory: a YAML parser was refused\n", stderr);
		abort();
	}
	int line = line_of(&p->problem_mark);
	if (p->error == YAML_READER_ERROR) { /* it names a byte, not a line */
		line = 1;
		for (size_t i = 0; i < MIN(p->problem_offset, r->len); i++)
			line += r->text[i] == '\n';
	}
	(void)error_set(r->err, -EINVAL, "", "not valid YAML: %s%s%s", p->context ? p->context : "",
	                p->context ? ", " : "", p->problem ? p->problem : "unreadable");
	if (r->err)
		r->err->line = line;
	return -EINVAL;
}

static int next(struct reader *r, yaml_event_t *e)
{
	return yaml_parser_parse(&r->parser, e) ? 0 : refuse_syntax(r);
}

/* --- scalars --- */

/* A number as RFC 8259 section 6 writes it. */
static bool is_number(const char *s)
{
	s += *s == '-';
	size_t digits = strspn(s, "0123456789");
	if (digits == 0 || (digits > 1 && s[0] == '0'))
		return false;
	s += digits;
	if (*s == '.') {
		digits = strspn(++s, "0123456789");
		if (digits == 0)
			return false;
		s += digits;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		digits = strspn(s, "0123456789");
		if (digits == 0)
			return false;
		s += digits;
	}
	return *s == '\0';
}

bool yaml_plain_is_string(const char *s)
{
	return *s && !streq(s, "null") && !streq(s, "true") && !streq(s, "false") && !is_number(s);
}

static int read_scalar(struct reader *r, const yaml_event_t *e, struct value **ret)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	if (memchr(s, '\0', len))
		return refuse(r, -EINVAL, line_of(&e->start_mark), "a string holds a NUL character");
	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || yaml_plain_is_string(s)) {
		*ret = value_new_string_n(s, len);
		return 0;
	}
	if (len == 0) {
		*ret = value_new_null();
		return 0;
	}
	int code = json_parse(s, len, ret, r->err);
	if (code < 0)
		return refuse(r, code, line_of(&e->start_mark),
		              "a number does not fit into 64 bits; quote it if it is text");
	return 0;
}

/* --- the tree --- */

/* Refuses what is YAML but not JSON, and what is too much. */
static int check_node(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	int line = line_of(&e->start_mark);
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	}
	if (anchor || e->type == YAML_ALIAS_EVENT)
		return refuse(r, -EINVAL, line,
		              "anchors (&) and aliases (*) are not accepted; write the value out, or quote "
		              "it if it is text");
	if (tag)
		return refuse(r, -EINVAL, line, "tags (!) are not accepted; quote the value if it is text");
	if (++r->values > LIMIT_NODES)
		return refuse(r, -E2BIG, line, "more than 100000 values in one document");
	if (depth > LIMIT_DEPTH)
		return refuse(r, -E2BIG, line, "nested more than 32 levels deep");
	return 0;
}
_Static_assert(LIMIT_NODES == 100000 && LIMIT_DEPTH == 32, "the messages above name these bounds");

static int read_node(struct reader *r, const yaml_event_t *e, uint32_t self, unsigned depth,
                     struct value **ret);

static int read_list(struct reader *r, uint32_t self, unsigned depth, struct value *list)
{
	for (size_t i = 0;; i++) {
		_cleanup_event_ yaml_event_t e = {0};
		int code = next(r, &e);
		if (code < 0)
			return code;
		if (e.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		uint32_t item = lines_add(r->lines, self, NULL, i, line_of(&e.start_mark));
		struct value *v;
		code = read_node(r, &e, item, depth, &v);
		if (code < 0)
			return code;
		value_append(list, v);
	}
}

static int check_key(struct reader *r, const yaml_event_t *e, const struct value *object)
{
	int line = line_of(&e->start_mark);
	if (e->type == YAML_ALIAS_EVENT || e->type == YAML_SCALAR_EVENT) {
		int code = check_node(r, e, 0);
		if (code < 0)
			return code;
	} else {
		return refuse(r, -EINVAL, line, "the name of a member is not a plain word or string");
	}
	const char *name = (const char *)e->data.scalar.value;
	if (memchr(name, '\0', e->data.scalar.length))
		return refuse(r, -EINVAL, line, "the name of a member holds a NUL character");
	if (streq(name, "<<") && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse(r, -EINVAL, line, "merge keys (<<) are not accepted; write the members out");
	if (!value_get(object, name))
		return 0;
	int code = error_set(r->err, -EINVAL, "", "the member \"%.64s\" is there twice", name);
	if (r->err)
		r->err->line = line;
	return code;
}

static int read_object(struct reader *r, uint32_t self, unsigned depth, struct value *object)
{
	for (;;) {
		_cleanup_event_ yaml_event_t key = {0};
		int code = next(r, &key);
		if (code < 0)
			return code;
		if (key.type == YAML_MAPPING_END_EVENT)
			return 0;
		code = check_key(r, &key, object);
		if (code < 0)
			return code;
		const char *name = (const char *)key.data.scalar.value;
		uint32_t member = lines_add(r->lines, self, name, 0, line_of(&key.start_mark));
		_cleanup_event_ yaml_event_t e = {0};
		code = next(r, &e);
		if (code < 0)
			return code;
		struct value *v;
		code = read_node(r, &e, member, depth, &v);
		if (code < 0)
			return code;
		value_set(object, name, v);
	}
}

/* The value that begins with event e; `self` is its number in the table of lines, depth that of what is
 * around it. */
static int read_node(struct reader *r, const yaml_event_t *e, uint32_t self, unsigned depth,
                     struct value **ret)
{
	bool scalar = e->type == YAML_SCALAR_EVENT;
	int code = check_node(r, e, scalar ? depth : depth + 1);
	if (code < 0)
		return code;
	if (scalar)
		return read_scalar(r, e, ret);
	bool list = e->type == YAML_SEQUENCE_START_EVENT;
	_cleanup_value_ struct value *v = list ? value_new_array() : value_new_object();
	code = list ? read_list(r, self, depth + 1, v) : read_object(r, self, depth + 1, v);
	if (code < 0)
		return code;
	*ret = TAKE_PTR(v);
	return 0;
}

/* --- the stream --- */

/* The document that has just begun; one that says nothing ("---" alone) is left out. */
static int read_document(struct reader *r, struct documents *ret)
{
	_cleanup_event_ yaml_event_t e = {0}, end = {0};
	int code = next(r, &e);
	if (code < 0)
		return code;
	r->lines = lines_new(line_of(&e.start_mark));
	r->values = 0;
	_cleanup_value_ struct value *v = NULL;
	code = read_node(r, &e, LINES_ROOT, 0, &v);
	if (code == 0)
		code = next(r, &end);
	if (code == 0 && value_type(v) != VALUE_NULL) {
		ret->items = mem_realloc_array(ret->items, ret->count + 1, sizeof(*ret->items));
		struct document *d = &ret->items[ret->count++];
		d->value = TAKE_PTR(v);
		d->lines = TAKE_PTR(r->lines);
	}
	r->lines = lines_free(r->lines);
	return code;
}

static int read_stream(struct reader *r, size_t most, struct documents *ret)
{
	for (;;) {
		_cleanup_event_ yaml_event_t e = {0};
		int code = next(r, &e);
		if (code < 0)
			return code;
		if (e.type == YAML_STREAM_END_EVENT)
			return 0;
		if (e.type != YAML_DOCUMENT_START_EVENT)
			continue;
		code = read_document(r, ret);
		if (code < 0)
			return code;
		if (ret->count <= most)
			continue;
		code = error_set(r->err, -E2BIG, "", "more than %zu document%s; divide the text", most,
		                 most == 1 ? "" : "s");
		if (r->err)
			r->err->line = line_of(&e.start_mark);
		return code;
	}
}

/* libyaml would guess UTF-16, and says nothing of overlong forms. */
static int check_utf8(struct reader *r)
{
	if (str_is_utf8(r->text, r->len))
		return 0;
	int line = 1;
	for (size_t from = 0; from < r->len; line++) {
		const char *end = memchr(r->text + from, '\n', r->len - from);
		size_t n = end ? (size_t)(end - r->text) - from : r->len - from;
		if (!str_is_utf8(r->text + from, n))
			break;
		from += n + 1;
	}
	return refuse(r, -EINVAL, line, "not UTF-8 text");
}

int yaml_parse(const char *text, size_t len, size_t most, struct documents *ret, struct error *err)
{
	struct reader r = {.text = text, .len = len, .err = err};
	int code = check_utf8(&r);
	if (code < 0)
		return code;
	if (!yaml_parser_initialize(&r.parser))
		return refuse_syntax(&r);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	code = read_stream(&r, most, ret);
	r.lines = lines_free(r.lines);
	yaml_parser_delete(&r.parser);
	return code;
}
