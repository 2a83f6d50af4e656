/* SPDX-License-Identifier: ISC */
/*
 * Socket files. Supervisor only, single-threaded: the umask is set for the
 * moment of bind(2), because a mode set afterwards would come too late. Mode
 * and owner of a file that is there are changed through a descriptor, never by
 * path: whoever may write to the folder could have put another file there.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/socket_file.h"

static socklen_t
fill_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strlcpy(address->sun_path, path, sizeof(address->sun_path));
	return sizeof(*address);
}

static int
bind_with_mode(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un address;
	socklen_t length = fill_address(&address, path);
	mode_t before = umask(~mode & 0777);
	int rc = bind(fd, (struct sockaddr *)&address, length);
	int saved = errno;

	umask(before);
	errno = saved;
	return rc;
}

static void
close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* -1 with errno, without waiting. */
static int
connect_to(const char *path, int type)
{
	struct sockaddr_un address;
	socklen_t length = fill_address(&address, path);
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	close_keeping_errno(fd);
	return -1;
}

static bool
is_refused(const char *path, int type)
{
	int fd = connect_to(path, type);

	if (fd == -1)
		return errno == ECONNREFUSED;
	close(fd);
	return false;
}

/* Stale means: a socket, and connecting to it is refused. Keeps errno, which
 * tells why bind(2) failed. */
static bool
is_stale(const char *path, int type)
{
	struct stat st;
	int saved = errno;
	bool stale = lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    is_refused(path, type);

	errno = saved;
	return stale;
}

static int
socket_type(int fd)
{
	int type = SOCK_STREAM;
	socklen_t length = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
	return type;
}

static bool
owner_of(const struct socket_access *access, uid_t *uid, gid_t *gid)
{
	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (access->owner[0] != '\0') {
		struct passwd *pw = getpwnam(access->owner);
		if (pw == NULL)
			return false;
		*uid = pw->pw_uid;
	}
	if (access->group[0] != '\0') {
		struct group *gr = getgrnam(access->group);
		if (gr == NULL)
			return false;
		*gid = gr->gr_gid;
	}
	return true;
}

/* Of the file behind FILE_FD (O_PATH). */
static int
set_owner(int file_fd, const struct socket_access *access)
{
	uid_t uid;
	gid_t gid;

	if (!owner_of(access, &uid, &gid)) {
		errno = EINVAL;
		return -1;
	}
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;
	return fchownat(file_fd, "", uid, gid, AT_EMPTY_PATH);
}

/* fchmod(2) takes no descriptor of O_PATH, and no other can be had of a
 * socket. */
static int
set_mode(int file_fd, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	return chmod(path, mode);
}

static int
open_file(const char *path, struct stat *st)
{
	int file_fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (file_fd == -1 || fstat(file_fd, st) == 0)
		return file_fd;
	close_keeping_errno(file_fd);
	return -1;
}

/* Remembers the file that bind(2) has just made, and gives it its owner. */
static int
take(struct socket_file *file, const char *path,
    const struct socket_access *access)
{
	struct stat st;
	int file_fd = open_file(path, &st);

	if (file_fd == -1)
		return -1;
	/* A link to something else would be given away with it. */
	if (!S_ISSOCK(st.st_mode) || st.st_nlink != 1) {
		close(file_fd);
		errno = EADDRINUSE;
		return -1;
	}
	strlcpy(file->path, path, sizeof(file->path));
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->ours = true;
	int rc = set_owner(file_fd, access);
	close_keeping_errno(file_fd);
	return rc;
}

int
socket_file_bind(struct socket_file *file, int fd, const char *path,
    const struct socket_access *access)
{
	*file = (struct socket_file){ 0 };
	int rc = bind_with_mode(fd, path, access->mode);
	if (rc == -1 && errno == EADDRINUSE &&
	    is_stale(path, socket_type(fd))) {
		if (unlink(path) == -1)
			return -1;
		file->replaced = true;
		rc = bind_with_mode(fd, path, access->mode);
	}
	if (rc == -1)
		return -1;
	if (take(file, path, access) == 0)
		return 0;
	int saved = errno;
	if (file->ours)
		socket_file_remove(file);
	else if (saved != EADDRINUSE)
		unlink(path); /* bind(2) has made it, whatever failed since */
	errno = saved;
	return -1;
}

pid_t
socket_file_listener(const char *path)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	int saved = errno;
	int fd = connect_to(path, SOCK_STREAM);

	if (fd != -1) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ==
		    -1)
			peer.pid = 0;
		close(fd);
	}
	errno = saved;
	return peer.pid;
}

static bool
is_same(const struct socket_file *file, const struct stat *st)
{
	return file->ours && st->st_dev == file->device &&
	    st->st_ino == file->inode;
}

static bool
still_ours(const struct socket_file *file)
{
	struct stat st;

	return file->ours && lstat(file->path, &st) == 0 && is_same(file, &st);
}

int
socket_file_set_access(
    const struct socket_file *file, const struct socket_access *access)
{
	struct stat st;
	int file_fd = open_file(file->path, &st), rc = -1;

	if (file_fd == -1)
		return -1;
	if (!is_same(file, &st))
		errno = ENOENT;
	else if (set_mode(file_fd, access->mode) == 0)
		rc = set_owner(file_fd, access);
	close_keeping_errno(file_fd);
	return rc;
}

void
socket_file_remove(struct socket_file *file)
{
	if (still_ours(file))
		unlink(file->path);
	file->ours = false;
}
