/* SPDX-License-Identifier: ISC */
/*
 * The control socket: who gets a connection. Supervisor only; it owns the
 * listening socket and its file. Nothing here waits after the start, and no
 * flood of clients keeps the operator out.
 */
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/control.h"
#include "supervisor/control_connection.h"
#include "supervisor/loop.h"
#include "supervisor/predecessor.h"
#include "supervisor/socket_file.h"

#define CONNECTIONS_MAX 32
#define BACKLOG		32
#define ACCEPT_PAUSE_MS 100 /* without descriptors */
#define ACCEPTS_A_TURN	16
#define LOCK_TRIES	100 /* of 10 ms */

static struct {
	int fd;
	struct socket_file file;
	struct watch watch;
	struct timer pause;
	struct log_limit refused, failed;
} control = { .fd = -1 };

/* The last words are all that this client gets, if it takes them at once. */
static void
refuse(int fd, const char *reply)
{
	(void)!send(fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
refuse_one_too_many(int fd)
{
	uint64_t n;

	refuse(
	    fd, "ERROR busy too many connections to the control socket\n.\n");
	control_count_cut_off(CONTROL_LIMIT_CONNECTIONS);
	if (log_allowed(&control.refused, loop_now_ms(), &n))
		log_warn("control socket: more than %d connections, refused "
			 "(%llu before that)",
		    CONNECTIONS_MAX, (unsigned long long)n);
}

static void
log_failure(const char *what)
{
	int error = errno;
	uint64_t n;

	if (log_allowed(&control.failed, loop_now_ms(), &n))
		log_warn("control socket: cannot %s: %s (%llu before that)",
		    what, strerror(error), (unsigned long long)n);
}

/* Takes over FD. */
static void
take(int fd)
{
	struct control_peer peer;

	if (!control_peer_of(fd, &peer)) {
		log_failure("tell who connects");
		refuse(fd, "ERROR failed it is not known who you are\n.\n");
	} else if (control_connection_count() >= CONNECTIONS_MAX &&
	    !control_connection_make_room(&peer)) {
		refuse_one_too_many(fd);
	} else if (!control_connection_add(fd, &peer)) {
		log_failure("serve a client");
		refuse(fd, "ERROR failed the daemon lacks resources\n.\n");
	}
}

static void on_listener(void *arg, uint32_t events);

static void
resume_listening(void *arg)
{
	(void)arg;
	loop_watch_change(&control.watch, EPOLLIN);
}

static void
pause_listening(void)
{
	loop_watch_change(&control.watch, 0);
	loop_timer_set(&control.pause, ACCEPT_PAUSE_MS, resume_listening, NULL);
}

static void
on_listener(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(
		    control.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM) {
				log_failure("accept, pausing");
				pause_listening();
			}
			return;
		}
		take(fd);
	}
}

/* /run is empty after a boot: the folder of the socket is made when only that
 * is missing. */
static void
make_folder(const char *path)
{
	char copy[sizeof(control.file.path)];

	strlcpy(copy, path, sizeof(copy));
	(void)!mkdir(dirname(copy), 0755);
}

/* Between bind(2) and listen(2) a new socket looks stale to a daemon that
 * starts in the same moment. The lock goes with the descriptor; whoever else
 * keeps it for long does not keep us from starting. -1: none. */
static int
lock_folder(const char *path)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000 };
	char copy[sizeof(control.file.path)];

	strlcpy(copy, path, sizeof(copy));
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

/* NULL when all went well; else what failed, with errno. */
static const char *
open_socket(const struct daemon_config *daemon)
{
	const struct socket_access access = {
		.mode = (mode_t)daemon->control_mode,
		.owner = "",
		.group = daemon->control_group,
	};

	control.fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control.fd == -1)
		return "open";
	if (socket_file_bind(
		&control.file, control.fd, daemon->control, &access) == -1)
		return "bind";
	if (control.file.replaced)
		predecessor_found();
	if (listen(control.fd, BACKLOG) == -1)
		return "listen on";
	if (loop_watch(
		&control.watch, control.fd, EPOLLIN, on_listener, NULL) == -1)
		return "watch";
	return NULL;
}

static bool
is_taken(const char *failed)
{
	return failed != NULL && strcmp(failed, "bind") == 0 &&
	    errno == EADDRINUSE;
}

/* As open_socket(); the folder is locked only while it tries. */
static const char *
open_locked(const struct daemon_config *daemon)
{
	int lock_fd = lock_folder(daemon->control);
	const char *failed = open_socket(daemon);
	int error = errno;

	if (lock_fd != -1)
		close(lock_fd);
	errno = error;
	return failed;
}

/* Held by a dead daemon's child, the socket is free in a moment. It is asked
 * once whose it is: nobody accepts there, and the queue is short. */
static const char *
open_patiently(const struct daemon_config *daemon)
{
	const char *failed = open_locked(daemon);

	if (!is_taken(failed))
		return failed;
	pid_t owner = socket_file_listener(daemon->control);
	while (is_taken(failed) && predecessor_pause(owner)) {
		control_close();
		failed = open_locked(daemon);
	}
	return failed;
}

bool
control_open(const struct daemon_config *daemon, char *why, size_t why_size)
{
	if (daemon->control[0] == '\0')
		return true;
	make_folder(daemon->control);
	const char *failed = open_patiently(daemon);
	int error = errno;
	if (failed == NULL)
		return true;
	bool taken = is_taken(failed);
	snprintf(why, why_size, "cannot %s the control socket \"%s\": %s",
	    failed, daemon->control,
	    taken ? "a daemon answers there, or it is not a socket"
		  : strerror(error));
	control_close();
	return false;
}

void
control_close(void)
{
	control_connection_close_all();
	if (control.fd == -1)
		return;
	loop_timer_cancel(&control.pause);
	loop_unwatch(&control.watch);
	socket_file_remove(&control.file);
	close(control.fd);
	control.fd = -1;
}
