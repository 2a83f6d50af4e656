/* SPDX-License-Identifier: ISC */
/*
 * One exchange on a connection, as --connect and --idle do it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_exchange.h"

static const char get[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

static enum exchanged
send_rest(struct load *load, struct client *client)
{
	bool http = load->options->exchange == EXCHANGE_HTTP;
	const char *data = http ? get : load->message.text;
	size_t length = http ? sizeof(get) - 1 : load->size;

	message_stamp(&load->message, 0, client->number, client->begun);
	while (client->sent_bytes < length) {
		ssize_t n = connection_send(load, client,
		    data + client->sent_bytes, length - client->sent_bytes);
		if (n == -1 && errno != EAGAIN)
			return EXCHANGED_ERROR;
		if (n == -1)
			break;
		client->sent_bytes += (size_t)n;
		load->result->bytes_sent += (uint64_t)n;
	}
	client->writing = client->sent_bytes < length;
	connection_watch(
	    load, client, client->writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return EXCHANGED_PART;
}

/* Of TLS the server is seen to its end: it has checked the handshake by then,
 * and given its tickets. */
static enum exchanged
begin_nothing(const struct load *load, struct client *client)
{
	if (client->ssl == NULL || load->kind == &load_idle)
		return EXCHANGED_ALL;
	load_tls_finish(client);
	return EXCHANGED_PART;
}

enum exchanged
exchange_begin(struct load *load, struct client *client)
{
	/* Its stamp is another one each time. */
	client->begun++;
	switch (load->options->exchange) {
	case EXCHANGE_NONE:
		return begin_nothing(load, client);
	case EXCHANGE_READ:
		return EXCHANGED_PART;
	default:
		return send_rest(load, client);
	}
}

/* All that the server sent is there when its end is, so that one call may read
 * it to the end: the end of a line. */
static enum exchanged
after_read(
    const struct load *load, const struct client *client, size_t n, bool at_end)
{
	if (n == 0)
		return client->received > 0 ? EXCHANGED_ALL : EXCHANGED_CLOSED;
	return at_end && load->buffer[n - 1] == '\n' ? EXCHANGED_ALL
						     : EXCHANGED_PART;
}

static enum exchanged
after_echo(struct load *load, struct client *client, size_t n)
{
	if (n == 0)
		return EXCHANGED_CLOSED;
	message_stamp(&load->message, 0, client->number, client->begun);
	if (load->verify &&
	    !message_is(&load->message, load->buffer, client->received - n, n))
		return EXCHANGED_WRONG;
	return client->received == load->size ? EXCHANGED_ALL : EXCHANGED_PART;
}

/* Nothing is lost of nothing. */
static enum exchanged
after_error(enum exchange exchange)
{
	if (errno == EAGAIN)
		return EXCHANGED_PART;
	return exchange == EXCHANGE_NONE && errno == ENODATA ? EXCHANGED_ALL
							     : EXCHANGED_ERROR;
}

enum exchanged
exchange_go_on(struct load *load, struct client *client, uint32_t events)
{
	enum exchange exchange = load->options->exchange;
	size_t most = LOAD_BUFFER;

	if ((events & EPOLLOUT) != 0 && client->writing)
		return send_rest(load, client);
	if (exchange == EXCHANGE_ECHO && load->size - client->received < most)
		most = load->size - client->received;
	ssize_t n = connection_receive(load, client, load->buffer, most);
	if (n == -1)
		return after_error(exchange);
	client->received += (size_t)n;
	client->waiting_ns = load->now_ns;
	load->result->bytes_received += (uint64_t)n;
	switch (exchange) {
	case EXCHANGE_NONE:
		return n == 0 ? EXCHANGED_ALL : EXCHANGED_PART;
	case EXCHANGE_READ:
		return after_read(
		    load, client, (size_t)n, (events & EPOLLRDHUP) != 0);
	case EXCHANGE_ECHO:
		return after_echo(load, client, (size_t)n);
	default:
		return n > 0 ? EXCHANGED_ALL : EXCHANGED_CLOSED;
	}
}

enum failure
exchange_failure(enum exchanged exchanged)
{
	if (exchanged == EXCHANGED_ERROR)
		return result_failure(errno);
	return exchanged == EXCHANGED_CLOSED ? FAILURE_CLOSED : FAILURE_WRONG;
}
