/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_TLS_FAILURE_H
#define CLIENTS_CLIENT_TLS_FAILURE_H

#include <openssl/ssl.h>

#include <stdbool.h>

/* What client_tls.c keeps of a connection beside OpenSSL. */
struct client_tls_record {
	bool established;   /* the handshake is over */
	bool has_failed;    /* the two below tell why */
	unsigned long code; /* of OpenSSL; 0: the system's */
	int error;	    /* errno */
	char *objection;    /* to the certificate; or NULL */
};

/* Adds the record to SSL, which frees it. False when there is no memory. */
bool client_tls_record_add(SSL *ssl);
struct client_tls_record *client_tls_record_of(const SSL *ssl);

/* Keeps what OpenSSL and errno say now; the first counts, but for an alert
 * that explains it. */
void client_tls_record_failure(SSL *ssl);

/* After that, in a handshake: a peer that refuses us sends an alert and closes;
 * we may notice the end when we write, and have not read the alert. Does not
 * block. */
void client_tls_record_alert(SSL *ssl);

/* For SSL_set_verify(3): keeps the objection. */
int client_tls_record_objection(int ok, X509_STORE_CTX *store);

#endif
