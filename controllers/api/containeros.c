/*
 * The messages are those of ContainerOS v0.1.2, whose validator walks the schema's fields in order, then the
 * unknown ones, and stops at the first fault; a fault of type names no rule ("undefined"), a refined one
 * names its own.
 */
#include "controllers/api/containeros.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/limits.h"

#define RECEIVED_MAX 200 /* bytes of a refused value that are shown */
#define NAME_PATTERN "/^[a-z]{1}[a-z0-9-]{2,}$/"

/* --- values as JavaScript prints them into a message --- */

static void print_number(const struct value *v, struct str *out)
{
	if (value_type(v) == VALUE_INT) {
		str_printf(out, "%" PRId64, value_int(v));
		return;
	}
	double d = value_real(v);
	char text[40];
	for (int precision = 1; precision <= 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*g", precision, d);
		if (strtod(text, NULL) == d)
			break;
	}
	if (d == trunc(d) && fabs(d) < 1e15)
		(void)snprintf(text, sizeof(text), "%.0f", d);
	str_puts(out, text);
}

/* `${value}`; NULL is undefined. */
static void print_plain(const struct value *v, struct str *out)
{
	if (!v) {
		str_puts(out, "undefined");
		return;
	}
	switch (value_type(v)) {
	case VALUE_NULL:
		str_puts(out, "null");
		return;
	case VALUE_BOOL:
		str_puts(out, value_bool(v) ? "true" : "false");
		return;
	case VALUE_INT:
	case VALUE_REAL:
		print_number(v, out);
		return;
	case VALUE_STRING:
		str_add(out, value_string(v), value_string_len(v));
		return;
	case VALUE_ARRAY:
		for (size_t i = 0; i < value_count(v) && out->len <= RECEIVED_MAX; i++) {
			if (i)
				str_putc(out, ',');
			if (value_type(value_at(v, i)) != VALUE_NULL)
				print_plain(value_at(v, i), out);
		}
		return;
	case VALUE_OBJECT:
		str_puts(out, "[object Object]");
		return;
	}
}

/* Long text is cut between characters. */
static void print_cut(const char *text, size_t len, struct str *out)
{
	size_t n = len;
	if (n > RECEIVED_MAX) {
		n = RECEIVED_MAX;
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	str_add(out, text, n);
	if (n < len)
		str_puts(out, "...");
}

/* Strings quoted, everything else plain. */
static void print_received(const struct value *v, struct str *out)
{
	_cleanup_str_ struct str text = STR_INIT;
	if (v && value_type(v) == VALUE_STRING)
		json_print(v, JSON_COMPACT, &text);
	else
		print_plain(v, &text);
	print_cut(str_get(&text), text.len, out);
}

/* --- faults --- */

/* Where the walk is: a stack of names on the C stack. */
struct place {
	const struct place *up;
	const char *name;
};

static void print_place(const struct place *p, struct str *out)
{
	if (!p)
		return;
	print_place(p->up, out);
	if (p->up)
		str_putc(out, '.');
	print_cut(p->name, strlen(p->name), out);
}

/* "At path: PLACE -- BEFORE received AFTER. Expected format: RULE"; false, so that a check can end with it. */
static bool fail(struct str *w, const struct place *p, const char *rule, const char *before,
                 const struct value *received, const char *after)
{
	if (p) {
		str_puts(w, "At path: ");
		print_place(p, w);
		str_puts(w, " -- ");
	}
	str_puts(w, before);
	print_received(received, w);
	str_printf(w, "%s. Expected format: %s", after, rule);
	return false;
}

static bool check_string(struct str *w, const struct place *p, const struct value *v)
{
	if (v && value_type(v) == VALUE_STRING)
		return true;
	return fail(w, p, "undefined", "Expected a string, but received: ", v, "");
}

static bool check_object(struct str *w, const struct place *p, const struct value *v)
{
	if (v && value_type(v) == VALUE_OBJECT)
		return true;
	return fail(w, p, "undefined", "Expected an object, but received: ", v, "");
}

static bool check_number(struct str *w, const struct place *p, const struct value *v)
{
	if (v && (value_type(v) == VALUE_INT || value_type(v) == VALUE_REAL))
		return true;
	return fail(w, p, "undefined", "Expected a number, but received: ", v, "");
}

/* 2.0 is 2, as in JavaScript. NULL: it has a fraction. */
static struct value *whole(const struct value *number)
{
	if (value_type(number) == VALUE_INT)
		return value_ref(number);
	double d = value_real(number);
	if (d != trunc(d) || fabs(d) > 9007199254740992.0)
		return NULL;
	return value_new_int((int64_t)d);
}

static bool check_length(struct str *w, const struct place *p, const struct value *v, size_t least,
                         size_t most)
{
	size_t len = value_string_len(v);
	if (len >= least && len <= most)
		return true;
	_cleanup_value_ struct value *n = value_new_int((int64_t)len);
	char before[128];
	(void)snprintf(
	        before, sizeof(before),
	        "Expected a string with a length between `%zu` and `%zu` but received one with a length of `",
	        least, most);
	return fail(w, p, "size", before, n, "`");
}

/* ContainerOS's rule, then what a DNS label asks for beyond it. */
static bool check_name(struct str *w, const struct place *p, const struct value *v)
{
	const char *s = value_string(v);
	size_t len = value_string_len(v);
	bool ok = len >= 3 && s[0] >= 'a' && s[0] <= 'z';
	for (size_t i = 1; ok && i < len; i++)
		ok = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-';
	if (!ok)
		return fail(w, p, "pattern", "Expected a string matching `" NAME_PATTERN "` but received ", v,
		            "");
	if (!check_length(w, p, v, 3, LIMIT_NAME))
		return false;
	if (s[len - 1] == '-')
		return fail(w, p, "pattern", "Expected a name that ends with a letter or digit but received ",
		            v, "");
	return true;
}

/* --- a container --- */

struct port_entry {
	uint16_t number;
	const char *name;
	struct value *domain; /* borrowed */
};

static int by_number(const void *a, const void *b)
{
	const struct port_entry *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

/* JavaScript puts members whose names are numbers in numeric order, so that is how they are echoed. */
static struct value *ports_in_order(const struct value *ports)
{
	struct port_entry entries[LIMIT_PORTS] = {0};
	size_t n = 0;
	value_for_each (it, ports) {
		struct port_entry *e = &entries[n++];
		e->name = value_iter_name(it);
		e->domain = value_iter_value(it);
		if (str_parse_u16(e->name, &e->number) != 0)
			e->number = 0;
	}
	qsort(entries, n, sizeof(entries[0]), by_number);
	struct value *sorted = value_new_object();
	for (size_t i = 0; i < n; i++)
		value_set(sorted, entries[i].name, value_ref(entries[i].domain));
	return sorted;
}

static bool check_http_ports(struct str *w, const struct place *p, struct value *container)
{
	const struct value *ports = value_get(container, "httpPorts");
	if (!ports) {
		value_set(container, "httpPorts", value_new_object());
		return true;
	}
	if (!check_object(w, p, ports))
		return false;
	value_for_each (it, ports) {
		struct place at = {p, value_iter_name(it)};
		if (!check_string(w, &at, value_iter_value(it)))
			return false;
		uint16_t port = 0;
		if (str_parse_u16(at.name, &port) != 0 || port == 0) {
			_cleanup_value_ struct value *name = value_new_string(at.name);
			return fail(w, &at, "port", "Expected a port between `1` and `65535` but received ",
			            name, "");
		}
	}
	if (value_count(ports) > LIMIT_PORTS) {
		_cleanup_value_ struct value *n = value_new_int((int64_t)value_count(ports));
		char before[128];
		(void)snprintf(before, sizeof(before), "Expected at most `%d` ports but received `",
		               LIMIT_PORTS);
		return fail(w, p, "size", before, n, "`");
	}
	value_set(container, "httpPorts", ports_in_order(ports));
	return true;
}

static bool check_env(struct str *w, const struct place *p, struct value *container)
{
	const struct value *env = value_get(container, "env");
	if (!env) {
		value_set(container, "env", value_new_array());
		return true;
	}
	if (value_type(env) != VALUE_ARRAY)
		return fail(w, p, "undefined", "Expected an array value, but received: ", env, "");
	value_for_each_item (i, item, env) {
		char index[24];
		(void)snprintf(index, sizeof(index), "%zu", i);
		struct place at = {p, index};
		if (!check_string(w, &at, item))
			return false;
		const char *s = value_string(item), *equals = strchr(s, '=');
		if (!equals || equals == s)
			return fail(w, &at, "pattern", "Expected a string matching `/^[^=]+=/` but received ",
			            item, "");
	}
	return true;
}

static bool check_amount(struct str *w, const struct place *p, struct value *container, int64_t dflt,
                         bool fraction)
{
	const struct value *v = value_get(container, p->name);
	if (!v) {
		value_set(container, p->name, value_new_int(dflt));
		return true;
	}
	if (!check_number(w, p, v))
		return false;
	struct value *n = whole(v);
	if (n)
		value_set(container, p->name, n);
	else if (!fraction)
		return fail(w, p, "undefined", "Expected an integer, but received: ", v, "");
	return true;
}

static bool one_of(const char *name, const char *const *known)
{
	for (; *known; known++)
		if (streq(name, *known))
			return true;
	return false;
}

static bool check_unknown(struct str *w, const struct place *up, const struct value *object,
                          const char *const *known)
{
	value_for_each (it, object) {
		struct place at = {up, value_iter_name(it)};
		if (!one_of(at.name, known))
			return fail(w, &at, "undefined", "Expected a value of type `never`, but received: `",
			            value_iter_value(it), "`");
	}
	return true;
}

/* container: a copy of the one given, to be completed. */
static bool check_container(struct str *w, const struct place *p, struct value *container)
{
	static const char *const known[] = {"image", "httpPorts", "memLimit", "cpus", "env", NULL};
	struct place image = {p, "image"}, http_ports = {p, "httpPorts"}, memory = {p, "memLimit"},
	             cpus = {p, "cpus"}, env = {p, "env"};
	return check_string(w, &image, value_get(container, "image")) &&
	       check_length(w, &image, value_get(container, "image"), 1, LIMIT_IMAGE) &&
	       check_http_ports(w, &http_ports, container) &&
	       check_amount(w, &memory, container, 1000000000, false) &&
	       check_amount(w, &cpus, container, 1, true) && check_env(w, &env, container) &&
	       check_unknown(w, p, container, known);
}

static bool check_containers(struct str *w, struct value *request)
{
	struct place here = {NULL, "containers"};
	const struct value *given = value_get(request, "containers");
	if (!check_object(w, &here, given))
		return false;
	_cleanup_value_ struct value *containers = value_new_object();
	value_for_each (it, given) {
		struct place at = {&here, value_iter_name(it)};
		_cleanup_value_ struct value *name = value_new_string(at.name);
		if (!check_name(w, &at, name) || !check_object(w, &at, value_iter_value(it)))
			return false;
		struct value *container = value_copy(value_iter_value(it));
		value_set(containers, at.name, container);
		if (!check_container(w, &at, container))
			return false;
	}
	value_set(request, "containers", TAKE_PTR(containers));
	return true;
}

/* --- the request --- */

static bool check_scale(struct str *w, struct value *request)
{
	struct place at = {NULL, "scale"};
	const struct value *v = value_get(request, "scale");
	if (!v) {
		value_set(request, "scale", value_new_int(1));
		return true;
	}
	if (!check_number(w, &at, v))
		return false;
	if (value_real(v) < 0 || value_real(v) > CONTAINEROS_MAX_SCALE)
		/* it says 1 and takes 0, and names no place: its clients know it so */
		return fail(w, NULL, "min 1, max 20", "Expected a value of type `number`, but received: `", v,
		            "`");
	struct value *n = whole(v);
	if (!n)
		return fail(w, &at, "undefined", "Expected an integer, but received: ", v, "");
	value_set(request, "scale", n);
	return true;
}

static bool check_request(struct str *w, struct value *request)
{
	static const char *const known[] = {"name", "scale", "containers", NULL};
	struct place name = {NULL, "name"};
	return check_string(w, &name, value_get(request, "name")) &&
	       check_name(w, &name, value_get(request, "name")) && check_scale(w, request) &&
	       check_containers(w, request) && check_unknown(w, NULL, request, known);
}

struct value *containeros_merge(const struct value *query, const struct value *body)
{
	if (body && value_type(body) != VALUE_OBJECT)
		return NULL;
	struct value *merged = value_new_object();
	value_for_each (it, query)
		value_set(merged, value_iter_name(it), value_ref(value_iter_value(it)));
	value_for_each (it, body)
		value_set(merged, value_iter_name(it), value_ref(value_iter_value(it)));
	return merged;
}

const char *containeros_password(const struct value *merged)
{
	return value_get_string(merged, "password");
}

int containeros_accept(const struct value *merged, struct value **ret_accepted,
                       struct microservice **ret_microservice, struct str *message)
{
	_cleanup_value_ struct value *request = value_new_object();
	value_for_each (it, merged)
		if (!streq(value_iter_name(it), "password"))
			value_set(request, value_iter_name(it), value_ref(value_iter_value(it)));
	if (!check_request(message, request))
		return -EINVAL;
	/* with its project a request is a microservice without further fields: tug's own bounds apply as well */
	_cleanup_value_ struct value *spec = value_new_object();
	value_set(spec, "project", value_new_string("default"));
	value_for_each (it, request)
		value_set(spec, value_iter_name(it), value_ref(value_iter_value(it)));
	struct error err = {0};
	void *obj = NULL;
	int r = kind_parse(&kind_microservice, spec, SCHEMA_USER, &obj, &err);
	if (r != 0) {
		size_t len = strlen(err.text);
		if (len && err.text[len - 1] == '.')
			len--;
		if (err.path[0])
			str_printf(message, "At path: %s -- ", err.path);
		str_printf(message, "%.*s. Expected format: bounds", (int)len, err.text);
		return -EINVAL;
	}
	*ret_microservice = obj;
	*ret_accepted = TAKE_PTR(request);
	return 0;
}

void containeros_print_accepted(const struct value *accepted, struct str *out)
{
	str_puts(out, "{\"success\":true,\"acceptedValues\":");
	json_print(accepted, JSON_COMPACT, out);
	str_putc(out, '}');
}

void containeros_print_error(int status, const char *message, struct str *out)
{
	_cleanup_value_ struct value *v = value_new_object();
	value_set(v, "errorMessage", value_new_string(message));
	value_set(v, "statusCode", value_new_int(status));
	value_set(v, "app", value_new_string("cluster-api"));
	json_print(v, JSON_COMPACT, out);
}
