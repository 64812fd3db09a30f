/* Chunked bodies: one byte at a time around the pieces, whole pieces within. */
#include "core/http/http1.h"

#include <errno.h>

#include "core/http/http1_chars.h"

#define SIZE_DIGITS   8
#define EXTENSION_MAX 256
#define TRAILERS_MAX  4096

enum state {
	SIZE,      /* hexadecimal digits */
	EXTENSION, /* behind ';', passed over */
	SIZE_LF,   /* the line end of a size */
	DATA,      /* the piece itself */
	DATA_CR,   /* the line end behind a piece */
	DATA_LF,
	TRAILER, /* the start of a trailer or of the last line end */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	DONE,
};

static int size_step(struct http1_chunked *c, char byte)
{
	int d = http1_hex(byte);
	if (d >= 0) {
		if (++c->digits > SIZE_DIGITS)
			return -EPROTO;
		c->left = c->left * 16 + (uint64_t)d;
		return 0;
	}
	if (c->digits == 0 || (byte != '\r' && byte != ';'))
		return -EPROTO;
	c->skipped = 0;
	c->state = byte == ';' ? EXTENSION : SIZE_LF;
	return 0;
}

static int trailer_step(struct http1_chunked *c, char byte)
{
	if (++c->skipped > TRAILERS_MAX)
		return -EPROTO;
	if (c->state == TRAILER_VALUE) {
		if (byte == '\r')
			c->state = TRAILER_LF;
		return byte == '\r' || http1_is(byte, HTTP1_CHAR_TEXT) ? 0 : -EPROTO;
	}
	if (c->state == TRAILER && byte == '\r')
		c->state = LAST_LF;
	else if (c->state == TRAILER_NAME && byte == ':')
		c->state = TRAILER_VALUE;
	else if (http1_is(byte, HTTP1_CHAR_TOKEN))
		c->state = TRAILER_NAME;
	else
		return -EPROTO;
	return 0;
}

/* A byte that has to be `want`. */
static int expect(struct http1_chunked *c, char byte, char want, enum state next)
{
	c->state = next;
	return byte == want ? 0 : -EPROTO;
}

static int step(struct http1_chunked *c, char byte)
{
	switch ((enum state)c->state) {
	case SIZE:
		return size_step(c, byte);
	case EXTENSION:
		if (byte == '\r')
			c->state = SIZE_LF;
		else if (!http1_is(byte, HTTP1_CHAR_TEXT) || ++c->skipped > EXTENSION_MAX)
			return -EPROTO;
		return 0;
	case SIZE_LF:
		c->skipped = 0;
		return expect(c, byte, '\n', c->left ? DATA : TRAILER);
	case DATA_CR:
		return expect(c, byte, '\r', DATA_LF);
	case DATA_LF:
		c->digits = 0;
		return expect(c, byte, '\n', SIZE);
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return trailer_step(c, byte);
	case TRAILER_LF:
		return expect(c, byte, '\n', TRAILER);
	case LAST_LF:
		return expect(c, byte, '\n', DONE);
	case DATA:
	case DONE:
		break;
	}
	return -EPROTO;
}

int http1_chunked_next(struct http1_chunked *c, const char **data, size_t *len, struct http1_slice *ret)
{
	while (*len && c->state != DONE) {
		if (c->state == DATA) {
			size_t n = c->left < *len ? (size_t)c->left : *len;
			*ret = (struct http1_slice){*data, n};
			*data += n;
			*len -= n;
			c->left -= n;
			if (c->left == 0)
				c->state = DATA_CR;
			return HTTP1_CHUNK_DATA;
		}
		int r = step(c, **data);
		if (r < 0)
			return r;
		(*data)++;
		(*len)--;
	}
	return c->state == DONE ? HTTP1_CHUNK_END : HTTP1_CHUNK_MORE;
}
