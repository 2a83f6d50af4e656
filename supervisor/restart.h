/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdint.h>

#define RESTART_FIRST_MS   100	 /* the second death in a row waits this */
#define RESTART_MAX_MS	   30000 /* doubling ends here */
#define RESTART_HEALTHY_MS 10000 /* alive this long: history forgotten */

/* What is remembered of one slot. Zero to begin. */
struct restart_history {
	unsigned n_young; /* deaths in a row before RESTART_HEALTHY_MS */
};

enum restart_verdict {
	RESTART_NOW = 0,
	RESTART_LATER, /* after *DELAY_MS: the slot is in back-off */
	RESTART_NEVER, /* EX_CONFIG: it would fail again */
};

/*
 * Decides when a worker that lived ALIVE_MS and ended with STATUS (of
 * waitpid(2); -1 when it could not even be forked) is started again, and
 * updates HISTORY. Pure: no clock, no state elsewhere.
 */
enum restart_verdict restart_decide(struct restart_history *history, int status,
    int64_t alive_ms, int64_t *delay_ms);

#endif
