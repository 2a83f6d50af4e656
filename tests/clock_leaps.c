/* SPDX-License-Identifier: ISC */
/*
 * An LD_PRELOAD that lets the monotonic clock leap ahead, so that a deadline of
 * a minute takes no minute to test. The file CLOCK_AHEAD holds one 64-bit
 * number, the milliseconds to add, and is mapped by the process that is started
 * and by all that it forks: a test changes it while they run. Whoever waits in
 * epoll_wait(2) is not woken by that. Works with and without the address
 * sanitizer.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <sys/mman.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_ms;
static int (*real_gettime)(clockid_t, struct timespec *);

static void begin(void) __attribute__((constructor));

static void
begin(void)
{
	const char *path = getenv("CLOCK_AHEAD");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *shared;

	*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (fd == -1)
		return;
	shared = mmap(NULL, sizeof(*ahead_ms), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		ahead_ms = shared;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc;

	if (real_gettime == NULL)
		begin();
	rc = real_gettime(id, ts);
	if (rc == 0 && id == CLOCK_MONOTONIC && ahead_ms != NULL) {
		int64_t ahead = *ahead_ms;
		int64_t ns = ts->tv_nsec + ahead % 1000 * 1000000;

		ts->tv_sec += ahead / 1000 + ns / 1000000000;
		ts->tv_nsec = ns % 1000000000;
	}
	return rc;
}
