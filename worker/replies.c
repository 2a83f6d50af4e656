/* SPDX-License-Identifier: ISC */
/*
 * The sending half of datagrams. A datagram may get lost, so nothing is ever
 * queued here: a full socket buffer costs the answer, and a counter says so.
 */
#include <string.h>

#include "worker/replies.h"

void
replies_begin(
    struct replies *replies, int fd, struct service_counters *counters)
{
	replies->fd = fd;
	replies->counters = counters;
	replies->n = replies->space_used = 0;
}

void
replies_add(struct replies *replies, const struct msghdr *to, void *data,
    size_t len, bool lasting)
{
	bool fits = len <= REPLIES_SPACE - replies->space_used;

	if (replies->n == REPLIES_MAX || (!lasting && !fits))
		replies_send(replies);
	bool copied = !lasting && len <= REPLIES_SPACE;
	if (copied) {
		char *copy = replies->space + replies->space_used;
		memcpy(copy, data, len);
		replies->space_used += len;
		data = copy;
	}
	struct iovec *part = &replies->parts[replies->n];
	*part = (struct iovec){ data, len };
	replies->headers[replies->n++].msg_hdr = (struct msghdr){
		.msg_name = to->msg_name,
		.msg_namelen = to->msg_namelen,
		.msg_iov = part,
		.msg_iovlen = 1,
		.msg_control = to->msg_control,
		.msg_controllen = to->msg_controllen,
	};
	if (!lasting && !copied)
		replies_send(replies);
}

void
replies_send(struct replies *replies)
{
	size_t done = 0, n_sent = 0, bytes = 0;

	while (done < replies->n) {
		int n = sendmmsg(replies->fd, &replies->headers[done],
		    (unsigned)(replies->n - done), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0) {
			/* This one cannot be sent; the next may. */
			counter_add(&replies->counters->dropped_send, 1);
			done++;
			continue;
		}
		for (size_t i = 0; i < (size_t)n; i++)
			bytes += replies->headers[done + i].msg_len;
		done += (size_t)n;
		n_sent += (size_t)n;
	}
	counter_add(&replies->counters->datagrams_out, n_sent);
	counter_add(&replies->counters->bytes_out, bytes);
	replies->n = replies->space_used = 0;
}
