/* SPDX-License-Identifier: ISC */
/*
 * Talks with the supervisor, from which the worker takes everything on trust
 * but the length. Never waits for it: a listing of thousands of connections
 * lies here until the supervisor has read as much as it likes. End of file
 * means that the supervisor has died.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/channel.h"

#define MESSAGES_A_TURN 16

struct channel_packet {
	STAILQ_ENTRY(channel_packet) entry;
	size_t len;
	char data[];
};

static void channel_ready(struct watch *watch, uint32_t events);

void
channel_init(struct channel *channel, struct poller *poller, int fd)
{
	*channel = (struct channel){ .poller = poller, .fd = fd };
	STAILQ_INIT(&channel->queue);
}

bool
channel_open(struct channel *channel)
{
	int flags = fcntl(channel->fd, F_GETFL);

	channel->watch.ready = channel_ready;
	return flags != -1 &&
	    fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    poller_add(channel->poller, channel->fd, &channel->watch, EPOLLIN);
}

void
channel_close(struct channel *channel)
{
	struct channel_packet *packet;

	while ((packet = STAILQ_FIRST(&channel->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&channel->queue, entry);
		free(packet);
	}
	if (channel->fd == -1)
		return;
	poller_remove(channel->poller, channel->fd);
	close(channel->fd);
	channel->fd = -1;
}

/* Polls for room exactly while something is queued. */
static void
update_interest(struct channel *channel)
{
	bool waiting = !STAILQ_EMPTY(&channel->queue);

	if (waiting == channel->waiting_to_send)
		return;
	channel->waiting_to_send = waiting;
	poller_change(channel->poller, channel->fd, &channel->watch,
	    waiting ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool
enqueue(struct channel *channel, const void *data, size_t len)
{
	struct channel_packet *packet = malloc(sizeof(*packet) + len);

	if (packet == NULL)
		return false;
	packet->len = len;
	memcpy(packet->data, data, len);
	STAILQ_INSERT_TAIL(&channel->queue, packet, entry);
	update_interest(channel);
	return true;
}

bool
channel_send(struct channel *channel, enum worker_message_type type,
    const void *body, size_t len)
{
	struct worker_message message = { .type = type };
	size_t total = offsetof(struct worker_message, body) + len;

	if (channel->fd == -1)
		return false;
	if (len != 0)
		memcpy(&message.body, body, len);
	if (!STAILQ_EMPTY(&channel->queue))
		return enqueue(channel, &message, total);
	if (send(channel->fd, &message, total, MSG_NOSIGNAL) != -1)
		return true;
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		return false;
	return enqueue(channel, &message, total);
}

/* True when nothing is left. */
static bool
send_queued(struct channel *channel)
{
	struct channel_packet *packet;

	while ((packet = STAILQ_FIRST(&channel->queue)) != NULL) {
		ssize_t n =
		    send(channel->fd, packet->data, packet->len, MSG_NOSIGNAL);
		if (n == -1)
			return false;
		STAILQ_REMOVE_HEAD(&channel->queue, entry);
		free(packet);
	}
	return true;
}

void
channel_flush(struct channel *channel, int timeout_ms)
{
	int64_t end_ms = clock_monotonic_ms() + timeout_ms;
	struct pollfd pfd = { .fd = channel->fd, .events = POLLOUT };

	while (channel->fd != -1 && !send_queued(channel)) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) != 1 ||
		    (pfd.revents & (POLLERR | POLLHUP)) != 0)
			return;
	}
}

/* The descriptor that came with HEADER, or -1. */
static int
passed_descriptor(struct msghdr *header)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len >= CMSG_LEN(sizeof(fd)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* Takes one message. Returns false when there is none. */
static bool
receive_one(struct channel *channel)
{
	struct worker_message message = { 0 };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	struct iovec iov = { &message, sizeof(message) };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	ssize_t n = recvmsg(channel->fd, &header, MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM))
		return false;
	if (n <= 0) {
		channel_close(channel);
		channel->closed(channel->arg);
		return false;
	}
	int fd = passed_descriptor(&header);
	if ((size_t)n >= offsetof(struct worker_message, body))
		channel->message(channel->arg, &message, fd);
	else if (fd != -1)
		close(fd);
	return true;
}

static void
channel_ready(struct watch *watch, uint32_t events)
{
	struct channel *channel = (struct channel *)watch;

	if ((events & EPOLLOUT) != 0) {
		send_queued(channel);
		update_interest(channel);
	}
	if ((events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	for (int i = 0; i < MESSAGES_A_TURN && channel->fd != -1; i++) {
		if (!receive_one(channel))
			return;
	}
}
