/* The engine's multiplexed stream, pure: a head (stream, 0, 0, 0, length as 32 bits big endian), then the payload. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

struct frames {
	unsigned char head[8];
	unsigned head_len;
	uint32_t left; /* of the present payload */
};

struct frame_piece {
	int stream; /* 1 stdout, 2 stderr */
	const char *data;
	size_t len;
};

/* Takes bytes from *data / *len. True: *ret is a piece of a payload; false: all bytes were taken. */
bool frames_next(struct frames *f, const char **data, size_t *len, struct frame_piece *ret) _nonnull_(1, 2, 3, 4);
