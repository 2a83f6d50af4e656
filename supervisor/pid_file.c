/* SPDX-License-Identifier: ISC */
/*
 * The pid file. Supervisor only: workers close its descriptor with all others
 * that are not theirs, because pidfile_remove() does not look who calls it and
 * the lock would live on in them.
 */
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <libutil.h>
#include <limits.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/pid_file.h"

static struct pidfh *file;

/* /run is empty after a boot. */
static void
make_folder(const char *path)
{
	char copy[PATH_MAX];

	strlcpy(copy, path, sizeof(copy));
	(void)!mkdir(dirname(copy), 0755);
}

/* pidfile_open() would follow a link and truncate what is behind it. */
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

bool
pid_file_take(const char *path)
{
	pid_t other = -1;

	if (path[0] == '\0')
		return true;
	make_folder(path);
	if (!is_acceptable(path))
		return false;
	file = pidfile_open(path, 0644, &other);
	if (file == NULL) {
		if (errno == EEXIST && other <= 0)
			log_error("already running, and has not told its pid "
				  "yet (pid file \"%s\")",
			    path);
		else if (errno == EEXIST)
			log_error("already running as pid %d (pid file "
				  "\"%s\")",
			    (int)other, path);
		else
			log_error("cannot take pid file \"%s\": %s", path,
			    strerror(errno));
		return false;
	}
	if (pidfile_write(file) == -1) {
		log_error(
		    "cannot write pid file \"%s\": %s", path, strerror(errno));
		pid_file_remove();
		return false;
	}
	return true;
}

void
pid_file_remove(void)
{
	if (file == NULL)
		return;
	pidfile_remove(file);
	file = NULL;
}
