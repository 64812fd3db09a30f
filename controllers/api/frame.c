#include "controllers/api/frame.h"

#include <errno.h>

int frame_next(struct frame_reader *f, const char **data, size_t *len, struct frame_piece *ret)
{
	bool begins = false;
	while (f->n_head < FRAME_HEAD) {
		if (*len == 0)
			return FRAME_MORE;
		f->head[f->n_head++] = (unsigned char)**data;
		++*data;
		--*len;
		if (f->n_head < FRAME_HEAD)
			continue;
		f->left = (uint32_t)f->head[1] << 24 | (uint32_t)f->head[2] << 16 |
		          (uint32_t)f->head[3] << 8 | f->head[4];
		if (f->head[0] < FRAME_STDOUT || f->head[0] > FRAME_ERROR || f->left > FRAME_DATA)
			return -EPROTO;
		begins = true;
	}
	if (*len == 0 && !begins)
		return FRAME_MORE;
	size_t n = *len < f->left ? *len : f->left;
	*ret = (struct frame_piece){
	        .stream = (enum frame_stream)f->head[0],
	        .head = begins ? f->head : NULL,
	        .data = *data,
	        .len = n,
	        .last = n == f->left,
	};
	*data += n;
	*len -= n;
	f->left -= (uint32_t)n;
	if (ret->last)
		f->n_head = 0;
	return FRAME_PIECE;
}

bool frame_at_end(const struct frame_reader *f)
{
	return f->n_head == 0;
}
