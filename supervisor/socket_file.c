/* SPDX-License-Identifier: ISC */
/*
 * Socket files. Supervisor only, single-threaded: the umask is set for the
 * moment of bind(2), because a mode set afterwards would come too late.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
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

/* Stale means: a socket, and connecting to it is refused. */
static bool
is_stale(const char *path, int type)
{
	struct sockaddr_un address;
	struct stat st;
	socklen_t length = fill_address(&address, path);

	if (lstat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	int rc = connect(fd, (struct sockaddr *)&address, length);
	bool refused = rc == -1 && errno == ECONNREFUSED;
	close(fd);
	return refused;
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

static int
set_owner(const char *path, const struct socket_access *access)
{
	uid_t uid;
	gid_t gid;

	if (!owner_of(access, &uid, &gid)) {
		errno = EINVAL;
		return -1;
	}
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;
	return lchown(path, uid, gid);
}

int
socket_file_bind(struct socket_file *file, int fd, const char *path,
    const struct socket_access *access)
{
	struct stat st;

	*file = (struct socket_file){ 0 };
	int rc = bind_with_mode(fd, path, access->mode);
	if (rc == -1 && errno == EADDRINUSE &&
	    is_stale(path, socket_type(fd))) {
		if (unlink(path) == -1)
			return -1;
		rc = bind_with_mode(fd, path, access->mode);
	}
	if (rc == -1 || lstat(path, &st) == -1)
		return -1;
	strlcpy(file->path, path, sizeof(file->path));
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->ours = true;
	if (set_owner(path, access) == -1) {
		int saved = errno;
		socket_file_remove(file);
		errno = saved;
		return -1;
	}
	return 0;
}

static bool
still_ours(const struct socket_file *file)
{
	struct stat st;

	return file->ours && lstat(file->path, &st) == 0 &&
	    st.st_dev == file->device && st.st_ino == file->inode;
}

int
socket_file_set_access(
    const struct socket_file *file, const struct socket_access *access)
{
	if (!still_ours(file)) {
		errno = ENOENT;
		return -1;
	}
	if (chmod(file->path, access->mode) == -1)
		return -1;
	return set_owner(file->path, access);
}

void
socket_file_remove(struct socket_file *file)
{
	if (still_ours(file))
		unlink(file->path);
	file->ours = false;
}
