/* SPDX-License-Identifier: ISC */
#ifndef WORKER_TIMERS_H
#define WORKER_TIMERS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Deadlines. All timers of a list run equally long, so a list in the order of
 * starting is one in the order of expiry: starting, restarting and stopping
 * cost a few pointers. There is a list for each kind of timeout and service.
 */
struct timer {
	TAILQ_ENTRY(timer) entry;
	struct timer_list *list; /* NULL while stopped */
	int64_t deadline_ms;
};

TAILQ_HEAD(timer_queue, timer);

struct timer_list {
	struct timer_queue queue;
	LIST_ENTRY(timer_list) entry; /* among those that are not empty */
	struct timers *timers;
	int64_t length_ms; /* 0: for ever, a timer started in it stops */
	void (*expired)(struct timer *timer, void *arg);
	void *arg;
};

LIST_HEAD(timers_running, timer_list);

struct timers {
	struct timers_running running;
	/* The first of all to expire, so that a turn need not look through
	 * the lists; NULL: none, or not known. */
	struct timer *soonest;
	bool known;
};

void timers_init(struct timers *timers);

/* EXPIRED is called by timers_run() with the timer already stopped. */
void timers_add_list(struct timers *timers, struct timer_list *list,
    int64_t length_ms, void (*expired)(struct timer *, void *), void *arg);

/* Changes the length of an empty list. */
void timers_set_length(struct timer_list *list, int64_t length_ms);

/* Starts TIMER, or starts it anew, to expire LENGTH_MS from NOW_MS. TIMER is
 * the caller's and must be stopped before its memory goes. */
void timers_start(struct timer_list *list, struct timer *timer, int64_t now_ms);
void timers_stop(struct timer *timer); /* a stopped one is allowed */

/* Milliseconds until the next deadline, 0 when one has passed, -1 for none. */
int timers_wait_ms(struct timers *timers, int64_t now_ms);

/* By how much the next deadline has been missed; 0 when none has. */
int64_t timers_late_ms(struct timers *timers, int64_t now_ms);

/* Calls EXPIRED for all whose deadline has come. */
void timers_run(struct timers *timers, int64_t now_ms);

#endif
