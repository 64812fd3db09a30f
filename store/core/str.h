/*
 * Growing byte strings, strict number parsing, and the units that people read and write.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/macro.h"

/* --- growing strings ---------------------------------------------------------------------------------------- */

struct str {
	char *data; /* NUL-terminated once something was appended; NULL before */
	size_t len; /* without the NUL */
	size_t cap;
};

#define STR_INIT ((struct str){0})
#define _cleanup_str_ _cleanup_(str_done)

void str_done(struct str *s) _nonnull_(1);
/* Forgets the content, keeps the memory. */
void str_clear(struct str *s) _nonnull_(1);
/* Room for n more bytes (and the NUL). */
void str_reserve(struct str *s, size_t n) _nonnull_(1);
void str_add(struct str *s, const void *data, size_t len) _nonnull_(1);
void str_puts(struct str *s, const char *text) _nonnull_(1, 2);
void str_putc(struct str *s, char c) _nonnull_(1);
void str_printf(struct str *s, const char *fmt, ...) _nonnull_(1) _printf_(2, 3);
/* Removes the first n bytes. */
void str_consume(struct str *s, size_t n) _nonnull_(1);
/* The content, to be freed by the caller; "" rather than NULL. The string is empty afterwards. */
char *str_take(struct str *s) _nonnull_(1) __attribute__((returns_nonnull));
/* The content as a C string, "" when there is none; borrowed. */
const char *str_get(const struct str *s) _nonnull_(1) __attribute__((returns_nonnull));

/* --- comparing ---------------------------------------------------------------------------------------------- */

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* NULL equals NULL and nothing else. */
bool str_equal(const char *a, const char *b);
/* Orders NULL before everything. */
int str_compare(const char *a, const char *b);
/* What follows prefix in s, or NULL when s does not begin with it. */
const char *str_after(const char *s, const char *prefix) _nonnull_(1, 2);
/* Levenshtein distance, for "did you mean"; strings are cut at 63 bytes. */
unsigned str_distance(const char *a, const char *b) _nonnull_(1, 2);
/* Equality in time that depends on the length of `given` only (passwords, tokens). */
bool str_equal_secret(const char *secret, const char *given, size_t given_len) _nonnull_(1, 2);

/* --- names and text ----------------------------------------------------------------------------------------- */

/* A DNS label: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? (RFC 1123 section 2.1, lower case only). */
bool str_is_label(const char *s) _nonnull_(1);
/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool str_is_utf8(const char *s, size_t len) _nonnull_(1);

/* --- numbers and units: 0 or -EINVAL (not a number of that form), -ERANGE; *ret untouched on failure ----------- */

/* Decimal digits with an optional '-': no blanks, no '+', no leading zeros. */
int str_parse_i64(const char *s, int64_t *ret) _nonnull_(1, 2) _must_check_;
int str_parse_u16(const char *s, uint16_t *ret) _nonnull_(1, 2) _must_check_;
/* "1500ms", "30s", "5m", "1h", "1h30m", "7d"; a bare number is seconds. Result in milliseconds, 0 .. 10 years. */
int str_parse_duration(const char *s, int64_t *ret_ms) _nonnull_(1, 2) _must_check_;
/* "512", "64k", "64M", "1G", "1T" (powers of 1000), "64Ki", "1Gi" (powers of 1024). */
int str_parse_bytes(const char *s, int64_t *ret_bytes) _nonnull_(1, 2) _must_check_;

/* What a person reads: "9s", "4m", "3h", "12d" (one unit, rounded down). Returns buf. */
const char *str_format_age(int64_t ms, char *buf, size_t size) _nonnull_(2);
/* Exact inverse of str_parse_duration: "1500ms", "30s", "1h30m". Returns buf. */
const char *str_format_duration(int64_t ms, char *buf, size_t size) _nonnull_(2);
/* "64M", "1.5G" (powers of 1000, at most one decimal). Returns buf. */
const char *str_format_bytes(int64_t bytes, char *buf, size_t size) _nonnull_(2);
