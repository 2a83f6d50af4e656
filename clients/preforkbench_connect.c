/* SPDX-License-Identifier: ISC */
/*
 * Requests that are connections: connect, exchange what --exchange says, close.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_exchange.h"
#include "clients/preforkbench_load.h"

static void
fail(struct load *load, struct client *client, enum failure failure, int error)
{
	load_count_failed(load, failure, error, client->since[0]);
	connection_renew(load, client, 0);
}

static void
done(struct load *load, struct client *client)
{
	load->now_ns = load_time();
	load_count(load, client->since[0]);
	connection_close(load, client);
	load_set_free(load, client);
}

static void
begin(struct load *load, struct client *client)
{
	if (client->state == STATE_CLOSED && load_take(load, &client->since[0]))
		connection_begin(load, client);
}

static void
go_on(struct load *load, struct client *client, enum exchanged exchanged)
{
	int error = exchanged == EXCHANGED_ERROR ? errno : 0;

	if (exchanged == EXCHANGED_ALL)
		done(load, client);
	else if (exchanged != EXCHANGED_PART)
		fail(load, client, exchange_failure(exchanged), error);
}

/* What there is to send goes out at once. */
static bool
connected(struct load *load, struct client *client)
{
	go_on(load, client, exchange_begin(load, client));
	return false;
}

/* A connection that is only read from is not asked whether it is there, unless
 * something is wrong with it. */
static void
decide_attempt(struct load *load, struct client *client, uint32_t events)
{
	bool reads = load->options->exchange == EXCHANGE_READ;
	int error = reads && (events & (EPOLLERR | EPOLLHUP)) == 0
	    ? 0
	    : connection_error(client);

	if (error != 0)
		connection_failed(load, client, error);
	else
		connection_made(load, client);
}

static void
ready(struct load *load, struct client *client, uint32_t events)
{
	if (client->state == STATE_CONNECTING) {
		decide_attempt(load, client, events);
		if (load->options->exchange != EXCHANGE_READ)
			return;
	}
	if (client->state == STATE_OPEN)
		go_on(load, client, exchange_go_on(load, client, events));
}

static void
look(struct load *load, struct client *client)
{
	if (load->now_ns - client->waiting_ns > load->timeout_ns)
		fail(load, client, FAILURE_TIMED_OUT, 0);
}

const struct load_kind load_connect = {
	.connected = connected,
	.begin = begin,
	.ready = ready,
	.look = look,
};
