/* SPDX-License-Identifier: ISC */
/*
 * The sending half of datagrams. A datagram may get lost, so nothing is ever
 * queued here: a full socket buffer costs the answer, and a counter says so.
 * Answers to one peer that follow one another travel through the kernel as
 * one, a train; where that cannot be, they go one by one.
 */
#include <netinet/in.h>
#include <netinet/udp.h>

#include <errno.h>
#include <string.h>

#include "worker/replies.h"

#define TRAIN_MAX   64	  /* answers: UDP_MAX_SEGMENTS of older kernels */
#define TRAIN_BYTES 65000 /* less than a UDP datagram may have */
#define PART_MAX    1452  /* a larger one may need fragments: goes alone */

void
replies_begin(
    struct replies *replies, int fd, struct service_counters *counters, bool ip)
{
	replies->fd = fd;
	replies->counters = counters;
	replies->may_join = ip;
	replies->n = replies->n_parts = replies->space_used = 0;
}

static bool
same_destination(const struct msghdr *a, const struct msghdr *b)
{
	if (a->msg_name == b->msg_name)
		return true;
	return a->msg_namelen == b->msg_namelen &&
	    memcmp(a->msg_name, b->msg_name, a->msg_namelen) == 0 &&
	    a->msg_controllen == b->msg_controllen &&
	    (a->msg_controllen == 0 ||
		memcmp(a->msg_control, b->msg_control, a->msg_controllen) == 0);
}

/* Whether an answer can travel with the one before it. */
static bool
joins(const struct replies *replies, const struct msghdr *to, size_t len)
{
	const struct replies_train *last;

	if (!replies->may_join || replies->n == 0)
		return false;
	last = &replies->trains[replies->n - 1];
	return !last->closed && len > 0 && len <= last->part &&
	    last->part <= PART_MAX && last->n < TRAIN_MAX &&
	    last->bytes + len <= TRAIN_BYTES &&
	    same_destination(to, &replies->headers[replies->n - 1].msg_hdr);
}

static void
join(struct replies *replies, char *data, size_t len)
{
	struct replies_train *train = &replies->trains[replies->n - 1];
	struct msghdr *header = &replies->headers[replies->n - 1].msg_hdr;
	struct iovec *last = &header->msg_iov[header->msg_iovlen - 1];

	if ((char *)last->iov_base + last->iov_len == data) {
		last->iov_len += len;
	} else {
		replies->parts[replies->n_parts++] =
		    (struct iovec){ data, len };
		header->msg_iovlen++;
	}
	train->n++;
	train->bytes += len;
	train->closed = len < train->part;
}

static void
begin_train(
    struct replies *replies, const struct msghdr *to, char *data, size_t len)
{
	struct iovec *part = &replies->parts[replies->n_parts++];

	*part = (struct iovec){ data, len };
	replies->trains[replies->n] = (struct replies_train){
		.n = 1,
		.part = len,
		.bytes = len,
	};
	replies->headers[replies->n++].msg_hdr = (struct msghdr){
		.msg_name = to->msg_name,
		.msg_namelen = to->msg_namelen,
		.msg_iov = part,
		.msg_iovlen = 1,
		.msg_control = to->msg_controllen == 0 ? NULL : to->msg_control,
		.msg_controllen = to->msg_controllen,
	};
}

void
replies_add(struct replies *replies, const struct msghdr *to, void *data,
    size_t len, bool lasting)
{
	bool fits = len <= REPLIES_SPACE - replies->space_used;

	if (replies->n == REPLIES_MAX || replies->n_parts == REPLIES_PARTS ||
	    (!lasting && !fits))
		replies_send(replies);
	bool copied = !lasting && len <= REPLIES_SPACE;
	if (copied) {
		char *copy = replies->space + replies->space_used;
		memcpy(copy, data, len);
		replies->space_used += len;
		data = copy;
	}
	if (joins(replies, to, len))
		join(replies, data, len);
	else
		begin_train(replies, to, data, len);
	if (!lasting && !copied)
		replies_send(replies);
}

/* Tells the kernel where to take message I apart, after what it is told
 * already. */
static void
say_part(struct replies *replies, size_t i)
{
	struct msghdr *header = &replies->headers[i].msg_hdr;
	char *space = replies->controls[i].space;
	size_t before = header->msg_controllen;
	uint16_t part = (uint16_t)replies->trains[i].part;

	if (before != 0)
		memcpy(space, header->msg_control, before);
	struct cmsghdr *c = (struct cmsghdr *)(void *)(space + before);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(part));
	memcpy(CMSG_DATA(c), &part, sizeof(part));
	header->msg_control = space;
	header->msg_controllen = before + CMSG_SPACE(sizeof(part));
}

static void
count_sent(struct replies *replies, size_t n, size_t bytes)
{
	counter_add(&replies->counters->datagrams_out, n);
	counter_add(&replies->counters->bytes_out, bytes);
}

/* One answer of a train, by itself. */
static void
send_alone(struct replies *replies, struct msghdr *header, struct iovec part)
{
	header->msg_iov = &part;
	header->msg_iovlen = 1;
	if (sendmsg(replies->fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		counter_add(&replies->counters->dropped_send, 1);
	else
		count_sent(replies, 1, part.iov_len);
}

/* The device cannot take a train apart, or the way is too narrow for its
 * parts. */
static void
send_one_by_one(struct replies *replies, size_t i)
{
	const struct replies_train *train = &replies->trains[i];
	struct msghdr header = replies->headers[i].msg_hdr;
	const struct iovec *parts = header.msg_iov;
	size_t n_parts = header.msg_iovlen;

	header.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
	if (header.msg_controllen == 0)
		header.msg_control = NULL;
	for (size_t p = 0; p < n_parts; p++) {
		struct iovec left = parts[p];
		while (left.iov_len > 0) {
			struct iovec one = left;
			if (one.iov_len > train->part)
				one.iov_len = train->part;
			send_alone(replies, &header, one);
			left.iov_base = (char *)left.iov_base + one.iov_len;
			left.iov_len -= one.iov_len;
		}
	}
}

/* The kernel did not take message I; it may take the next. */
static void
not_taken(struct replies *replies, size_t i, int error)
{
	size_t n = replies->trains[i].n;
	bool is_full = error == EAGAIN || error == ENOBUFS || error == ENOMEM;

	if (n == 1 || is_full)
		counter_add(&replies->counters->dropped_send, n);
	else
		send_one_by_one(replies, i);
}

void
replies_send(struct replies *replies)
{
	size_t done = 0;

	for (size_t i = 0; i < replies->n; i++) {
		if (replies->trains[i].n > 1)
			say_part(replies, i);
	}
	while (done < replies->n) {
		int n = sendmmsg(replies->fd, &replies->headers[done],
		    (unsigned)(replies->n - done), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0) {
			not_taken(replies, done++, errno);
			continue;
		}
		for (int i = 0; i < n; i++, done++)
			count_sent(replies, replies->trains[done].n,
			    replies->trains[done].bytes);
	}
	replies->n = replies->n_parts = replies->space_used = 0;
}
