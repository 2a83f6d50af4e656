/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DATAGRAM_RULES_H
#define WORKER_DATAGRAM_RULES_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * May a datagram be answered? Pure judgement: forged sources must not make
 * two services answer one another for ever, nor make this one shout at a
 * whole network.
 */
enum datagram_verdict {
	DATAGRAM_ANSWER = 0,
	DATAGRAM_BAD_SOURCE, /* nobody sends from there, or a service does */
	DATAGRAM_BROADCAST,  /* sent to many */
	DATAGRAM_LOOP,	     /* comes from a service of this daemon */
};

/* An address of this host as 16 bytes (IPv4 mapped), and whether it is that
 * of a broadcast. */
struct host_address {
	struct in6_addr address;
	bool broadcast;
};

struct datagram_rules {
	const uint16_t *ports; /* of this daemon's UDP services */
	size_t n_ports;
	const struct host_address *hosts; /* of this host */
	size_t n_hosts;
};

/*
 * FROM sent a datagram to the address TO (port ignored). RESERVED_TOO:
 * source ports of well-known services (below 1024, and 2049) are answered.
 */
enum datagram_verdict datagram_judge(const struct datagram_rules *rules,
    const struct sockaddr *from, const struct sockaddr *to, bool reserved_too);

/* The address of SA as 16 bytes, IPv4 mapped. */
struct in6_addr datagram_address(const struct sockaddr *sa);

#endif
