/* Classes of characters that the parts of http1 share; nothing outside of core/http includes this. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	HTTP1_CHAR_TOKEN = 1, /* tchar (RFC 9110 section 5.6.2) */
	HTTP1_CHAR_TEXT = 2,  /* blank, tab, visible, and obs-text: what a field's value may hold */
	HTTP1_CHAR_HOST = 4,  /* what a Host field may hold, port and brackets included */
};
extern const uint8_t http1_char_class[256];

static inline bool http1_is(char c, uint8_t class)
{
	return http1_char_class[(unsigned char)c] & class;
}

/*
 * How many bytes at the start are text, which most of a head is: eight are looked at together, for a byte below a blank or
 * DEL. May stop at a tab, which is text too.
 */
static inline size_t http1_text_run(const char *data, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	size_t i = 0;
	for (uint64_t x, del; i + sizeof(x) <= len; i += sizeof(x)) {
		memcpy(&x, data + i, sizeof(x));
		x = le64toh(x);
		del = x ^ ones * 0x7f;
		/* the lowest mark is exact: a borrow spoils only those above it */
		uint64_t marks = (((x - ones * ' ') & ~x) | ((del - ones) & ~del)) & tops;
		if (marks)
			return i + (size_t)__builtin_ctzll(marks) / 8;
	}
	while (i < len && http1_is(data[i], HTTP1_CHAR_TEXT))
		i++;
	return i;
}

/* The value of a hexadecimal digit, or -1. */
static inline int http1_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
