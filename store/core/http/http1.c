/* Heads of requests and responses; bodies are in http1_chunked.c, targets in http1_target.c. */
#include "core/http/http1.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/http/http1_chars.h"

/* Digits that a Content-Length may have: below 2^63 without a check for overflow. */
#define LENGTH_DIGITS     18
#define METHOD_MAX        32
#define HOST_MAX          255
#define IS_BLANK(c)       ((c) == ' ' || (c) == '\t')
#define IS_DIGIT(c)       ((c) >= '0' && (c) <= '9')
#define SLICE_FMT(s, max) (int)MIN((s).len, (size_t)(max)), (s).data

static bool is_token(struct http1_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!http1_is(s.data[i], HTTP1_CHAR_TOKEN))
			return false;
	return s.len > 0;
}

bool http1_slice_is(struct http1_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data ? s.data : "", text, s.len) == 0;
}

bool http1_slice_is_word(struct http1_slice s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.data ? s.data : "", text, s.len) == 0;
}

struct http1_slice http1_field(const struct http1_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (http1_slice_is_word(h->fields[i].name, name))
			return h->fields[i].value;
	return (struct http1_slice){NULL, 0};
}

int http1_head_find(const char *data, size_t len, size_t *scan)
{
	size_t i = *scan, end = MIN(len, (size_t)LIMIT_HTTP_HEAD);
	for (; i < end; i++) {
		if (i == 0 || data[i - 1] != '\r')
			i += http1_text_run(data + i, end - i);
		if (i == end)
			break;
		char c = data[i];
		bool after_cr = i > 0 && data[i - 1] == '\r';
		if (after_cr != (c == '\n') || (!http1_is(c, HTTP1_CHAR_TEXT) && c != '\r' && c != '\n'))
			return -EPROTO;
		if (c == '\n' && i >= 3 && data[i - 2] == '\n') {
			*scan = i + 1;
			return (int)(i + 1);
		}
	}
	*scan = i;
	if (len < LIMIT_HTTP_HEAD)
		return 0;
	/* two bytes at the start may be the line end that is skipped before a request */
	return memchr(data + 2, '\n', end - 2) ? -E2BIG : -ENAMETOOLONG;
}

/* --- lines --- */

struct cursor {
	const char *at, *end;
};

/* The next line without its CRLF. Control characters were not looked for yet: they are refused here. */
static int take_line(struct cursor *c, struct http1_slice *ret)
{
	const char *start = c->at;
	for (const char *p = start; p + 1 < c->end; p++) {
		p += http1_text_run(p, (size_t)(c->end - p) - 1);
		if (p + 1 == c->end)
			break;
		if (p[0] == '\r' && p[1] == '\n') {
			*ret = (struct http1_slice){start, (size_t)(p - start)};
			c->at = p + 2;
			return 0;
		}
		if (!http1_is(*p, HTTP1_CHAR_TEXT))
			break;
	}
	return -EPROTO;
}

/* Cuts the text before `separator` off *rest; false when there is none. */
static bool cut(struct http1_slice *rest, char separator, struct http1_slice *ret)
{
	const char *p = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
	if (!p)
		return false;
	*ret = (struct http1_slice){rest->data, (size_t)(p - rest->data)};
	rest->len -= ret->len + 1;
	rest->data = p + 1;
	return true;
}

static struct http1_slice trim(struct http1_slice s)
{
	while (s.len && IS_BLANK(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len && IS_BLANK(s.data[s.len - 1]))
		s.len--;
	return s;
}

/* Takes "HTTP/1.x": 0, 505 for other versions, 400 for anything else. */
static int parse_version(struct http1_slice s, int *ret_minor, struct error *err)
{
	if (s.len != 8 || memcmp(s.data, "HTTP/", 5) != 0 || !IS_DIGIT(s.data[5]) || s.data[6] != '.' ||
	    !IS_DIGIT(s.data[7]))
		return error_set(err, 400, "", "the first line does not hold an HTTP version");
	if (s.data[5] != '1' || s.data[7] > '1')
		return error_set(err, 505, "", "HTTP/%c.%c is not spoken here, only HTTP/1.1 and HTTP/1.0",
		                 s.data[5], s.data[7]);
	*ret_minor = s.data[7] - '0';
	return 0;
}

/* --- fields --- */

/* What the framing fields said, beside struct http1_head. */
struct framing {
	bool host, length, coding, expect, upgrade; /* seen */
	bool says_close, says_keep, says_upgrade;   /* options of Connection */
	struct http1_slice protocol;                /* value of Upgrade */
};

static int once(bool *seen, const char *name, struct error *err)
{
	if (*seen)
		return error_set(err, 400, "", "%s is given more than once", name);
	*seen = true;
	return 0;
}

static int parse_length(struct http1_slice value, int64_t *ret, struct error *err)
{
	int64_t n = 0;
	for (size_t i = 0; i < value.len && i < LENGTH_DIGITS; i++) {
		if (!IS_DIGIT(value.data[i]))
			return error_set(err, 400, "", "Content-Length is not a number");
		n = n * 10 + (value.data[i] - '0');
	}
	if (value.len == 0 || value.len > LENGTH_DIGITS)
		return error_set(err, 400, "", "Content-Length has to have 1 to %d digits", LENGTH_DIGITS);
	*ret = n;
	return 0;
}

static int parse_connection(struct http1_slice value, struct framing *f, struct error *err)
{
	for (struct http1_slice word; value.len;) {
		if (!cut(&value, ',', &word)) {
			word = value;
			value.len = 0;
		}
		word = trim(word);
		if (word.len && !is_token(word))
			return error_set(err, 400, "", "Connection holds what is not a token");
		f->says_close |= http1_slice_is_word(word, "close");
		f->says_keep |= http1_slice_is_word(word, "keep-alive");
		f->says_upgrade |= http1_slice_is_word(word, "upgrade");
	}
	return 0;
}

static int check_host(struct http1_slice host, struct error *err)
{
	for (size_t i = 0; i < host.len; i++)
		if (!http1_is(host.data[i], HTTP1_CHAR_HOST))
			return error_set(err, 400, "", "Host holds a character that no host name has");
	if (host.len > HOST_MAX)
		return error_set(err, 400, "", "Host is longer than %d bytes", HOST_MAX);
	return 0;
}

/* Fields that matter in requests and responses alike. */
static int note_field(struct http1_head *h, struct framing *f, const struct http1_field *field,
                      struct error *err)
{
	struct http1_slice name = field->name, value = field->value;
	switch (name.data[0] | 0x20) { /* most fields are none of these */
	case 'c':
		if (http1_slice_is_word(name, "Connection"))
			return parse_connection(value, f, err);
		if (http1_slice_is_word(name, "Content-Length")) {
			int r = once(&f->length, "Content-Length", err);
			return r ? r : parse_length(value, &h->content_length, err);
		}
		return 0;
	case 't':
		if (http1_slice_is_word(name, "Transfer-Encoding")) {
			int r = once(&f->coding, "Transfer-Encoding", err);
			if (r)
				return r;
			if (!http1_slice_is_word(value, "chunked"))
				return error_set(err, 501, "", "Transfer-Encoding may only be chunked");
			h->chunked = true;
		}
		return 0;
	case 'u':
		if (http1_slice_is_word(name, "Upgrade")) {
			f->protocol = value;
			return once(&f->upgrade, "Upgrade", err);
		}
		return 0;
	default:
		return 0;
	}
}

static int note_request_field(struct http1_head *h, struct framing *f, const struct http1_field *field,
                              struct error *err)
{
	if (http1_slice_is_word(field->name, "Host")) {
		int r = once(&f->host, "Host", err);
		h->host = field->value;
		return r ? r : check_host(field->value, err);
	}
	if (http1_slice_is_word(field->name, "Expect")) {
		int r = once(&f->expect, "Expect", err);
		if (r)
			return r;
		if (!http1_slice_is_word(field->value, "100-continue"))
			return error_set(err, 417, "",
			                 "the only expectation that can be met is 100-continue");
		h->expect_continue = h->minor > 0; /* RFC 9110 section 10.1.1: not from HTTP/1.0 */
		return 0;
	}
	return note_field(h, f, field, err);
}

static int parse_field(struct http1_slice line, struct http1_field *ret, struct error *err)
{
	struct http1_slice rest = line;
	if (IS_BLANK(line.data[0]))
		return error_set(err, 400, "", "a field may not be continued on a further line");
	if (!cut(&rest, ':', &ret->name) || !is_token(ret->name))
		return error_set(err, 400, "",
		                 "a field has to be NAME: VALUE, without a blank before the colon");
	ret->value = trim(rest);
	return 0;
}

static int parse_fields(struct http1_head *h, struct framing *f, struct cursor *c, struct error *err,
                        int (*note)(struct http1_head *, struct framing *, const struct http1_field *,
                                    struct error *))
{
	for (;;) {
		struct http1_slice line;
		if (take_line(c, &line) < 0)
			return error_set(err, 400, "",
			                 "a line of the head holds a control character or has no end");
		if (line.len == 0)
			break;
		if (h->n_fields == LIMIT_HTTP_FIELDS)
			return error_set(err, 431, "", "the head has more than %d fields", LIMIT_HTTP_FIELDS);
		struct http1_field *field = &h->fields[h->n_fields++];
		int r = parse_field(line, field, err);
		if (r == 0)
			r = note(h, f, field, err);
		if (r)
			return r;
	}
	if (c->at != c->end)
		return error_set(err, 400, "", "there are bytes behind the end of the head");
	/* RFC 9112 section 6.1: a message with both may have been made to be read in two ways */
	if (h->chunked && h->content_length >= 0)
		return error_set(err, 400, "", "Transfer-Encoding and Content-Length exclude each other");
	if (h->chunked && h->minor == 0)
		return error_set(err, 400, "", "Transfer-Encoding does not exist in HTTP/1.0");
	h->close = f->says_close || (h->minor == 0 && !f->says_keep);
	if (f->says_upgrade)
		h->upgrade = f->protocol;
	return 0;
}

static void init(struct http1_head *h)
{
	/* the array of fields is large and n_fields says what of it is valid */
	memset(h, 0, offsetof(struct http1_head, fields));
	memset((char *)h + offsetof(struct http1_head, n_fields), 0,
	       sizeof(*h) - offsetof(struct http1_head, n_fields));
	h->content_length = -1;
}

/* --- requests --- */

/*
 * Absolute form (RFC 9112 section 3.2.2): the path is kept as the target, the authority takes the place of
 * Host and therefore has to say the same.
 */
static int split_absolute(struct http1_head *h, size_t scheme_len, struct error *err)
{
	struct http1_slice rest = {h->target.data + scheme_len, h->target.len - scheme_len};
	const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
	struct http1_slice authority = {rest.data, slash ? (size_t)(slash - rest.data) : rest.len};
	int r = check_host(authority, err);
	if (r)
		return r;
	if (authority.len == 0 || authority.len != h->host.len ||
	    strncasecmp(authority.data, h->host.data, authority.len) != 0)
		return error_set(err, 400, "", "the target and the Host field name different hosts");
	if (slash)
		h->target = (struct http1_slice){slash, rest.len - authority.len};
	else
		h->target = (struct http1_slice){h->target.data + scheme_len - 1, 1}; /* the '/' of "://" */
	return 0;
}

static int check_target(struct http1_head *h, struct error *err)
{
	static const char http[] = "http://", https[] = "https://";
	struct http1_slice t = h->target;
	for (size_t i = 0; i < t.len; i++)
		if (t.data[i] <= ' ' || t.data[i] >= 0x7f || t.data[i] == '#')
			return error_set(err, 400, "",
			                 "the target holds a character that has to be written as %%XX");
	if (t.len && t.data[0] == '/')
		return 0;
	if (http1_slice_is(t, "*") && http1_slice_is(h->method, "OPTIONS"))
		return 0;
	if (t.len >= strlen(http) && strncasecmp(t.data, http, strlen(http)) == 0)
		return split_absolute(h, strlen(http), err);
	if (t.len >= strlen(https) && strncasecmp(t.data, https, strlen(https)) == 0)
		return split_absolute(h, strlen(https), err);
	return error_set(err, 400, "", "the target has to begin with '/'");
}

static int parse_request_line(struct http1_slice line, struct http1_head *h, struct error *err)
{
	if (!cut(&line, ' ', &h->method) || !is_token(h->method) || !cut(&line, ' ', &h->target) ||
	    h->target.len == 0)
		return error_set(err, 400, "",
		                 "the first line has to be METHOD TARGET HTTP/1.1, with single blanks");
	int r = parse_version(line, &h->minor, err);
	if (r)
		return r;
	if (h->method.len > METHOD_MAX)
		return error_set(err, 501, "", "the method is longer than %d bytes", METHOD_MAX);
	if (http1_slice_is(h->method, "CONNECT"))
		return error_set(err, 501, "", "this is not a proxy: CONNECT is not understood");
	if (h->target.len > LIMIT_HTTP_TARGET)
		return error_set(err, 414, "", "the target is longer than %d bytes", LIMIT_HTTP_TARGET);
	return 0;
}

int http1_request_parse(const char *data, size_t len, struct http1_head *ret, struct error *err)
{
	struct cursor c = {data, data + len};
	struct framing f = {0};
	struct http1_slice line;
	init(ret);
	/* RFC 9112 section 2.2: some clients end a body with a line end too many */
	if (len >= 2 && data[0] == '\r' && data[1] == '\n')
		c.at += 2;
	if (take_line(&c, &line) < 0)
		return error_set(err, 400, "", "the first line holds a control character or has no end");
	int r = parse_request_line(line, ret, err);
	if (r == 0)
		r = parse_fields(ret, &f, &c, err, note_request_field);
	if (r)
		return r;
	if (ret->minor > 0 && !f.host)
		return error_set(err, 400, "", "there has to be a Host field");
	return check_target(ret, err);
}

/* --- responses --- */

static int parse_status_line(struct http1_slice line, struct http1_head *h, struct error *err)
{
	struct http1_slice version;
	if (!cut(&line, ' ', &version))
		return error_set(err, 400, "", "the first line is not a status line");
	int r = parse_version(version, &h->minor, err);
	if (r)
		return r;
	const char *s = line.data;
	if (line.len < 3 || s[0] < '1' || s[0] > '5' || !IS_DIGIT(s[1]) || !IS_DIGIT(s[2]) ||
	    (line.len > 3 && s[3] != ' '))
		return error_set(err, 400, "", "\"%.*s\" is not a status", SLICE_FMT(line, 20));
	h->status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	/* the blank before an empty reason is left out by some (RFC 9112 section 4 asks for it) */
	if (line.len > 4)
		h->reason = (struct http1_slice){s + 4, line.len - 4};
	return 0;
}

int http1_response_parse(const char *data, size_t len, struct http1_head *ret, struct error *err)
{
	struct cursor c = {data, data + len};
	struct framing f = {0};
	struct http1_slice line;
	init(ret);
	int r = take_line(&c, &line);
	if (r < 0)
		return error_set(err, -EPROTO, "", "the first line holds a control character or has no end");
	r = parse_status_line(line, ret, err);
	if (r == 0)
		r = parse_fields(ret, &f, &c, err, note_field);
	if (r && err)
		err->code = -EPROTO;
	return r ? -EPROTO : 0;
}
