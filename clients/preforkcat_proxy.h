/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_PROXY_H
#define CLIENTS_PREFORKCAT_PROXY_H

#include <sys/socket.h>

#include <stddef.h>

/* The PROXY protocol's header, as a proxy in front of a server sends it. */

enum proxy_version {
	PROXY_NONE = 0,
	PROXY_V1,
	PROXY_V2,
};

#define PROXY_HEADER_MAX 256 /* any of ours */

/*
 * Writes into BUF (PROXY_HEADER_MAX) the header that says: a connection, or
 * with TYPE SOCK_DGRAM a datagram, from SOURCE to DESTINATION. Where the
 * version has no form for them it says that they are not known. Returns the
 * length. Pure.
 */
size_t proxy_header(char *buf, enum proxy_version version, int type,
    const struct sockaddr_storage *source,
    const struct sockaddr_storage *destination);

/* The same for the connected socket FD. */
size_t proxy_header_of(char *buf, enum proxy_version version, int fd);

#endif
