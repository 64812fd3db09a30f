/* Classes of characters that the parts of http1 share; nothing outside of core/http includes this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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

/* The value of a hexadecimal digit, or -1. */
static inline int http1_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
