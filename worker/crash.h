/* SPDX-License-Identifier: ISC */
#ifndef WORKER_CRASH_H
#define WORKER_CRASH_H

/*
 * Has a crash of this worker (SEGV, BUS, ILL, FPE, ABRT) told in one line of
 * the log before the signal does what it does:
 *
 *   crashed: signal 11 (SEGV), code 1, address 0x0, at preforkd+0x1a2b3
 *
 * The last word is a module and an offset that addr2line(1) understands. NAME
 * is the worker's ("default/3"), CHANNEL_FD where the line goes when the log
 * is syslog. A signal that has a handler already (a sanitizer's) keeps it.
 */
void crash_watch(const char *name, int channel_fd);

#endif
