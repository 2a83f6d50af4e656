/* SPDX-License-Identifier: ISC */
/*
 * sd_notify(3) by ourselves: one datagram to an AF_UNIX socket. A library for
 * this would bring a large dependency into the one process that runs as root.
 * Used by the supervisor only. Never waits, never fails its caller.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/notify.h"

static struct {
	struct sockaddr_un address;
	socklen_t length; /* 0: nobody listens */
	int64_t interval_ms;
} manager;

static int64_t
watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	const char *error = NULL;

	if (usec == NULL)
		return 0;
	if (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid())
		return 0;
	long long us = strtonum(usec, 2000, INT64_MAX, &error);
	return error != NULL ? 0 : us / 2000;
}

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);

	manager.interval_ms = watchdog_interval();
	if (len > 1 && len < sizeof(manager.address.sun_path) &&
	    (path[0] == '/' || path[0] == '@')) {
		manager.address.sun_family = AF_UNIX;
		memcpy(manager.address.sun_path, path, len);
		if (path[0] == '@')
			manager.address.sun_path[0] = '\0';
		manager.length =
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
tell(const char *message)
{
	if (manager.length == 0)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	sendto(fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&manager.address, manager.length);
	close(fd);
}

void
notify_ready(const char *status)
{
	char message[512];

	snprintf(message, sizeof(message), "READY=1\nSTATUS=%s", status);
	tell(message);
}

void
notify_reloading(void)
{
	char message[96];

	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_monotonic_us());
	tell(message);
}

void
notify_stopping(const char *status)
{
	char message[512];

	snprintf(message, sizeof(message), "STOPPING=1\nSTATUS=%s", status);
	tell(message);
}

void
notify_status(const char *status)
{
	char message[512];

	snprintf(message, sizeof(message), "STATUS=%s", status);
	tell(message);
}

void
notify_watchdog(void)
{
	tell("WATCHDOG=1");
}

int64_t
notify_watchdog_interval_ms(void)
{
	return manager.interval_ms;
}
