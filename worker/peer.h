/* SPDX-License-Identifier: ISC */
#ifndef WORKER_PEER_H
#define WORKER_PEER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A peer's address in 24 bytes instead of the 128 of sockaddr_storage; there
 * is one in each connection. */
struct peer {
	sa_family_t family;
	in_port_t port;	   /* network byte order */
	uint32_t scope_id; /* of IPv6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
		struct peer_name *name; /* unix; NULL = unnamed */
	} address;
};

/* Keeps a copy of SA as accept(2) gave it. False when memory ran out: there is
 * nothing to clear then. */
bool peer_set(struct peer *peer, const struct sockaddr *sa, socklen_t length);
void peer_clear(struct peer *peer); /* frees what it holds */

/* The address again, with zeros behind it. Returns its length, for an unnamed
 * Unix peer that of sa_family (unix(7)). */
socklen_t peer_get(const struct peer *peer, struct sockaddr_storage *sa);

/* As text, see endpoint_format(). Returns BUF. */
char *peer_format(const struct peer *peer, char *buf, size_t size);

#endif
