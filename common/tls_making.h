/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_MAKING_H
#define COMMON_TLS_MAKING_H

/*
 * Private to tls_server.c and tls_context.c: what a service speaks TLS with,
 * and what making it works with.
 */
#include <sys/queue.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/errors.h"
#include "common/tls_names.h"
#include "common/tls_server.h"

#define TLS_ALPN_MAX 1024 /* bytes of all protocols together */

struct tls_context {
	SSL_CTX *ssl;
	struct tls_names names;
};

struct tls_server {
	LIST_ENTRY(tls_server) entry;	       /* all that there are */
	const struct tls_ticket_page *tickets; /* or NULL */
	bool kept;			       /* by tls_server_keep() */
	struct tls_context
	    *contexts; /* the first for clients that name nobody */
	size_t n_contexts;
	struct tls_certificate *certificates; /* one a file */
	size_t n_certificates;
	unsigned char
	    alpn[TLS_ALPN_MAX]; /* as on the wire: length, name, ... */
	unsigned alpn_len;
	char fingerprint[2 * EVP_MAX_MD_SIZE + 1];
};

/* What making one works with. */
struct tls_making {
	const struct config *config;
	const struct service_config *service;
	struct errors *errors, *warnings;
	struct tls_server *server;
	STACK_OF(X509) * client_ca;
	unsigned char trust[EVP_MAX_MD_SIZE]; /* who is believed, as a digest */
	unsigned trust_len;
	EVP_MD_CTX *digest; /* of all that is shown and believed */
	bool algorithms_are_good;
};

/* An error of the service's SETTING: "SETTING = VALUE" and WHY behind it. */
void tls_complain(const struct tls_making *making, const char *setting,
    const char *value, const char *why);

/* The error that there is no memory; empties OpenSSL's queue of errors. */
void tls_no_memory(const struct tls_making *making);

/* Whether OpenSSL knows what the settings name; else their errors are told,
 * once for all contexts. */
bool tls_check_algorithms(const struct tls_making *making);

/* The context that a certificate belongs into: that of the same names with keys
 * of other kinds, among which OpenSSL takes what a client can use, or a new
 * one. It is the server's. NULL after an error. */
SSL_CTX *tls_context_for(const struct tls_making *making, X509 *certificate);

#endif
