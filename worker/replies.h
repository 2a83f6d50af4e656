/* SPDX-License-Identifier: ISC */
#ifndef WORKER_REPLIES_H
#define WORKER_REPLIES_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/counters.h"

#define REPLIES_MAX   64
#define REPLIES_SPACE 65536 /* bytes of copies; longer ones go at once */

/* Answers to datagrams, gathered to be sent by one system call. */
struct replies {
	int fd;
	struct service_counters *counters;
	size_t n, space_used;
	struct mmsghdr headers[REPLIES_MAX];
	struct iovec parts[REPLIES_MAX];
	char space[REPLIES_SPACE];
};

void replies_begin(
    struct replies *replies, int fd, struct service_counters *counters);

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
