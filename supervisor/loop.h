/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_LOOP_H
#define SUPERVISOR_LOOP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * The supervisor's event loop: descriptors that become ready and deadlines
 * that pass, each told to one function. There is one loop in the process.
 */

/* A deadline. Embedded in its owner; zero is "not set". */
struct timer {
	TAILQ_ENTRY(timer) entry;
	bool active;
	uint64_t turn; /* it was set in: it fires in a later one */
	int64_t due_ms;
	void (*fire)(void *arg);
	void *arg;
};

/* A descriptor being watched. Embedded in its owner; the descriptor stays the
 * owner's. Zero is "not watched". */
struct watch {
	int fd;
	bool active;
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN ... */
	void *arg;
	uint32_t events;    /* that are wanted */
	struct timer again; /* when a change of them failed */
};

/* Creates the loop. Returns -1 with errno. */
int loop_init(void);
void loop_close(void);

/* Begins to watch FD for EVENTS, level-triggered. Returns -1 with errno. */
int loop_watch(struct watch *watch, int fd, uint32_t events,
    void (*ready)(void *arg, uint32_t events), void *arg);
/* What fails is logged and tried again: nobody would wake its owner. */
void loop_watch_change(struct watch *watch, uint32_t events);
/* Safe for a watch that is not active, and from within any callback. */
void loop_unwatch(struct watch *watch);

/* Calls FIRE once, DELAY_MS from now, in a later turn even when that is 0; an
 * earlier setting is forgotten. */
void loop_timer_set(
    struct timer *timer, int64_t delay_ms, void (*fire)(void *arg), void *arg);
void loop_timer_cancel(struct timer *timer);

/* Monotonic milliseconds, read once a turn. */
int64_t loop_now_ms(void);

/* The number of this turn, from 1; 0 before the first. */
uint64_t loop_turn(void);

/* Runs until loop_stop(), which may come before; BETWEEN is called after each
 * turn. */
void loop_run(void (*between)(void *arg), void *arg);
void loop_stop(void);

#endif
