/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_SERVER_H
#define COMMON_TLS_SERVER_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/errors.h"
#include "common/tls_tickets.h"

/*
 * What a service needs to speak TLS: one context of OpenSSL for each of its
 * certificates, or for each name that has certificates with keys of several
 * kinds. Made when the configuration is read, by the supervisor, who may read
 * the keys; workers inherit it by fork and open no file.
 */
struct tls_server;

/* A certificate that a service shows, for statistics and warnings. Texts are
 * the server's. */
struct tls_certificate {
	const char *file;
	const char *name; /* the first DNS name or address; else the subject */
	int64_t not_before; /* seconds since 1970 */
	int64_t not_after;  /* the earliest of the file */
};

#define TLS_WARN_DAYS 14 /* before a certificate expires */

/*
 * Reads the files that SERVICE names and makes its contexts. NULL after at
 * least one message in ERRORS, each with the line of the setting that it is
 * about. What is only doubtful (it has expired, others can read the key) goes
 * to WARNINGS. Blocks for the disk.
 */
struct tls_server *tls_server_new(const struct config *config,
    const struct service_config *service, struct errors *errors,
    struct errors *warnings);
void tls_server_free(struct tls_server *server); /* NULL is allowed */

/* For a process that serves some of them only: marks SERVER as one of those,
 * and then frees all that are not marked, in this process, private keys and
 * ticket keys included. Nothing may be asked of them afterwards. */
void tls_server_keep(struct tls_server *server);
void tls_server_forget_others(void);

/* Whether both show the same certificates and believe the same issuers. */
bool tls_server_equal(const struct tls_server *a, const struct tls_server *b);

/* A short text that changes with what tls_server_equal() looks at. */
const char *tls_server_fingerprint(const struct tls_server *server);

/* Tickets are encrypted with the keys of PAGE, which must outlive it. False
 * when memory ran out. */
bool tls_server_set_tickets(
    struct tls_server *server, const struct tls_ticket_page *page);

/* For a new connection, which gets another context later if its client names
 * another server. Valid as long as SERVER. */
SSL_CTX *tls_server_context(const struct tls_server *server);

size_t tls_server_count(const struct tls_server *server);
const struct tls_certificate *
tls_server_certificate(const struct tls_server *server, size_t i);

/* Whether the kernel encrypts for OpenSSL (kTLS): asked once, by opening a
 * socket. */
bool tls_kernel_offers(void);

#endif
