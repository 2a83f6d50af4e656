/* SPDX-License-Identifier: ISC */
/*
 * The connections of clients: made without blocking, given up when they take
 * too long, made anew when they break, never twice in a millisecond, so that a
 * server that throws everybody out is not run against in a circle.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <errno.h>
#include <unistd.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_tls.h"

#define FAILED_NS INT64_C(100000000) /* wait after an attempt that failed */

void
connection_watch(struct load *load, struct client *client, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	/* Of a descriptor that is open this cannot fail but for memory. */
	(void)epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

int
connection_error(const struct client *client)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		return errno;
	return error;
}

static void
set_state(struct load *load, struct client *client, enum client_state state)
{
	load->n_open -= client->state == STATE_OPEN;
	load->n_connecting -= client->state == STATE_CONNECTING;
	load->n_retrying -= client->state == STATE_RETRYING;
	client->state = state;
	load->n_open += state == STATE_OPEN;
	load->n_connecting += state == STATE_CONNECTING;
	load->n_retrying += state == STATE_RETRYING;
}

void
connection_close(struct load *load, struct client *client)
{
	if (client->ssl != NULL)
		load_tls_close(load, client);
	if (client->fd != -1)
		close(client->fd);
	client->fd = -1;
	client->writing = false;
	client->in_flight = 0;
	client->sent = client->answered = client->begun;
	client->sent_bytes = client->received = 0;
	set_state(load, client, STATE_CLOSED);
}

static void
retry_later(struct load *load, struct client *client, int64_t delay_ns)
{
	connection_close(load, client);
	if (delay_ns < CONNECTION_RETRY_NS)
		delay_ns = CONNECTION_RETRY_NS;
	client->retry_ns = load->now_ns + delay_ns;
	set_state(load, client, STATE_RETRYING);
	if (load->next_look_ns > client->retry_ns)
		load->next_look_ns = client->retry_ns;
}

void
connection_renew(struct load *load, struct client *client, int64_t delay_ns)
{
	if (load->is_started && load_is_over(load))
		connection_close(load, client);
	else
		retry_later(load, client, delay_ns);
}

/* A connection that does not come about is a request that failed, be it that it
 * had begun (for that it was connected), or would have. */
static void
failed_as(
    struct load *load, struct client *client, enum failure failure, int error)
{
	load_set_known(load, client);
	if (!load->kind->connects_first) {
		load_count_failed(load, failure, error, client->since[0]);
		connection_renew(load, client, FAILED_NS);
		return;
	}
	if (load->is_started && load_is_over(load)) {
		connection_close(load, client);
		return;
	}
	load->in_flight++;
	load->left -= load->left > 0;
	load_count_failed(load, failure, error, INT64_MAX);
	if (load->kind == &load_idle)
		connection_close(load, client);
	else
		connection_renew(load, client, FAILED_NS);
}

void
connection_failed(struct load *load, struct client *client, int error)
{
	failed_as(load, client, result_failure(error), error);
}

static bool
bind_source(struct load *load, int fd)
{
	struct endpoint source;
	int on = 1;

	if (load->options->sources.n == 0)
		return true;
	sources_get(&load->options->sources, load->next_source++, &source);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (const void *)&source.storage, source.length) == 0;
}

/* What a socket needs before it is connected. */
static bool
prepare_socket(struct load *load, int fd)
{
	int family = load->target->endpoint.storage.ss_family;
	bool datagrams = load->kind == &load_datagram;
	int on = 1, size = (int)load->size;
	const struct linger at_once = { .l_onoff = 1 };

	if (family == AF_UNIX) {
		/* Without an address of its own it gets no answers. */
		const struct sockaddr_un any = { .sun_family = AF_UNIX };
		return !datagrams ||
		    bind(fd, (const void *)&any, sizeof(sa_family_t)) == 0;
	}
	if (!datagrams &&
	    (load->kind != &load_connect || load->target->context != NULL))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (load->options->reset)
		setsockopt(
		    fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (load->options->gso &&
	    (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) ==
		    -1 ||
		setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == -1))
		return false;
	return bind_source(load, fd);
}

/* The events that tell how a connection attempt went, without a second look
 * at clients that say nothing first. With TLS all do. */
static uint32_t
first_events(const struct load *load)
{
	return load->kind == &load_connect &&
		load->options->exchange == EXCHANGE_READ &&
		load->target->context == NULL
	    ? EPOLLIN | EPOLLRDHUP
	    : EPOLLOUT;
}

/* All that belongs to the connection itself is done. */
static void
opened(struct load *load, struct client *client)
{
	set_state(load, client, STATE_OPEN);
	load->result->opened++;
	client->waiting_ns = load->now_ns;
	if (load->kind->connected == NULL ||
	    load->kind->connected(load, client))
		load_opened(load, client);
}

/* --- TLS ----------------------------------------------------------------- */

static void
wait_for_shake(struct load *load, struct client *client, bool writing)
{
	if (client->writing != writing)
		connection_watch(load, client, writing ? EPOLLOUT : EPOLLIN);
	client->writing = writing;
}

void
connection_shake(struct load *load, struct client *client)
{
	enum failure failure;

	switch (load_tls_shake(load, client, &failure)) {
	case TLS_WANTS_READ:
		wait_for_shake(load, client, false);
		break;
	case TLS_WANTS_WRITE:
		wait_for_shake(load, client, true);
		break;
	case TLS_FAILED:
		failed_as(load, client, failure, 0);
		break;
	case TLS_DONE:
		wait_for_shake(load, client, false);
		opened(load, client);
		break;
	}
}

static void
begin_shaking(struct load *load, struct client *client)
{
	set_state(load, client, STATE_SHAKING);
	/* What the loop has been told to wait for. */
	client->writing = !load->kind->connects_first;
	if (load_tls_begin(load, client))
		connection_shake(load, client);
	else
		connection_failed(load, client, ENOMEM);
}

void
connection_made(struct load *load, struct client *client)
{
	if (load->target->context != NULL)
		begin_shaking(load, client);
	else
		opened(load, client);
}

/* --- attempts ------------------------------------------------------------ */

/* Returns 0, or errno: EINPROGRESS when the loop will tell. */
static int
open_socket(struct load *load, struct client *client)
{
	const struct endpoint *endpoint = &load->target->endpoint;
	struct epoll_event event = { .data.ptr = client };
	int type = load->kind == &load_datagram ? SOCK_DGRAM : SOCK_STREAM;
	int rc;

	client->fd = socket(endpoint->storage.ss_family,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd == -1 || !prepare_socket(load, client->fd))
		return errno;
	do
		rc = connect(client->fd, (const void *)&endpoint->storage,
		    endpoint->length);
	while (rc == -1 && errno == EINTR);
	if (rc == -1 && errno != EINPROGRESS)
		return errno;
	/* Whose every request connects would never come back to its loop. */
	int error = rc == 0 && load->kind->connects_first ? 0 : EINPROGRESS;
	event.events = error == 0 ? EPOLLIN : first_events(load);
	if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == -1)
		return errno;
	return error;
}

void
connection_begin(struct load *load, struct client *client)
{
	int error;

	if (!client->queue_full) {
		client->waiting_ns = load->now_ns;
		if (load->kind->connects_first)
			client->since[0] = load->now_ns;
	}
	client->queue_full = false;
	client->begun_ns = load->now_ns;
	set_state(load, client, STATE_CONNECTING);
	error = open_socket(load, client);
	if (error == 0) {
		connection_made(load, client);
	} else if (error == EAGAIN &&
	    load->now_ns - client->waiting_ns < load->timeout_ns) {
		/* A unix socket; nothing tells when there is room. */
		retry_later(load, client, CONNECTION_RETRY_NS);
		client->queue_full = true;
	} else if (error != EINPROGRESS) {
		connection_failed(load, client, error);
	}
}

void
connection_decide(struct load *load, struct client *client)
{
	int error = connection_error(client);

	if (error != 0) {
		connection_failed(load, client, error);
		return;
	}
	connection_watch(load, client, EPOLLIN);
	connection_made(load, client);
}

void
connection_retry(struct load *load, struct client *client)
{
	bool is_over = load->is_started && load_is_over(load);

	if (client->queue_full || (load->kind->connects_first && !is_over)) {
		connection_begin(load, client);
		return;
	}
	connection_close(load, client);
	if (!load->kind->connects_first)
		load_set_free(load, client);
}
