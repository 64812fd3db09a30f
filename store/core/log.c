#include "core/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

#define FOLD_SLOTS 32
#define FOLD_MS    60000

/* The log sink: the one mutable state of file scope outside cmd/ (a process has one stderr). */
static struct {
	const char *role;
	enum log_level least;
	bool timestamps;
	struct {
		char id[160]; /* level, event and key of a recent line */
		int64_t since_ms;
		unsigned repeats;
	} fold[FOLD_SLOTS];
	unsigned next;
	char quoted[8][440];
	unsigned next_quoted;
} sink = {.least = LOG_INFO};

static const char *const level_names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

void log_init(const char *role, enum log_level least, bool timestamps)
{
	sink.role = role;
	sink.least = least;
	sink.timestamps = timestamps;
}

bool log_enabled(enum log_level level)
{
	return level >= sink.least;
}

/* True when the line is to be dropped; else *ret_again says how many were. Only failures are folded. */
static bool fold(enum log_level level, const char *event, const char *key, unsigned *ret_again)
{
	*ret_again = 0;
	if (level < LOG_WARN)
		return false;
	char id[sizeof(sink.fold[0].id)];
	(void)snprintf(id, sizeof(id), "%d %s %s", (int)level, event, key ? key : "");
	int64_t now = clock_monotonic_ms();
	for (unsigned i = 0; i < FOLD_SLOTS; i++) {
		if (strcmp(sink.fold[i].id, id) != 0)
			continue;
		if (now - sink.fold[i].since_ms < FOLD_MS) {
			sink.fold[i].repeats++;
			return true;
		}
		*ret_again = sink.fold[i].repeats;
		sink.fold[i].repeats = 0;
		sink.fold[i].since_ms = now;
		return false;
	}
	unsigned slot = sink.next++ % FOLD_SLOTS;
	memcpy(sink.fold[slot].id, id, sizeof(id));
	sink.fold[slot].since_ms = now;
	sink.fold[slot].repeats = 0;
	return false;
}

void log_event(enum log_level level, const char *event, const char *key, const char *fmt, ...)
{
	unsigned again;
	if (level < sink.least || fold(level, event, key, &again))
		return;
	char line[2048];
	size_t n = 0, room = sizeof(line) - 1;
#define PUT(...) (n += (size_t)snprintf(line + n, n < room ? room - n : 0, __VA_ARGS__))
	if (sink.timestamps) {
		char at[32];
		PUT("%s ", clock_format(clock_wall_ms(), at, sizeof(at)));
	}
	PUT("%s", level_names[level]);
	if (sink.role)
		PUT(" role=%s", sink.role);
	PUT(" event=%s", event);
	if (key && *key)
		PUT(" key=%s", key);
	if (again)
		PUT(" again=%u", again);
	if (fmt && *fmt) {
		PUT(" ");
		va_list ap;
		va_start(ap, fmt);
		if (n < room)
			n += (size_t)vsnprintf(line + n, room - n, fmt, ap);
		va_end(ap);
	}
#undef PUT
	if (n >= room)
		n = room - 1;
	line[n++] = '\n';
	ssize_t r = write(STDERR_FILENO, line, n); /* one write: lines of several processes do not mix */
	(void)r;
}

const char *log_quote(const char *s)
{
	char *out = sink.quoted[sink.next_quoted++ % 8];
	if (!s)
		s = "";
	bool plain = *s != '\0';
	for (const char *p = s; *p && plain; p++)
		plain = *p > ' ' && *p < 0x7f && *p != '"' && *p != '=' && *p != '\\';
	size_t n = 0;
	if (!plain)
		out[n++] = '"';
	for (; *s && n < 400; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		out[n++] = (char)(c < ' ' || c == 0x7f ? ' ' : c);
	}
	if (!plain)
		out[n++] = '"';
	out[n] = '\0';
	return out;
}
