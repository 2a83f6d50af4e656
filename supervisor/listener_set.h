/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_LISTENER_SET_H
#define SUPERVISOR_LISTENER_SET_H

#include "common/errors.h"
#include "supervisor/listener.h"

/* A listener in its place: of which service, from which of its addresses. */
struct listener_use {
	struct listener *listener;
	const struct service_config *service;
	size_t address; /* index in service->listen */
};

struct listener_set {
	struct listener_use *items;
	size_t n;
	size_t n_in_use; /* while it is opened */
};

/* Where the endpoints of host names come from: the answer of a resolver. */
struct resolved;

/*
 * Opens every listener of CONFIG, taking those over from OLD (may be NULL)
 * whose address is unchanged. All failures are told in ERRORS as "cannot
 * listen on ..., why"; then nothing remains open and NULL comes back, with
 * errno EADDRINUSE when that is all that failed. NAMES answers host names. Does
 * not block.
 */
struct listener_set *
listener_set_open(const struct config *config, const struct listener_set *old,
    const struct resolved *names, struct errors *errors);

/*
 * Adds the addresses of CONFIG to NAMES whose host names must be looked up
 * before: those that OLD (may be NULL) has no listener for. Returns false when
 * memory ran out; what NAMES has is then still the caller's.
 */
bool listener_set_names(const struct config *config,
    const struct listener_set *old, struct resolved *names);

/* True when OLD has a listener for this address (port 0: of this service),
 * so that opening it again needs no name look-up. */
bool listener_set_has(const struct listener_set *old,
    const struct service_config *service, const struct address *address);

/* Gives up the set's references and the set. NULL is allowed. */
void listener_set_free(struct listener_set *set);

/* Takes up what may change while a listener is open: backlog, and mode and
 * owner of its file. Failures are logged. */
void listener_set_adjust(const struct listener_set *set);

#endif
