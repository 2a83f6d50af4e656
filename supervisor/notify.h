/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>

/*
 * Messages to the service manager (sd_notify(3)). Without $NOTIFY_SOCKET each
 * does nothing; failures are ignored, as recommended there. None blocks.
 */

/* Takes $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID from the environment
 * and removes them, so that no program started later speaks for us. */
void notify_init(void);

void notify_ready(const char *status);
void notify_reloading(void); /* with MONOTONIC_USEC in the same datagram */
void notify_stopping(const char *status);
void notify_status(const char *status);
void notify_watchdog(void);

/* Milliseconds between two notify_watchdog() (half of what the manager
 * waits), 0 when it expects none. */
int64_t notify_watchdog_interval_ms(void);

#endif
