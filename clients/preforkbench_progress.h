/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_PROGRESS_H
#define CLIENTS_PREFORKBENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/preforkbench_result.h"

/* A line on standard error that tells how the load goes, while it does. */

/* False when standard error is no terminal: there is no such line then. */
bool progress_init(void);

/* Writes the line anew from N results that grow meanwhile; times in
 * nanoseconds. */
void progress_show(const struct result *results, unsigned n, int64_t begin_ns,
    int64_t end_ns, int64_t now_ns);

/* Takes it away. */
void progress_clear(void);

#endif
