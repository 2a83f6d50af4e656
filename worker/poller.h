/* SPDX-License-Identifier: ISC */
#ifndef WORKER_POLLER_H
#define WORKER_POLLER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What waits for a descriptor embeds a watch as its first member; READY is
 * called from the loop with EPOLL* bits.
 */
struct watch {
	void (*ready)(struct watch *watch, uint32_t events);
};

struct poller {
	int fd;
	int64_t spin_us; /* looked for events before sleeping; 0: not at all */
};

/* Opens it; after the fork, for an inherited one would be shared with the
 * siblings. Returns false with errno. */
bool poller_open(struct poller *poller);
void poller_close(struct poller *poller);

/* WATCH is the caller's and must live until FD is removed, or closed for good,
 * and the turn is over. Return false with errno (ENOSPC, ENOMEM: epoll_ctl(2)).
 * EVENTS are EPOLL* bits. */
bool
poller_add(struct poller *poller, int fd, struct watch *watch, uint32_t events);
bool poller_change(
    struct poller *poller, int fd, struct watch *watch, uint32_t events);
void poller_remove(struct poller *poller, int fd); /* no error if not there */

#define POLLER_EVENTS 64 /* taken a turn */

/* Waits for TIMEOUT_MS (-1: for ever), busily at first (spin_us). BLOCKS.
 * Returns the number of events, or -1 with errno other than EINTR; EINTR counts
 * as 0. */
struct epoll_event;
int
poller_wait(struct poller *poller, struct epoll_event *events, int timeout_ms);

#endif
