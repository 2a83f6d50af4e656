/* SPDX-License-Identifier: ISC */
#ifndef COMMON_SYSLOG_SOCKET_H
#define COMMON_SYSLOG_SOCKET_H

#include <stdbool.h>

/*
 * The way to syslogd(8), in place of syslog(3), which waits for as long as
 * nobody reads there. One socket a process; those forked share it, so that one
 * of them who finds syslogd again finds it for all, also for those who can see
 * no files. Nothing here blocks.
 */

/* Makes the socket, if there is none, and connects it. Failures are for
 * syslog_socket_send() to tell, which tries again. */
void syslog_socket_open(void);

/* Connects it once more when somebody who shares it has found nobody there. */
void syslog_socket_keep(void);

void syslog_socket_close(void);

/* SHARED, which is another process's socket, instead of an own one. This module
 * owns it from now on. */
void syslog_socket_share(int shared);

/* The socket, or -1. Still of this module. */
int syslog_socket_fd(void);

/* Sends TEXT with PRIORITY (LOG_DAEMON | LOG_INFO ...) as NAME and our pid, in
 * the form of RFC 3164. False when it was not taken. */
bool syslog_socket_send(int priority, const char *name, const char *text);

#endif
