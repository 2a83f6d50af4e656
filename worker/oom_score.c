/* SPDX-License-Identifier: ISC */
/*
 * A worker's place in the line of those whom the kernel kills when memory
 * runs out: ahead of its supervisor. Runs once, in the worker, before files
 * and privileges are given up. More is always allowed, less is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/oom_score.h"

#define ABOVE_SUPERVISOR 100
#define HIGHEST		 1000

static int
raised(const char *inherited)
{
	int score = atoi(inherited) + ABOVE_SUPERVISOR;

	return score > HIGHEST ? HIGHEST : score;
}

static bool
change(int fd)
{
	char old[16] = "", text[16];

	if (pread(fd, old, sizeof(old) - 1, 0) <= 0)
		return false;
	int len = snprintf(text, sizeof(text), "%d", raised(old));
	return pwrite(fd, text, (size_t)len, 0) == len;
}

void
oom_score_raise(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	if (fd == -1 || !change(fd))
		log_debug("cannot raise the out-of-memory score: %s",
		    strerror(errno));
	if (fd != -1)
		close(fd);
}
