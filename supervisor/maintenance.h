/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_MAINTENANCE_H
#define SUPERVISOR_MAINTENANCE_H

/*
 * What the supervisor does by the clock, and only when it is asked for: the
 * watchdog over workers, replacing those of max_age, the service manager's
 * watchdog, looking for a syslogd that went. Without these settings no timer
 * runs.
 */

/* Sets the timers that the configuration in force needs. Call after each
 * change of it. */
void maintenance_schedule(void);

#endif
