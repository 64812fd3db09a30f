/* Archives for the engine's import: ustar (POSIX.1-1988), executable files owned by root, in memory. */
#pragma once

#include "core/str.h"

/* name: at most 99 bytes, without a leading slash. */
void tar_add(struct str *tar, const char *name, const void *data, size_t len) _nonnull_(1, 2);
/* The two empty blocks that end an archive. */
void tar_end(struct str *tar) _nonnull_(1);
