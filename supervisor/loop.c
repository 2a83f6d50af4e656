/* SPDX-License-Identifier: ISC */
/*
 * epoll and a list of timers in order of expiry, for the supervisor. It owns
 * the epoll descriptor and nothing else. A callback may remove any watch, its
 * own or one whose event is still to be told in the same turn: loop_unwatch()
 * strikes it from the turn. Nothing here may block but epoll_wait(2).
 */
#include <sys/epoll.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/loop.h"

#define TURN_EVENTS	64  /* told in one turn; the rest come in the next */
#define CHANGE_AGAIN_MS 100 /* what epoll(7) refused is tried again */

TAILQ_HEAD(timers, timer);

static struct {
	int epoll_fd;
	int64_t now_ms;
	uint64_t turn;
	bool stopping;
	struct timers timers;
	struct epoll_event events[TURN_EVENTS];
	int n_events;
} loop = { .epoll_fd = -1 };

int
loop_init(void)
{
	TAILQ_INIT(&loop.timers);
	loop.now_ms = clock_monotonic_ms();
	loop.stopping = false;
	loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop.epoll_fd == -1 ? -1 : 0;
}

void
loop_close(void)
{
	close(loop.epoll_fd);
	loop.epoll_fd = -1;
}

int
loop_watch(struct watch *watch, int fd, uint32_t events,
    void (*ready)(void *arg, uint32_t events), void *arg)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	*watch = (struct watch){ .fd = fd, .ready = ready, .arg = arg };
	if (epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		return -1;
	watch->active = true;
	return 0;
}

static void
change_again(void *arg)
{
	struct watch *watch = arg;

	loop_watch_change(watch, watch->events);
}

void
loop_watch_change(struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (!watch->active)
		return;
	watch->events = events;
	loop_timer_cancel(&watch->again);
	if (epoll_ctl(loop.epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0)
		return;
	log_error("cannot watch descriptor %d: %s", watch->fd, strerror(errno));
	loop_timer_set(&watch->again, CHANGE_AGAIN_MS, change_again, watch);
}

void
loop_unwatch(struct watch *watch)
{
	if (!watch->active)
		return;
	epoll_ctl(loop.epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->active = false;
	loop_timer_cancel(&watch->again);
	for (int i = 0; i < loop.n_events; i++) {
		if (loop.events[i].data.ptr == watch)
			loop.events[i].data.ptr = NULL;
	}
}

void
loop_timer_set(
    struct timer *timer, int64_t delay_ms, void (*fire)(void *arg), void *arg)
{
	struct timer *later;

	loop_timer_cancel(timer);
	timer->turn = loop.turn;
	timer->due_ms = loop.now_ms + delay_ms;
	timer->fire = fire;
	timer->arg = arg;
	timer->active = true;
	TAILQ_FOREACH (later, &loop.timers, entry) {
		if (later->due_ms > timer->due_ms)
			break;
	}
	if (later == NULL)
		TAILQ_INSERT_TAIL(&loop.timers, timer, entry);
	else
		TAILQ_INSERT_BEFORE(later, timer, entry);
}

void
loop_timer_cancel(struct timer *timer)
{
	if (!timer->active)
		return;
	TAILQ_REMOVE(&loop.timers, timer, entry);
	timer->active = false;
}

int64_t
loop_now_ms(void)
{
	return loop.now_ms;
}

uint64_t
loop_turn(void)
{
	return loop.turn;
}

/* Milliseconds until the first timer, -1 when there is none. */
static int
next_deadline(void)
{
	struct timer *first = TAILQ_FIRST(&loop.timers);

	if (first == NULL)
		return -1;
	int64_t left = first->due_ms - clock_monotonic_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* What fails at once would be called for ever: the one wait that is left. */
static void
pause_loop(void)
{
	const struct timespec pause = { .tv_nsec = CHANGE_AGAIN_MS * 1000000 };

	log_error("cannot wait for events: %s", strerror(errno));
	nanosleep(&pause, NULL);
}

static void
wait_for_events(void)
{
	loop.n_events = epoll_wait(
	    loop.epoll_fd, loop.events, TURN_EVENTS, next_deadline());
	if (loop.n_events == -1) {
		if (errno != EINTR)
			pause_loop();
		loop.n_events = 0;
	}
	loop.turn++;
	loop.now_ms = clock_monotonic_ms();
}

static void
tell_events(void)
{
	for (int i = 0; i < loop.n_events; i++) {
		struct watch *watch = loop.events[i].data.ptr;
		if (watch != NULL)
			watch->ready(watch->arg, loop.events[i].events);
	}
	loop.n_events = 0;
}

static void
tell_timers(void)
{
	struct timer *timer;

	while ((timer = TAILQ_FIRST(&loop.timers)) != NULL &&
	    timer->due_ms <= loop.now_ms && timer->turn != loop.turn) {
		loop_timer_cancel(timer);
		timer->fire(timer->arg);
	}
}

void
loop_run(void (*between)(void *arg), void *arg)
{
	while (!loop.stopping) {
		wait_for_events();
		tell_events();
		tell_timers();
		between(arg);
	}
}

void
loop_stop(void)
{
	loop.stopping = true;
}
