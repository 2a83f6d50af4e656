/* SPDX-License-Identifier: ISC */
#ifndef WORKER_WORKER_SIGNALS_H
#define WORKER_WORKER_SIGNALS_H

#include <stdbool.h>

struct worker;

/* Dispositions and mask of a worker instead of those it inherited. Returns
 * false with errno. */
bool worker_signals_reset(struct worker *worker);

/* Has the signals that a worker obeys told to its loop. False with errno. */
bool worker_signals_watch(struct worker *worker);
void worker_signals_close(struct worker *worker);

#endif
