/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_TOP_H
#define CLIENTS_PREFORKCTL_TOP_H

#include <stdint.h>

#define TOP_INTERVAL_MS	    1000
#define TOP_INTERVAL_MIN_MS 100
#define TOP_INTERVAL_MAX_MS 3600000

/*
 * Shows what the daemon behind the control socket PATH does, anew every
 * INTERVAL_MS, until the user quits or a signal ends it. Needs a terminal.
 * Returns the exit status; complains on standard error when it has given the
 * terminal back.
 */
int top_run(const char *path, int64_t interval_ms);

#endif
