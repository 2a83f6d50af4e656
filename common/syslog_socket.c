/* SPDX-License-Identifier: ISC */
/*
 * Lines as datagrams to /dev/log. Used by every process of the daemon. It owns
 * the socket. A syslogd that is started anew has a new socket under the same
 * name: then the next line connects once more.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/syslog_socket.h"

static int fd = -1;

static bool
reach(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX,
		.sun_path = _PATH_LOG };

	return connect(
		   fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

void
syslog_socket_open(void)
{
	if (fd == -1)
		fd = socket(
		    AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd != -1)
		(void)reach();
}

void
syslog_socket_close(void)
{
	if (fd != -1)
		close(fd);
	fd = -1;
}

void
syslog_socket_share(int shared)
{
	syslog_socket_close();
	fd = shared;
}

void
syslog_socket_keep(void)
{
	struct sockaddr_un peer;
	socklen_t length = sizeof(peer);

	if (fd != -1 && getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
		return;
	syslog_socket_open();
}

int
syslog_socket_fd(void)
{
	return fd;
}

/* It went, or was never there. */
static bool
is_unconnected(int error)
{
	return error == ECONNREFUSED || error == ENOTCONN ||
	    error == ECONNRESET || error == EDESTADDRREQ || error == EPIPE;
}

static bool
put(const char *line, size_t len)
{
	return send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

bool
syslog_socket_send(int priority, const char *name, const char *text)
{
	char line[2304], stamp[32] = "";
	time_t now = time(NULL);
	struct tm local;

	if (fd == -1)
		syslog_socket_open();
	if (fd == -1)
		return false;
	if (localtime_r(&now, &local) != NULL)
		strftime(stamp, sizeof(stamp), "%b %e %T", &local);
	int len = snprintf(line, sizeof(line), "<%d>%s %s[%d]: %s", priority,
	    stamp, name, (int)getpid(), text);
	if (len < 0)
		return false;
	size_t size = (size_t)len;
	if (size >= sizeof(line))
		size = sizeof(line) - 1;
	return put(line, size) ||
	    (is_unconnected(errno) && reach() && put(line, size));
}
