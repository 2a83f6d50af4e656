/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/config.h"
#include "common/errors.h"
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
	bool activated; /* passed by the service manager, not ours to close */
	struct socket_file file; /* unix: paths */
};

/* A listener in its place: of which service, from which of its addresses. */
struct listener_use {
	struct listener *listener;
	const struct service_config *service;
	size_t address; /* index in service->listen */
};

struct listener_set {
	struct listener_use *items;
	size_t n;
};

/* Where the endpoints of host names come from: the answer of a resolver. */
struct resolved;

/*
 * Opens every listener of CONFIG, taking those over from OLD (may be NULL)
 * whose address is unchanged. All failures are told in ERRORS as "cannot
 * listen on ..., why"; then nothing remains open and NULL comes back. NAMES
 * answers host names. Does not block.
 */
struct listener_set *
listener_set_open(const struct config *config, const struct listener_set *old,
    const struct resolved *names, struct errors *errors);

/* Gives up the set's references and the set. NULL is allowed. */
void listener_set_free(struct listener_set *set);

/* True when OLD has a listener for this address (port 0: of this service),
 * so that opening it again needs no name look-up. */
bool listener_set_has(const struct listener_set *old,
    const struct service_config *service, const struct address *address);

/* Takes up what may change while a listener is open: backlog, and mode and
 * owner of its file. Failures are logged. */
void listener_set_adjust(const struct listener_set *set);

struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener);

/* Connections or bytes waiting and how many may; false when unknown. */
struct listener_queue {
	unsigned waiting, limit; /* connections, or bytes of datagrams */
	unsigned drops;		 /* datagrams dropped by the kernel */
};
bool
listener_queue(const struct listener *listener, struct listener_queue *queue);

#endif
