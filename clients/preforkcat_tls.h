/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_TLS_H
#define CLIENTS_PREFORKCAT_TLS_H

#include <openssl/ssl.h>

#include <stdint.h>

#include "clients/client_status.h"
#include "clients/preforkcat_ends.h"
#include "clients/preforkcat_options.h"

/* The peer's end with TLS on it. All of it complains by itself. */

/*
 * Fills *CONTEXT with what all of OPTIONS about TLS make (SSL_CTX_free), NULL
 * where the address has no TLS. Returns CLIENT_DONE, or CLIENT_USAGE. Warns
 * when nothing is to be checked.
 */
enum client_status
tls_context(const struct options *options, SSL_CTX **context);

/*
 * The handshake on PEER (end_peer), which is one of TLS afterwards, to be given
 * to tls_leave() when this returned CLIENT_DONE. BLOCKS until DEADLINE_MS of
 * clock_monotonic_ms() (0: none), and no longer than --timeout without
 * anything from the peer.
 */
enum client_status tls_enter(struct end *peer, SSL_CTX *context,
    const struct options *options, int64_t deadline_ms);

/* Frees what tls_enter() made. IS_WHOLE: nothing is missing of what was to be
 * sent, which the peer is told (close_notify) as far as there is room. */
void tls_leave(struct end *peer, bool is_whole);

#endif
