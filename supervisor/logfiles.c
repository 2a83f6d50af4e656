/* SPDX-License-Identifier: ISC */
/*
 * Opening log files: the supervisor's privilege. A log is never followed
 * through a link, never given to the workers' user, and swapped only after
 * the new one is open.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/logfiles.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker_channel.h"

#define LOG_MODE 0640

static struct {
	int access_fd;
	bool access_to_log;
} files = { .access_fd = -1 };

static bool
is_path(const char *destination)
{
	return destination[0] == '/';
}

/* -1 with a phrase in WHY. */
static int
open_log(const char *path, char *why, size_t why_size)
{
	struct stat st;
	int fd = open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		O_CLOEXEC,
	    LOG_MODE);

	if (fd == -1) {
		snprintf(why, why_size, "cannot open log \"%s\": %s", path,
		    errno == ELOOP ? "it is a symbolic link" : strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1 || S_ISDIR(st.st_mode)) {
		snprintf(why, why_size, "cannot use \"%s\" as a log", path);
		close(fd);
		return -1;
	}
	return fd;
}

bool
logfiles_check(const char *path, char *why, size_t why_size)
{
	if (!is_path(path))
		return true;
	int fd = open_log(path, why, why_size);
	if (fd == -1)
		return false;
	close(fd);
	return true;
}

static void
use_log(const struct daemon_config *daemon, bool detached, int fd)
{
	log_set_level(supervisor.verbose ? LOG_LEVEL_DEBUG
					 : (enum log_level)daemon->log_level);
	if (fd != -1)
		log_to_fd(fd);
	else if (strcmp(daemon->log, "syslog") == 0 || detached)
		log_to_syslog();
	else
		log_to_fd(STDERR_FILENO);
}

void
logfiles_close(void)
{
	if (files.access_fd != -1)
		close(files.access_fd);
	files.access_fd = -1;
}

bool
logfiles_open(const struct daemon_config *daemon, bool detached, char *why,
    size_t why_size)
{
	int log = -1, access = -1;

	if (is_path(daemon->log)) {
		log = open_log(daemon->log, why, why_size);
		if (log == -1)
			return false;
	}
	if (is_path(daemon->access_log)) {
		access = open_log(daemon->access_log, why, why_size);
		if (access == -1) {
			if (log != -1)
				close(log);
			return false;
		}
	}
	use_log(daemon, detached, log);
	logfiles_close();
	files.access_fd = access;
	files.access_to_log = strcmp(daemon->access_log, "log") == 0;
	logfiles_tell_workers();
	return true;
}

bool
logfiles_reopen(const struct daemon_config *daemon, bool detached, char *why,
    size_t why_size)
{
	/* The level may have been set by an operator since. */
	enum log_level level = log_get_level();
	bool ok = logfiles_open(daemon, detached, why, why_size);

	if (ok) {
		log_set_level(level);
		logfiles_tell_workers();
		log_info("log files opened anew");
	} else
		log_error("%s", why);
	return ok;
}

int
logfiles_access_fd(void)
{
	return files.access_fd;
}

static void
send_log(struct worker_handle *worker, enum message_log_kind kind, int fd,
    int syslog_fd)
{
	const struct message_log message = {
		.kind = kind,
		.level = log_get_level(),
		.has_fd = fd != -1,
		.to_log = kind == LOG_KIND_ACCESS && files.access_to_log,
	};

	worker_channel_send(worker, MESSAGE_LOG, &message, sizeof(message),
	    fd != -1 ? fd : syslog_fd);
}

static void
tell_worker(struct worker_handle *worker, void *arg)
{
	(void)arg;
	send_log(worker, LOG_KIND_LOG, log_fd(), log_syslog_fd());
	send_log(worker, LOG_KIND_ACCESS, files.access_fd, -1);
}

void
logfiles_tell_workers(void)
{
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		pool_each_worker(pool, tell_worker, NULL);
}
