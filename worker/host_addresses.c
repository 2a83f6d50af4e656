/* SPDX-License-Identifier: ISC */
/*
 * What addresses this host has, for the rules of UDP. Taken once, at the
 * worker's start; those that come later are protected by the other rules
 * only.
 */
#include <sys/types.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

#include "worker/host_addresses.h"

#define HOST_ADDRESSES_MAX 1024

static void
add(struct host_address *list, size_t *n, const struct sockaddr *sa,
    bool broadcast)
{
	if (sa == NULL || *n == HOST_ADDRESSES_MAX ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return;
	list[*n].address = datagram_address(sa);
	list[(*n)++].broadcast = broadcast;
}

struct host_address *
host_addresses_get(size_t *n)
{
	struct ifaddrs *interfaces;
	struct host_address *list;

	*n = 0;
	if (getifaddrs(&interfaces) == -1)
		return NULL;
	list = calloc(HOST_ADDRESSES_MAX, sizeof(*list));
	for (struct ifaddrs *i = interfaces; list != NULL && i != NULL;
	     i = i->ifa_next) {
		add(list, n, i->ifa_addr, false);
		if ((i->ifa_flags & IFF_BROADCAST) != 0)
			add(list, n, i->ifa_broadaddr, true);
	}
	freeifaddrs(interfaces);
	return list;
}
