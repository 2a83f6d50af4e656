/* SPDX-License-Identifier: ISC */
/*
 * One listener: a bound socket. The supervisor opens it, owns it for as long
 * as anybody uses it, and never accepts on it; workers have the same socket by
 * fork.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/sock_diag.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/listener.h"
#include "supervisor/unix_queue.h"

struct listener *
listener_ref(struct listener *listener)
{
	listener->references++;
	return listener;
}

void
listener_unref(struct listener *listener)
{
	if (--listener->references > 0)
		return;
	if (listener->origin != NULL) {
		listener_unref(listener->origin);
		free(listener);
		return;
	}
	socket_file_remove(&listener->file);
	if (!listener->activated)
		close(listener->fd);
	free(listener);
}

bool
listener_same(const struct listener *a, const struct listener *b)
{
	return a->fd == b->fd;
}

/* tcp://127.0.0.1:41234: the scheme as configured, the rest as bound. False
 * with errno: a listener whose port nobody knows is of no use. */
static bool
describe(struct listener *listener)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	char where[ADDRESS_TEXT_MAX - 16]; /* the scheme comes in front */

	if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) == -1)
		return false;
	listener->family = bound.ss_family;
	/* It is at the same place in sockaddr_in. */
	if (listener->family != AF_UNIX)
		listener->port = ((struct sockaddr_in6 *)&bound)->sin6_port;
	endpoint_format(
	    (struct sockaddr *)&bound, length, where, sizeof(where));
	bool stream = listener->type == SOCK_STREAM;
	struct address spoken = {
		.kind = stream ? ADDRESS_TCP : ADDRESS_UDP,
		.tls = stream && listener->address.tls,
	};
	if (listener->family == AF_UNIX)
		spoken.kind = stream ? ADDRESS_UNIX : ADDRESS_UNIXGRAM;
	strlcpy(
	    listener->text, address_scheme(&spoken), sizeof(listener->text));
	strlcat(listener->text, where, sizeof(listener->text));
	return true;
}

static struct listener *
listener_new(const struct address *address, int fd, int type)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->references = 1;
	listener->address = *address;
	listener->fd = fd;
	listener->type = type;
	return listener;
}

int
listener_set_options(int fd, int family, int type)
{
	const int on = 1;

	/* An old connection in TIME_WAIT must not keep the port. Not for
	 * datagrams: there it would let a second daemon bind it unnoticed. */
	if (family != AF_UNIX && type == SOCK_STREAM &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -1;
	/* "*" opens both families side by side. */
	if (family == AF_INET6)
		return setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return 0;
}

static int
bind_socket(struct listener *listener, const struct endpoint *endpoint,
    const struct service_config *service)
{
	const struct address *address = &listener->address;

	if (address_is_inet(address) || address->abstract)
		return bind(listener->fd,
		    (const struct sockaddr *)&endpoint->storage,
		    endpoint->length);
	const struct socket_access access = {
		.mode = (mode_t)service->socket_mode,
		.owner = service->socket_owner,
		.group = service->socket_group,
	};
	return socket_file_bind(
	    &listener->file, listener->fd, address->path, &access);
}

struct listener *
listener_open(const struct address *address, const struct endpoint *endpoint,
    const struct service_config *service)
{
	int type = address_socket_type(address);
	int fd = socket(endpoint->storage.ss_family,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return NULL;
	struct listener *listener = listener_new(address, fd, type);
	if (listener == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	listener->backlog = (int)service->backlog;
	if (listener_set_options(fd, endpoint->storage.ss_family, type) == -1 ||
	    bind_socket(listener, endpoint, service) == -1 ||
	    (type == SOCK_STREAM && listen(fd, listener->backlog) == -1) ||
	    !describe(listener)) {
		int saved = errno;
		listener_unref(listener);
		errno = saved;
		return NULL;
	}
	return listener;
}

static int
option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, name, &value, &length) == -1)
		return -1;
	return value;
}

/* A passed descriptor must be a listening stream or a datagram socket. */
static const char *
unusable(int fd)
{
	int type = option(fd, SO_TYPE);

	if (type == -1)
		return "it is not a socket";
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return "it is neither a stream nor a datagram socket";
	if (type == SOCK_STREAM && option(fd, SO_ACCEPTCONN) != 1)
		return "it does not listen";
	return NULL;
}

struct listener *
listener_take(const struct address *address, int fd, const char **why)
{
	*why = unusable(fd);
	if (*why != NULL)
		return NULL;
	int flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) {
		*why = "it cannot be made non-blocking";
		return NULL;
	}
	struct listener *listener =
	    listener_new(address, fd, option(fd, SO_TYPE));
	if (listener == NULL) {
		*why = "out of memory";
		return NULL;
	}
	listener->activated = true;
	if (address->tls && listener->type != SOCK_STREAM) {
		*why = "it is no stream, which TLS needs";
		listener_unref(listener);
		return NULL;
	}
	if (!describe(listener)) {
		*why = "its address cannot be told";
		listener_unref(listener);
		return NULL;
	}
	return listener;
}

struct listener *
listener_as(struct listener *listener, const struct address *address)
{
	struct listener *origin =
	    listener->origin != NULL ? listener->origin : listener;

	if (listener->address.tls == address->tls)
		return listener_ref(listener);
	if (origin->address.tls == address->tls)
		return listener_ref(origin);
	struct listener *view = listener_new(address, origin->fd, origin->type);
	if (view == NULL)
		return NULL;
	if (!describe(view)) {
		free(view);
		return NULL;
	}
	view->backlog = origin->backlog;
	view->activated = origin->activated;
	view->origin = listener_ref(origin);
	return view;
}

static void
adjust_file(struct listener *listener, const struct service_config *service)
{
	const struct socket_access access = {
		.mode = (mode_t)service->socket_mode,
		.owner = service->socket_owner,
		.group = service->socket_group,
	};

	if (listener->file.ours &&
	    socket_file_set_access(&listener->file, &access) == -1)
		log_warn("cannot set mode and owner of \"%s\": %s",
		    listener->text, strerror(errno));
}

void
listener_adjust(struct listener *listener, const struct service_config *service)
{
	if (listener->origin != NULL) {
		listener_adjust(listener->origin, service);
		return;
	}
	adjust_file(listener, service);
	if (listener->type != SOCK_STREAM || listener->activated ||
	    listener->backlog == service->backlog)
		return;
	listener->backlog = (int)service->backlog;
	if (listen(listener->fd, listener->backlog) == -1)
		log_warn("cannot set the backlog of \"%s\": %s", listener->text,
		    strerror(errno));
}

static bool
socket_memory(int fd, uint32_t memory[SK_MEMINFO_VARS])
{
	socklen_t length = SK_MEMINFO_VARS * sizeof(*memory);

	memset(memory, 0, length);
	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0;
}

/* tcp(7): of a listening socket, unacked is the queue, sacked its limit. */
static bool
tcp_queue(int fd, struct listener_queue *queue)
{
	uint32_t memory[SK_MEMINFO_VARS];
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1 ||
	    !socket_memory(fd, memory))
		return false;
	queue->waiting = info.tcpi_unacked;
	queue->limit = info.tcpi_sacked;
	queue->drops = memory[SK_MEMINFO_DROPS];
	return true;
}

static bool
datagram_queue(int fd, struct listener_queue *queue)
{
	uint32_t memory[SK_MEMINFO_VARS];

	if (!socket_memory(fd, memory))
		return false;
	queue->waiting = memory[SK_MEMINFO_RMEM_ALLOC];
	queue->limit = memory[SK_MEMINFO_RCVBUF];
	queue->drops = memory[SK_MEMINFO_DROPS];
	return true;
}

bool
listener_queue(const struct listener *listener, struct listener_queue *queue)
{
	*queue = (struct listener_queue){ 0 };
	if (listener->family == AF_UNIX)
		return listener->type == SOCK_STREAM &&
		    unix_queue(listener->fd, &queue->waiting, &queue->limit);
	if (listener->type == SOCK_STREAM)
		return tcp_queue(listener->fd, queue);
	return datagram_queue(listener->fd, queue);
}
