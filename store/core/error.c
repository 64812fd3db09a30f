#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *path, const char *fmt, ...)
{
	if (!err)
		return code;
	err->code = code;
	err->line = 0;
	(void)snprintf(err->path, sizeof(err->path), "%s", path ? path : "");
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

void error_prefix(struct error *err, const char *segment)
{
	if (!err)
		return;
	char old[sizeof(err->path)];
	(void)snprintf(old, sizeof(old), "%s", err->path);
	const char *joint = old[0] == '\0' || old[0] == '[' ? "" : ".";
	/* a path that does not fit loses its end: its beginning is what a reader needs first */
	size_t used = 0;
	const char *parts[] = {segment, joint, old};
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		size_t n = MIN(strlen(parts[i]), sizeof(err->path) - 1 - used);
		memcpy(err->path + used, parts[i], n);
		used += n;
	}
	err->path[used] = '\0';
}

const char *error_format(const struct error *err, char *buf, size_t size)
{
	char line[32] = "";
	if (err->line > 0)
		(void)snprintf(line, sizeof(line), "line %d: ", err->line);
	(void)snprintf(buf, size, "%s%s%s%s", line, err->path, err->path[0] ? ": " : "", err->text);
	return buf;
}
