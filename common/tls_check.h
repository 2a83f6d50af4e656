/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_CHECK_H
#define COMMON_TLS_CHECK_H

#include <openssl/x509.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/errors.h"

/* Seconds since 1970 of an ASN.1 time; 0 when it is none. */
int64_t tls_seconds(const ASN1_TIME *time);

/* Whether each certificate but the first has signed the one before it; else a
 * phrase in WHY that goes behind the name of the file. */
bool tls_check_chain(STACK_OF(X509) * chain, char *why, size_t why_size);

/* Warns of a certificate (FILE, said of TITLE) that is not valid at NOW or not
 * much longer. Returns whether it did. */
bool tls_check_dates(const char *file, const char *title, int64_t not_before,
    int64_t not_after, int64_t now, const struct config_place *place,
    struct errors *warnings);

/* Warns of a file with a key that others can read, above all USER, as whom
 * workers run ("" = as the caller). */
void tls_check_key_file(const char *file, const char *user,
    const struct config_place *place, struct errors *warnings);

#endif
