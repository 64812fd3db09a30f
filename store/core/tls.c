#include "core/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/mem.h"

struct tls_context {
	unsigned refs;
	SSL_CTX *ssl;
	BIO_METHOD *socket;
	bool server;
};

struct tls {
	SSL *ssl;
	struct tls_context *context; /* its BIO method has to outlive the connection */
	char *peer_name;
	char *error;
	bool established, failed;
	bool starved; /* the last read wanted more: what is buffered is not a whole record */
};

/* --- the socket beneath: as OpenSSL's own, but without SIGPIPE when the peer is gone --- */

static int socket_fd(BIO *b)
{
	return (int)(intptr_t)BIO_get_data(b);
}

static bool is_transient(int e)
{
	return e == EAGAIN || e == EWOULDBLOCK || e == EINTR;
}

static int socket_read(BIO *b, char *buf, int len)
{
	BIO_clear_retry_flags(b);
	ssize_t n = recv(socket_fd(b), buf, (size_t)len, 0);
	if (n < 0 && is_transient(errno))
		BIO_set_retry_read(b);
	if (n == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static int socket_write(BIO *b, const char *buf, int len)
{
	BIO_clear_retry_flags(b);
	ssize_t n = send(socket_fd(b), buf, (size_t)len, MSG_NOSIGNAL);
	if (n < 0 && is_transient(errno))
		BIO_set_retry_write(b);
	return (int)n;
}

static long socket_control(BIO *b, int what, long number _unused_, void *data _unused_)
{
	switch (what) {
	case BIO_CTRL_FLUSH: /* nothing is held back */
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static BIO_METHOD *socket_method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (!m || !BIO_meth_set_read(m, socket_read) || !BIO_meth_set_write(m, socket_write) ||
	    !BIO_meth_set_ctrl(m, socket_control))
		abort();
	return m;
}

/* --- contexts --- */

/* A key that is locked with a passphrase is an error, never a question on the terminal. */
static int no_passphrase(char *buf _unused_, int size _unused_, int writing _unused_, void *ctx _unused_)
{
	return -1;
}

static struct tls_context *context_new(bool server, int least_version)
{
	struct tls_context *c = NEW(struct tls_context);
	c->refs = 1;
	c->server = server;
	c->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!c->ssl || !SSL_CTX_set_min_proto_version(c->ssl, least_version))
		abort();
	c->socket = socket_method_new();
	/*
	 * NO_AUTO_CHAIN: otherwise the chain is searched and the CA sent in each handshake. No sessions and
	 * no tickets: a resumed session skips the check of the client's certificate.
	 */
	(void)SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	(void)SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(c->ssl, 0);
	(void)SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* one recv for a record instead of two */
	SSL_CTX_set_read_ahead(c->ssl, 1);
	SSL_CTX_set_default_passwd_cb(c->ssl, no_passphrase);
	return c;
}

struct tls_context *tls_context_unref(struct tls_context *c)
{
	if (!c || --c->refs > 0)
		return NULL;
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->socket);
	free(c);
	return NULL;
}

static void context_unrefp(struct tls_context **c)
{
	(void)tls_context_unref(*c);
}
#define _cleanup_context_ _cleanup_(context_unrefp)

/* The oldest entry of OpenSSL's queue: the cause; what follows only says who passed it on. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	return text ? text : "unknown error";
}

/* A missing or forbidden file is named as such, rather than in OpenSSL's words. */
static int check_readable(const char *what, const char *file, struct error *err)
{
	ERR_clear_error();
	if (access(file, R_OK) == 0)
		return 0;
	int e = errno;
	return error_set(err, -e, "", "%s %s: %s", what, file, strerror(e));
}

static int load_pair(SSL_CTX *ssl, const char *cert_file, const char *key_file, struct error *err)
{
	int r = check_readable("certificate", cert_file, err);
	if (r < 0)
		return r;
	if (SSL_CTX_use_certificate_chain_file(ssl, cert_file) != 1)
		return error_set(err, -EINVAL, "", "certificate %s: %s", cert_file, reason());
	r = check_readable("key", key_file, err);
	if (r < 0)
		return r;
	if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ssl) != 1)
		return error_set(err, -EINVAL, "", "key %s of certificate %s: %s", key_file, cert_file,
		                 reason());
	return 0;
}

static int load_ca(SSL_CTX *ssl, const char *ca_file, struct error *err)
{
	int r = check_readable("CA certificate", ca_file, err);
	if (r < 0)
		return r;
	if (SSL_CTX_load_verify_file(ssl, ca_file) != 1)
		return error_set(err, -EINVAL, "", "CA certificate %s: %s", ca_file, reason());
	return 0;
}

int tls_server_new(const char *cert_file, const char *key_file, const char *client_ca_file,
                   struct tls_context **ret, struct error *err)
{
	_cleanup_context_ struct tls_context *c = context_new(true, TLS1_3_VERSION);
	int r = load_pair(c->ssl, cert_file, key_file, err);
	if (r < 0)
		return r;
	if (client_ca_file) {
		r = load_ca(c->ssl, client_ca_file, err);
		if (r < 0)
			return r;
		STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(client_ca_file);
		if (!names)
			return error_set(err, -EINVAL, "", "CA certificate %s: %s", client_ca_file, reason());
		SSL_CTX_set_client_CA_list(c->ssl, names);
		/* optional, but valid when it is shown: the handshake fails otherwise */
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	}
	*ret = TAKE_PTR(c);
	return 0;
}

static int set_alpn(SSL_CTX *ssl, const char *name)
{
	unsigned char wire[32];
	size_t n = strlen(name);
	assert(n > 0 && n < sizeof(wire));
	wire[0] = (unsigned char)n;
	memcpy(wire + 1, name, n);
	return SSL_CTX_set_alpn_protos(ssl, wire, (unsigned)(n + 1)) == 0;
}

int tls_client_new(const char *ca_file, const char *cert_file, const char *key_file, const char *alpn,
                   bool tls12, struct tls_context **ret, struct error *err)
{
	_cleanup_context_ struct tls_context *c = context_new(false, tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	int r = 0;
	if (ca_file)
		r = load_ca(c->ssl, ca_file, err);
	else if (SSL_CTX_set_default_verify_paths(c->ssl) != 1)
		r = error_set(err, -EINVAL, "", "the system's CA certificates: %s", reason());
	if (r == 0 && (cert_file || key_file)) {
		if (!cert_file || !key_file)
			return error_set(err, -EINVAL, "",
			                 "a client certificate and its key belong together");
		r = load_pair(c->ssl, cert_file, key_file, err);
	}
	if (r < 0)
		return r;
	if (alpn && !set_alpn(c->ssl, alpn))
		abort();
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	*ret = TAKE_PTR(c);
	return 0;
}

/* --- connections --- */

static struct tls *connection_new(struct tls_context *c, int fd)
{
	struct tls *t = NEW(struct tls);
	ERR_clear_error();
	t->ssl = SSL_new(c->ssl);
	BIO *bio = BIO_new(c->socket);
	if (!t->ssl || !bio)
		abort(); /* out of memory */
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	c->refs++;
	t->context = c;
	return t;
}

struct tls *tls_accept(struct tls_context *c, int fd)
{
	assert(c->server);
	struct tls *t = connection_new(c, fd);
	SSL_set_accept_state(t->ssl);
	return t;
}

struct tls *tls_connect(struct tls_context *c, int fd, const char *host)
{
	assert(!c->server);
	struct tls *t = connection_new(c, fd);
	unsigned char ip[sizeof(struct in6_addr)];
	SSL_set_connect_state(t->ssl);
	bool ok;
	if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1;
	else
		ok = SSL_set1_host(t->ssl, host) == 1 && SSL_set_tlsext_host_name(t->ssl, host) == 1;
	/* a host that is no name matches no certificate: the handshake will say so */
	t->failed = !ok;
	if (!ok)
		t->error = mem_printf("\"%s\" is not a host name", host);
	return t;
}

struct tls *tls_free(struct tls *t)
{
	if (!t)
		return NULL;
	SSL_free(t->ssl);
	(void)tls_context_unref(t->context);
	free(t->peer_name);
	free(t->error);
	free(t);
	return NULL;
}

/* Why it failed, for people; `e` is the errno of the call. */
static void note_failure(struct tls *t, int e)
{
	t->failed = true;
	if (t->error)
		return;
	long verified = SSL_get_verify_result(t->ssl);
	if (ERR_peek_error() == 0)
		t->error = mem_strdup(e ? strerror(e) : "the peer closed the connection");
	else if (!t->established && verified != X509_V_OK)
		t->error = mem_printf("certificate of the peer: %s", X509_verify_cert_error_string(verified));
	else
		t->error = mem_strdup(reason());
}

/* Before each call: what OpenSSL and the kernel say afterwards is about this one. */
static void begin(void)
{
	if (ERR_peek_error()) /* clearing goes through all places of the queue, and mostly it is empty */
		ERR_clear_error();
	errno = 0;
}

/* The outcome of a call that returned r <= 0. */
static int outcome(struct tls *t, int r)
{
	int e = errno;
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		note_failure(t, e);
		return TLS_FAILED;
	}
}

/*
 * The first name of that type in the certificate. Lengths are compared, because a name with an embedded NUL
 * would otherwise pass for the part before it.
 */
static char *alternative_name(const GENERAL_NAMES *names, int type)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int kind;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
		if (kind != type)
			continue;
		const char *text = (const char *)ASN1_STRING_get0_data(s);
		size_t len = (size_t)ASN1_STRING_length(s);
		if (len > 0 && memchr(text, '\0', len) == NULL)
			return mem_strndup(text, len);
	}
	return NULL;
}

static char *verified_name(const SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	if (!names)
		return NULL;
	char *name = alternative_name(names, GEN_DNS);
	if (!name)
		name = alternative_name(names, GEN_URI);
	GENERAL_NAMES_free(names);
	return name;
}

int tls_handshake(struct tls *t)
{
	if (t->failed)
		return TLS_FAILED;
	begin();
	int r = SSL_do_handshake(t->ssl);
	if (r != 1)
		return outcome(t, r);
	t->established = true;
	t->peer_name = verified_name(t->ssl);
	return 0;
}

ssize_t tls_read(struct tls *t, void *buf, size_t len)
{
	assert(t->established && len > 0);
	if (t->failed)
		return TLS_FAILED;
	size_t n;
	begin();
	int r = SSL_read_ex(t->ssl, buf, len, &n);
	t->starved = r != 1;
	return r == 1 ? (ssize_t)n : outcome(t, r);
}

ssize_t tls_write(struct tls *t, const void *buf, size_t len)
{
	assert(t->established && len > 0);
	if (t->failed)
		return TLS_FAILED;
	size_t n;
	begin();
	int r = SSL_write_ex(t->ssl, buf, len, &n);
	return r == 1 ? (ssize_t)n : outcome(t, r);
}

bool tls_pending(const struct tls *t)
{
	return !t->starved && SSL_has_pending(t->ssl);
}

void tls_shutdown(struct tls *t)
{
	if (!t->established || t->failed)
		return;
	begin();
	(void)SSL_shutdown(t->ssl);
}

const char *tls_peer_name(const struct tls *t)
{
	return t->peer_name;
}

const char *tls_alpn(const struct tls *t)
{
	const unsigned char *name;
	unsigned len;
	SSL_get0_alpn_selected(t->ssl, &name, &len);
	return len == 2 && memcmp(name, "h2", 2) == 0 ? "h2" : NULL;
}

const char *tls_error(const struct tls *t)
{
	return t->error ? t->error : "";
}
