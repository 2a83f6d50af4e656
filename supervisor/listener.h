/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/config.h"
#include "supervisor/socket_file.h"

/*
 * A bound socket, shared by all who use it by counting: the set of the
 * configuration in force, the set of one that is being tried, and the
 * generations whose workers have it. It closes with its last user.
 */
struct listener {
	unsigned references;
	struct address address;	     /* as configured */
	char text[ADDRESS_TEXT_MAX]; /* as bound, with the real port */
	int fd;
	int type;   /* SOCK_STREAM or SOCK_DGRAM */
	int family; /* AF_INET, AF_INET6, AF_UNIX */
	int backlog;
	uint16_t port;	/* network byte order; AF_UNIX: 0 */
	bool activated; /* passed by the service manager, not ours to close */
	struct socket_file file; /* unix: paths */
	struct listener *origin; /* whose socket this is; NULL: its own */
};

/*
 * What a socket of FAMILY and TYPE is given before bind(2), so that it takes
 * its address for itself and no more. 0, or -1 with errno.
 */
int listener_set_options(int fd, int family, int type);

/* Opens one socket for SERVICE; NULL with errno. Does not block. */
struct listener *listener_open(const struct address *address,
    const struct endpoint *endpoint, const struct service_config *service);

/* Takes a socket that the service manager passed; NULL with a phrase in WHY. */
struct listener *
listener_take(const struct address *address, int fd, const char **why);

/*
 * The socket of LISTENER as ADDRESS calls it, which differs in nothing but
 * whether TLS is spoken: LISTENER itself, or another view of the same socket.
 * One more reference in either case; NULL when memory ran out.
 */
struct listener *
listener_as(struct listener *listener, const struct address *address);

/* Whether both are views of one socket. */
bool listener_same(const struct listener *a, const struct listener *b);

/* Takes up what may change while it is open: backlog, and mode and owner of
 * its file. Failures are logged. */
void listener_adjust(
    struct listener *listener, const struct service_config *service);

struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);

/* Connections or bytes waiting and how many may; false when unknown. */
struct listener_queue {
	unsigned waiting, limit; /* connections, or bytes of datagrams */
	unsigned drops;		 /* by the kernel, because there was no room */
};
bool
listener_queue(const struct listener *listener, struct listener_queue *queue);

#endif
