/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_STREAM_H
#define CLIENTS_PREFORKSNIFF_STREAM_H

#include <stdio.h>

/*
 * Streams of stdio(3) on which nothing waits longer than until a stop was
 * asked for, that is until STOP_FD (a signalfd) is readable. A read then finds
 * the end of the file. A write goes on while it need not wait; where it would
 * have to, it fails with ECANCELED. FD stays the caller's and is not closed.
 * Return NULL with errno when there is no memory.
 */
FILE *stream_reader(int fd, int stop_fd);
FILE *stream_writer(int fd, int stop_fd);

#endif
