/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_FILES_H
#define COMMON_TLS_FILES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stddef.h>

/*
 * Certificates and keys from files in PEM (RFC 7468). Only regular files of at
 * most TLS_FILE_MAX bytes are read; anything else (a pipe that nobody writes
 * to, a device) could hold the caller up. What is wrong comes as a phrase in
 * WHY that goes behind the name of the file: "has no certificate ...". The
 * error queue of OpenSSL is empty afterwards. They block no longer than a disk
 * does.
 */
#define TLS_FILE_MAX ((size_t)1024 * 1024)

/* All certificates of PATH in their order, at least one; the caller's, to be
 * freed by sk_X509_pop_free(stack, X509_free). NULL with WHY. */
STACK_OF(X509) *
    tls_read_certificates(const char *path, char *why, size_t why_size);

/* The first private key of PATH, the caller's (EVP_PKEY_free). NULL with WHY;
 * an encrypted one is an error, nobody is asked for a passphrase. */
EVP_PKEY *tls_read_key(const char *path, char *why, size_t why_size);

/* The reason of the oldest error in OpenSSL's queue ("ee key too small"), which
 * is emptied. Static data. */
const char *tls_take_error(void);

#endif
