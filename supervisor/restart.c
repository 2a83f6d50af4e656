/* SPDX-License-Identifier: ISC */
/*
 * The restart policy, as one pure function: the first death is answered at
 * once, those that follow while the worker is young wait 100 ms, doubling to
 * 30 s; ten seconds of health wipe the slate. Exit status 78 says that no
 * restart can help.
 */
#include <sys/wait.h>

#include <sysexits.h>

#include "supervisor/restart.h"

static int64_t
back_off(unsigned n_young)
{
	int64_t delay = RESTART_FIRST_MS;

	for (unsigned i = 2; i < n_young && delay < RESTART_MAX_MS; i++)
		delay *= 2;
	return delay < RESTART_MAX_MS ? delay : RESTART_MAX_MS;
}

enum restart_verdict
restart_decide(struct restart_history *history, int status, int64_t alive_ms,
    int64_t *delay_ms)
{
	*delay_ms = 0;
	if (status != -1 && WIFEXITED(status) &&
	    WEXITSTATUS(status) == EX_CONFIG)
		return RESTART_NEVER;
	if (alive_ms >= RESTART_HEALTHY_MS)
		history->n_young = 0;
	history->n_young++;
	if (history->n_young == 1 && status != -1)
		return RESTART_NOW;
	*delay_ms = back_off(history->n_young);
	return RESTART_LATER;
}
