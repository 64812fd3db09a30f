/*
 * TLS 1.3 on non-blocking sockets: the only file besides crypto.c that includes OpenSSL. A server or client context is
 * built whole and then swapped, so that certificates are renewed while connections live. OpenSSL is initialised by the
 * first context: a process that never uses TLS does not pay for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/error.h"

struct tls_context; /* reference-counted */
struct tls;	    /* one connection */

/* PEM files. client_ca: peers may show a certificate signed by it (optional but valid); NULL: none is asked for. */
int tls_server_new(const char *cert_file, const char *key_file, const char *client_ca_file, struct tls_context **ret,
		   struct error *err) _nonnull_(1, 2, 4) _must_check_;
/*
 * ca_file NULL: the system's store. cert and key NULL: none. alpn: "h2" or NULL. tls12: also accept TLS 1.2 (for peers
 * that are not tug's own).
 */
int tls_client_new(const char *ca_file, const char *cert_file, const char *key_file, const char *alpn, bool tls12,
		   struct tls_context **ret, struct error *err) _nonnull_(6) _must_check_;
/* NULL is fine; returns NULL. Connections keep what they need. */
struct tls_context *tls_context_unref(struct tls_context *c);

/* fd is not owned. */
struct tls *tls_accept(struct tls_context *c, int fd) _nonnull_(1);
/* host: the name or IP address that the certificate has to carry. */
struct tls *tls_connect(struct tls_context *c, int fd, const char *host) _nonnull_(1, 3);
/* NULL is fine; returns NULL. Sends no close_notify after a fatal error. */
struct tls *tls_free(struct tls *t);

enum tls_result {
	TLS_WANT_READ = -1000, /* call again when the socket is readable */
	TLS_WANT_WRITE,	       /* ... writable */
	TLS_CLOSED,	       /* the peer closed properly */
	TLS_FAILED,	       /* anything else: tls_error() says what; close the socket */
};
/* 0 when the handshake is complete, or one of the above. */
int tls_handshake(struct tls *t) _nonnull_(1) _must_check_;
/* Bytes (> 0), or one of the above. */
ssize_t tls_read(struct tls *t, void *buf, size_t len) _nonnull_(1, 2) _must_check_;
ssize_t tls_write(struct tls *t, const void *buf, size_t len) _nonnull_(1, 2) _must_check_;
/* Decrypted bytes wait: the socket will not become readable for them. */
bool tls_pending(const struct tls *t) _nonnull_(1);
/* close_notify, best effort. */
void tls_shutdown(struct tls *t) _nonnull_(1);
/* The verified peer certificate's name: the first DNS SAN, else the first URI SAN; NULL when there is none. */
const char *tls_peer_name(const struct tls *t) _nonnull_(1);
/* "h2" when that was agreed; else NULL. */
const char *tls_alpn(const struct tls *t) _nonnull_(1);
const char *tls_error(const struct tls *t) _nonnull_(1);
