#include "lib/certs.h"

#include <ftw.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

static char folder[] = "/tmp/tug-certs-XXXXXX";
static pid_t owner; /* a forked child does not remove what its parent uses */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_all(void)
{
	if (getpid() == owner)
		(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Runs a line of the shell in the folder; what it prints is shown only when it fails. */
__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
	char line[2000];
	int n = snprintf(line, sizeof(line), "cd %s && { ", folder);
	va_list ap;
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	CHECK(n < (int)sizeof(line) - 40);
	(void)snprintf(line + n, sizeof(line) - (size_t)n, "; } >log 2>&1 || { cat log; exit 1; }");
	char *argv[] = {"sh", "-c", line, NULL};
	pid_t pid;
	int status;
	CHECK(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

static void make(const char *name, const char *ca, const char *names)
{
	char extension[200] = "";
	if (names)
		(void)snprintf(extension, sizeof(extension), "-addext subjectAltName=%s", names);
	shell("openssl req -x509 -CA %s.pem -CAkey %s.key " NEW_KEY
	      " -keyout %s.key -out %s.pem -days 2 -subj /CN=%s "
	      "-addext basicConstraints=CA:FALSE %s",
	      ca, ca, name, name, name, extension);
}

static void make_all(void)
{
	if (owner)
		return;
	CHECK(mkdtemp(folder) != NULL);
	owner = getpid();
	CHECK(atexit(remove_all) == 0);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "foreign-ca" : "ca";
		shell("openssl req -x509 " NEW_KEY " -keyout %s.key -out %s.pem -days 2 -subj /CN=%s", name,
		      name, name);
	}
	make("server", "ca", "DNS:localhost,IP:127.0.0.1");
	make("server2", "ca", "DNS:localhost,IP:127.0.0.1");
	make("alice", "ca", "DNS:alice.test");
	make("uri", "ca", "email:bob@bob.test,URI:tug://bob");
	make("nameless", "ca", NULL);
	make("foreign", "foreign-ca", "DNS:alice.test");
	shell("openssl req -new " NEW_KEY " -keyout expired.key -out expired.csr -subj /CN=expired && "
	      "echo subjectAltName=DNS:alice.test >expired.ext && openssl x509 -req -in expired.csr -CA "
	      "ca.pem "
	      "-CAkey ca.key -days -1 -extfile expired.ext -out expired.pem");
	shell("openssl ec -in server.key -aes256 -passout pass:secret -out locked.key");
}

static const char *path(const char *name, const char *suffix)
{
	static char paths[16][128];
	static unsigned next;
	make_all();
	char *p = paths[next++ % 16];
	(void)snprintf(p, sizeof(paths[0]), "%s/%s%s", folder, name, suffix);
	return p;
}

const char *certs_cert(const char *name)
{
	return path(name, ".pem");
}

const char *certs_key(const char *name)
{
	return path(name, ".key");
}

const char *certs_folder(void)
{
	make_all();
	return folder;
}

void certs_replace(const char *from, const char *to)
{
	shell("cp %s %s.new && mv %s.new %s", from, to, to, to);
}
