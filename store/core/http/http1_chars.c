#include "core/http/http1_chars.h"

#define X HTTP1_CHAR_TEXT
#define T (HTTP1_CHAR_TEXT | HTTP1_CHAR_TOKEN)
#define H (HTTP1_CHAR_TEXT | HTTP1_CHAR_HOST)
#define B (HTTP1_CHAR_TEXT | HTTP1_CHAR_TOKEN | HTTP1_CHAR_HOST)

/* clang-format off */
const uint8_t http1_char_class[256] = {
	['\t'] = X, [' '] = X, [0x80 ... 0xff] = X,
	['a' ... 'z'] = B, ['A' ... 'Z'] = B, ['0' ... '9'] = B,
	['!'] = T, ['"'] = X, ['#'] = T, ['$'] = T, ['%'] = B, ['&'] = T, ['\''] = T, ['('] = X, [')'] = X,
	['*'] = T, ['+'] = T, [','] = X, ['-'] = B, ['.'] = B, ['/'] = X, [':'] = H, [';'] = X, ['<'] = X,
	['='] = X, ['>'] = X, ['?'] = X, ['@'] = X, ['['] = H, ['\\'] = X, [']'] = H, ['^'] = T, ['_'] = B,
	['`'] = T, ['{'] = X, ['|'] = T, ['}'] = X, ['~'] = B,
};
/* clang-format on */
