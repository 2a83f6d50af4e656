/* SPDX-License-Identifier: ISC */
#ifndef WORKER_TEMPLATE_H
#define WORKER_TEMPLATE_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "worker/preforkd.h"

/*
 * A text with places to fill in, as greetings have it:
 *   %a address of the peer   %p its port ("-" without one)
 *   %h name of this host     %s service   %w worker   %% a percent sign
 *   \n \r \t \\              as in C
 * What does not depend on the peer is filled in once.
 */
struct template;

#define TEMPLATE_MAX 8192 /* bytes of a text with everything filled in */

/* For struct pf_setting: is TEXT one? */
int template_check(const char *text, char *why, size_t why_size);

/* Returns the parsed TEXT, the caller's, or NULL with a phrase in WHY and errno
 * (EINVAL, ENOMEM). SERVICE may be NULL: %s and %w are then empty. */
struct template *template_new(const char *text,
    const struct pf_service *service, char *why, size_t why_size);
void template_free(struct template *template); /* NULL is allowed */

/* Fills in PEER; BUF needs TEMPLATE_MAX. Returns the length. */
size_t template_fill(const struct template *template,
    const struct sockaddr_storage *peer, socklen_t length, char *buf);

/* For handlers: the parsed text of the service's setting NAME, the caller's, or
 * NULL after an error in the log, with errno as above. */
struct template *
template_of_setting(struct pf_service *service, const char *name);

/* Sends it, with the peer of CONNECTION filled in. */
void template_send(
    const struct template *template, struct pf_connection *connection);

#endif
