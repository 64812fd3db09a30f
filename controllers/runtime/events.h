/*
 * Events for people, written to events/ under leases that several events share: a lease of one hour is taken when the
 * first event of ten minutes comes and is left to run out. Never fails: an event that cannot be written is dropped, and
 * of the same (object, reason, message) only the first within a minute is written. What comes in one turn is written
 * in one transaction.
 */
#pragma once

#include "store.h"

struct events;

/* root: "/tug"; role, node: who says so. */
struct events *events_new(struct store *s, const char *root, const char *role, const char *node) _nonnull_(1, 2, 3, 4);
/* NULL is fine; returns NULL. */
struct events *events_free(struct events *e);
/* object: "microservice/default/web"; reason: one CamelCase word; warning: type "Warning" rather than "Normal". */
void events_add(struct events *e, bool warning, const char *object, const char *reason, const char *fmt, ...)
	_nonnull_(1, 3, 4, 5) _printf_(5, 6);

/* Whether a lease that was taken then takes no more events now. Pure. */
bool events_lease_is_full(int64_t taken_ms, int64_t now_ms);
