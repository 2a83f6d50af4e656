/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_PREDECESSOR_H
#define SUPERVISOR_PREDECESSOR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * What a daemon that was killed leaves for a moment: processes that have not
 * noticed yet. Its workers hold its addresses, one that had just been forked
 * also the lock of its pid file and its control socket. A start waits for them.
 */

/* Something is there that only a daemon which was killed leaves. */
void predecessor_found(void);

/*
 * A lock or socket of process OWNER (0: unknown) is held still. When that
 * process has ended, sleeps for 10 ms and returns true: try again. False when
 * it has not, or when all such pauses have taken a second. Then errno is kept.
 */
bool predecessor_pause(pid_t owner);

/*
 * An address is in use. Returns in how many milliseconds to try again; -1 when
 * no daemon was killed here, or five seconds after the first call. Does not
 * block.
 */
int64_t predecessor_wait_ms(void);

#endif
