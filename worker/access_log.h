/* SPDX-License-Identifier: ISC */
#ifndef WORKER_ACCESS_LOG_H
#define WORKER_ACCESS_LOG_H

#include <stdint.h>

struct pf_connection;

/* Writes the line of a connection that has ended after LENGTH_MS, where the
 * configuration wants one. What the file does not take is dropped and counted
 * (worker.access_dropped). Blocks no longer than a write to a file does. */
void
access_log_write(const struct pf_connection *connection, int64_t length_ms);

#endif
