/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a connection: from the socket to the handler and from the
 * handler to the socket. Received bytes live in the worker's one input buffer
 * during the callback; of what is sent only the part that the kernel does not
 * take is kept, and while there is such a part nothing is read, so that a slow
 * reader slows its own sender.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/connection.h"
#include "worker/service.h"
#include "worker/stream.h"
#include "worker/tls.h"

#define PENDING_MAX (64 * 1024 * 1024) /* what one handler may owe a peer */
#define WRITE_TURN  (256 * 1024)       /* bytes of one send(2) */
#define LINGER_MAX  (256 * 1024)       /* bytes thrown away after the end */
#define SHOWN_BYTES 64		       /* of input, in the debug log */

/* Bytes moved: the peer is not idle. */
static void
active(struct pf_connection *c)
{
	struct worker *worker = connection_worker(c);

	c->active_ms = worker->now_ms;
	timers_start(&connection_service(c)->idle, &c->idle, worker->now_ms);
}

/* The peer is gone, or something is wrong on our side. */
static void
fail(struct pf_connection *c, int error)
{
	struct worker *worker = connection_worker(c);
	uint64_t suppressed;

	switch (error) {
	case ECONNRESET:
	case EPIPE:
	case ECONNABORTED:
	case ETIMEDOUT:
	case ENOTCONN:
		connection_kill(c, CLOSE_RESET);
		return;
	case ESHUTDOWN: /* of tls_receive() */
		counter_add(&connection_service(c)->counters->tls_truncated, 1);
		connection_kill(c, CLOSE_TRUNCATED);
		return;
	}
	connection_kill(c, CLOSE_ERROR);
	if (log_allowed(
		&worker->connections.failed, worker->now_ms, &suppressed))
		log_warn("%s: connection %llu failed: %s (and %llu before)",
		    connection_service(c)->config->name,
		    (unsigned long long)c->id, strerror(error),
		    (unsigned long long)suppressed);
}

static bool
is_transient(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Returns how much the kernel took; kills the connection on an error. */
static size_t
send_some(struct pf_connection *c, const void *data, size_t len)
{
	ssize_t n = c->tls != NULL ? tls_send(c, data, len)
				   : send(c->fd, data, len, MSG_NOSIGNAL);

	if (n == -1) {
		if (!is_transient(errno))
			fail(c, errno);
		return 0;
	}
	c->bytes_out += (size_t)n;
	counter_add(&connection_service(c)->counters->bytes_out, (uint64_t)n);
	active(c);
	return (size_t)n;
}

static void
keep(struct pf_connection *c, const void *data, size_t len)
{
	if (c->pending == NULL) {
		c->pending = malloc(sizeof(*c->pending));
		if (c->pending == NULL) {
			fail(c, ENOMEM);
			return;
		}
		buffer_init(c->pending, PENDING_MAX);
	}
	buffer_append(c->pending, data, len);
	if (c->pending->failed)
		fail(c, ENOBUFS);
	else
		connection_worker(c)->connections.unsent += len;
}

void
stream_send(struct pf_connection *c, const void *data, size_t len)
{
	size_t sent = 0;

	if (c->dead || c->finishing || len == 0)
		return;
	if (connection_service(c)->handler->drained != NULL)
		c->drained_due = true;
	if (c->pending == NULL)
		sent = send_some(c, data, len);
	if (!c->dead && sent < len)
		keep(c, (const char *)data + sent, len - sent);
	connection_touch(c);
}

static void
flush(struct pf_connection *c)
{
	size_t len = buffer_length(c->pending);

	if (len > WRITE_TURN)
		len = WRITE_TURN;
	len = send_some(c, buffer_data(c->pending), len);
	if (len != 0)
		buffer_consume(c->pending, len);
	connection_worker(c)->connections.unsent -= len;
	if (buffer_length(c->pending) != 0)
		return;
	buffer_clear(c->pending);
	free(c->pending);
	c->pending = NULL;
}

void
stream_opened(struct pf_connection *c)
{
	struct pf_service *service = connection_service(c);

	if (service->handler->opened == NULL)
		return;
	int64_t entered_us = service_enter(service);
	service->handler->opened(c);
	service_leave(service, entered_us);
}

static void
log_received(struct pf_connection *c, const char *data, size_t len)
{
	char text[SHOWN_BYTES * 4 + 1];

	if (log_get_level() != LOG_LEVEL_DEBUG)
		return;
	log_debug("%s: connection %llu received %zu bytes: \"%s\"%s",
	    connection_service(c)->config->name, (unsigned long long)c->id, len,
	    log_escape(text, sizeof(text), data,
		len < SHOWN_BYTES ? len : SHOWN_BYTES),
	    len > SHOWN_BYTES ? "..." : "");
}

static void
received(struct pf_connection *c, char *data, size_t len)
{
	struct pf_service *service = connection_service(c);

	c->bytes_in += len;
	counter_add(&service->counters->bytes_in, len);
	active(c);
	log_received(c, data, len);
	if (service->handler->received == NULL)
		return;
	int64_t entered_us = service_enter(service);
	service->handler->received(c, data, len);
	service_leave(service, entered_us);
}

static void
peer_closed(struct pf_connection *c)
{
	struct pf_service *service = connection_service(c);

	c->eof = true;
	if (service->handler->peer_closed == NULL) {
		c->finishing = true;
		return;
	}
	int64_t entered_us = service_enter(service);
	service->handler->peer_closed(c);
	service_leave(service, entered_us);
}

static void
read_some(struct pf_connection *c)
{
	const struct connections *all = &connection_worker(c)->connections;
	char *input = all->input;
	size_t room = all->unsent < UNSENT_MUCH ? INPUT_MAX : INPUT_MIN;
	ssize_t n = c->tls != NULL ? tls_receive(c, input, room)
				   : recv(c->fd, input, room, 0);

	if (n > 0)
		received(c, input, (size_t)n);
	else if (n == 0)
		peer_closed(c);
	else if (!is_transient(errno))
		fail(c, errno);
}

/* Throws away what the peer still sends, within bounds. */
static void
linger(struct pf_connection *c)
{
	char *input = connection_worker(c)->connections.input;
	ssize_t n = recv(c->fd, input, INPUT_MIN, 0);

	if (n == -1 && is_transient(errno))
		return;
	if (n > 0) {
		c->bytes_in += (size_t)n;
		counter_add(
		    &connection_service(c)->counters->bytes_in, (uint64_t)n);
		c->lingered += (uint32_t)n;
	}
	if (n <= 0 || c->lingered > LINGER_MAX)
		connection_kill(c, c->end_cause);
}

void
stream_end(struct pf_connection *c)
{
	struct worker *worker = connection_worker(c);

	if (!tls_finish(c))
		return; /* it comes again */
	if (!c->eof)
		linger(c);
	if (c->dead)
		return;
	/* A client may not know yet that its handshake was refused, and has
	 * something to say before it listens. */
	if (c->eof || (c->lingered == 0 && c->end_cause != CLOSE_TLS)) {
		connection_kill(c, c->end_cause);
		return;
	}
	c->lingering = true;
	shutdown(c->fd, SHUT_WR);
	timers_stop(&c->session);
	timers_start(&worker->connections.lingering, &c->idle, worker->now_ms);
}

static void
drained(struct pf_connection *c)
{
	struct pf_service *service = connection_service(c);

	c->drained_due = false;
	int64_t entered_us = service_enter(service);
	service->handler->drained(c);
	service_leave(service, entered_us);
}

/* Whether an event of the poller still has to do with reading. A failed or
 * vanished peer is noticed by reading or writing, whichever is waited for. */
bool
stream_may_read(const struct pf_connection *c)
{
	return !c->dead && !c->eof && !c->paused && !c->finishing &&
	    !c->handshaking && c->pending == NULL;
}

void
stream_read(struct pf_connection *c)
{
	connection_touch(c);
	if (stream_may_read(c))
		read_some(c);
}

void
stream_ready(struct watch *watch, uint32_t events)
{
	struct pf_connection *c = (struct pf_connection *)watch;
	const uint32_t broken = EPOLLHUP | EPOLLERR;

	if (c->dead)
		return;
	connection_touch(c);
	if (c->handshaking) {
		tls_ready(c);
		return;
	}
	if (c->lingering) {
		linger(c);
		return;
	}
	bool writable = (events & (EPOLLOUT | broken)) != 0;
	bool was_pending = c->pending != NULL;
	if (was_pending && writable)
		flush(c);
	bool readable = (events & (EPOLLIN | broken)) != 0 ||
	    (writable && tls_wanted(c) != 0);
	if (!was_pending && readable && stream_may_read(c))
		read_some(c);
	if (!was_pending && writable && !c->dead && c->drained_due &&
	    !c->finishing && c->pending == NULL)
		drained(c);
}
