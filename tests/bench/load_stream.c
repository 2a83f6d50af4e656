/* SPDX-License-Identifier: ISC */
/*
 * Load over TCP and Unix streams. echo: every client sends a message, waits
 * until all of it is back and sends the next. connect: connects, reads a line
 * to its end, closes, connects again. idle: uses each connection once.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define CHUNK 262144 /* of a long answer that is read at once */
#define LINE  4096

static char buffer[CHUNK];

static void
send_rest(struct client *client)
{
	memcpy(message, client->stamp, STAMP);
	while (client->sent < load.size) {
		ssize_t n = send(client->fd, message + client->sent,
		    load.size - client->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			err(1, "send");
		client->sent += (size_t)n;
	}
	bool writing = client->sent < load.size;
	if (writing != client->writing) {
		client->writing = writing;
		load_rewatch(client, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
}

static void
send_next(struct client *client)
{
	message_stamp(client->stamp, (uint32_t)(client - load.clients),
	    client->serial++ & SERIAL_MASK);
	client->sent = 0;
	client->received = 0;
	send_rest(client);
}

/* True when the answer is complete. */
static bool
receive(struct client *client)
{
	size_t left = load.size - client->received;
	ssize_t n = recv(client->fd, buffer, left < CHUNK ? left : CHUNK, 0);

	if (n == -1 && errno == EAGAIN)
		return false;
	if (n == -1)
		err(1, "recv");
	if (n == 0)
		errx(1, "the server closed the connection");
	memcpy(message, client->stamp, STAMP);
	message_check(buffer, client->received, (size_t)n);
	client->received += (size_t)n;
	return client->received == load.size;
}

static void
open_connected(struct client *client)
{
	client->fd = load_connect_socket(SOCK_STREAM);
	load_watch(client, EPOLLOUT);
	load_wait(client, EPOLLOUT);
	load_rewatch(client, EPOLLIN);
}

static void
start_echo(struct client *client)
{
	client->since_us = load_now_us();
	send_next(client);
}

static void
on_echo(struct client *client, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && client->writing)
		send_rest(client);
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || !receive(client))
		return;
	load_count(client);
	send_next(client);
}

static void
open_connecting(struct client *client)
{
	client->since_us = load_now_us();
	client->received = 0;
	client->fd = load_connect_socket(SOCK_STREAM);
	load_watch(client, EPOLLIN | EPOLLRDHUP);
}

/* All that the server sent is there when its end is: then one call reads it. */
static void
on_line(struct client *client, uint32_t events)
{
	ssize_t n = recv(client->fd, buffer, LINE, 0);

	if (n > 0)
		client->received += (size_t)n;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0 && (events & EPOLLRDHUP) == 0)
		return;
	if (n >= 0 && client->received > 0 && (n == 0 || buffer[n - 1] == '\n'))
		load_count(client);
	else if (load.measuring)
		load.errors++;
	close(client->fd);
	open_connecting(client);
}

static void
use_once_http(struct client *client)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

	if (send(client->fd, get, sizeof(get) - 1, MSG_NOSIGNAL) == -1)
		err(1, "send");
	load_wait(client, EPOLLIN);
	if (recv(client->fd, buffer, LINE, 0) <= 0)
		errx(1, "no answer to GET");
}

static void
use_once(struct client *client)
{
	open_connected(client);
	if (load.http) {
		use_once_http(client);
		return;
	}
	send_next(client);
	do
		load_wait(client, EPOLLIN);
	while (!receive(client));
}

const struct load_kind load_echo = {
	.name = "echo",
	.open = open_connected,
	.start = start_echo,
	.ready = on_echo,
	.has_latency = true,
};

const struct load_kind load_connect = {
	.name = "connect",
	.open = open_connecting,
	.ready = on_line,
	.has_latency = true,
};

const struct load_kind load_idle = {
	.name = "idle",
	.open = use_once,
};
