/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_LOGFILES_H
#define SUPERVISOR_LOGFILES_H

#include <stdbool.h>

#include "common/config.h"

/*
 * The log and the access log as the configuration names them. Only the
 * supervisor opens files; workers get descriptors, at fork and when a file is
 * opened anew.
 */

/* Opens what DAEMON names beside what is open, and swaps when all of it could
 * be opened. False with a phrase in WHY: nothing has changed. DETACHED turns
 * `log = stderr` into syslog. */
bool logfiles_open(const struct daemon_config *daemon, bool detached, char *why,
    size_t why_size);

/* Opens both again (after a rotation) and tells all workers. */
bool logfiles_reopen(const struct daemon_config *daemon, bool detached,
    char *why, size_t why_size);

/* Closes the access log, at the end; the log itself has last words to take. */
void logfiles_close(void);

/* Tells all workers the level and descriptors in force. */
void logfiles_tell_workers(void);

/* The access log, or -1. Still logfiles'. */
int logfiles_access_fd(void);

/* Checks that PATH could be opened as a log, for `preforkd -t`. */
bool logfiles_check(const char *path, char *why, size_t why_size);

#endif
