/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_WARM_H
#define COMMON_TLS_WARM_H

#include <openssl/ssl.h>

/*
 * Lets CONTEXT, of a server, shake hands with a client of this very process, in
 * each version of TLS, until that has succeeded once. Much of OpenSSL is made
 * when it is needed first, and some of it, if memory runs out at that moment,
 * not tried again: a worker that met with it would be without TLS for as long
 * as it lives. What is there before it is forked it has. Takes milliseconds,
 * opens nothing, and its failure means nothing.
 */
void tls_warm_up(SSL_CTX *context);

#endif
