/* SPDX-License-Identifier: ISC */
/*
 * The ends of a stream. The peer's socket is ours and does not block. Standard
 * input and output are not ours alone: each call asks for itself not to block
 * (RWF_NOWAIT, MSG_DONTWAIT), and where the system cannot do that, so much is
 * read or written at a time as poll(2) has promised.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/preforkcat_ends.h"

/* --- the peer ------------------------------------------------------------ */

static ssize_t
socket_receive(struct end *end, void *data, size_t len)
{
	return recv(end->fd, data, len, MSG_DONTWAIT);
}

static ssize_t
socket_send(struct end *end, const void *data, size_t len)
{
	return send(end->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool
socket_finish(struct end *end)
{
	shutdown(end->fd, SHUT_WR);
	return true;
}

static const struct end_ops socket_ops = {
	.receive = socket_receive,
	.send = socket_send,
	.finish = socket_finish,
};

void
end_peer(struct end *end, int fd)
{
	*end = (struct end){
		.ops = &socket_ops,
		.fd = fd,
		.bare = true,
		.never_waits = true,
		.receive_waits_for = POLLIN,
		.send_waits_for = POLLOUT,
	};
}

/* --- standard input and output ------------------------------------------- */

/* No RWF_NOWAIT for this kind of descriptor. */
static bool
is_not_offered(ssize_t n)
{
	return n == -1 &&
	    (errno == EOPNOTSUPP || errno == EINVAL || errno == ESPIPE ||
		errno == ENOSYS);
}

static ssize_t
standard_receive(struct end *end, void *data, size_t len)
{
	struct iovec part = { .iov_base = data, .iov_len = len };

	if (end->is_pipe) {
		ssize_t n = preadv2(end->fd, &part, 1, -1, RWF_NOWAIT);
		if (!is_not_offered(n))
			return n;
	}
	return read(end->fd, data, len);
}

static ssize_t
standard_send(struct end *end, const void *data, size_t len)
{
	if (end->is_file)
		return write(end->fd, data, len);
	if (end->is_pipe) {
		struct iovec part = {
			.iov_base = (void *)(uintptr_t)data,
			.iov_len = len,
		};
		ssize_t n = pwritev2(end->fd, &part, 1, -1, RWF_NOWAIT);
		if (!is_not_offered(n))
			return n;
	}
	return write(end->fd, data, len < PIPE_BUF ? len : PIPE_BUF);
}

static bool
standard_finish(struct end *end)
{
	(void)end;
	return true;
}

static const struct end_ops standard_ops = {
	.receive = standard_receive,
	.send = standard_send,
	.finish = standard_finish,
};

void
end_standard(struct end *end, int fd)
{
	struct stat st;

	*end = (struct end){
		.ops = &standard_ops,
		.fd = fd,
		.receive_waits_for = POLLIN,
		.send_waits_for = POLLOUT,
	};
	if (fstat(fd, &st) == -1)
		return; /* reading and writing will tell */
	if (S_ISSOCK(st.st_mode))
		end->ops = &socket_ops;
	end->is_pipe = S_ISFIFO(st.st_mode);
	end->is_terminal = isatty(fd) == 1;
	/* What never makes anybody wait: disks, /dev/null. */
	end->is_file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !end->is_terminal);
	end->never_waits = end->is_file || S_ISSOCK(st.st_mode);
	end->bare = end->is_pipe || S_ISREG(st.st_mode);
}

bool
end_write_all(struct end *end, const void *data, size_t len)
{
	struct pollfd writable = { .fd = end->fd, .events = POLLOUT };
	const char *at = data;

	while (len > 0) {
		ssize_t n = end->ops->send(end, at, len);

		if (n == -1 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (n == -1 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return true;
}

void
ends_fill_standard(void)
{
	for (int fd = 0; fd < 3; fd++) {
		/* Input that is at its end, output that fails. */
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", O_RDONLY) != fd)
			_exit(1);
	}
}
