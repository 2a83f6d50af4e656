/* SPDX-License-Identifier: ISC */
#ifndef WORKER_SIGNALS_H
#define WORKER_SIGNALS_H

#include <stdbool.h>

struct worker;

/* Dispositions and mask of a worker instead of those it inherited. Returns
 * false with errno. */
bool signals_reset(struct worker *worker);

/* Has the signals that a worker obeys told to its loop. False with errno. */
bool signals_watch(struct worker *worker);
void signals_close(struct worker *worker);

#endif
