/* Listeners: who gets in, by which name, with which certificate, and what happens when there is no room. */
#include "rig.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BYE "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static struct rig r;

TEST(unix_socket)
{
	struct error err = {0};
	struct stat st;
	rig_init(&r, NULL);
	const char *address = r.address[RIG_UNIX], *path = address + strlen("unix://");
	CHECK_INT(stat(path, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_INT(st.st_mode & 0777, 0600);
	struct peer p;
	peer_ask(&p, &r, RIG_UNIX, BYE);
	CHECK_STATUSES(&p, "200 ");
	CHECK(r.local);
	CHECK_STR(r.peer, "unix");
	peer_close(&p);
	/* a living one is not taken away, a dead one is in nobody's way, and a file is nobody's socket */
	CHECK_INT(httpd_listen(r.httpd, address, NULL, NULL, &err), -EADDRINUSE);
	CHECK_HAS(err.text, path);
	char dead[160];
	(void)snprintf(dead, sizeof(dead), "unix://%s/dead", r.folder);
	struct net_address a;
	CHECK_INT(net_address_parse(dead, &a, NULL), 0);
	int fd = net_listen(&a, 1);
	CHECK(fd >= 0);
	(void)close(fd);
	rig_listen(&r, dead, NULL, NULL);
	CHECK_INT(stat(dead + strlen("unix://"), &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	char file[160];
	(void)snprintf(file, sizeof(file), "unix://%s/file", r.folder);
	(void)close(creat(file + strlen("unix://"), 0600));
	CHECK_INT(httpd_listen(r.httpd, file, NULL, NULL, &err), -EADDRINUSE);
	CHECK_INT(stat(file + strlen("unix://"), &st), 0);
	CHECK_INT(unlink(file + strlen("unix://")), 0);
	rig_done(&r); /* fails when a socket is left */
}

/* Pages of other sites reach loopback through names of their own. */
TEST(names)
{
	static const struct {
		const char *host;
		int status;
	} rows[] = {
	        {"localhost", 200},
	        {"LocalHost:80", 200},
	        {"127.0.0.1", 200},
	        {"[::1]:8000", 200},
	        {"tug.example", 200},
	        {"TUG.example:80", 200},
	        {"10.1.2.3:9", 200},
	        {"evil.example", 421},
	        {"localhost.evil.example", 421},
	        {"127.0.0.1.evil.example", 421},
	        {"", 421},
	        {"[::1", 200},
	        {"tug.example.", 421},
	};
	static const char *const names[] = {"tug.example", NULL};
	rig_begin(&r, NULL);
	rig_listen(&r, "127.0.0.1:0", NULL, names);
	rig_addresses(&r);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char text[200], want[16];
		struct peer p;
		(void)snprintf(text, sizeof(text),
		               "GET /hello HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", rows[i].host);
		(void)snprintf(want, sizeof(want), "%d ", rows[i].status);
		peer_ask(&p, &r, RIG_PLAIN, text);
		CHECK_STATUSES(&p, want);
		peer_close(&p);
	}
	rig_done(&r);
}

/* Over the bound: told so, at once, and served again when there is room. */
TEST(too_many)
{
	enum { PLACES = 32 };
	static struct peer crowd[PLACES];
	struct peer p;
	rig_init(&r, &(struct httpd_limits){.connections = PLACES});
	for (size_t i = 0; i < PLACES; i++)
		peer_open(&crowd[i], &r, RIG_PLAIN);
	UNTIL(&r, httpd_connections(r.httpd) == PLACES);
	for (int i = 0; i < 20; i++) {
		peer_ask(&p, &r, i % 2 ? RIG_PLAIN : RIG_UNIX, BYE);
		CHECK_STATUSES(&p, "503 ");
		CHECK_HAS(str_get(&p.in), "\r\nRetry-After: 5\r\n");
		CHECK_HAS(str_get(&p.in),
		          "{\"message\":\"too many connections, try later\",\"status\":503}\n");
		peer_close(&p);
	}
	CHECK_INT(httpd_connections(r.httpd), PLACES);
	for (size_t i = 0; i < PLACES; i++)
		peer_close(&crowd[i]);
	rig_is_empty(&r);
	peer_ask(&p, &r, RIG_PLAIN, BYE);
	CHECK_STATUSES(&p, "200 ");
	peer_close(&p);
	rig_done(&r);
}

/* Out of descriptors: who is served stays served, the rest waits in the kernel, nothing spins. */
TEST(no_descriptors)
{
	static struct peer crowd[200];
	struct rlimit before, few;
	struct peer p;
	rig_init(&r, NULL);
	peer_open(&p, &r, RIG_PLAIN);
	UNTIL(&r, httpd_connections(r.httpd) == 1);
	for (size_t i = 0; i < ELEMENTS(crowd); i++) {
		peer_connect(&crowd[i], &r, r.address[RIG_PLAIN]);
		(void)peer_write(&crowd[i], BYE, strlen(BYE));
	}
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)crowd[ELEMENTS(crowd) - 1].fd + 1; /* all that are there, and not one more */
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
	CHECK(rig_rounds(&r, 500) <= 20); /* a rest of 200 ms each */
	peer_puts(&p, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	PEER_UNTIL(&p, "hello\n");
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < ELEMENTS(crowd); i++) {
		UNTIL(&r, peer_ended(&crowd[i]));
		CHECK_STATUSES(&crowd[i], "200 ");
		peer_close(&crowd[i]);
	}
	peer_close(&p);
	rig_is_empty(&r);
	rig_done(&r);
}

/* --- TLS --- */

static struct tls_context *client(const char *cert, const char *ca)
{
	struct tls_context *c;
	struct error err = {0};
	if (tls_client_new(certs_cert(ca), cert ? certs_cert(cert) : NULL, cert ? certs_key(cert) : NULL,
	                   NULL, true, &c, &err) != 0)
		test_fail(__FILE__, __LINE__, "%s", err.text);
	return c;
}

TEST(client_certificates)
{
	static const struct {
		const char *cert, *subject; /* subject NULL: refused */
	} rows[] = {
	        {NULL, ""},       {"alice", "alice.test"}, {"uri", "tug://bob"},
	        {"nameless", ""}, {"foreign", NULL},       {"expired", NULL},
	};
	rig_init(&r, NULL);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct tls_context *c = client(rows[i].cert, "ca");
		struct peer p;
		unsigned before = r.requests;
		peer_connect(&p, &r, r.address[RIG_TLS]);
		CHECK_INT(peer_shake(&p, c), 0); /* a refusal comes with the first read only */
		peer_puts(&p, BYE);
		UNTIL(&r, peer_ended(&p));
		CHECK_INT(r.requests, before + (rows[i].subject ? 1 : 0));
		if (rows[i].subject) {
			CHECK_STATUSES(&p, "200 ");
			CHECK_STR(r.subject, rows[i].subject);
			CHECK(r.tls);
		} else {
			CHECK_INT(p.in.len, 0);
			CHECK_HAS(tls_error(p.tls), "alert");
		}
		peer_close(&p);
		(void)tls_context_unref(c);
		rig_is_empty(&r);
	}
	rig_done(&r);
}

/* What OpenSSL's own client says when it talks to the server with those options; to be freed. */
static char *s_client(const char *options)
{
	char line[600], path[200], buf[4096];
	(void)snprintf(path, sizeof(path), "%s/s_client", certs_folder());
	(void)snprintf(line, sizeof(line),
	               "printf 'GET /hello HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | "
	               "openssl s_client -connect %s -CAfile %s -ign_eof %s >%s 2>&1",
	               r.address[RIG_TLS], certs_cert("ca"), options, path);
	char *argv[] = {"sh", "-c", line, NULL};
	pid_t pid;
	int status;
	CHECK_INT(posix_spawnp(&pid, "sh", NULL, NULL, argv, environ), 0);
	UNTIL(&r, waitpid(pid, &status, WNOHANG) == pid);
	struct str out = STR_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;)
		str_add(&out, buf, (size_t)n);
	(void)close(fd);
	return str_take(&out);
}

/* TLS 1.3 and nothing below; nothing that a client could resume with; the certificate and no more. */
TEST(as_others_see_it)
{
	rig_init(&r, NULL);
	_cleanup_free_ char *now = s_client("-tls1_3"), *before = s_client("-tls1_2"), *any = s_client("");
	CHECK_HAS(now, "hello\n");
	CHECK_HAS(now, "TLSv1.3");
	CHECK_HAS(now, "Verify return code: 0 (ok)");
	CHECK_HAS(now, " 0 s:");
	CHECK(!strstr(now, " 1 s:"));
	CHECK(!strstr(now, "Session Ticket arrived"));
	CHECK_HAS(before, "alert protocol version");
	CHECK(!strstr(before, "hello\n"));
	CHECK_HAS(any, "hello\n");
	CHECK_INT(r.requests, 2);
	rig_is_empty(&r);
	rig_done(&r);
}

/* A new pair is used by who comes then; who is connected stays; a bad pair changes nothing. */
TEST(reload)
{
	char cert[160], key[160];
	struct error err = {0};
	struct peer before, after;
	rig_begin(&r, NULL);
	(void)snprintf(cert, sizeof(cert), "%s/reload.pem", certs_folder());
	(void)snprintf(key, sizeof(key), "%s/reload.key", certs_folder());
	certs_replace(certs_cert("server"), cert);
	certs_replace(certs_key("server"), key);
	struct httpd_tls tls = {.cert_file = cert, .key_file = key};
	rig_listen(&r, "127.0.0.1:0", NULL, NULL);
	rig_listen(&r, "127.0.0.1:0", &tls, NULL);
	rig_addresses(&r);
	r.client_tls = client(NULL, "ca");
	struct tls_context *stranger = client(NULL, "foreign-ca");
	peer_open(&before, &r, RIG_TLS);
	CHECK_INT(httpd_tls_reload(r.httpd, &err), 0);

	certs_replace(certs_key("server2"), key); /* not of this certificate */
	CHECK_INT(httpd_tls_reload(r.httpd, &err), -EINVAL);
	CHECK_HAS(err.text, key);
	peer_ask(&after, &r, RIG_TLS, BYE);
	CHECK_STATUSES(&after, "200 ");
	peer_close(&after);
	CHECK_INT(unlink(key), 0);
	CHECK_INT(httpd_tls_reload(r.httpd, &err), -EINVAL);
	peer_ask(&after, &r, RIG_TLS, BYE);
	CHECK_STATUSES(&after, "200 ");
	peer_close(&after);

	certs_replace(certs_cert("foreign"), cert);
	certs_replace(certs_key("foreign"), key);
	CHECK_INT(httpd_tls_reload(r.httpd, &err), 0);
	peer_connect(&after, &r, r.address[RIG_TLS]);
	CHECK_INT(peer_shake(&after, r.client_tls), TLS_FAILED); /* by an authority that it does not know */
	peer_close(&after);
	peer_puts(&before, BYE);
	UNTIL(&r, peer_ended(&before));
	CHECK_STATUSES(&before, "200 ");
	peer_close(&before);
	(void)tls_context_unref(stranger);
	rig_done(&r);
}
