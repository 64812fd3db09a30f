#include "core/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"

void str_done(struct str *s)
{
	free(s->data);
	*s = STR_INIT;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

void str_reserve(struct str *s, size_t n)
{
	size_t need = s->len + n + 1;
	if (need <= s->cap)
		return;
	s->cap = MAX(need, MAX(s->cap * 2, (size_t)64));
	s->data = mem_realloc(s->data, s->cap);
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const void *data, size_t len)
{
	str_reserve(s, len);
	if (len)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void str_puts(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_putc(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void str_printf(struct str *s, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	str_reserve(s, (size_t)MAX(n, 0));
	(void)vsnprintf(s->data + s->len, s->cap - s->len, fmt, again);
	va_end(again);
	s->len += (size_t)MAX(n, 0);
}

void str_consume(struct str *s, size_t n)
{
	if (n >= s->len) {
		str_clear(s);
		return;
	}
	s->len -= n;
	memmove(s->data, s->data + n, s->len + 1);
}

char *str_take(struct str *s)
{
	char *text = s->data ? s->data : mem_strdup("");
	*s = STR_INIT;
	return text;
}

const char *str_get(const struct str *s)
{
	return s->data ? s->data : "";
}

bool str_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int str_compare(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

unsigned str_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, 63), nb = strnlen(b, 63);
	unsigned row[64];
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned above = row[j];
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			row[j] = MIN(change, MIN(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[nb];
}

bool str_equal_secret(const char *secret, const char *given, size_t given_len)
{
	size_t n = strlen(secret);
	unsigned char diff = n != given_len;
	for (size_t i = 0; i < given_len; i++)
		diff |= (unsigned char)(given[i] ^ secret[n ? i % n : 0]);
	return diff == 0;
}

bool str_is_label(const char *s)
{
	size_t n = strnlen(s, 64);
	if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

bool str_is_utf8(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	while (p < end) {
		if (*p == 0)
			return false;
		if (*p < 0x80) {
			p++;
			continue;
		}
		unsigned more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
		if (*p < 0xc2 || *p > 0xf4 || (size_t)(end - p) <= more)
			return false;
		unsigned char lo = 0x80, hi = 0xbf; /* bounds of the second byte (RFC 3629 section 4) */
		if (*p == 0xe0)
			lo = 0xa0;
		else if (*p == 0xed)
			hi = 0x9f;
		else if (*p == 0xf0)
			lo = 0x90;
		else if (*p == 0xf4)
			hi = 0x8f;
		if (p[1] < lo || p[1] > hi)
			return false;
		for (unsigned i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more + 1;
	}
	return true;
}

/* Digits at *p, with the sign given, into *ret, moving *p behind them. */
static int digits(const char **p, int sign, int64_t *ret)
{
	const char *s = *p;
	if (*s < '0' || *s > '9')
		return -EINVAL;
	int64_t n = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, sign * (*s - '0'), &n))
			return -ERANGE;
	*p = s;
	*ret = n;
	return 0;
}

int str_parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	if (negative)
		s++;
	if (s[0] == '0' && (s[1] != '\0' || negative))
		return -EINVAL;
	int64_t n;
	int r = digits(&s, negative ? -1 : 1, &n); /* so that INT64_MIN is read too */
	if (r < 0)
		return r;
	if (*s != '\0')
		return -EINVAL;
	*ret = n;
	return 0;
}

int str_parse_u16(const char *s, uint16_t *ret)
{
	int64_t n;
	int r = str_parse_i64(s, &n);
	if (r < 0)
		return r;
	if (n < 0 || n > UINT16_MAX)
		return -ERANGE;
	*ret = (uint16_t)n;
	return 0;
}

static const struct {
	const char *suffix;
	int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define DURATION_MAX_MS (3650 * INT64_C(86400000))

int str_parse_duration(const char *s, int64_t *ret_ms)
{
	int64_t total = 0, n;
	size_t unit = 0; /* units have to come in falling order, each at most once */
	int r = digits(&s, 1, &n);
	if (r < 0)
		return r;
	if (*s == '\0') {
		if (n > DURATION_MAX_MS / 1000)
			return -ERANGE;
		*ret_ms = n * 1000;
		return 0;
	}
	for (;;) {
		size_t len = strspn(s, "dhms");
		while (unit < ELEMENTS(duration_units) && (strlen(duration_units[unit].suffix) != len ||
		                                           strncmp(duration_units[unit].suffix, s, len) != 0))
			unit++;
		if (unit == ELEMENTS(duration_units))
			return -EINVAL;
		if (n > DURATION_MAX_MS / duration_units[unit].ms)
			return -ERANGE;
		total += n * duration_units[unit++].ms;
		if (total > DURATION_MAX_MS)
			return -ERANGE;
		s += len;
		if (*s == '\0')
			break;
		r = digits(&s, 1, &n);
		if (r < 0)
			return r;
	}
	*ret_ms = total;
	return 0;
}

int str_parse_bytes(const char *s, int64_t *ret_bytes)
{
	int64_t n;
	int r = digits(&s, 1, &n);
	if (r < 0)
		return r;
	int64_t factor = 1;
	if (*s) {
		const char *units = "kMGTP";
		const char *u = strchr(units, *s == 'K' ? 'k' : *s);
		if (!u)
			return -EINVAL;
		int64_t base = s[1] == 'i' ? 1024 : 1000;
		for (const char *i = units; i <= u; i++)
			factor *= base;
		s += s[1] == 'i' ? 2 : 1;
		if (*s == 'B')
			s++;
		if (*s)
			return -EINVAL;
	}
	if (__builtin_mul_overflow(n, factor, &n))
		return -ERANGE;
	*ret_bytes = n;
	return 0;
}

const char *str_format_age(int64_t ms, char *buf, size_t size)
{
	int64_t s = MAX(ms, 0) / 1000;
	if (s < 120)
		(void)snprintf(buf, size, "%" PRId64 "s", s);
	else if (s < 120 * 60)
		(void)snprintf(buf, size, "%" PRId64 "m", s / 60);
	else if (s < INT64_C(48) * 3600)
		(void)snprintf(buf, size, "%" PRId64 "h", s / 3600);
	else
		(void)snprintf(buf, size, "%" PRId64 "d", s / 86400);
	return buf;
}

const char *str_format_duration(int64_t ms, char *buf, size_t size)
{
	if (ms <= 0) {
		(void)snprintf(buf, size, "0s");
		return buf;
	}
	if (ms % 1000) { /* below a second nothing is folded: "1500ms" is what people write */
		(void)snprintf(buf, size, "%" PRId64 "ms", ms);
		return buf;
	}
	size_t used = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < ELEMENTS(duration_units) && ms && used < size; i++) {
		const int64_t unit_ms = duration_units[i].ms, n = ms / unit_ms;
		ms -= n * unit_ms;
		if (n)
			used += (size_t)snprintf(buf + used, size - used, "%" PRId64 "%s", n,
			                         duration_units[i].suffix);
	}
	return buf;
}

const char *str_format_bytes(int64_t bytes, char *buf, size_t size)
{
	static const char units[] = "kMGTP";
	if (bytes < 1000) {
		(void)snprintf(buf, size, "%" PRId64 "B", bytes);
		return buf;
	}
	int64_t tenths = bytes / 100;
	size_t u = 0;
	while (tenths >= 10000 && u + 2 < sizeof(units)) {
		tenths /= 1000;
		u++;
	}
	if (tenths % 10)
		(void)snprintf(buf, size, "%" PRId64 ".%" PRId64 "%c", tenths / 10, tenths % 10, units[u]);
	else
		(void)snprintf(buf, size, "%" PRId64 "%c", tenths / 10, units[u]);
	return buf;
}
