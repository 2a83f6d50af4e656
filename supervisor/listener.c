/* SPDX-License-Identifier: ISC */
/*
 * Listeners: the bound sockets. The supervisor opens them, owns them for the
 * daemon's whole life and never accepts on one; workers have the same sockets
 * by fork. A set is opened as a whole beside the one in force, so that a
 * reload that fails leaves nothing changed.
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
#include "supervisor/activation.h"
#include "supervisor/listener.h"
#include "supervisor/resolver.h"

#define ANY_PORT_TRIES 16 /* to find one port free in both families */

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
	socket_file_remove(&listener->file);
	if (!listener->activated)
		close(listener->fd);
	free(listener);
}

/* tcp://127.0.0.1:41234: the scheme as configured, the rest as bound. */
static void
describe(struct listener *listener)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	char where[ADDRESS_TEXT_MAX - 16]; /* the scheme comes in front */

	if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) == -1)
		length = 0;
	listener->family = length == 0 ? AF_UNSPEC : bound.ss_family;
	endpoint_format(
	    (struct sockaddr *)&bound, length, where, sizeof(where));
	bool stream = listener->type == SOCK_STREAM;
	const char *scheme = stream ? "tcp://" : "udp://";
	if (listener->family == AF_UNIX)
		scheme = stream ? "unix:" : "unixgram:";
	strlcpy(listener->text, scheme, sizeof(listener->text));
	strlcat(listener->text, where, sizeof(listener->text));
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

static void
set_options(int fd, int family, int type)
{
	int on = 1;

	/* An old connection in TIME_WAIT must not keep the port. Not for
	 * datagrams: there it would let a second daemon bind it unnoticed. */
	if (family != AF_UNIX && type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* "*" opens both families side by side. */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
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

/* Opens one socket; NULL with errno. */
static struct listener *
open_endpoint(const struct address *address, const struct endpoint *endpoint,
    const struct service_config *service)
{
	int type = address_socket_type(address);
	int fd = socket(endpoint->storage.ss_family,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return NULL;
	set_options(fd, endpoint->storage.ss_family, type);
	struct listener *listener = listener_new(address, fd, type);
	if (listener == NULL) {
		close(fd);
		return NULL;
	}
	listener->backlog = (int)service->backlog;
	if (bind_socket(listener, endpoint, service) == -1 ||
	    (type == SOCK_STREAM && listen(fd, listener->backlog) == -1)) {
		int saved = errno;
		listener_unref(listener);
		errno = saved;
		return NULL;
	}
	describe(listener);
	return listener;
}

static bool
set_add(struct listener_set *set, struct listener *listener,
    const struct service_config *service, size_t address)
{
	struct listener_use *grown =
	    reallocarray(set->items, set->n + 1, sizeof(*grown));

	if (grown == NULL)
		return false;
	set->items = grown;
	set->items[set->n++] = (struct listener_use){
		.listener = listener, .service = service, .address = address
	};
	return true;
}

/* What opening one address works with. */
struct opening {
	struct listener_set *set;
	const struct service_config *service;
	size_t index; /* in service->listen */
	const struct address *address;
	struct errors *errors;
};

static void
cannot_listen(const struct opening *opening, const char *what, int error)
{
	const struct config_place *place =
	    &opening->service->listen_places[opening->index];
	char text[ADDRESS_TEXT_MAX];

	if (what == NULL)
		what = address_format(opening->address, text, sizeof(text));
	errors_add(opening->errors, place->file, place->line,
	    "cannot listen on \"%s\": %s", what,
	    error == EADDRINUSE ? "address already in use" : strerror(error));
}

static bool
add_opened(const struct opening *opening, struct listener *listener)
{
	if (set_add(opening->set, listener, opening->service, opening->index))
		return true;
	listener_unref(listener);
	cannot_listen(opening, NULL, ENOMEM);
	return false;
}

static bool
open_one(const struct opening *opening, const struct endpoint *endpoint,
    bool several)
{
	struct listener *listener =
	    open_endpoint(opening->address, endpoint, opening->service);
	char where[ADDRESS_TEXT_MAX];

	if (listener != NULL)
		return add_opened(opening, listener);
	int error = errno;
	endpoint_format((const struct sockaddr *)&endpoint->storage,
	    endpoint->length, where, sizeof(where));
	cannot_listen(opening, several ? where : NULL, error);
	return false;
}

static uint16_t
bound_port(const struct listener *listener)
{
	struct sockaddr_in6 bound;
	socklen_t length = sizeof(bound);

	/* The port is at the same place in sockaddr_in. */
	getsockname(listener->fd, (struct sockaddr *)&bound, &length);
	return bound.sin6_port;
}

/*
 * "*" with port 0: both families get the same port. The first one's choice
 * may be taken in the other, so try a few times.
 */
static bool
open_any_port(const struct opening *opening, struct endpoint *endpoints)
{
	struct listener *first = NULL, *second = NULL;
	struct sockaddr_in6 *sin6 =
	    (struct sockaddr_in6 *)&endpoints[1].storage;

	for (int i = 0; i < ANY_PORT_TRIES; i++) {
		first = open_endpoint(
		    opening->address, &endpoints[0], opening->service);
		if (first == NULL)
			break;
		sin6->sin6_port = bound_port(first);
		second = open_endpoint(
		    opening->address, &endpoints[1], opening->service);
		if (second != NULL || errno != EADDRINUSE)
			break;
		listener_unref(first);
		first = NULL;
	}
	if (first == NULL || second == NULL) {
		cannot_listen(opening, NULL, errno);
		if (first != NULL)
			listener_unref(first);
		return false;
	}
	bool added = add_opened(opening, first);
	return add_opened(opening, second) && added;
}

/* A machine without IPv6 still has "*": IPv4 alone. */
static bool
no_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return errno == EAFNOSUPPORT;
	close(fd);
	return false;
}

static void
open_endpoints(const struct opening *opening, const struct resolved *names)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	size_t n = address_endpoints(opening->address, endpoints);
	const struct resolved_name *answer;

	if (address_needs_lookup(opening->address)) {
		answer = resolved_find(names, opening->address);
		n = answer == NULL ? 0 : answer->n;
		if (n == 0) {
			const struct config_place *place =
			    &opening->service->listen_places[opening->index];
			errors_add(opening->errors, place->file, place->line,
			    "cannot resolve \"%s\": %s", opening->address->host,
			    answer == NULL ? "no answer" : answer->why);
			return;
		}
		memcpy(endpoints, answer->endpoints, n * sizeof(*endpoints));
	}
	if (n == 2 && strcmp(opening->address->host, "*") == 0) {
		if (no_ipv6())
			n = 1;
		else if (opening->address->port == 0) {
			open_any_port(opening, endpoints);
			return;
		}
	}
	for (size_t i = 0; i < n; i++)
		open_one(opening, &endpoints[i], n > 1);
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

static void
take_activated(const struct opening *opening, int fd)
{
	const char *why = unusable(fd);

	if (why != NULL) {
		errors_add(opening->errors, NULL, 0,
		    "cannot use the passed socket \"fd://%s\": %s",
		    opening->address->path, why);
		return;
	}
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	struct listener *listener =
	    listener_new(opening->address, fd, option(fd, SO_TYPE));
	if (listener == NULL) {
		cannot_listen(opening, NULL, ENOMEM);
		return;
	}
	listener->activated = true;
	describe(listener);
	add_opened(opening, listener);
}

static void
open_activated(const struct opening *opening)
{
	int fds[ACTIVATION_MAX];
	size_t n = activation_find(opening->address->path, fds, ACTIVATION_MAX);
	const struct config_place *place =
	    &opening->service->listen_places[opening->index];
	char names[512];

	if (n == 0)
		errors_add(opening->errors, place->file, place->line,
		    "cannot listen on \"fd://%s\": the service manager "
		    "passed no socket of that name (passed: %s)",
		    opening->address->path,
		    activation_names(names, sizeof(names)));
	for (size_t i = 0; i < n; i++)
		take_activated(opening, fds[i]);
}

/* Port 0 may stand in several services: there, the service counts too. */
static bool
same_place(const struct listener_use *use, const struct service_config *service,
    const struct address *address)
{
	if (!address_equal(&use->listener->address, address))
		return false;
	if (!address_is_inet(address) || address->port != 0)
		return true;
	return strcmp(use->service->name, service->name) == 0;
}

bool
listener_set_has(const struct listener_set *old,
    const struct service_config *service, const struct address *address)
{
	for (size_t i = 0; old != NULL && i < old->n; i++) {
		if (same_place(&old->items[i], service, address))
			return true;
	}
	return false;
}

static bool
has_listener(const struct listener_set *set, const struct listener *listener)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->items[i].listener == listener)
			return true;
	}
	return false;
}

/* Takes all sockets over that OLD has for this address. The second
 * "tcp://127.0.0.1:0" of a service gets the second one's. */
static bool
take_over(const struct opening *opening, const struct listener_set *old)
{
	bool any = false;
	size_t from = 0;

	for (size_t i = 0; old != NULL && i < old->n; i++) {
		const struct listener_use *use = &old->items[i];
		if (!same_place(use, opening->service, opening->address) ||
		    has_listener(opening->set, use->listener))
			continue;
		/* All that come from one `listen` word, no more. */
		if (any && use->address != from)
			break;
		any = true;
		from = use->address;
		add_opened(opening, listener_ref(use->listener));
	}
	return any;
}

static void
open_address(const struct opening *opening, const struct listener_set *old,
    const struct resolved *names)
{
	if (take_over(opening, old))
		return;
	if (opening->address->kind == ADDRESS_FD)
		open_activated(opening);
	else
		open_endpoints(opening, names);
}

struct listener_set *
listener_set_open(const struct config *config, const struct listener_set *old,
    const struct resolved *names, struct errors *errors)
{
	struct listener_set *set = calloc(1, sizeof(*set));

	if (set == NULL) {
		errors_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	for (size_t s = 0; s < config->n_services; s++) {
		const struct service_config *service = config->services[s];
		for (size_t i = 0; i < service->listen.n; i++) {
			const struct opening opening = { set, service, i,
				&service->listen.items[i], errors };
			open_address(&opening, old, names);
		}
	}
	if (errors_none(errors))
		return set;
	listener_set_free(set);
	return NULL;
}

void
listener_set_free(struct listener_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		listener_unref(set->items[i].listener);
	free(set->items);
	free(set);
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
listener_set_adjust(const struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct listener *listener = set->items[i].listener;
		const struct service_config *service = set->items[i].service;

		adjust_file(listener, service);
		if (listener->type != SOCK_STREAM || listener->activated ||
		    listener->backlog == service->backlog)
			continue;
		listener->backlog = (int)service->backlog;
		if (listen(listener->fd, listener->backlog) == -1)
			log_warn("cannot set the backlog of \"%s\": %s",
			    listener->text, strerror(errno));
	}
}

/* tcp(7): of a listening socket, unacked is the queue, sacked its limit. */
static bool
tcp_queue(int fd, struct listener_queue *queue)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1)
		return false;
	queue->waiting = info.tcpi_unacked;
	queue->limit = info.tcpi_sacked;
	return true;
}

static bool
datagram_queue(int fd, struct listener_queue *queue)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == -1)
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
		return false;
	if (listener->type == SOCK_STREAM)
		return tcp_queue(listener->fd, queue);
	return datagram_queue(listener->fd, queue);
}
