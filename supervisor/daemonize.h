/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_DAEMONIZE_H
#define SUPERVISOR_DAEMONIZE_H

/* Descriptors 0, 1 and 2 that are closed get /dev/null, so that no socket can
 * ever become standard error. Returns -1 with errno. */
int daemonize_standard_fds(void);

/*
 * Goes on in a child process in a session of its own (daemon(7)). The process
 * that called it waits there and exits with the status that the child tells:
 * 0 by daemonize_ready(), else the child's own exit status. Returns in the
 * child only; -1 with errno when there is none.
 */
int daemonize(void);

/* Lets the waiting process exit with 0, and gives the standard descriptors
 * up. Does nothing without daemonize(). */
void daemonize_ready(void);

#endif
