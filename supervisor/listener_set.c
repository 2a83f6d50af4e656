/* SPDX-License-Identifier: ISC */
/*
 * The listeners of a configuration. A set is opened as a whole beside the one
 * in force, taking over what is unchanged, so that a reload that fails leaves
 * nothing changed. Supervisor only.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/activation.h"
#include "supervisor/listener_set.h"
#include "supervisor/resolver.h"

#define ANY_PORT_TRIES 16 /* to find one port free in both families */

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

	opening->set->n_in_use += error == EADDRINUSE;
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
	    listener_open(opening->address, endpoint, opening->service);
	char where[ADDRESS_TEXT_MAX];

	if (listener != NULL)
		return add_opened(opening, listener);
	int error = errno;
	endpoint_format((const struct sockaddr *)&endpoint->storage,
	    endpoint->length, where, sizeof(where));
	cannot_listen(opening, several ? where : NULL, error);
	return false;
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
		first = listener_open(
		    opening->address, &endpoints[0], opening->service);
		if (first == NULL)
			break;
		sin6->sin6_port = first->port;
		second = listener_open(
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

static bool
no_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return errno == EAFNOSUPPORT;
	close(fd);
	return false;
}

/* A machine without IPv6 still has "*", and names of both families: IPv4
 * alone. What has nothing else stays, to be told. */
static size_t
without_ipv6(struct endpoint *endpoints, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (endpoints[i].storage.ss_family != AF_INET6)
			endpoints[kept++] = endpoints[i];
	}
	return kept == 0 ? n : kept;
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
	if (n > 1 && no_ipv6())
		n = without_ipv6(endpoints, n);
	if (n == 2 && opening->address->port == 0 &&
	    strcmp(opening->address->host, "*") == 0) {
		open_any_port(opening, endpoints);
		return;
	}
	for (size_t i = 0; i < n; i++)
		open_one(opening, &endpoints[i], n > 1);
}

static void
take_activated(const struct opening *opening, int fd)
{
	const char *why;
	struct listener *listener = listener_take(opening->address, fd, &why);

	if (listener != NULL)
		add_opened(opening, listener);
	else
		errors_add(opening->errors, NULL, 0,
		    "cannot use the passed socket \"fd://%s\": %s",
		    opening->address->path, why);
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
ask_for(struct resolved *names, const struct address *address)
{
	struct resolved_name *grown;

	if (resolved_find(names, address) != NULL)
		return true;
	grown = reallocarray(names->names, names->n + 1, sizeof(*grown));
	if (grown == NULL)
		return false;
	names->names = grown;
	names->names[names->n++] = (struct resolved_name){
		.address = *address,
	};
	return true;
}

bool
listener_set_names(const struct config *config, const struct listener_set *old,
    struct resolved *names)
{
	for (size_t s = 0; s < config->n_services; s++) {
		const struct service_config *service = config->services[s];
		for (size_t i = 0; i < service->listen.n; i++) {
			const struct address *address =
			    &service->listen.items[i];
			if (address_needs_lookup(address) &&
			    !listener_set_has(old, service, address) &&
			    !ask_for(names, address))
				return false;
		}
	}
	return true;
}

static bool
has_listener(const struct listener_set *set, const struct listener *listener)
{
	for (size_t i = 0; i < set->n; i++) {
		if (listener_same(set->items[i].listener, listener))
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
		struct listener *view =
		    listener_as(use->listener, opening->address);
		if (view != NULL)
			add_opened(opening, view);
		else
			cannot_listen(opening, NULL, ENOMEM);
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
	bool in_use = set->n_in_use == errors->n && !errors->lost;
	listener_set_free(set);
	errno = in_use ? EADDRINUSE : 0;
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

void
listener_set_adjust(const struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		listener_adjust(set->items[i].listener, set->items[i].service);
}
