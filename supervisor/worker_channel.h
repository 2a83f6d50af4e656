/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_WORKER_CHANNEL_H
#define SUPERVISOR_WORKER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/worker_handle.h"

/*
 * The supervisor's end of a worker's channel (messages: worker/worker.h).
 * Nothing here blocks, and nothing that comes from a worker is believed.
 */

/* Watches FD, the worker's from now on. False with errno: FD is still the
 * caller's. */
bool worker_channel_open(struct worker_handle *worker, int fd);
void worker_channel_close(struct worker_handle *worker);

/* Sends one message, with a descriptor unless FD is -1. False when the worker
 * does not read its channel, or has none. */
bool worker_channel_send(struct worker_handle *worker, uint64_t type,
    const void *body, size_t size, int fd);

/* What a worker that has ended still had to say, its reason above all. */
void worker_channel_read_last(struct worker_handle *worker);

#endif
