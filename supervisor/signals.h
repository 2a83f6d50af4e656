/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SIGNALS_H
#define SUPERVISOR_SIGNALS_H

/*
 * Signals as data: all that matter are blocked and read from a signalfd by
 * the loop. No code ever runs in a signal handler.
 */

/* Blocks them; call before anything is forked. */
void signals_block(void);

/* Reads them from the loop. Returns -1 with errno. */
int signals_watch(void);
void signals_close(void);

#endif
