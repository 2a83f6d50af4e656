/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_QUERIES_H
#define SUPERVISOR_QUERIES_H

#include "supervisor/control_connection.h"
#include "supervisor/worker_handle.h"

/*
 * Questions that only workers can answer: which connections there are, and
 * closing one. A question goes to many workers, each answers in its own time,
 * the asker gets the whole when all have or after a deadline.
 */

/* Answers CONNECTION with the connections of SERVICE, or of all (NULL). */
void queries_list(struct control_connection *connection, const char *service);

/* Closes the connection "PID.NUMBER", as listed, and answers. */
void queries_close(struct control_connection *connection, const char *id);

/* What worker_channel.c passes on, checked for its length only. */
void queries_row(struct worker_handle *worker, const struct message_row *row);
void
queries_list_end(struct worker_handle *worker, const struct message_list *end);
void queries_closed(
    struct worker_handle *worker, const struct message_close *closed);
/* The worker will not answer any more. */
void queries_worker_gone(struct worker_handle *worker);

#endif
