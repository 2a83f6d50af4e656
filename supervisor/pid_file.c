/* SPDX-License-Identifier: ISC */
/*
 * The pid file. Supervisor only: workers close its descriptor with all others
 * that are not theirs, because the lock would live on in them. pidfile(3bsd)
 * does most of this, but it follows links, takes a lock for an error when the
 * file has no number in it, and removes what stands under the name at the end,
 * whosever that is.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <libutil.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/pid_file.h"
#include "supervisor/predecessor.h"

static struct {
	int fd;
	char path[PATH_MAX];
} file = { .fd = -1 };

/* /run is empty after a boot. */
static void
make_folder(const char *path)
{
	char copy[PATH_MAX];

	strlcpy(copy, path, sizeof(copy));
	(void)!mkdir(dirname(copy), 0755);
}

/* For a message that says why: opening would fail as well, or do harm to a
 * device. */
static bool
is_acceptable(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return true;
	if (S_ISREG(st.st_mode))
		return true;
	log_error("cannot use pid file \"%s\": it is not a regular file", path);
	return false;
}

/* The pid in the file of a daemon that runs; 0 when there is none (yet). */
static pid_t
read_pid(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return 0;
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	text[strcspn(text, "\n")] = '\0';
	return (pid_t)strtonum(text, 1, INT_MAX, NULL);
}

static void
tell_locked(const char *path)
{
	pid_t other = read_pid(path);

	if (other == 0)
		log_error("already running, and has not told its pid (pid file "
			  "\"%s\")",
		    path);
	else
		log_error("already running as pid %d (pid file \"%s\")",
		    (int)other, path);
}

/* A child that a dead daemon had just forked has the lock for a moment. */
static int
open_locked(const char *path)
{
	const int flags =
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd;

	while ((fd = flopen(path, flags, 0644)) == -1 && errno == EWOULDBLOCK) {
		if (!predecessor_pause(read_pid(path))) {
			errno = EWOULDBLOCK;
			return -1;
		}
	}
	return fd;
}

/* One that stopped as asked has taken it away. */
static void
look_for_predecessor(void)
{
	struct stat st;

	if (fstat(file.fd, &st) == 0 && st.st_size > 0)
		predecessor_found();
}

static bool
write_pid(void)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)getpid());

	return ftruncate(file.fd, 0) == 0 &&
	    pwrite(file.fd, text, (size_t)len, 0) == len;
}

bool
pid_file_take(const char *path)
{
	if (path[0] == '\0')
		return true;
	make_folder(path);
	if (!is_acceptable(path))
		return false;
	file.fd = open_locked(path);
	if (file.fd == -1) {
		if (errno == EWOULDBLOCK)
			tell_locked(path);
		else
			log_error("cannot take pid file \"%s\": %s", path,
			    strerror(errno));
		return false;
	}
	strlcpy(file.path, path, sizeof(file.path));
	look_for_predecessor();
	if (write_pid())
		return true;
	log_error("cannot write pid file \"%s\": %s", path, strerror(errno));
	pid_file_remove();
	return false;
}

/* It may have been taken away, and be another daemon's by now. */
static bool
is_still_ours(void)
{
	struct stat own, there;

	return fstat(file.fd, &own) == 0 && lstat(file.path, &there) == 0 &&
	    own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

void
pid_file_remove(void)
{
	if (file.fd == -1)
		return;
	if (is_still_ours())
		unlink(file.path);
	close(file.fd);
	file.fd = -1;
}
