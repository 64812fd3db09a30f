#include "controllers/runner/engine_docker/frames.h"

bool frames_next(struct frames *f, const char **data, size_t *len, struct frame_piece *ret)
{
	for (;;) {
		while (!f->left && *len && f->head_len < sizeof(f->head)) {
			f->head[f->head_len++] = (unsigned char)**data;
			(*data)++;
			(*len)--;
		}
		if (!f->left && f->head_len < sizeof(f->head))
			return false;
		if (!f->left) {
			f->left = (uint32_t)f->head[4] << 24 | (uint32_t)f->head[5] << 16 |
			          (uint32_t)f->head[6] << 8 | (uint32_t)f->head[7];
			if (!f->left) { /* an empty frame */
				f->head_len = 0;
				continue;
			}
		}
		if (!*len)
			return false;
		size_t n = f->left < *len ? f->left : *len;
		*ret = (struct frame_piece){.stream = f->head[0] == 2 ? 2 : 1, .data = *data, .len = n};
		*data += n;
		*len -= n;
		f->left -= (uint32_t)n;
		if (!f->left)
			f->head_len = 0;
		return true;
	}
}
