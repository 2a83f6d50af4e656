/* SPDX-License-Identifier: ISC */
/*
 * Which descriptors a worker has, and how many it may have.
 */
#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/descriptors.h"

#define KEPT_MAX (WORKER_LISTENERS_MAX + 8)
#define OWN_FDS	 16 /* 0 1 2, channel, logs, poller, signals, and a reserve */

bool
descriptors_detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return false;
	bool done =
	    dup2(null, STDIN_FILENO) != -1 && dup2(null, STDOUT_FILENO) != -1;
	close(null);
	return done;
}

void
descriptors_move_stderr(void)
{
	dup2(log_fd() == -1 ? STDOUT_FILENO : log_fd(), STDERR_FILENO);
}

static int
compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Those that are open, as proc(5) tells: a process may be allowed a thousand
 * million, which to try one by one takes minutes. False without proc. */
static bool
close_listed(unsigned first, unsigned last)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (folder == NULL)
		return false;
	while ((entry = readdir(folder)) != NULL) {
		unsigned long fd = strtoul(entry->d_name, NULL, 10);
		bool is_number = entry->d_name[0] != '.';
		if (is_number && fd >= first && fd <= last &&
		    fd != (unsigned long)dirfd(folder))
			close((int)fd);
	}
	closedir(folder);
	return true;
}

/* One way or another, also where the kernel cannot, or has no memory for it:
 * what is left open here would be a way into the supervisor. */
static void
close_between(unsigned first, unsigned last)
{
	if (close_range(first, last, 0) == 0 || close_listed(first, last))
		return;
	unsigned end = (unsigned)sysconf(_SC_OPEN_MAX);
	for (unsigned fd = first; fd <= last && fd < end; fd++)
		close((int)fd);
}

void
descriptors_close_others(const struct worker_context *context)
{
	int kept[KEPT_MAX] = { 0, 1, 2, context->channel_fd,
		context->access_log_fd, log_fd(), log_syslog_fd() };
	size_t n = 7;
	unsigned next = 0;

	for (size_t i = 0; i < context->n_listeners && n < KEPT_MAX; i++)
		kept[n++] = context->listeners[i].fd;
	qsort(kept, n, sizeof(kept[0]), compare);
	for (size_t i = 0; i < n; i++) {
		if (kept[i] < 0)
			continue;
		if ((unsigned)kept[i] > next)
			close_between(next, (unsigned)kept[i] - 1);
		next = (unsigned)kept[i] + 1;
	}
	close_between(next, ~0u);
}

/* Soft limit WANTED; the hard one follows where that is allowed. */
static void
set_limit(struct rlimit *limit, rlim_t wanted)
{
	struct rlimit raised = { wanted,
		wanted > limit->rlim_max ? wanted : limit->rlim_max };

	if (setrlimit(RLIMIT_NOFILE, &raised) == -1) {
		raised.rlim_max = limit->rlim_max;
		raised.rlim_cur =
		    wanted > limit->rlim_max ? limit->rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &raised);
	}
	getrlimit(RLIMIT_NOFILE, limit);
}

uint64_t
descriptors_limit(const struct worker_context *context)
{
	uint64_t wanted = (uint64_t)context->pool->max_connections;
	rlim_t used = OWN_FDS + context->n_listeners;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return wanted;
	if (context->pool->nofile > 0)
		set_limit(&limit, (rlim_t)context->pool->nofile);
	else if (limit.rlim_cur < used + wanted)
		set_limit(&limit,
		    limit.rlim_max < used + wanted ? limit.rlim_max
						   : used + wanted);
	if (limit.rlim_cur >= used + wanted)
		return wanted;
	uint64_t fits = limit.rlim_cur > used ? limit.rlim_cur - used : 1;
	if (context->slot == 1)
		log_warn("pool \"%s\": %llu connections a worker instead of "
			 "%llu, for only %llu descriptors are allowed",
		    context->pool->name, (unsigned long long)fits,
		    (unsigned long long)wanted,
		    (unsigned long long)limit.rlim_cur);
	return fits;
}
