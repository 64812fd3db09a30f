#include "controllers/api/request.h"

#include <errno.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"

static const struct {
	enum method method;
	const char *name;
} methods[] = {
        {METHOD_GET, "GET"}, {METHOD_HEAD, "HEAD"},   {METHOD_POST, "POST"},
        {METHOD_PUT, "PUT"}, {METHOD_PATCH, "PATCH"}, {METHOD_DELETE, "DELETE"},
};

const char *method_name(enum method m)
{
	for (size_t i = 0; i < ELEMENTS(methods); i++)
		if (methods[i].method == m)
			return methods[i].name;
	return "";
}

void methods_print(unsigned set, struct str *out)
{
	const char *joint = "";
	for (size_t i = 0; i < ELEMENTS(methods); i++) {
		if (!(set & methods[i].method))
			continue;
		str_puts(out, joint);
		str_puts(out, methods[i].name);
		joint = ", ";
	}
}

static int add_segment(void *ctx, const char *segment, size_t len)
{
	struct request *r = ctx;
	if (!str_is_utf8(segment, len))
		return -EINVAL;
	if (r->n_segments < REQUEST_SEGMENTS)
		r->segments[r->n_segments++] = mem_strndup(segment, len);
	else if (r->n_segments == REQUEST_SEGMENTS)
		r->n_segments++;
	return 0;
}

static int add_param(struct request *r, struct http1_slice name, struct http1_slice text, struct error *err)
{
	char key[LIMIT_HTTP_TARGET + 1], value[LIMIT_HTTP_TARGET + 1];
	size_t key_len = 0, value_len = 0;
	value[0] = '\0';
	if (value_count(r->query) == REQUEST_PARAMS)
		return error_set(err, -EINVAL, "", "the query has more than %d parameters", REQUEST_PARAMS);
	if (name.len > LIMIT_HTTP_TARGET || text.len > LIMIT_HTTP_TARGET)
		return error_set(err, -EINVAL, "", "the query is longer than %d bytes", LIMIT_HTTP_TARGET);
	if (http1_decode(name, true, key, &key_len) != 0 || !str_is_utf8(key, key_len) ||
	    (text.len &&
	     (http1_decode(text, true, value, &value_len) != 0 || !str_is_utf8(value, value_len))))
		return error_set(err, -EINVAL, "", "the query has a bad escape, or is not UTF-8");
	if (value_get(r->query, key))
		return error_set(err, -EINVAL, "", "the query parameter '%.100s' is given twice", key);
	value_set(r->query, key, value_new_string_n(value, value_len));
	return 0;
}

int request_parse(struct http1_slice method, struct http1_slice path, struct http1_slice query,
                  struct request *ret, struct error *err)
{
	*ret = (struct request){.method = METHOD_OTHER, .query = value_new_object()};
	for (size_t i = 0; i < ELEMENTS(methods); i++)
		if (http1_slice_is(method, methods[i].name))
			ret->method = methods[i].method;
	if (http1_path_split(path, add_segment, ret) != 0)
		return error_set(err, -EINVAL, "", "the path has a bad escape, '.' or '..', or is not UTF-8");
	/* "/v1/pods/" is "/v1/pods" */
	if (ret->n_segments && ret->n_segments <= REQUEST_SEGMENTS && !ret->segments[ret->n_segments - 1][0])
		free(ret->segments[--ret->n_segments]);
	struct http1_slice name, value;
	while (http1_query_next(&query, &name, &value)) {
		int r = add_param(ret, name, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void request_done(struct request *r)
{
	for (size_t i = 0; i < MIN(r->n_segments, (size_t)REQUEST_SEGMENTS); i++)
		free(r->segments[i]);
	value_unref(r->query);
	*r = (struct request){0};
}

const char *request_param(const struct request *r, const char *name)
{
	const char *text = value_get_string(r->query, name);
	return text && text[0] ? text : NULL;
}

int request_switch(const struct request *r, const char *name, bool *ret, struct error *err)
{
	const char *text = value_get_string(r->query, name);
	*ret = text && (streq(text, "1") || streq(text, "true") || streq(text, ""));
	if (!text || *ret || streq(text, "0") || streq(text, "false"))
		return 0;
	return error_set(err, -EINVAL, "",
	                 "the query parameter '%s' is '%.40s': 1, true, 0 or false is wanted", name, text);
}

int request_number(const struct request *r, const char *name, int64_t *ret, struct error *err)
{
	const char *text = value_get_string(r->query, name);
	int64_t n = 0;
	if (!text)
		return 0;
	if (str_parse_i64(text, &n) != 0 || n < 0)
		return error_set(err, -EINVAL, "",
		                 "the query parameter '%s' is '%.40s': a whole number is wanted", name, text);
	*ret = n;
	return 0;
}

int request_moment(const struct request *r, const char *name, int64_t now_wall_ms, int64_t *ret,
                   struct error *err)
{
	const char *text = value_get_string(r->query, name);
	int64_t n = 0;
	if (!text)
		return 0;
	if (str_parse_i64(text, &n) == 0 && n >= 0)
		*ret = n;
	else if (str_parse_duration(text, &n) == 0)
		*ret = now_wall_ms - n;
	else
		return error_set(err, -EINVAL, "",
		                 "the query parameter '%s' is '%.40s': milliseconds since 1970, or a "
		                 "duration like 10m, "
		                 "is wanted",
		                 name, text);
	return 0;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; (at = strstr(at, word)); at += len) {
		bool begins = at == words || at[-1] == ' ', ends = at[len] == ' ' || at[len] == '\0';
		if (begins && ends && len)
			return true;
		if (!len)
			return false;
	}
	return false;
}

int request_check_params(const struct request *r, const char *allowed, struct error *err)
{
	value_for_each (it, r->query) {
		const char *name = value_iter_name(it);
		if (!streq(name, "password") && (strchr(name, ' ') || !has_word(allowed, name)))
			return error_set(err, -EINVAL, "", "unknown query parameter '%.100s'; known here: %s",
			                 name, allowed[0] ? allowed : "none");
	}
	return 0;
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* RFC 4648 section 4; stops at the padding. */
static bool base64_decode(const char *text, size_t len, struct str *out)
{
	unsigned bits = 0, n_bits = 0;
	while (len && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0)
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			str_putc(out, (char)(bits >> n_bits & 0xff));
		}
	}
	return true;
}

static bool take_scheme(struct http1_slice *s, const char *scheme)
{
	size_t len = strlen(scheme);
	if (s->len <= len || strncasecmp(s->data, scheme, len) != 0 || s->data[len] != ' ')
		return false;
	s->data += len;
	s->len -= len;
	while (s->len && s->data[0] == ' ') {
		s->data++;
		s->len--;
	}
	return true;
}

bool request_password(struct http1_slice authorization, const struct value *query, struct str *out)
{
	if (authorization.data && take_scheme(&authorization, "Bearer")) {
		str_add(out, authorization.data, authorization.len);
		return true;
	}
	if (authorization.data && take_scheme(&authorization, "Basic")) {
		_cleanup_str_ struct str pair = STR_INIT;
		const char *colon = base64_decode(authorization.data, authorization.len, &pair) && pair.len
		                            ? memchr(pair.data, ':', pair.len)
		                            : NULL;
		if (colon)
			str_add(out, colon + 1, pair.len - (size_t)(colon + 1 - pair.data));
		return true;
	}
	const char *text = value_get_string(query, "password");
	if (text)
		str_puts(out, text);
	return text != NULL;
}
