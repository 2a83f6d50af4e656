/* SPDX-License-Identifier: ISC */
/*
 * libpcap reads and writes files through stdio, which knows nothing of signals
 * that arrive on a descriptor: a pipe that stands still would keep preforksniff
 * from ending. These streams wait in poll(2) for both.
 */
#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "clients/preforksniff_stream.h"

/* Waits until FD can do EVENTS. Returns what poll(2) tells of it, 0 when a
 * stop came first, -1 with errno. */
static int
wait_for(const struct stream *stream, short events, bool *stopped)
{
	struct pollfd fds[] = {
		{ .fd = stream->fd, .events = events },
		{ .fd = stream->stop_fd, .events = POLLIN },
	};

	while (poll(fds, 2, -1) == -1) {
		if (errno != EINTR)
			return -1;
	}
	*stopped = fds[1].revents != 0;
	return fds[0].revents;
}

static ssize_t
stream_read(void *cookie, char *buf, size_t size)
{
	const struct stream *stream = cookie;
	bool stopped;
	ssize_t n;

	do {
		if (wait_for(stream, POLLIN, &stopped) == -1)
			return -1;
		if (stopped)
			return 0;
		n = read(stream->fd, buf, size);
	} while (n == -1 && (errno == EINTR || errno == EAGAIN));
	return n;
}

/* A pipe that poll(2) calls writable has room for PIPE_BUF: no more at once,
 * or write(2) would wait after all. */
static ssize_t
write_some(const struct stream *stream, const char *data, size_t size)
{
	bool stopped;
	ssize_t n;

	do {
		int ready = wait_for(stream, POLLOUT, &stopped);

		if (ready == -1)
			return -1;
		if (ready == 0) {
			errno = ECANCELED;
			return -1;
		}
		n = write(stream->fd, data, size < PIPE_BUF ? size : PIPE_BUF);
	} while (n == -1 && (errno == EINTR || errno == EAGAIN));
	return n;
}

static ssize_t
stream_write(void *cookie, const char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write_some(cookie, data + done, size - done);

		if (n == -1)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

FILE *
stream_reader(struct stream *stream)
{
	const cookie_io_functions_t functions = { .read = stream_read };

	return fopencookie(stream, "r", functions);
}

FILE *
stream_writer(struct stream *stream)
{
	const cookie_io_functions_t functions = { .write = stream_write };

	return fopencookie(stream, "w", functions);
}
