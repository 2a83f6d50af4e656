/* SPDX-License-Identifier: ISC */
/*
 * The yardstick for datagrams: one process, recvmmsg, sendmmsg, the kernel's
 * own buffer sizes, no rules about who is answered. With gro it takes several
 * of one sender at once (UDP_GRO) and answers them at once (UDP_SEGMENT). For
 * comparison in tests/bench/run only.
 *
 * usage: bare-udp plain|gro PORT
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64
#define SIZE  65536 /* what UDP_GRO may put together */

static char buffers[BATCH][SIZE];
static char controls[BATCH][CMSG_SPACE(sizeof(int))];
static struct sockaddr_in peers[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static int
open_socket(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s", port);
	return fd;
}

static void
prepare(bool gro)
{
	for (int i = 0; i < BATCH; i++) {
		struct msghdr *header = &messages[i].msg_hdr;
		parts[i] = (struct iovec){ buffers[i], SIZE };
		header->msg_name = &peers[i];
		header->msg_namelen = sizeof(peers[i]);
		header->msg_iov = &parts[i];
		header->msg_iovlen = 1;
		header->msg_control = gro ? controls[i] : NULL;
		header->msg_controllen = gro ? sizeof(controls[i]) : 0;
	}
}

/* UDP_GRO tells the size of the parts as UDP_SEGMENT wants it, but as an int.
 */
static void
answer_in_parts(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int size;

	if (control == NULL || control->cmsg_level != IPPROTO_UDP ||
	    control->cmsg_type != UDP_GRO) {
		header->msg_controllen = 0;
		return;
	}
	memcpy(&size, CMSG_DATA(control), sizeof(size));
	uint16_t segment = (uint16_t)size;
	control->cmsg_type = UDP_SEGMENT;
	control->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(control), &segment, sizeof(segment));
	header->msg_controllen = CMSG_SPACE(sizeof(segment));
}

static void
turn(int fd, bool gro)
{
	prepare(gro);
	int n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
	for (int i = 0; i < n; i++) {
		parts[i].iov_len = messages[i].msg_len;
		if (gro)
			answer_in_parts(&messages[i].msg_hdr);
	}
	for (int sent = 0; sent < n;) {
		int m = sendmmsg(fd, messages + sent, (unsigned)(n - sent), 0);
		sent += m > 0 ? m : 1;
	}
}

int
main(int argc, char **argv)
{
	int on = 1;

	if (argc != 3)
		errx(2, "usage: bare-udp plain|gro PORT");
	bool gro = strcmp(argv[1], "gro") == 0;
	int fd = open_socket(argv[2]);
	if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == -1)
		err(1, "UDP_GRO");
	for (;;)
		turn(fd, gro);
}
