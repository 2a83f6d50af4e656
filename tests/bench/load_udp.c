/* SPDX-License-Identifier: ISC */
/*
 * Load of datagrams: every client keeps some in flight. The answers of one
 * client come in order, so that a gap in their serials is what got lost: it is
 * counted and replaced at once. A client that hears nothing begins anew.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <string.h>

#include "tests/bench/load.h"

#define SILENCE_US 100000 /* after this all that is in flight is lost */
#define DATAGRAM   2048
#define GRO	   65536

static char buffers[MAX_IN_FLIGHT][DATAGRAM];
static char gro_buffer[GRO];
static struct iovec in_parts[MAX_IN_FLIGHT], out_parts[MAX_IN_FLIGHT];
static struct mmsghdr in[MAX_IN_FLIGHT], out[MAX_IN_FLIGHT];

static void
prepare_vectors(void)
{
	for (int i = 0; i < MAX_IN_FLIGHT; i++) {
		in_parts[i] = (struct iovec){ buffers[i], DATAGRAM };
		in[i].msg_hdr.msg_iov = &in_parts[i];
		in[i].msg_hdr.msg_iovlen = 1;
		out_parts[i] = (struct iovec){ message + load.size * (size_t)i,
			load.size };
		out[i].msg_hdr.msg_iov = &out_parts[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
}

/* The number of datagrams that the kernel took. */
static int
send_many(int fd, int n)
{
	if (!load.gso)
		return sendmmsg(fd, out, (unsigned)n, 0);
	return send(fd, message, load.size * (size_t)n, 0) == -1 ? -1 : n;
}

static void
fill_up(struct client *client)
{
	int n = load.in_flight - client->outstanding;

	for (int i = 0; i < n; i++)
		message_stamp(message + load.size * (size_t)i,
		    (uint32_t)(client - load.clients),
		    (client->serial + (uint32_t)i) & SERIAL_MASK);
	n = n > 0 ? send_many(client->fd, n) : 0;
	if (n == -1 && errno != EAGAIN && errno != ENOBUFS)
		err(1, "send");
	if (n > 0) {
		client->serial += (uint32_t)n;
		client->outstanding += n;
	}
}

static void
lose(struct client *client, int n)
{
	client->outstanding -= n;
	if (load.measuring)
		load.lost += n;
}

/* One that was thought lost comes late: it is out of the count already. */
static void
on_answer(struct client *client, const char *data, size_t length)
{
	if (length != load.size)
		errx(1, "%zu bytes returned of %zu", length, load.size);
	uint32_t serial = message_serial(data);
	message_stamp(message, (uint32_t)(client - load.clients), serial);
	message_check(data, 0, length);
	uint32_t ahead = (serial - client->expected) & SERIAL_MASK;
	if (ahead > SERIAL_MASK / 2) {
		lose(client, -1);
	} else {
		if (ahead > 0)
			lose(client, (int)ahead);
		client->expected = serial + 1;
	}
	client->outstanding--;
	if (load.measuring)
		load.requests++;
}

static int
receive_gro(struct client *client)
{
	ssize_t n = recv(client->fd, gro_buffer, GRO, 0);

	for (size_t at = 0; n > 0 && at < (size_t)n; at += load.size) {
		size_t left = (size_t)n - at;
		on_answer(client, gro_buffer + at,
		    left < load.size ? left : load.size);
	}
	return n > 0;
}

static int
receive_many(struct client *client)
{
	int n = recvmmsg(client->fd, in, MAX_IN_FLIGHT, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++)
		on_answer(client, buffers[i], in[i].msg_len);
	return n > 0;
}

static void
open_udp(struct client *client)
{
	int size = (int)load.size, on = 1;

	client->fd = load_connect_socket(SOCK_DGRAM);
	if (load.gso &&
	    (setsockopt(client->fd, IPPROTO_UDP, UDP_SEGMENT, &size,
		 sizeof(size)) == -1 ||
		setsockopt(client->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) ==
		    -1))
		err(1, "UDP_SEGMENT");
	load_watch(client, EPOLLIN);
}

static void
start_udp(struct client *client)
{
	if (in_parts[0].iov_base == NULL)
		prepare_vectors();
	client->since_us = load_now_us();
	fill_up(client);
}

static void
on_udp(struct client *client, uint32_t events)
{
	(void)events;
	if (load.gso ? receive_gro(client) : receive_many(client)) {
		client->since_us = load_now_us();
		fill_up(client);
	}
}

static void
wake_silent(void)
{
	int64_t now = load_now_us();

	for (int i = 0; i < load.n_clients; i++) {
		struct client *client = &load.clients[i];
		if (now - client->since_us < SILENCE_US)
			continue;
		lose(client, client->outstanding);
		client->expected = client->serial;
		client->since_us = now;
		fill_up(client);
	}
}

const struct load_kind load_udp = {
	.name = "udp",
	.open = open_udp,
	.start = start_udp,
	.ready = on_udp,
	.turned = wake_silent,
};
