#include "controllers/runtime/fold.h"

#include <stdlib.h>

#include "core/mem.h"

void fold_init(struct fold *f, int64_t window_ms)
{
	*f = (struct fold){.window_ms = window_ms};
}

void fold_done(struct fold *f)
{
	map_done(&f->said, free);
}

static void sweep(struct fold *f, int64_t now_ms)
{
	for (size_t i = f->said.count; i-- > 0;)
		if (*(int64_t *)f->said.entries[i].value <= now_ms)
			free(map_remove(&f->said, f->said.entries[i].key));
	if (f->said.count >= FOLD_MOST || !f->said.count)
		map_done(&f->said, free);
	f->sweep_ms = now_ms + f->window_ms;
}

bool fold_is_new(struct fold *f, const char *text, int64_t now_ms)
{
	int64_t until_ms = now_ms + f->window_ms, *known = map_get(&f->said, text);
	if (known && *known > now_ms)
		return false;
	if (known) {
		*known = until_ms;
		return true;
	}
	if (now_ms >= f->sweep_ms || f->said.count >= FOLD_MOST)
		sweep(f, now_ms);
	(void)map_put(&f->said, text, mem_dup(&until_ms, sizeof(until_ms)));
	return true;
}
