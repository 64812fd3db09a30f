/*
 * Clocks. Decisions use monotonic milliseconds only; wall-clock time is for people (status, events, logs).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

/* CLOCK_MONOTONIC, ms. */
int64_t clock_monotonic_ms(void);
/* CLOCK_REALTIME, ms since 1970. */
int64_t clock_wall_ms(void);
/* "2026-11-21T12:34:56Z" (RFC 3339) from ms since 1970. Returns buf; size at least 21. */
const char *clock_format(int64_t wall_ms, char *buf, size_t size) _nonnull_(2);
