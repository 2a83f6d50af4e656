/* SPDX-License-Identifier: ISC */
#ifndef WORKER_STARTUP_H
#define WORKER_STARTUP_H

#include <stdbool.h>
#include <stddef.h>

struct worker;

#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h: trying again is no use */

/*
 * Makes a worker of the process that has just been forked: the checklist from
 * signals to sandbox, then the handlers. Returns 0, or the exit status with a
 * line in WHY.
 */
int startup_run(struct worker *worker, char *why, size_t why_size);

#endif
