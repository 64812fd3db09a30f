/*
 * Certificates for tests, made at run time by the openssl program (Debian package openssl) in a folder of
 * their own, which is removed when the process ends.
 *
 *   ca, foreign-ca          two authorities
 *   server, server2         by ca, for localhost and 127.0.0.1
 *   alice                   by ca, DNS name alice.test
 *   uri                     by ca, URI name tug://bob
 *   nameless                by ca, no name at all
 *   foreign                 by foreign-ca, DNS name alice.test
 *   expired                 by ca, DNS name alice.test, since yesterday
 *   locked                  the key of server under a passphrase (no certificate)
 */
#pragma once

/* "FOLDER/NAME.pem" and "FOLDER/NAME.key"; the first call makes all of them. Valid until the process ends. */
const char *certs_cert(const char *name);
const char *certs_key(const char *name);
/* The folder, for files of the test's own. */
const char *certs_folder(void);
/* Copies a file over another, in one step. */
void certs_replace(const char *from, const char *to);
