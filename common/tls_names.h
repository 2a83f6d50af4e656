/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_NAMES_H
#define COMMON_TLS_NAMES_H

#include <openssl/x509.h>

#include <stdbool.h>
#include <stddef.h>

/* The DNS names that a certificate is for (RFC 6125): those of its
 * subjectAltName; only where there is none, the common name. Lower case, each
 * once, "*." in front for a wildcard. */
struct tls_names {
	char **items;
	size_t n;
};

/* False when memory ran out. Names with a NUL inside are left out. OpenSSL's
 * queue of errors is empty afterwards. */
bool tls_names_read(struct tls_names *names, X509 *certificate);
void tls_names_clear(struct tls_names *names);

bool tls_names_equal(const struct tls_names *a, const struct tls_names *b);

/* NAME as a client writes it, in any case, perhaps with a dot at the end:
 * exactly among them, or by a wildcard that stands for its first label. */
bool tls_names_have(const struct tls_names *names, const char *name);
bool tls_names_match_wildcard(const struct tls_names *names, const char *name);

/* For people: the first name, else the first address, else the subject. */
char *tls_names_title(X509 *certificate); /* the caller's; NULL: no memory */

#endif
