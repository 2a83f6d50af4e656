/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_TLS_CERTIFICATE_H
#define CLIENTS_CLIENT_TLS_CERTIFICATE_H

#include <openssl/x509.h>

#include <stddef.h>

/*
 * What a certificate says, as text for people: escaped, one line, cut when BUF
 * has no room. Each returns the text, in BUF as a rule. None blocks.
 */

#define CERTIFICATE_NAME_MAX  256
#define CERTIFICATE_NAMES_MAX 512
#define CERTIFICATE_TIME_MAX  32

/* "CN = localhost"; for a subject or an issuer. */
const char *certificate_name(const X509_NAME *name, char *buf, size_t size);

/* Whom it is for: "localhost, *.example.org, 127.0.0.1"; "nobody" when it has
 * no such names. */
const char *certificate_names(const X509 *certificate, char *buf, size_t size);

/* "2026-11-21 08:00:00 UTC", or "?" */
const char *certificate_time(const ASN1_TIME *when, char *buf, size_t size);

#endif
