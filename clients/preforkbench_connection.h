/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_CONNECTION_H
#define CLIENTS_PREFORKBENCH_CONNECTION_H

#include <stdint.h>

#include "clients/preforkbench_load.h"

/*
 * The connection of a client. Nothing here blocks; an attempt that is under way
 * comes back by the loop, which calls connection_decide(), one that is to be
 * made again by connection_retry(). The client owns the descriptor.
 */

/* Between two attempts of a client there is at least this. */
#define CONNECTION_RETRY_NS INT64_C(1000000)

/* Begins an attempt, where the client has no connection. */
void connection_begin(struct load *load, struct client *client);

/* The loop has something to say about the attempt. */
void connection_decide(struct load *load, struct client *client);

/* The attempt was successful, or has failed with ERROR (errno): what belongs to
 * that is done here. */
void connection_made(struct load *load, struct client *client);
void connection_failed(struct load *load, struct client *client, int error);

/* The time of a client that is retrying has come. */
void connection_retry(struct load *load, struct client *client);

void connection_close(struct load *load, struct client *client);

/* Closes it and makes another after DELAY_NS, if the load still goes on. */
void
connection_renew(struct load *load, struct client *client, int64_t delay_ns);

/* The loop waits for EVENTS of the client. */
void
connection_watch(struct load *load, struct client *client, uint32_t events);

/* What SO_ERROR of the client's socket says. */
int connection_error(const struct client *client);

#endif
