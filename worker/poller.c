/* SPDX-License-Identifier: ISC */
/*
 * The worker's epoll instance, level-triggered: what is not finished in one
 * turn is told again in the next, so that nobody has to loop until EAGAIN.
 * A watch must be removed before its memory goes; connections get that from
 * close(2), shared listeners do not (siblings and supervisor hold the same
 * open file), so theirs is explicit.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/poller.h"

bool
poller_open(struct poller *poller)
{
	poller->fd = epoll_create1(EPOLL_CLOEXEC);
	return poller->fd != -1;
}

void
poller_close(struct poller *poller)
{
	if (poller->fd != -1)
		close(poller->fd);
	poller->fd = -1;
}

static bool
control(
    struct poller *poller, int op, int fd, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(poller->fd, op, fd, &event) == 0;
}

bool
poller_add(struct poller *poller, int fd, struct watch *watch, uint32_t events)
{
	return control(poller, EPOLL_CTL_ADD, fd, watch, events);
}

bool
poller_change(
    struct poller *poller, int fd, struct watch *watch, uint32_t events)
{
	return control(poller, EPOLL_CTL_MOD, fd, watch, events);
}

void
poller_remove(struct poller *poller, int fd)
{
	epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL);
}

/* A sleeping process takes longer to wake than a request takes to answer: who
 * cares more for latency than for idle cores looks on for a while. */
static int
spin(struct poller *poller, struct epoll_event *events)
{
	int64_t end_us = clock_monotonic_us() + poller->spin_us;
	int n;

	do {
		n = epoll_wait(poller->fd, events, POLLER_EVENTS, 0);
	} while (n == 0 && clock_monotonic_us() < end_us);
	return n;
}

int
poller_wait(struct poller *poller, struct epoll_event *events, int timeout_ms)
{
	int n = 0;

	if (poller->spin_us != 0 && timeout_ms != 0)
		n = spin(poller, events);
	if (n == 0)
		n = epoll_wait(poller->fd, events, POLLER_EVENTS, timeout_ms);

	return n == -1 && errno == EINTR ? 0 : n;
}
