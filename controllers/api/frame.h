/*
 * The frames in which a runner sends the stream of a session: 1 byte stream, 4 bytes length (big-endian),
 * data. Pure and incremental: nothing is collected, pieces of frames are passed on as they come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/macro.h"

#define FRAME_HEAD 5
#define FRAME_DATA LIMIT_VALUE /* of one frame at most */

enum frame_stream { FRAME_STDOUT = 1, FRAME_STDERR = 2, FRAME_ERROR = 3 };

/* Zero to start. */
struct frame_reader {
	unsigned char head[FRAME_HEAD];
	unsigned n_head;
	uint32_t left; /* of the present frame's data */
};

struct frame_piece {
	enum frame_stream stream;
	const unsigned char *head; /* FRAME_HEAD bytes with the frame's first piece, else NULL */
	const char *data;
	size_t len; /* 0 only in an empty frame */
	bool last;  /* of its frame */
};

enum frame_result { FRAME_MORE, FRAME_PIECE };
/*
 * Takes bytes from *data / *len (both move on). FRAME_PIECE: *ret is the next piece, call again; FRAME_MORE:
 * all bytes were taken. -EPROTO: no such stream, or a frame longer than FRAME_DATA.
 */
int frame_next(struct frame_reader *f, const char **data, size_t *len, struct frame_piece *ret)
        _nonnull_(1, 2, 3, 4) _must_check_;
/* Between two frames, where a stream may end. */
bool frame_at_end(const struct frame_reader *f) _nonnull_(1);
