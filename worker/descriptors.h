/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DESCRIPTORS_H
#define WORKER_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/worker.h"

/* Input and output become /dev/null: the terminal, or whoever reads there, is
 * the supervisor's. False with errno. */
bool descriptors_detach(void);

/* The log has moved: standard error goes with it, or to /dev/null. */
void descriptors_move_stderr(void);

/* Closes whatever CONTEXT does not give to this worker: other workers'
 * channels, the control socket, what the supervisor has open. */
void descriptors_close_others(const struct worker_context *context);

/* Sets the limit of descriptors as the pool wants it and returns how many
 * connections fit, at most WANTED. A shortage is told by the first worker. */
uint64_t descriptors_limit(const struct worker_context *context);

#endif
