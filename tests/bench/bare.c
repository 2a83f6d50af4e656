/* SPDX-License-Identifier: ISC */
/*
 * The yardstick: the least that a prefork server can do. N processes, one
 * epoll loop each, EPOLLEXCLUSIVE on a shared listener; no timeouts, limits,
 * counters or fairness. For comparison in tests/bench/run only.
 *
 * usage: bare echo|hello PORT|/PATH [processes]
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buffer[65536];

static int
open_listener(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool path = *where == '/';
	int on = 1;
	int fd =
	    socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", where);
	sin.sin_port = htons((uint16_t)atoi(where));
	if (path)
		unlink(where);
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, path ? (struct sockaddr *)&sun : (struct sockaddr *)&sin,
		path ? sizeof(sun) : sizeof(sin)) == -1 ||
	    listen(fd, 4096) == -1)
		err(1, "%s", where);
	return fd;
}

static void
add(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll_ctl");
}

static void
on_listener(int epoll_fd, int listener, bool hello)
{
	static const char text[] = "Hello 127.0.0.1\n";
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd == -1)
		return;
	if (!hello) {
		add(epoll_fd, fd, EPOLLIN);
		return;
	}
	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	close(fd);
}

/* Bulk: what does not fit is waited for, here and only here. */
static bool
send_all(int fd, const char *data, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || poll(&room, 1, -1) == -1) {
			return false;
		}
	}
	return true;
}

static void
on_connection(int fd)
{
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

	if (n <= 0 || !send_all(fd, buffer, (size_t)n))
		close(fd);
}

static _Noreturn void
serve(int listener, bool hello)
{
	struct epoll_event events[64];
	int epoll_fd = epoll_create1(0);

	add(epoll_fd, listener, EPOLLIN | EPOLLEXCLUSIVE);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 64, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				on_listener(epoll_fd, listener, hello);
			else
				on_connection(events[i].data.fd);
		}
	}
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: bare echo|hello PORT|/PATH [processes]");
	int listener = open_listener(argv[2]);
	int n = argc > 3 ? atoi(argv[3]) : 1;
	bool hello = strcmp(argv[1], "hello") == 0;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < n; i++) {
		if (fork() == 0)
			break;
	}
	serve(listener, hello);
}
