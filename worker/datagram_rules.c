/* SPDX-License-Identifier: ISC */
/*
 * The rules of UDP safety, as OpenBSD's inetd has them and CVE-2024-2169
 * teaches again: a source address can be forged, so an answer must never
 * reach another service, many hosts, or ourselves. Pure functions.
 */
#include <arpa/inet.h>

#include <string.h>

#include "worker/datagram_rules.h"

#define PORT_NFS 2049 /* a service, though above 1023 */

struct in6_addr
datagram_address(const struct sockaddr *sa)
{
	struct in6_addr mapped = IN6ADDR_ANY_INIT;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		return in6.sin6_addr;
	}
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
		memcpy(&mapped.s6_addr[12], &in.sin_addr, 4);
	}
	return mapped;
}

static uint16_t
port_of(const struct sockaddr *sa)
{
	struct sockaddr_in6 in6 = { 0 };

	/* sin_port and sin6_port lie at the same place */
	memcpy(&in6, sa, sizeof(struct sockaddr_in));
	return ntohs(in6.sin6_port);
}

static uint32_t
v4_of(const struct in6_addr *address)
{
	uint32_t v4;

	memcpy(&v4, &address->s6_addr[12], sizeof(v4));
	return ntohl(v4);
}

static bool
is_many(const struct in6_addr *address)
{
	if (!IN6_IS_ADDR_V4MAPPED(address))
		return IN6_IS_ADDR_MULTICAST(address);
	uint32_t v4 = v4_of(address);
	return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST;
}

/* 0.0.0.0/8 means "this network" and is nobody's address. */
static bool
is_nobody(const struct in6_addr *address)
{
	return IN6_IS_ADDR_UNSPECIFIED(address) ||
	    (IN6_IS_ADDR_V4MAPPED(address) && v4_of(address) >> 24 == 0);
}

static bool
is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	    (IN6_IS_ADDR_V4MAPPED(address) &&
		v4_of(address) >> 24 == IN_LOOPBACKNET);
}

/* Whether ADDRESS is this host's, as an address or as a broadcast. */
static bool
is_host(const struct datagram_rules *rules, const struct in6_addr *address,
    bool broadcast)
{
	for (size_t i = 0; i < rules->n_hosts; i++) {
		const struct host_address *host = &rules->hosts[i];
		if (host->broadcast == broadcast &&
		    IN6_ARE_ADDR_EQUAL(&host->address, address))
			return true;
	}
	return false;
}

static bool
is_our_port(const struct datagram_rules *rules, uint16_t port)
{
	for (size_t i = 0; i < rules->n_ports; i++) {
		if (rules->ports[i] == port)
			return true;
	}
	return false;
}

static bool
is_bad_source(const struct datagram_rules *rules, const struct in6_addr *source,
    uint16_t port, bool reserved_too)
{
	if (port == 0 ||
	    (!reserved_too && (port < IPPORT_RESERVED || port == PORT_NFS)))
		return true;
	return is_nobody(source) || is_many(source) ||
	    is_host(rules, source, true);
}

enum datagram_verdict
datagram_judge(const struct datagram_rules *rules, const struct sockaddr *from,
    const struct sockaddr *to, bool reserved_too)
{
	struct in6_addr source = datagram_address(from);
	struct in6_addr target = datagram_address(to);
	uint16_t port = port_of(from);

	if (is_our_port(rules, port) &&
	    (IN6_ARE_ADDR_EQUAL(&source, &target) || is_loopback(&source) ||
		is_host(rules, &source, false)))
		return DATAGRAM_LOOP;
	if (is_bad_source(rules, &source, port, reserved_too))
		return DATAGRAM_BAD_SOURCE;
	if (is_many(&target) || is_host(rules, &target, true))
		return DATAGRAM_BROADCAST;
	return DATAGRAM_ANSWER;
}
