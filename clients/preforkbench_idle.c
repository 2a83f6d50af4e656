/* SPDX-License-Identifier: ISC */
/*
 * Connections that are held: each is opened, used once as --exchange says, and
 * kept. What takes time is the opening, so that is what is measured; a request
 * is a connection.
 */
#include <sys/socket.h>

#include <errno.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_exchange.h"
#include "clients/preforkbench_load.h"

static void
fail(struct load *load, struct client *client, enum failure failure, int error)
{
	load->in_flight++;
	load_count_failed(load, failure, error, INT64_MAX);
	load_set_known(load, client);
	connection_close(load, client);
}

/* True when it has been opened as it should. */
static bool
go_on(struct load *load, struct client *client, enum exchanged exchanged)
{
	int error = exchanged == EXCHANGED_ERROR ? errno : 0;

	if (exchanged == EXCHANGED_ALL) {
		load->now_ns = load_time();
		load->in_flight++;
		load_count(load, client->since[0]);
		return true;
	}
	if (exchanged != EXCHANGED_PART)
		fail(load, client, exchange_failure(exchanged), error);
	return false;
}

static bool
connected(struct load *load, struct client *client)
{
	return go_on(load, client, exchange_begin(load, client));
}

/* What a server says to one that is held is thrown away; its end is not. */
static void
on_held(struct load *load, struct client *client)
{
	ssize_t n = connection_receive(load, client, load->buffer, LOAD_BUFFER);

	if (n == 0)
		fail(load, client, FAILURE_CLOSED, 0);
	else if (n == -1 && errno != EAGAIN)
		fail(load, client, result_failure(errno), errno);
}

static void
ready(struct load *load, struct client *client, uint32_t events)
{
	if (!client->is_new)
		on_held(load, client);
	else if (go_on(load, client, exchange_go_on(load, client, events)))
		load_opened(load, client);
}

static void
look(struct load *load, struct client *client)
{
	if (client->is_new &&
	    load->now_ns - client->waiting_ns > load->timeout_ns)
		fail(load, client, FAILURE_TIMED_OUT, 0);
}

const struct load_kind load_idle = {
	.connects_first = true,
	.connected = connected,
	.ready = ready,
	.look = look,
};
