/* SPDX-License-Identifier: ISC */
/*
 * Requests that are datagrams. Each bears a number, so that answers are known
 * whatever their order; one that is not answered in time, or not while many
 * later ones were sent, is lost.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_load.h"

#define MANY	     64
#define RECONNECT_NS INT64_C(10000000)
#define GRO_BYTES    65536
#define NOT_OWED     0 /* in `since`: answered, or given up */

/* What sendmmsg(2) and recvmmsg(2) want to be told; the same all the time. */
static struct vectors {
	struct iovec in_parts[MANY], out_parts[MANY];
	struct mmsghdr in[MANY], out[MANY];
	unsigned n_in;
} vectors;

static void
prepare_vectors(struct load *load)
{
	/* One byte more tells an answer that is too long. */
	size_t room = load->size + 1;
	size_t n_in = LOAD_BUFFER / room;

	vectors.n_in = n_in < MANY ? (unsigned)n_in : MANY;
	for (size_t i = 0; i < MANY; i++) {
		vectors.in_parts[i] =
		    (struct iovec){ load->buffer + room * i, room };
		vectors.in[i].msg_hdr.msg_iov = &vectors.in_parts[i];
		vectors.in[i].msg_hdr.msg_iovlen = 1;
		vectors.out[i].msg_hdr.msg_iov = &vectors.out_parts[i];
		vectors.out[i].msg_hdr.msg_iovlen = 1;
	}
	for (size_t i = 0; i < load->message.n_copies; i++)
		vectors.out_parts[i] =
		    (struct iovec){ load->message.text + load->size * i,
			    load->size };
}

/* --- what is owed -------------------------------------------------------- */

static int64_t *
since_of(const struct load *load, const struct client *client, uint32_t number)
{
	return &client->since[number & (load->ring - 1)];
}

/* Takes the request out of what is owed; returns when it began. */
static int64_t
settle(struct load *load, struct client *client, uint32_t number)
{
	int64_t *since = since_of(load, client, number), was = *since;

	*since = NOT_OWED;
	client->in_flight--;
	while (client->answered != client->begun &&
	    *since_of(load, client, client->answered) == NOT_OWED)
		client->answered++;
	return was;
}

static void
fail_oldest(
    struct load *load, struct client *client, enum failure failure, int error)
{
	load_count_failed(
	    load, failure, error, settle(load, client, client->answered));
}

/* The socket is of no use any more. */
static void
fail_all(struct load *load, struct client *client, int error)
{
	while (client->in_flight > 0)
		fail_oldest(load, client, result_failure(error), error);
	connection_renew(load, client, RECONNECT_NS);
}

/* --- sending ------------------------------------------------------------- */

/* The number of datagrams that the kernel took, or -1. */
static int
send_many(const struct load *load, int fd, unsigned n)
{
	if (!load->options->gso)
		return sendmmsg(fd, vectors.out, n, MSG_NOSIGNAL);
	return send(fd, load->message.text, load->size * n, MSG_NOSIGNAL) == -1
	    ? -1
	    : (int)n;
}

static void
send_begun(struct load *load, struct client *client)
{
	struct message *message = &load->message;

	while (client->sent != client->begun) {
		uint32_t n = client->begun - client->sent;
		if (n > message->n_copies)
			n = (uint32_t)message->n_copies;
		for (uint32_t i = 0; i < n; i++)
			message_stamp(
			    message, i, client->number, client->sent + i);
		int taken = send_many(load, client->fd, n);
		if (taken == -1 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (taken == -1) {
			fail_all(load, client, errno);
			return;
		}
		client->sent += (uint32_t)taken;
		load->result->bytes_sent += (uint64_t)taken * load->size;
	}
	bool writing = client->sent != client->begun;
	if (writing != client->writing) {
		client->writing = writing;
		connection_watch(
		    load, client, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
}

static void
begin(struct load *load, struct client *client)
{
	int64_t since_ns;

	while (
	    client->in_flight < load->pipeline && load_take(load, &since_ns)) {
		if (client->begun - client->answered == load->ring)
			fail_oldest(load, client, FAILURE_LOST, 0);
		*since_of(load, client, client->begun++) = since_ns;
		client->in_flight++;
		if (load->is_open_loop)
			break;
	}
	if (client->sent != client->begun && !client->writing)
		send_begun(load, client);
	if (load->is_open_loop && client->state == STATE_OPEN &&
	    client->in_flight < load->pipeline)
		load_set_free(load, client);
}

/* --- receiving ----------------------------------------------------------- */

static bool
is_answer(struct load *load, const struct client *client, uint32_t number,
    const char *data, size_t length)
{
	message_stamp(&load->message, 0, client->number, number);
	return length == load->size &&
	    message_is(&load->message, data, 0, length);
}

/* The number that DATA says it answers, of those that are or were owed. */
static uint32_t
number_of(const struct client *client, const char *data, size_t length)
{
	uint32_t ahead;

	if (length <= MESSAGE_STAMP)
		return client->expected;
	ahead = (message_serial(data) - client->expected) & MESSAGE_SERIAL_MASK;
	if (ahead > MESSAGE_SERIAL_MASK / 2)
		return client->expected - (MESSAGE_SERIAL_MASK + 1 - ahead);
	return client->expected + ahead;
}

static void
on_answer(
    struct load *load, struct client *client, const char *data, size_t length)
{
	uint32_t number = load->verify ? client->expected : client->answered;

	load->result->bytes_received += length;
	if (load->verify && !is_answer(load, client, number, data, length)) {
		number = number_of(client, data, length);
		if (!is_answer(load, client, number, data, length)) {
			if (client->in_flight > 0)
				fail_oldest(load, client, FAILURE_WRONG, 0);
			return;
		}
	}
	/* Of those that are not too old, or not yet sent. */
	if (number - client->answered >= client->sent - client->answered ||
	    *since_of(load, client, number) == NOT_OWED) {
		load->result->late++;
		return;
	}
	if ((int32_t)(number - client->expected) < 0)
		load->result->reordered++;
	else
		client->expected = number + 1;
	load_count(load, settle(load, client, number));
}

/* Returns false with errno when nothing came. */
static bool
receive_gro(struct load *load, struct client *client)
{
	ssize_t n = recv(client->fd, load->buffer, GRO_BYTES, 0);

	if (n == -1)
		return false;
	load->now_ns = load_time();
	for (size_t at = 0; at < (size_t)n; at += load->size) {
		size_t left = (size_t)n - at;
		on_answer(load, client, load->buffer + at,
		    left < load->size ? left : load->size);
	}
	return true;
}

static bool
receive_many(struct load *load, struct client *client)
{
	int n =
	    recvmmsg(client->fd, vectors.in, vectors.n_in, MSG_DONTWAIT, NULL);

	if (n == -1)
		return false;
	load->now_ns = load_time();
	for (int i = 0; i < n; i++)
		on_answer(load, client, vectors.in_parts[i].iov_base,
		    vectors.in[i].msg_len);
	return true;
}

static void
ready(struct load *load, struct client *client, uint32_t events)
{
	bool received;

	if ((events & EPOLLOUT) != 0 && client->writing)
		send_begun(load, client);
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || client->state != STATE_OPEN)
		return;
	received = load->options->gso ? receive_gro(load, client)
				      : receive_many(load, client);
	if (!received && errno != EAGAIN)
		fail_all(load, client, errno);
	else if (client->in_flight < load->pipeline)
		load_set_free(load, client);
}

static void
look(struct load *load, struct client *client)
{
	while (client->in_flight > 0 &&
	    load->now_ns - *since_of(load, client, client->answered) >
		load->timeout_ns)
		fail_oldest(load, client, FAILURE_LOST, 0);
	if (client->in_flight < load->pipeline)
		load_set_free(load, client);
}

static bool
connected(struct load *load, struct client *client)
{
	if (vectors.n_in == 0)
		prepare_vectors(load);
	client->expected = client->begun;
	return true;
}

const struct load_kind load_datagram = {
	.connects_first = true,
	.connected = connected,
	.begin = begin,
	.ready = ready,
	.look = look,
};
