/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_TLS_ALPN_H
#define CLIENTS_CLIENT_TLS_ALPN_H

#include <stdbool.h>
#include <stddef.h>

/* Room for any list that is taken: what a ClientHello has space for and more
 * than anybody writes. */
#define CLIENT_TLS_ALPN_MAX 1024

/*
 * The list TEXT ("h2,http/1.1", in order of preference, blanks around a name
 * are dropped) as it stands in a ClientHello: each name behind its length. WIRE
 * has CLIENT_TLS_ALPN_MAX bytes; *LEN of them are used. Returns false with a
 * phrase in WHY. Pure.
 */
bool client_tls_alpn(const char *text, unsigned char *wire, size_t *len,
    char *why, size_t why_size);

#endif
