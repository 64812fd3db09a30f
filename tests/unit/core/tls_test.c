#include "core/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "lib/certs.h"
#include "lib/test.h"

static struct tls_context *server_context(const char *client_ca)
{
	struct tls_context *c = NULL;
	struct error err = {0};
	int r = tls_server_new(certs_cert("server"), certs_key("server"),
	                       client_ca ? certs_cert(client_ca) : NULL, &c, &err);
	CHECK_STR(err.text, "");
	CHECK_INT(r, 0);
	return c;
}

/* cert NULL: none is shown. */
static struct tls_context *client_context(const char *ca, const char *cert, const char *alpn)
{
	struct tls_context *c = NULL;
	struct error err = {0};
	int r = tls_client_new(certs_cert(ca), cert ? certs_cert(cert) : NULL, cert ? certs_key(cert) : NULL,
	                       alpn, false, &c, &err);
	CHECK_STR(err.text, "");
	CHECK_INT(r, 0);
	return c;
}

/* Both ends of a connection within this process. */
struct pair {
	int fd[2];
	struct tls *server, *client;
};

static struct pair pair_new(struct tls_context *s, struct tls_context *c, const char *host)
{
	struct pair p;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fd) == 0);
	p.server = tls_accept(s, p.fd[0]);
	p.client = tls_connect(c, p.fd[1], host);
	(void)tls_context_unref(s);
	(void)tls_context_unref(c);
	return p;
}

static void pair_free(struct pair *p)
{
	p->server = tls_free(p->server);
	p->client = tls_free(p->client);
	(void)close(p->fd[0]);
	(void)close(p->fd[1]);
}

static bool waits(int r)
{
	return r == TLS_WANT_READ || r == TLS_WANT_WRITE;
}

/* Moves both ends until neither has anything left to do; the results of both. */
static void shake(struct pair *p, int *ret_server, int *ret_client)
{
	*ret_server = *ret_client = TLS_WANT_READ;
	for (int i = 0; i < 20 && (waits(*ret_server) || waits(*ret_client)); i++) {
		if (waits(*ret_client))
			*ret_client = tls_handshake(p->client);
		if (waits(*ret_server))
			*ret_server = tls_handshake(p->server);
	}
}

static void shake_well(struct pair *p)
{
	int s, c;
	shake(p, &s, &c);
	CHECK_STR(tls_error(p->server), "");
	CHECK_STR(tls_error(p->client), "");
	CHECK(s == 0 && c == 0);
}

TEST(echo)
{
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	shake_well(&p);
	char buf[16];
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), TLS_WANT_READ);
	CHECK_INT(tls_write(p.client, "hello", 5), 5);
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), 5);
	CHECK(memcmp(buf, "hello", 5) == 0);
	CHECK(!tls_pending(p.server));
	CHECK(tls_peer_name(p.server) == NULL && tls_alpn(p.server) == NULL && tls_alpn(p.client) == NULL);
	CHECK_STR(tls_peer_name(p.client), "localhost");
	pair_free(&p);
}

TEST(pending)
{
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "127.0.0.1");
	shake_well(&p);
	char buf[16];
	CHECK_INT(tls_write(p.client, "0123456789", 10), 10);
	CHECK_INT(tls_write(p.client, "abc", 3), 3);
	CHECK_INT(tls_read(p.server, buf, 4), 4);
	CHECK(tls_pending(p.server)); /* the rest of a record */
	CHECK_INT(tls_read(p.server, buf, 6), 6);
	CHECK(tls_pending(p.server)); /* a further record, read along with the first */
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), 3);
	CHECK(!tls_pending(p.server));

	/* half a record is nothing that a read could return: waiting for the socket is right */
	CHECK_INT(tls_write(p.client, "0123456789", 10), 10);
	char record[100];
	ssize_t n = recv(p.fd[0], record, sizeof(record), 0);
	CHECK(n > 10);
	int cut[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, cut) == 0);
	int kept = dup(p.fd[0]);
	CHECK(dup2(cut[0], p.fd[0]) == p.fd[0]);
	CHECK_INT(send(cut[1], record, 8, 0), 8);
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), TLS_WANT_READ);
	CHECK(!tls_pending(p.server));
	CHECK_INT(send(cut[1], record + 8, (size_t)n - 8, 0), n - 8);
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), 10);
	(void)close(kept);
	(void)close(cut[0]);
	(void)close(cut[1]);
	pair_free(&p);
}

TEST(want_write)
{
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	shake_well(&p);
	static char block[1 << 20];
	size_t sent = 0, got = 0;
	ssize_t n;
	while ((n = tls_write(p.server, block, sizeof(block))) > 0)
		sent += (size_t)n;
	CHECK_INT(n, TLS_WANT_WRITE);
	CHECK(sent > 0);
	/* a moved buffer with the same content is accepted */
	static char other[1 << 20];
	while ((n = tls_read(p.client, block, sizeof(block))) > 0)
		got += (size_t)n;
	n = tls_write(p.server, other, sizeof(other));
	CHECK(n > 0);
	sent += (size_t)n;
	while (got < sent && (n = tls_read(p.client, block, sizeof(block))) > 0)
		got += (size_t)n;
	CHECK_INT(got, sent);
	pair_free(&p);
}

TEST(closing)
{
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	shake_well(&p);
	char buf[4];
	tls_shutdown(p.client);
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), TLS_CLOSED);
	pair_free(&p);

	/* an end without a close_notify is a cut */
	p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	shake_well(&p);
	CHECK(shutdown(p.fd[1], SHUT_WR) == 0);
	CHECK_INT(tls_read(p.server, buf, sizeof(buf)), TLS_FAILED);
	CHECK_HAS(tls_error(p.server), "unexpected eof");
	tls_shutdown(p.server); /* harmless */
	CHECK_INT(tls_write(p.server, "x", 1), TLS_FAILED);
	pair_free(&p);

	/* nobody there: an error, not a signal */
	p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	shake_well(&p);
	(void)close(p.fd[1]);
	CHECK_INT(tls_write(p.server, "x", 1), TLS_FAILED);
	CHECK_STR(tls_error(p.server), strerror(EPIPE));
	p.fd[1] = -1;
	pair_free(&p);
}

TEST(alpn)
{
	/* a server without protocols ignores the offer */
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, "h2"), "localhost");
	shake_well(&p);
	CHECK(tls_alpn(p.client) == NULL && tls_alpn(p.server) == NULL);
	pair_free(&p);
}

TEST(client_certificates)
{
	static const struct {
		const char *cert;
		bool ok;
		const char *name;
	} rows[] = {
	        {NULL, true, NULL},       {"alice", true, "alice.test"}, {"uri", true, "tug://bob"},
	        {"nameless", true, NULL}, {"foreign", false, NULL},      {"expired", false, NULL},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct pair p =
		        pair_new(server_context("ca"), client_context("ca", rows[i].cert, NULL), "localhost");
		int s, c;
		shake(&p, &s, &c);
		CHECK_INT(s, rows[i].ok ? 0 : TLS_FAILED);
		/* in TLS 1.3 the client's handshake is complete before its certificate was looked at */
		CHECK_INT(c, 0);
		CHECK_STR(tls_peer_name(p.server), rows[i].name);
		char buf[4];
		CHECK_INT(tls_read(p.client, buf, sizeof(buf)), rows[i].ok ? TLS_WANT_READ : TLS_FAILED);
		if (!rows[i].ok)
			CHECK_HAS(tls_error(p.server), "certificate of the peer: ");
		pair_free(&p);
	}
	/* a server that asks for none does not believe any */
	struct pair p = pair_new(server_context(NULL), client_context("ca", "alice", NULL), "localhost");
	shake_well(&p);
	CHECK(tls_peer_name(p.server) == NULL);
	pair_free(&p);
}

TEST(server_certificates)
{
	static const struct {
		const char *ca, *host, *says; /* says NULL: accepted */
	} rows[] = {
	        {"ca", "localhost", NULL},
	        {"ca", "127.0.0.1", NULL},
	        {"ca", "127.0.0.2", "IP address mismatch"},
	        {"ca", "::1", "IP address mismatch"},
	        {"ca", "elsewhere.test", "ostname mismatch"},
	        {"foreign-ca", "localhost", "certificate of the peer: "},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct pair p =
		        pair_new(server_context(NULL), client_context(rows[i].ca, NULL, NULL), rows[i].host);
		int s, c;
		shake(&p, &s, &c);
		CHECK_INT(c, rows[i].says ? TLS_FAILED : 0);
		CHECK_INT(s, rows[i].says ? TLS_FAILED : 0);
		if (rows[i].says)
			CHECK_HAS(tls_error(p.client), rows[i].says);
		pair_free(&p);
	}
}

TEST(not_tls)
{
	struct pair p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	CHECK_INT(send(p.fd[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	CHECK_INT(tls_handshake(p.server), TLS_FAILED);
	CHECK_STR(tls_error(p.server), "http request");
	CHECK_INT(tls_handshake(p.server), TLS_FAILED);
	pair_free(&p);

	p = pair_new(server_context(NULL), client_context("ca", NULL, NULL), "localhost");
	CHECK(shutdown(p.fd[1], SHUT_WR) == 0);
	CHECK_INT(tls_handshake(p.server), TLS_FAILED);
	CHECK(tls_error(p.server)[0]);
	pair_free(&p);
}

TEST(bad_files)
{
	static const struct {
		const char *cert, *key, *ca;
		int want;
		const char *says;
	} rows[] = {
	        {"absent", "server", NULL, -ENOENT, "absent.pem: No such file"},
	        {"server", "absent", NULL, -ENOENT, "absent.key: No such file"},
	        {"server", "server", "absent", -ENOENT, "absent.pem: No such file"},
	        {"server", "server2", NULL, -EINVAL, "mismatch"},
	        {"server", "locked", NULL, -EINVAL, "locked.key"},
	        {"../etc/passwd", "server", NULL, -ENOENT, "No such file"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct tls_context *c = NULL;
		struct error err = {0};
		CHECK_INT(tls_server_new(certs_cert(rows[i].cert), certs_key(rows[i].key),
		                         rows[i].ca ? certs_cert(rows[i].ca) : NULL, &c, &err),
		          rows[i].want);
		CHECK(c == NULL);
		CHECK_HAS(err.text, rows[i].says);
	}
	struct tls_context *c = NULL;
	struct error err = {0};
	/* a key where a certificate should be */
	CHECK_INT(tls_server_new(certs_key("server"), certs_key("server"), NULL, &c, &err), -EINVAL);
	CHECK_INT(tls_server_new(certs_cert("server"), certs_cert("server"), NULL, &c, &err), -EINVAL);
	CHECK_INT(tls_server_new(certs_cert("server"), certs_key("server"), certs_key("server"), &c, &err),
	          -EINVAL);
	CHECK_INT(tls_client_new(certs_cert("ca"), certs_cert("alice"), NULL, NULL, true, &c, &err), -EINVAL);
	CHECK_HAS(err.text, "belong together");
	CHECK(c == NULL);
	CHECK_INT(tls_client_new(NULL, NULL, NULL, NULL, true, &c, &err), 0);
	c = tls_context_unref(c);
}

TEST(connections_outlive_their_context)
{
	struct tls_context *s = server_context(NULL), *c = client_context("ca", NULL, NULL);
	struct pair p = pair_new(s, c, "localhost"); /* drops both references */
	shake_well(&p);
	char buf[4];
	CHECK_INT(tls_write(p.server, "x", 1), 1);
	CHECK_INT(tls_read(p.client, buf, sizeof(buf)), 1);
	pair_free(&p);
	CHECK(tls_free(NULL) == NULL && tls_context_unref(NULL) == NULL);
}
