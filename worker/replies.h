/* SPDX-License-Identifier: ISC */
#ifndef WORKER_REPLIES_H
#define WORKER_REPLIES_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/counters.h"
#include "worker/datagram_control.h"

/* Where the answer comes from, and the size of its parts. */
#define REPLIES_CONTROL_SIZE \
	(DATAGRAM_CONTROL_SIZE + CMSG_SPACE(sizeof(uint16_t)))

#define REPLIES_MAX   64    /* messages */
#define REPLIES_PARTS 256   /* pieces of memory they consist of */
#define REPLIES_SPACE 65536 /* bytes of copies; longer ones go at once */

/* Several answers to one peer that go as one message, which the kernel takes
 * apart (UDP_SEGMENT): each has PART bytes, the last may have fewer. */
struct replies_train {
	size_t n;    /* answers */
	size_t part; /* bytes of the first */
	size_t bytes;
	bool closed; /* the last was shorter: none may follow */
};

/* Answers to datagrams, gathered to be sent by one system call. */
struct replies {
	int fd;
	struct service_counters *counters;
	bool may_join; /* the socket can send several as one */
	size_t n, n_parts, space_used;
	struct mmsghdr headers[REPLIES_MAX];
	struct replies_train trains[REPLIES_MAX]; /* one a header */
	struct replies_control {
		_Alignas(struct cmsghdr) char space[REPLIES_CONTROL_SIZE];
	} controls[REPLIES_MAX];
	struct iovec parts[REPLIES_PARTS];
	char space[REPLIES_SPACE];
};

/* IP: the socket is one of UDP. */
void replies_begin(struct replies *replies, int fd,
    struct service_counters *counters, bool ip);

/*
 * Adds LEN bytes to the destination of TO (its name and control data must
 * live until replies_send()). LASTING: DATA does too and need not be copied.
 */
void replies_add(struct replies *replies, const struct msghdr *to, void *data,
    size_t len, bool lasting);

/* Sends all; what the kernel does not take is dropped and counted. Never
 * blocks. */
void replies_send(struct replies *replies);

#endif
