/*
 * Which of many equal things were said already: each text counts as new once within a window of time.
 * Bounded: when too many different texts come, the memory of them is given up, and some are said twice. No
 * clock of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/map.h"

struct fold {
	struct map said; /* text -> int64_t *: until when it is known */
	int64_t window_ms;
	int64_t sweep_ms; /* when those that are no longer known are thrown out */
};

#define FOLD_MOST 1024 /* texts remembered */

void fold_init(struct fold *f, int64_t window_ms) _nonnull_(1);
void fold_done(struct fold *f) _nonnull_(1);
/* True when the text was not said within the window before now_ms; it counts as said then. */
bool fold_is_new(struct fold *f, const char *text, int64_t now_ms) _nonnull_(1, 2);
