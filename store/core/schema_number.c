/* Numbers and their units: plain, bytes, durations (ms), cores (thousandths). */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/schema_ops.h"

/* How a number of one type is written: what differs between the four. */
struct unit {
	int64_t factor; /* of a bare number in a document, to the member's unit */
	int (*from_text)(const char *s,
	                 int64_t *ret); /* defaults, and strings in documents where text is set */
	bool text;
	int64_t least, most; /* where the row says nothing */
};

/* "500m" thousandths, "0.5" or "2" cores */
static int cpu_from_text(const char *s, int64_t *ret)
{
	char whole[24];
	size_t n = strspn(s, "0123456789");
	if (n == 0 || n >= sizeof(whole))
		return -EINVAL;
	memcpy(whole, s, n);
	whole[n] = '\0';
	int64_t cores, milli = 0;
	int r = str_parse_i64(whole, &cores);
	if (r < 0)
		return r;
	s += n;
	if (streq(s, "m")) {
		*ret = cores;
		return 0;
	}
	if (*s == '.') {
		int64_t scale = 100;
		for (s++; *s >= '0' && *s <= '9' && scale; s++, scale /= 10)
			milli += (*s - '0') * scale;
	}
	if (*s != '\0' || cores > INT64_MAX / 1000 - 1)
		return -EINVAL;
	*ret = cores * 1000 + milli;
	return 0;
}

#define DURATION_MOST (3650 * INT64_C(86400000)) /* as core/str.h reads them */

static const struct unit *unit_of(const struct field *f)
{
	static const struct unit plain = {1, str_parse_i64, false, INT64_MIN, INT64_MAX};
	static const struct unit bytes = {1, str_parse_bytes, true, 0, INT64_MAX};
	static const struct unit duration = {1000, str_parse_duration, true, 0, DURATION_MOST};
	static const struct unit cpu = {1000, cpu_from_text, true, 0, INT64_MAX};
	return f->type == FIELD_BYTES      ? &bytes
	       : f->type == FIELD_DURATION ? &duration
	       : f->type == FIELD_CPU      ? &cpu
	                                   : &plain;
}

/* --- messages --- */

/* The number in the form that a person would give it. */
static const char *format(const struct field *f, int64_t n, char *buf, size_t size)
{
	static const char units[] = "KMGT";
	if (f->type == FIELD_DURATION)
		return str_format_duration(n, buf, size);
	if (f->type == FIELD_CPU) {
		(void)snprintf(buf, size, "%g", (double)n / 1000);
		return buf;
	}
	size_t u = 0;
	for (; f->type == FIELD_BYTES && n && n % 1024 == 0 && u < sizeof(units) - 1; u++)
		n /= 1024;
	if (u)
		(void)snprintf(buf, size, "%" PRId64 "%ci", n, units[u - 1]);
	else
		(void)snprintf(buf, size, "%" PRId64, n);
	return buf;
}

static int refuse_bound(const struct field *f, const struct value *v, bool above, int64_t bound,
                        struct error *err)
{
	char got[SHORT_SIZE], text[32], exact[48] = "";
	(void)format(f, bound, text, sizeof(text));
	if (f->type == FIELD_BYTES)
		(void)snprintf(exact, sizeof(exact), "%" PRId64 " bytes (%s)", bound, text);
	return error_set(err, -EINVAL, "", "%s is %s of %s%s; give %s or %s", field_shorten(f, v, got),
	                 above ? "above the most" : "below the least", exact[0] ? exact : text,
	                 f->type == FIELD_CPU ? " cores" : "", text, above ? "less" : "more");
}

/* --- reading --- */

/* d in the member's unit; refused when it is not a whole number of them. */
static int from_real(const struct field *f, const struct value *v, int64_t *ret, struct error *err)
{
	char got[SHORT_SIZE];
	double d = value_real(v) * (double)unit_of(f)->factor;
	/* beyond 2^53 a double no longer holds every whole number */
	if (d > 9007199254740992.0 || d < -9007199254740992.0)
		return error_set(err, -EINVAL, "", "%s is too large", field_shorten(f, v, got));
	int64_t n = (int64_t)(d < 0 ? d - 0.5 : d + 0.5);
	double off = d - (double)n;
	if (off > 1e-6 || off < -1e-6)
		return error_set(err, -EINVAL, "", "%s is not a whole number%s", field_shorten(f, v, got),
		                 unit_of(f)->factor == 1 ? "" : " of thousandths");
	*ret = n;
	return 0;
}

static int read_number(const struct field *f, const struct value *v, int64_t *ret, struct error *err)
{
	const struct unit *u = unit_of(f);
	char got[SHORT_SIZE];
	enum value_type t = value_type(v);
	if (t == VALUE_REAL)
		return from_real(f, v, ret, err);
	if (t == VALUE_INT && __builtin_mul_overflow(value_int(v), u->factor, ret))
		return error_set(err, -EINVAL, "", "%s is too large", field_shorten(f, v, got));
	if (t == VALUE_INT)
		return 0;
	if (t != VALUE_STRING || !u->text)
		return refuse_type(f, v, err);
	int r = u->from_text(value_string(v), ret);
	if (r < 0)
		return error_set(err, -EINVAL, "", "%s is %s; %s is wanted", field_shorten(f, v, got),
		                 r == -ERANGE ? "too large" : "not understood", field_ops(f)->want);
	return 0;
}

static int number_parse(const struct field *f, const struct value *v, _unused_ enum schema_source source,
                        void *p, struct error *err)
{
	const struct unit *u = unit_of(f);
	bool bounded = f->min || f->max;
	int64_t n = 0, least = bounded ? f->min : u->least;
	int64_t most = bounded && f->max >= f->min ? f->max : u->most;
	int r = read_number(f, v, &n, err);
	if (r < 0)
		return r;
	if (n < least)
		return refuse_bound(f, v, false, least, err);
	if (n > most)
		return refuse_bound(f, v, true, most, err);
	*(int64_t *)p = n;
	return 0;
}

/* --- the rest --- */

static struct value *number_print(const struct field *f, const void *p, _unused_ unsigned flags)
{
	int64_t n = *(const int64_t *)p;
	char buf[64];
	if (f->type == FIELD_DURATION)
		return value_new_string(str_format_duration(n, buf, sizeof(buf)));
	if (f->type == FIELD_CPU)
		return n % 1000 ? value_new_real((double)n / 1000) : value_new_int(n / 1000);
	return value_new_int(n);
}

static int64_t number_default(const struct field *f)
{
	int64_t n = 0;
	if (f->dflt) {
		int r = unit_of(f)->from_text(f->dflt, &n);
		assert(r == 0);
		(void)r;
	}
	return n;
}

static void number_preset(const struct field *f, void *p)
{
	*(int64_t *)p = number_default(f);
}

static bool number_same(_unused_ const struct field *f, const void *a, const void *b)
{
	return *(const int64_t *)a == *(const int64_t *)b;
}

static uint64_t number_hash(_unused_ const struct field *f, const void *p, _unused_ enum change least,
                            uint64_t h)
{
	return hash_number(h, *(const int64_t *)p);
}

static bool number_standard(const struct field *f, const void *p)
{
	return *(const int64_t *)p == number_default(f);
}

static bool number_zero(_unused_ const struct field *f, const void *p)
{
	return *(const int64_t *)p == 0;
}

/* A bound in the unit of a bare number. */
static struct value *bound(const struct field *f, int64_t n)
{
	int64_t factor = unit_of(f)->factor;
	return n % factor ? value_new_real((double)n / (double)factor) : value_new_int(n / factor);
}

static void number_describe(const struct field *f, struct value *o)
{
	const struct unit *u = unit_of(f);
	if (u->text) {
		struct value *types = value_new_array();
		value_append(types, value_new_string(u->factor == 1 ? "integer" : "number"));
		value_append(types, value_new_string("string"));
		value_set(o, "type", types);
	} else {
		value_set(o, "type", value_new_string("integer"));
	}
	if (!f->min && !f->max)
		return;
	value_set(o, "minimum", bound(f, f->min));
	if (f->max >= f->min)
		value_set(o, "maximum", bound(f, f->max));
}

/* clang-format off */
#define NUMBER_OPS \
	.parse = number_parse, .print = number_print, .preset = number_preset, .same = number_same, \
	.hash = number_hash, .standard = number_standard, .zero = number_zero, .describe = number_describe

const struct field_ops int_ops = {.name = "number", .want = "a whole number", NUMBER_OPS};
const struct field_ops bytes_ops = {
	.name = "size", .want = "a number of bytes or a string such as \"64M\" or \"1Gi\"", NUMBER_OPS};
const struct field_ops duration_ops = {
	.name = "duration", .want = "a number of seconds or a string such as \"500ms\", \"30s\" or \"1h30m\"", NUMBER_OPS};
const struct field_ops cpu_ops = {
	.name = "cores", .want = "a number of cores such as 0.5, or a string such as \"500m\"", NUMBER_OPS};
/* clang-format on */
