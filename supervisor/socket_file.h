/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SOCKET_FILE_H
#define SUPERVISOR_SOCKET_FILE_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <stdbool.h>

/*
 * A Unix socket bound to a file: made with its mode from the first moment,
 * put in the place of a stale one only when nobody answers on that, and
 * removed only while it is still ours. Used for listeners and for the control
 * socket. Nothing here blocks but the look-up of an owner's name, where the
 * machine asks a server for that (nsswitch.conf(5)).
 */
struct socket_file {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode;
	bool ours;
	bool replaced; /* a stale one was there */
};

/* Who may use it. Names may be "" (unchanged). */
struct socket_access {
	mode_t mode;
	const char *owner, *group;
};

/*
 * Binds FD to PATH (at most as long as FILE->path, less its NUL) with ACCESS.
 * Returns 0, or -1 with errno of the step that failed, and nothing is left
 * behind then: EADDRINUSE when somebody answers there or the file is no socket,
 * EINVAL when there is no such owner or group. FD stays the caller's. See
 * unix(7).
 */
int socket_file_bind(struct socket_file *file, int fd, const char *path,
    const struct socket_access *access);

/* The pid of the process that has begun to listen on the stream socket at PATH;
 * 0 when nobody listens, or it cannot be told. Keeps errno. */
pid_t socket_file_listener(const char *path);

/* Gives the file other rights. Returns -1 with errno: ENOENT when it is not
 * there any more, or another is in its place. */
int socket_file_set_access(
    const struct socket_file *file, const struct socket_access *access);

/* Removes the file if it is still the one that was bound. */
void socket_file_remove(struct socket_file *file);

#endif
