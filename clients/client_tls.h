/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_TLS_H
#define CLIENTS_CLIENT_TLS_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

#include "clients/client_status.h"
#include "common/address.h"

/*
 * The client's side of TLS 1.2 and 1.3 over a socket that does not block. A
 * context serves any number of connections; a connection is an SSL, on which
 * any function of OpenSSL may be called besides. Linked with libssl.
 */

/* What a command line asks for. Nothing of it is kept. */
struct client_tls_options {
	const char *ca;		/* PEM file of whom to trust; NULL: the system's
				   store (or SSL_CERT_FILE, SSL_CERT_DIR) */
	const char *cert;	/* PEM file: ours, then its issuers; or NULL */
	const char *key;	/* PEM file; NULL: it is in the file of cert */
	const char *alpn;	/* "h2,http/1.1", or NULL */
	const char *servername; /* asked for and checked; NULL: the host */
	bool insecure;		/* nothing is checked */
};

/*
 * The context for OPTIONS, the caller's (SSL_CTX_free). Reads the files, which
 * may BLOCK where they are no regular ones. Returns NULL with a phrase in WHY:
 * which file, and what is wrong with it; that is CLIENT_USAGE.
 */
SSL_CTX *client_tls_context(
    const struct client_tls_options *options, char *why, size_t why_size);

/*
 * A connection to ADDRESS over FD, which is connected, does not block, and
 * stays the caller's. The name that is asked for (SNI) and checked is that of
 * OPTIONS, or the host of ADDRESS; a literal address is checked and not asked
 * for. The caller frees it (SSL_free). Returns NULL with a phrase in WHY, also
 * when there is no name to check: a unix socket without a servername.
 */
SSL *client_tls_new(SSL_CTX *context, const struct client_tls_options *options,
    const struct address *address, int fd, char *why, size_t why_size);

/* False with the same phrase when client_tls_new() would find no name to
 * check for ADDRESS. Pure. */
bool client_tls_has_name(const struct client_tls_options *options,
    const struct address *address, char *why, size_t why_size);

enum client_tls_step {
	CLIENT_TLS_DONE = 0,
	CLIENT_TLS_WANTS_READ,	/* again when poll(2) says POLLIN */
	CLIENT_TLS_WANTS_WRITE, /* POLLOUT, whatever was asked for */
	CLIENT_TLS_ENDED,	/* the peer's close_notify */
	CLIENT_TLS_FAILED,	/* client_tls_failure() tells */
};

/* None of these blocks. Bytes that were read ahead are inside: poll(2) tells
 * of more only after CLIENT_TLS_WANTS_READ. A write that wants something must
 * be called again with the same bytes (and more, from anywhere). */
enum client_tls_step client_tls_handshake(SSL *ssl);
enum client_tls_step
client_tls_read(SSL *ssl, void *data, size_t size, size_t *n);
enum client_tls_step
client_tls_write(SSL *ssl, const void *data, size_t len, size_t *n);

/* Sends close_notify, once: nothing more will be written, reading goes on. */
enum client_tls_step client_tls_finish(SSL *ssl);

/*
 * After CLIENT_TLS_FAILED, at any time: a line in LINE about the peer TEXT (an
 * address as people wrote it), and the status that says it: CLIENT_CERTIFICATE,
 * CLIENT_PROTOCOL (also an alert, and an end without close_notify),
 * CLIENT_BROKEN (reset), CLIENT_TIMED_OUT.
 */
enum client_status
client_tls_failure(const SSL *ssl, const char *text, char *line, size_t size);

/* The errno of the same failure; EPROTO when it is one of TLS, not of the
 * system. */
int client_tls_errno(const SSL *ssl);

/* Why the peer's certificate does not hold, once the handshake has begun; NULL
 * when it does. The text is SSL's. For those who go on all the same. */
const char *client_tls_objection(const SSL *ssl);

#endif
