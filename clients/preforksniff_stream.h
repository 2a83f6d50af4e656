/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_STREAM_H
#define CLIENTS_PREFORKSNIFF_STREAM_H

#include <stdio.h>

/* What a stream goes by; stays where it is until the stream is closed. */
struct stream {
	int fd;	     /* the caller's, not closed with the stream */
	int stop_fd; /* a signalfd: readable when a stop was asked for */
};

/*
 * Streams of stdio(3) on which nothing waits longer than until a stop was
 * asked for. A read then finds the end of the file. A write goes on while it
 * need not wait; where it would have to, it fails with ECANCELED. Return NULL
 * with errno when there is no memory.
 */
FILE *stream_reader(struct stream *stream);
FILE *stream_writer(struct stream *stream);

#endif
