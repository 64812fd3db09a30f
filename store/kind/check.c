#include "kind/check.h"

#include <errno.h>

#include "core/limits.h"
#include "core/str.h"

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *string_at(const void *p)
{
	return *(char *const *)p;
}

/* Refuses with what was received, cut to what a line of text can show. */
static int refuse(const char *s, const char *why, struct error *err)
{
	char shown[64];
	size_t n = strnlen(s, sizeof(shown) - 1);
	while (s[n] && n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--; /* back to where a character begins */
	memcpy(shown, s, n);
	shown[n] = '\0';
	for (char *c = shown; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return error_set(err, -EINVAL, "", "\"%s%s\" %s", shown, s[n] ? "..." : "", why);
}

/* --- names --- */

int check_label_key(const char *key, struct error *err)
{
	if (str_is_label(key))
		return 0;
	return refuse(key, "is not a name; give 1 to 63 lower-case letters, digits and inner hyphens", err);
}

int check_label(const void *p, struct error *err)
{
	const char *s = string_at(p);
	return s ? check_label_key(s, err) : 0;
}

int check_pod_name(const void *p, struct error *err)
{
	const char *s = string_at(p);
	size_t n = s ? strlen(s) : 0;
	if (!s || (n > 0 && n <= LIMIT_POD_NAME && strspn(s, LOWER DIGITS "-") == n && s[0] != '-' &&
	           s[n - 1] != '-'))
		return 0;
	return refuse(s, "is not the name of a pod; it is <microservice>-<ordinal>-<revision>", err);
}

int check_node_label_key(const char *key, struct error *err)
{
	size_t n = strlen(key);
	if (n > 0 && n <= LIMIT_DOMAIN && strspn(key, LETTERS DIGITS "._-/") == n)
		return 0;
	return refuse(key, "is not the name of a label; give letters, digits and . _ - /", err);
}

int check_domain(const char *value, struct error *err)
{
	const char *s = str_after(value, "*.") ? value + 2 : value;
	size_t n = strlen(s);
	if (n <= LIMIT_DOMAIN && strspn(s, LETTERS DIGITS "-_.") == n && s[0] != '.' && !strstr(s, ".."))
		return 0;
	return refuse(value, "is not a domain; give a name such as hello.example.org", err);
}

int check_port_key(const char *key, struct error *err)
{
	uint16_t port;
	if (str_parse_u16(key, &port) == 0 && port > 0)
		return 0;
	return refuse(key, "is not a port; give a number from 1 to 65535", err);
}

/* --- containers --- */

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

static bool has_parent(const char *s)
{
	for (const char *at = strstr(s, "/.."); at; at = strstr(at + 1, "/.."))
		if (at[3] == '\0' || at[3] == '/')
			return true;
	return false;
}

int check_path(const void *p, struct error *err)
{
	const char *s = string_at(p);
	if (!s)
		return 0;
	if (s[0] != '/')
		return refuse(s, "is not absolute; give a path that begins with \"/\"", err);
	if (strspn(s, "/") == strlen(s))
		return refuse(s, "is the root of the container; give a path below it", err);
	if (has_parent(s))
		return refuse(s, "goes up with \"..\"; give the path without it", err);
	if (strchr(s, ':') || has_control(s))
		return refuse(s, "holds a colon or a control character, which mount points cannot have", err);
	return 0;
}

int check_mode(const void *p, struct error *err)
{
	const char *s = string_at(p);
	size_t n = s ? strlen(s) : 3;
	if (!s || ((n == 3 || n == 4) && strspn(s, "01234567") == n))
		return 0;
	return refuse(s, "is not a file mode; give octal digits in quotes such as \"0644\"", err);
}

/* A user or group: a number or a name as useradd takes it. Returns what follows, or NULL. */
static const char *skip_user(const char *s)
{
	size_t n = strspn(s, LETTERS DIGITS "._-");
	return n == 0 || n > 32 || s[0] == '-' || s[0] == '.' ? NULL : s + n;
}

int check_user(const void *p, struct error *err)
{
	const char *s = string_at(p), *rest = s ? skip_user(s) : NULL;
	if (rest && *rest == ':')
		rest = skip_user(rest + 1);
	if (!s || (rest && *rest == '\0'))
		return 0;
	return refuse(s, "is not a user; give \"UID\", \"UID:GID\" or names", err);
}

/* --- image references --- */

/* The grammar is that of the OCI distribution specification and of github.com/distribution/reference. */

static bool is_digest(const char *s)
{
	size_t algorithm = strspn(s, LOWER DIGITS "+._-");
	if (algorithm == 0 || s[algorithm] != ':')
		return false;
	s += algorithm + 1;
	size_t n = strspn(s, DIGITS "abcdef");
	return n >= 32 && s[n] == '\0';
}

static bool is_tag(const char *s, size_t n)
{
	return n > 0 && n <= 128 && s[0] != '.' && s[0] != '-' && strspn(s, LETTERS DIGITS "._-") >= n;
}

/* Lower-case words with ".", "_", "__" or any number of "-" between them. */
static bool is_component(const char *s, size_t n)
{
	size_t i = 0;
	for (;;) {
		size_t word = strspn(s + i, LOWER DIGITS);
		if (word == 0 || i + word > n)
			return false;
		i += word;
		if (i == n)
			return true;
		size_t joint = s[i] == '-' ? strspn(s + i, "-") : s[i] == '_' && s[i + 1] == '_' ? 2 : 1;
		if (!strchr("._-", s[i]))
			return false;
		i += joint;
	}
}

static bool is_repository(const char *s, size_t n)
{
	for (;;) {
		const char *slash = memchr(s, '/', n);
		size_t part = slash ? (size_t)(slash - s) : n;
		if (!is_component(s, part))
			return false;
		if (!slash)
			return true;
		s += part + 1;
		n -= part + 1;
	}
}

/* "registry.example.org:5000", "localhost", "127.0.0.1:5000", "[::1]:5000" */
static bool is_host(const char *s, size_t n)
{
	size_t name = s[0] == '[' ? strcspn(s, "]") + 1 : strspn(s, LETTERS DIGITS ".-");
	if (s[0] == '[' && (name < 4 || strspn(s + 1, DIGITS "abcdefABCDEF:.") != name - 2))
		return false;
	if (name == 0 || name > n || s[0] == '.' || s[0] == '-')
		return false;
	if (name == n)
		return true;
	char port[8] = "";
	size_t digits = n - name - 1;
	if (s[name] != ':' || digits == 0 || digits >= sizeof(port))
		return false;
	memcpy(port, s + name + 1, digits);
	return check_port_key(port, NULL) == 0;
}

/* Does the part in front of the first slash name a registry rather than begin the repository? */
static bool looks_like_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && memcmp(s, "localhost", n) == 0);
}

int check_image(const void *p, struct error *err)
{
	const char *s = string_at(p);
	if (!s)
		return 0;
	if (strpbrk(s, " \t\r\n") || has_control(s))
		return refuse(s, "holds blanks or control characters; give an image such as nginx:1.25", err);
	size_t n = strcspn(s, "@");
	if (s[n] == '@' && !is_digest(s + n + 1))
		return refuse(s, "has a bad digest; give @sha256: and 64 hexadecimal digits", err);
	const char *name = s;
	size_t host = strcspn(s, "/");
	if (host < n && looks_like_host(s, host)) {
		if (!is_host(s, host))
			return refuse(
			        s, "has a bad registry in front of the first \"/\"; give HOST or HOST:PORT",
			        err);
		name += host + 1;
		n -= host + 1;
	}
	const char *colon = memchr(name, ':', n);
	size_t repository = colon ? (size_t)(colon - name) : n;
	if (colon && !is_tag(colon + 1, n - repository - 1))
		return refuse(s, "has a bad tag behind \":\"; give letters, digits and . _ -, at most 128",
		              err);
	if (!is_repository(name, repository))
		return refuse(
		        s, "is not an image reference; give [REGISTRY/]NAME[:TAG] with a name in lower case",
		        err);
	return 0;
}
