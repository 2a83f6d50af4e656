/* SPDX-License-Identifier: ISC */
/*
 * preforkctl's side of the control socket: connecting, sending, lines. One
 * deadline holds for all of it. Knows nothing of commands and replies.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkctl_connection.h"
#include "common/clock.h"

#define LINE_BYTES_MAX (64 * 1024 * 1024) /* of a reply: a mistake beyond */

/* Time left for poll(2): -1 = for ever. */
static int
left_ms(const struct connection *connection)
{
	if (connection->deadline_ms == 0)
		return -1;
	int64_t left = connection->deadline_ms - clock_monotonic_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static bool
fill_address(struct sockaddr_un *sun, socklen_t *len, const char *path)
{
	size_t n = strlen(path);

	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n == 0 || n >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(sun->sun_path, path, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		sun->sun_path[0] = '\0';
	else
		(*len)++;
	return true;
}

/* connect(2) on a full queue waits as long as a send may. */
static void
limit_connect(int fd, int64_t timeout_ms)
{
	struct timeval time = { .tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

bool
connection_open(
    struct connection *connection, const char *path, int64_t timeout_ms)
{
	struct sockaddr_un sun;
	socklen_t len;

	*connection = (struct connection){ .fd = -1, .watch_fd = -1 };
	buffer_init(&connection->in, LINE_BYTES_MAX);
	if (timeout_ms > 0)
		connection->deadline_ms = clock_monotonic_ms() + timeout_ms;
	if (!fill_address(&sun, &len, path))
		return false;
	connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd == -1)
		return false;
	limit_connect(connection->fd, timeout_ms);
	if (connect(connection->fd, (const struct sockaddr *)&sun, len) == -1) {
		int saved = errno;
		connection_close(connection);
		errno = saved;
		return false;
	}
	return true;
}

/* CONNECTION_LINE when the socket is ready for EVENTS. */
static enum connection_result
wait_for(const struct connection *connection, short events)
{
	struct pollfd fds[2] = {
		{ .fd = connection->fd, .events = events },
		{ .fd = connection->watch_fd,
		    .events = connection->watch_events },
	};

	for (;;) {
		int n = poll(fds, 2, left_ms(connection));

		if (n == -1 && errno != EINTR)
			return CONNECTION_FAILED;
		if (n == 0)
			return CONNECTION_LATE;
		if (n > 0 && fds[0].revents != 0)
			return CONNECTION_LINE;
		if (n > 0)
			return CONNECTION_WATCHED;
	}
}

enum connection_result
connection_send(struct connection *connection, const char *data, size_t len)
{
	while (len > 0) {
		enum connection_result ready = wait_for(connection, POLLOUT);
		if (ready != CONNECTION_LINE)
			return ready;
		ssize_t n = send(
		    connection->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n == -1 && (errno == EPIPE || errno == ECONNRESET))
			return CONNECTION_LINE;
		if (n == -1)
			return CONNECTION_FAILED;
		data += n;
		len -= (size_t)n;
	}
	return CONNECTION_LINE;
}

/* CONNECTION_LINE when something was added to what is there. */
static enum connection_result
receive(struct connection *connection)
{
	char part[16384];
	enum connection_result ready = wait_for(connection, POLLIN);

	if (ready != CONNECTION_LINE)
		return ready;
	ssize_t n = recv(connection->fd, part, sizeof(part), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return CONNECTION_LINE;
	if (n == 0 || (n == -1 && errno == ECONNRESET))
		return CONNECTION_ENDED;
	if (n == -1)
		return CONNECTION_FAILED;
	buffer_append(&connection->in, part, (size_t)n);
	return connection->in.failed ? CONNECTION_TOO_LONG : CONNECTION_LINE;
}

enum connection_result
connection_read_line(struct connection *connection, char **line)
{
	struct buffer *in = &connection->in;
	size_t n_seen = 0;

	buffer_consume(in, connection->n_taken);
	connection->n_taken = 0;
	for (;;) {
		size_t n = buffer_length(in);
		char *data = in->data == NULL ? NULL : in->data + in->start;
		char *end = n == n_seen
		    ? NULL
		    : memchr(data + n_seen, '\n', n - n_seen);

		if (end != NULL) {
			*end = '\0';
			*line = data;
			connection->n_taken = (size_t)(end - data) + 1;
			return CONNECTION_LINE;
		}
		n_seen = n;
		enum connection_result got = receive(connection);
		if (got != CONNECTION_LINE)
			return got;
	}
}

void
connection_close(struct connection *connection)
{
	if (connection->fd != -1)
		close(connection->fd);
	connection->fd = -1;
	buffer_clear(&connection->in);
}
