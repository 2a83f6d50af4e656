/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_CONNECTION_H
#define CLIENTS_PREFORKBENCH_CONNECTION_H

#include <sys/epoll.h>
#include <sys/socket.h>

#include <stdint.h>

#include "clients/preforkbench_load.h"
#include "clients/preforkbench_tls.h"

/*
 * The connection of a client. Nothing here blocks; an attempt that is under way
 * comes back by the loop, which calls connection_decide(), one that is to be
 * made again by connection_retry(). The client owns the descriptor.
 */

/* Between two attempts of a client there is at least this. */
#define CONNECTION_RETRY_NS INT64_C(1000000)

/* Begins an attempt, where the client has no connection. */
void connection_begin(struct load *load, struct client *client);

/* The loop has something to say about the attempt. */
void connection_decide(struct load *load, struct client *client);

/* The loop has something to say about the handshake, of a client that is
 * shaking. */
void connection_shake(struct load *load, struct client *client);

/* The attempt was successful (a handshake may follow), or has failed with ERROR
 * (errno): what belongs to that is done here. */
void connection_made(struct load *load, struct client *client);
void connection_failed(struct load *load, struct client *client, int error);

/* The time of a client that is retrying has come. */
void connection_retry(struct load *load, struct client *client);

void connection_close(struct load *load, struct client *client);

/* Closes it and makes another after DELAY_NS, if the load still goes on. */
void
connection_renew(struct load *load, struct client *client, int64_t delay_ns);

/* The loop waits for EVENTS of the client. */
void
connection_watch(struct load *load, struct client *client, uint32_t events);

/* As send(2) and recv(2): load_tls_send(), load_tls_receive(). */
static inline ssize_t
connection_send(
    struct load *load, struct client *client, const void *data, size_t length)
{
	if (client->ssl != NULL)
		return load_tls_send(load, client, data, length);
	return send(client->fd, data, length, MSG_NOSIGNAL);
}

static inline ssize_t
connection_receive(
    struct load *load, struct client *client, void *data, size_t size)
{
	if (client->ssl != NULL)
		return load_tls_receive(load, client, data, size);
	return recv(client->fd, data, size, 0);
}

/* What has come already and was not taken is not told by the loop again: the
 * client takes it now. */
static inline void
connection_give_rest(struct load *load, struct client *client)
{
	while (client->has_more && client->state == STATE_OPEN)
		load->kind->ready(load, client, EPOLLIN);
}

/* What SO_ERROR of the client's socket says. */
int connection_error(const struct client *client);

#endif
