/* SPDX-License-Identifier: ISC */
/*
 * Talks with a worker. Supervisor only. A message is checked for type and
 * length, its contents are text or numbers to print, never an index, a pid or
 * a path; a flood of them takes only its share of a turn.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/queries.h"
#include "supervisor/worker_channel.h"

#define MESSAGES_A_TURN 64   /* from one worker; a flood must not hold us */
#define LAST_MESSAGES	1024 /* of one that has ended, its children may write */

bool
worker_channel_send(struct worker_handle *worker, uint64_t type,
    const void *body, size_t size, int fd)
{
	struct worker_message message = { .type = type };
	struct iovec part = { .iov_base = &message };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	if (worker->channel_fd == -1)
		return false;
	if (size > 0)
		memcpy(&message.body, body, size);
	part.iov_len = offsetof(struct worker_message, body) + size;
	if (fd != -1) {
		packet.msg_control = control.bytes;
		packet.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	return sendmsg(worker->channel_fd, &packet,
		   MSG_NOSIGNAL | MSG_DONTWAIT) != -1;
}

/* What a worker said of its own end; text of a hostile process. */
static void
on_failed(struct worker_handle *worker, const struct worker_message *message)
{
	size_t len = strnlen(message->body.text, sizeof(message->body.text));

	log_escape(
	    worker->failure, sizeof(worker->failure), message->body.text, len);
}

/* What it said of its crash, once, for a log that it cannot write to. */
static void
on_crashed(struct worker_handle *worker, const struct worker_message *message)
{
	size_t len = strnlen(message->body.text, sizeof(message->body.text));
	char name[64], text[sizeof(message->body.text)];

	if (worker->crashed)
		return;
	worker->crashed = true;
	log_error("worker %s (pid %d): %s",
	    worker_handle_name(worker, name, sizeof(name)), (int)worker->pid,
	    log_escape(text, sizeof(text), message->body.text, len));
}

static void
dispatch(struct worker_handle *worker, const struct worker_message *message,
    size_t body_size)
{
	switch (message->type) {
	case MESSAGE_READY:
		worker_handle_ready(worker);
		break;
	case MESSAGE_FAILED:
		on_failed(worker, message);
		break;
	case MESSAGE_CRASHED:
		on_crashed(worker, message);
		break;
	case MESSAGE_ROW:
		if (body_size >= sizeof(message->body.row))
			queries_row(worker, &message->body.row);
		break;
	case MESSAGE_LIST_END:
		if (body_size >= sizeof(message->body.list))
			queries_list_end(worker, &message->body.list);
		break;
	case MESSAGE_CLOSED:
		if (body_size >= sizeof(message->body.close))
			queries_closed(worker, &message->body.close);
		break;
	default:
		break;
	}
}

void
worker_channel_close(struct worker_handle *worker)
{
	if (worker->channel_fd == -1)
		return;
	loop_unwatch(&worker->channel);
	close(worker->channel_fd);
	worker->channel_fd = -1;
}

/* One packet; false when there is none, or no more to come. */
static bool
receive_one(struct worker_handle *worker)
{
	struct worker_message message;
	size_t head = offsetof(struct worker_message, body);

	memset(&message, 0, sizeof(message));
	ssize_t n =
	    recv(worker->channel_fd, &message, sizeof(message), MSG_DONTWAIT);
	/* It left without having read all: told once, before its last words. */
	if (n == -1 && errno == ECONNRESET)
		n = recv(worker->channel_fd, &message, sizeof(message),
		    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		worker_channel_close(worker);
		return false;
	}
	if ((size_t)n >= head)
		dispatch(worker, &message, (size_t)n - head);
	return worker->channel_fd != -1;
}

static void
on_channel(void *arg, uint32_t events)
{
	struct worker_handle *worker = arg;

	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		if (!receive_one(worker))
			break;
	}
	if (worker->channel_fd == -1)
		worker_handle_mute(worker);
}

bool
worker_channel_open(struct worker_handle *worker, int fd)
{
	if (loop_watch(&worker->channel, fd, EPOLLIN, on_channel, worker) == -1)
		return false;
	worker->channel_fd = fd;
	return true;
}

void
worker_channel_read_last(struct worker_handle *worker)
{
	for (int i = 0; i < LAST_MESSAGES; i++) {
		if (worker->channel_fd == -1 || !receive_one(worker))
			break;
	}
}
