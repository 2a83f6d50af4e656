/* SPDX-License-Identifier: ISC */
/*
 * Requests over streams: a client sends messages on its connection and holds
 * what returns against them, byte by byte and in order. One at a time, or as
 * many as --pipeline says.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_load.h"

#define RECONNECT_NS INT64_C(10000000) /* after one that owed nothing */

/* The connection has failed, and with it all that is in flight. */
static void
fail(struct load *load, struct client *client, enum failure failure, int error)
{
	size_t mask = load->ring - 1;
	bool owed = client->answered != client->begun;

	for (uint32_t i = client->answered; i != client->begun; i++)
		load_count_failed(
		    load, failure, error, client->since[i & mask]);
	if (failure == FAILURE_WRONG && !owed) {
		load->in_flight++;
		load_count_failed(load, failure, error, INT64_MAX);
	} else {
		load->result->reconnects += !owed;
	}
	connection_renew(load, client, owed ? 0 : RECONNECT_NS);
}

/* LENGTH bytes were taken by the kernel. */
static void
advance_sent(struct load *load, struct client *client, size_t length)
{
	load->result->bytes_sent += length;
	client->sent_bytes += length;
	while (client->sent_bytes >= load->size) {
		client->sent_bytes -= load->size;
		client->sent++;
	}
}

static void
set_writing(struct load *load, struct client *client, bool writing)
{
	if (writing == client->writing)
		return;
	client->writing = writing;
	connection_watch(load, client, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
send_begun(struct load *load, struct client *client)
{
	struct message *message = &load->message;

	while (client->sent != client->begun) {
		size_t n = client->begun - client->sent;
		if (n > message->n_copies)
			n = message->n_copies;
		for (size_t i = 0; i < n; i++)
			message_stamp(message, i, client->number,
			    client->sent + (uint32_t)i);
		ssize_t length = connection_send(load, client,
		    message->text + client->sent_bytes,
		    n * load->size - client->sent_bytes);
		if (length == -1 && errno == EAGAIN)
			break;
		if (length == -1) {
			fail(load, client, result_failure(errno), errno);
			return;
		}
		advance_sent(load, client, (size_t)length);
	}
	set_writing(load, client, client->sent != client->begun);
}

/* In an open loop one at a time, so that the next free client gets the next. */
static void
begin(struct load *load, struct client *client)
{
	int64_t since_ns;

	while (client->begun - client->answered < load->pipeline &&
	    load_take(load, &since_ns)) {
		if (client->begun == client->answered)
			client->waiting_ns = load->now_ns;
		client->since[client->begun++ & (load->ring - 1)] = since_ns;
		if (load->is_open_loop)
			break;
	}
	if (client->sent != client->begun && !client->writing)
		send_begun(load, client);
	if (load->is_open_loop && client->state == STATE_OPEN &&
	    client->begun - client->answered < load->pipeline)
		load_set_free(load, client);
}

/* True when the bytes at DATA go on with the answer that is expected. */
static bool
is_right(struct load *load, const struct client *client, const char *data,
    size_t length)
{
	if (!load->verify)
		return true;
	message_stamp(&load->message, 0, client->number, client->answered);
	return message_is(&load->message, data, client->received, length);
}

/* LENGTH bytes have come, no more than are expected. False when they are the
 * wrong ones. */
static bool
take_bytes(struct load *load, struct client *client, size_t length)
{
	const char *data = load->buffer;

	load->result->bytes_received += length;
	client->waiting_ns = load->now_ns;
	while (length > 0) {
		size_t part = load->size - client->received;
		if (part > length)
			part = length;
		if (!is_right(load, client, data, part))
			return false;
		data += part;
		length -= part;
		client->received += part;
		if (client->received < load->size)
			break;
		client->received = 0;
		load_count(
		    load, client->since[client->answered++ & (load->ring - 1)]);
	}
	return true;
}

static void
receive(struct load *load, struct client *client)
{
	size_t owed = (size_t)(client->begun - client->answered) * load->size -
	    client->received;
	/* Who owes nothing can only end. */
	size_t most = owed == 0 ? 1 : owed;
	ssize_t n = connection_receive(load, client, load->buffer,
	    most < LOAD_BUFFER ? most : LOAD_BUFFER);

	if (n == -1 && errno == EAGAIN)
		return;
	load->now_ns = load_time();
	if (n == -1)
		fail(load, client, result_failure(errno), errno);
	else if (n == 0)
		fail(load, client, FAILURE_CLOSED, 0);
	else if (owed == 0 || !take_bytes(load, client, (size_t)n))
		fail(load, client, FAILURE_WRONG, 0);
	else if (client->begun - client->answered < load->pipeline)
		load_set_free(load, client);
}

static void
ready(struct load *load, struct client *client, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && client->writing)
		send_begun(load, client);
	if ((events & ~(uint32_t)EPOLLOUT) != 0 && client->state == STATE_OPEN)
		receive(load, client);
}

static void
look(struct load *load, struct client *client)
{
	if (client->answered != client->begun &&
	    load->now_ns - client->waiting_ns > load->timeout_ns)
		fail(load, client, FAILURE_TIMED_OUT, 0);
}

const struct load_kind load_stream = {
	.connects_first = true,
	.begin = begin,
	.ready = ready,
	.look = look,
};
