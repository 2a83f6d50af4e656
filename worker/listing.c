/* SPDX-License-Identifier: ISC */
/*
 * The connections of this worker, told to the supervisor. The rows are a
 * snapshot: the channel keeps those that the supervisor does not take at
 * once.
 */
#include <poll.h>
#include <string.h>

#include "common/address.h"
#include "worker/connection.h"
#include "worker/listing.h"

/* A handler that produces without end owes nothing that we could see: there
 * the socket itself tells whether the peer reads. */
static enum connection_state
state_of(const struct pf_connection *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };

	if (c->drained_due && poll(&pfd, 1, 0) == 0)
		return CONNECTION_BLOCKED;
	return connection_state(c);
}

static void
fill(struct message_row *row, const struct pf_connection *c, int64_t now_ms)
{
	char text[ADDRESS_TEXT_MAX];

	row->connection = c->id;
	row->service = connection_service(c)->index;
	row->listener = c->listener->index;
	row->state = state_of(c);
	row->age_ms = (uint64_t)(now_ms - c->opened_ms);
	row->idle_ms = (uint64_t)(now_ms - c->active_ms);
	row->bytes_in = c->bytes_in;
	row->bytes_out = c->bytes_out;
	row->unsent = c->pending == NULL ? 0 : buffer_length(c->pending);
	strlcpy(row->peer, peer_format(&c->peer, text, sizeof(text)),
	    sizeof(row->peer));
	strlcpy(row->local, c->listener->given->text, sizeof(row->local));
}

void
listing_send(struct worker *worker, const struct message_list *request)
{
	struct pf_connection *c;

	LIST_FOREACH (c, &worker->connections.all, entry) {
		struct message_row row = { .request = request->request };
		if (c->dead ||
		    (request->service != UINT64_MAX &&
			request->service != connection_service(c)->index))
			continue;
		fill(&row, c, worker->now_ms);
		if (!channel_send(
			&worker->channel, MESSAGE_ROW, &row, sizeof(row)))
			break;
	}
	channel_send(
	    &worker->channel, MESSAGE_LIST_END, request, sizeof(*request));
}
