/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/*
 * The control socket. It is all that the supervisor parses, and nothing that
 * happens on it can delay the loop.
 */

/* Opens and watches the socket that DAEMON names (none: does nothing). False
 * with a phrase in WHY. */
bool
control_open(const struct daemon_config *daemon, char *why, size_t why_size);
void control_close(void);

#endif
