/* SPDX-License-Identifier: ISC */
/*
 * Control data of datagrams, cmsg(3): what the kernel tells of each, and what
 * an answer has to say. Only IP sockets are asked for any; a Unix peer could
 * put descriptors into it.
 */
#include <netinet/udp.h>

#include <stdint.h>
#include <string.h>

#include "worker/datagram_control.h"

bool
datagram_control_ask_destination(int fd, int family)
{
	const int on = 1;

	if (family == AF_INET)
		return setsockopt(
			   fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0;
	return setsockopt(
		   fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) == 0;
}

void
datagram_control_join(int fd)
{
	const int on = 1;

	/* A kernel before 5.0 gives them one by one. */
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

/* Puts one message into the control data of HEADER, and nothing else. */
static void
say(struct msghdr *header, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = header->msg_control;

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	header->msg_controllen = CMSG_SPACE(len);
}

static void
take_destination(struct msghdr *header, struct datagram_told *told,
    const struct in_pktinfo *info)
{
	struct in_pktinfo from = *info;
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = info->ipi_addr };

	memcpy(told->to, &in, sizeof(in));
	told->to_many = info->ipi_addr.s_addr != info->ipi_spec_dst.s_addr;
	from.ipi_ifindex = 0;
	say(header, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from));
}

static void
take_destination6(struct msghdr *header, struct datagram_told *told,
    const struct in6_pktinfo *info)
{
	struct in6_pktinfo from = *info;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = info->ipi6_addr };

	memcpy(told->to, &in6, sizeof(in6));
	if (!IN6_IS_ADDR_LINKLOCAL(&from.ipi6_addr))
		from.ipi6_ifindex = 0;
	say(header, IPPROTO_IPV6, IPV6_PKTINFO, &from, sizeof(from));
}

void
datagram_control_take(struct msghdr *header, struct datagram_told *told)
{
	struct in_pktinfo info = { 0 };
	struct in6_pktinfo info6 = { 0 };
	int part = 0, family = AF_UNSPEC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&part, CMSG_DATA(c), sizeof(part));
		} else if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			family = AF_INET;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			family = AF_INET6;
		}
	}
	told->part = part > 0 ? (size_t)part : 0;
	header->msg_controllen = 0;
	if (family == AF_INET)
		take_destination(header, told, &info);
	else if (family == AF_INET6)
		take_destination6(header, told, &info6);
}
