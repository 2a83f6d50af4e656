/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DATAGRAM_CONTROL_H
#define WORKER_DATAGRAM_CONTROL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

/* Room for what the kernel tells beside an IP datagram: its destination and
 * the size of its parts. */
#define DATAGRAM_CONTROL_SIZE \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

union datagram_control {
	char space[DATAGRAM_CONTROL_SIZE];
	struct cmsghdr align;
};

/* What was told. */
struct datagram_told {
	/* Where it was sent to, when that was asked for; else untouched. */
	struct sockaddr_storage *to;
	/* It went to many, so that its destination is not the local address
	 * that it reached. */
	bool to_many;
	/* Bytes of each part but the last, where the kernel has put several
	 * datagrams of one sender together (UDP_GRO); 0: it is one. */
	size_t part;
};

/* Each datagram on FD shall tell its destination: an answer has to come from
 * there, and FD is bound to every address. Returns false with errno. Source:
 * ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO. */
bool datagram_control_ask_destination(int fd, int family);

/* Takes several datagrams of one sender as one, where the kernel can do that.
 * Whoever else receives from the socket gets them so. Source: udp(7) UDP_GRO.
 */
void datagram_control_join(int fd);

/* Reads the control data of HEADER, which becomes what an answer has to say:
 * where it comes from, or nothing. */
void datagram_control_take(struct msghdr *header, struct datagram_told *told);

#endif
