/* SPDX-License-Identifier: ISC */
/*
 * Whether a start follows a daemon that was killed, and how long it waits for
 * what that one's workers have still to close. Supervisor only, before it is
 * ready. They do so as soon as they run, which is a matter of milliseconds, but
 * the next start may be faster, and a busy machine slower. Nobody is signalled:
 * all that is asked about a pid from a file is whether it has ended.
 */
#include <sys/pidfd.h>

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/predecessor.h"

#define PAUSE_MS     10
#define PAUSES	     100
#define TRY_AGAIN_MS 20
#define GIVE_UP_MS   5000

static struct {
	bool found;
	int n_pauses;
	int64_t until_ms; /* 0: no wait yet */
} predecessor;

void
predecessor_found(void)
{
	predecessor.found = true;
}

/* Also when its parent has not heard of it yet. */
static bool
has_ended(pid_t pid)
{
	int saved = errno;
	struct pollfd pfd = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	bool ended = pfd.fd == -1 ? errno == ESRCH : poll(&pfd, 1, 0) == 1;

	if (pfd.fd != -1)
		close(pfd.fd);
	errno = saved;
	return ended;
}

bool
predecessor_pause(pid_t owner)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };

	if (owner <= 0 || predecessor.n_pauses == PAUSES || !has_ended(owner))
		return false;
	if (predecessor.n_pauses++ == 0)
		log_info("a child of pid %d, which was killed, still holds "
			 "its lock or control socket, waiting",
		    (int)owner);
	predecessor_found();
	nanosleep(&pause, NULL);
	return true;
}

int64_t
predecessor_wait_ms(void)
{
	int64_t now_ms = clock_monotonic_ms();

	if (!predecessor.found)
		return -1;
	if (predecessor.until_ms == 0) {
		predecessor.until_ms = now_ms + GIVE_UP_MS;
		log_info("workers of a daemon that was killed may still hold "
			 "addresses, trying for %d ms",
		    GIVE_UP_MS);
	}
	return now_ms < predecessor.until_ms ? TRY_AGAIN_MS : -1;
}
