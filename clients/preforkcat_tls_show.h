/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_TLS_SHOW_H
#define CLIENTS_PREFORKCAT_TLS_SHOW_H

#include <openssl/ssl.h>

#include <stdbool.h>

/* Tells what the handshake came to and how long it took, and the peer's
 * certificates: steps of -v. UNCHECKED: also what is wrong with them. */
void tls_show(const SSL *ssl, bool unchecked);

#endif
