/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_CONNECTION_H
#define CLIENTS_PREFORKCTL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/* A connection to the control socket, read line by line. */
struct connection {
	int fd;
	int watch_fd;	     /* ends the waiting too, or -1 */
	short watch_events;  /* of it; an error or hang-up always counts */
	int64_t deadline_ms; /* of everything; 0 = none */
	struct buffer in;
	size_t n_taken; /* bytes of the line given out last */
};

enum connection_result {
	CONNECTION_LINE = 0,
	CONNECTION_ENDED,    /* the daemon closed it */
	CONNECTION_LATE,     /* the deadline has passed */
	CONNECTION_WATCHED,  /* watch_fd is ready; call again to go on */
	CONNECTION_TOO_LONG, /* a line beyond all sense */
	CONNECTION_FAILED,   /* errno tells */
};

/*
 * Connects to the socket at PATH ("@name": abstract). TIMEOUT_MS counts from
 * now, for connecting and all that follows; 0 = for ever. False with errno;
 * EAGAIN when the time was over, ENAMETOOLONG when PATH is no path of a
 * socket.
 */
bool connection_open(
    struct connection *connection, const char *path, int64_t timeout_ms);

/* Sends all of it. CONNECTION_LINE when done; a daemon that closed meanwhile
 * is no error here, as it may have left a reply. */
enum connection_result
connection_send(struct connection *connection, const char *data, size_t len);

/* The next line, terminated, without its newline; the caller may write into
 * it. It holds until the next call. */
enum connection_result
connection_read_line(struct connection *connection, char **line);

void connection_close(struct connection *connection);

#endif
