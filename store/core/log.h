/*
 * Log lines of a process, to stderr: one line per state change or failed turn.
 *
 *   info event=pod.start key=default/web-0-1a2b3c rev=812 why="spec changed"
 *
 * Only the shells of controllers and the mains log; libraries and plans never do. The same line (level, event and
 * key) repeated within a minute is folded: the next one that is written says `again=14`.
 * journald and systemd add the time; on a terminal, or with log_init(timestamps = true), the line begins with it.
 */
#pragma once

#include <stdbool.h>

#include "core/macro.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* role: printed on each line, NULL for none. Lines below `least` are dropped (-v: LOG_DEBUG). */
void log_init(const char *role, enum log_level least, bool timestamps);
bool log_enabled(enum log_level level);

/*
 * event: "noun.verb", a constant. key: what it is about, NULL for none. fmt: further `name=value` pairs in logfmt,
 * for example "rev=%" PRId64 " why=%s"; values with blanks go through log_quote().
 */
void log_event(enum log_level level, const char *event, const char *key, const char *fmt, ...)
	_nonnull_(2) _printf_(4, 5);

/* s as a logfmt value: quoted and escaped where needed, cut at 400 bytes. Valid until the eighth next call. */
const char *log_quote(const char *s);
