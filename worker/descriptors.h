/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DESCRIPTORS_H
#define WORKER_DESCRIPTORS_H

#include <stdint.h>

#include "worker/worker.h"

/* Closes whatever CONTEXT does not give to this worker: other workers'
 * channels, the control socket, what the supervisor has open. */
void descriptors_close_others(const struct worker_context *context);

/* Sets the limit of descriptors as the pool wants it and returns how many
 * connections fit, at most WANTED. A shortage is told by the first worker. */
uint64_t descriptors_limit(const struct worker_context *context);

#endif
