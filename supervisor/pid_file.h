/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_PID_FILE_H
#define SUPERVISOR_PID_FILE_H

#include <stdbool.h>

/*
 * The pid file, held by a lock for the daemon's whole life. Its contents are
 * for others to read; nothing here ever signals a pid from a file.
 */

/* Takes PATH ("" does nothing) and writes our pid. False after logging why:
 * another daemon holds it (with its pid), it is a link, it cannot be written.
 */
bool pid_file_take(const char *path);

/* Removes it, unless it is no longer ours, and gives the lock up. */
void pid_file_remove(void);

#endif
