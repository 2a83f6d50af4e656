/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SHUTDOWN_H
#define SUPERVISOR_SHUTDOWN_H

/*
 * Stopping the daemon, in phases that each have one deadline:
 *
 *   drain_delay: not ready, still accepting, so that a balancer can notice
 *   drain_timeout: no longer accepting, connections finish
 *   leaving: workers are told to leave, then killed
 */

/* TERM, INT, `stop`. The second call is shutdown_now(). */
void shutdown_begin(void);

/* QUIT, `stop now`, a failed start. */
void shutdown_now(void);

/* A worker has ended: ends the loop when it was the last. */
void shutdown_check(void);

#endif
