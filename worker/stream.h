/* SPDX-License-Identifier: ISC */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_connection;
struct watch;

/* The poller's call for connections: one bounded share of reading and
 * writing. */
void stream_ready(struct watch *watch, uint32_t events);

/* Whether the connection takes bytes now. */
bool stream_may_read(const struct pf_connection *connection);

/* One bounded share of reading, if it may. */
void stream_read(struct pf_connection *connection);

/* Calls the handler's opened(). */
void stream_opened(struct pf_connection *connection);

/* Sends now what the kernel takes and keeps a copy of the rest. */
void
stream_send(struct pf_connection *connection, const void *data, size_t len);

/* Everything is sent: closes, or lingers for a peer that is still sending and
 * would lose our last words by a reset. */
void stream_end(struct pf_connection *connection);

#endif
