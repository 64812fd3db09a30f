/* Whole files: bounded reads, writes that survive a power cut, directories. */
#pragma once

#include <sys/types.h>

#include "core/str.h"

/* Appends the file's content to out. 0, -errno, or -E2BIG when it is longer than max bytes. */
int file_read(const char *path, size_t max, struct str *out) _nonnull_(1, 3) _must_check_;
/*
 * Replaces the file: written beside it, synced, renamed, the directory synced. A reader, also after a power cut, sees
 * the old content or the new. 0 or -errno.
 */
int file_write(const char *path, const void *data, size_t len, mode_t mode) _nonnull_(1, 2) _must_check_;
/* mkdir -p; directories that are made get this mode. 0 or -errno. */
int file_mkdirs(const char *path, mode_t mode) _nonnull_(1) _must_check_;
