/*
 * Where the values of a document stand in its text: a tree of names and list positions, each with its line. Filled while
 * the text is read (yaml.c, document.c); asked only when a message needs a line.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

struct lines;

struct lines *lines_new(int root_line);
/* NULL is fine; returns NULL. */
struct lines *lines_free(struct lines *l);

#define LINES_ROOT 0
/* A member (name) or item (name NULL, index) of the value `parent`; returns the number by which it is a parent. */
uint32_t lines_add(struct lines *l, uint32_t parent, const char *name, size_t index, int line) _nonnull_(1);
/* The line of the deepest part of a path ("containers.app.volumes[0].mount") that is known. */
int lines_find(const struct lines *l, const char *path) _nonnull_(1, 2);
