/* SPDX-License-Identifier: ISC */
/*
 * All deadlines of a worker: idle connections, long sessions, lingering
 * closes, pauses, the end of draining. No heap and no descriptor a timer;
 * the loop asks how long it may sleep and runs what has expired.
 */
#include <limits.h>
#include <stddef.h>

#include "worker/timers.h"

void
timers_init(struct timers *timers)
{
	LIST_INIT(&timers->running);
	timers->soonest = NULL;
	timers->known = true;
}

void
timers_add_list(struct timers *timers, struct timer_list *list,
    int64_t length_ms, void (*expired)(struct timer *, void *), void *arg)
{
	*list = (struct timer_list){
		.timers = timers,
		.length_ms = length_ms,
		.expired = expired,
		.arg = arg,
	};
	TAILQ_INIT(&list->queue);
}

void
timers_set_length(struct timer_list *list, int64_t length_ms)
{
	list->length_ms = length_ms;
}

void
timers_start(struct timer_list *list, struct timer *timer, int64_t now_ms)
{
	int64_t deadline_ms = now_ms + list->length_ms;

	if (list->length_ms == 0) {
		timers_stop(timer); /* it may run in another list */
		return;
	}
	if (timer->list == list && timer->deadline_ms == deadline_ms)
		return;
	timers_stop(timer);
	if (TAILQ_EMPTY(&list->queue))
		LIST_INSERT_HEAD(&list->timers->running, list, entry);
	timer->list = list;
	timer->deadline_ms = deadline_ms;
	TAILQ_INSERT_TAIL(&list->queue, timer, entry);
	struct timers *all = list->timers;
	if (all->known &&
	    (all->soonest == NULL || deadline_ms < all->soonest->deadline_ms))
		all->soonest = timer;
}

void
timers_stop(struct timer *timer)
{
	struct timer_list *list = timer->list;

	if (list == NULL)
		return;
	if (timer == list->timers->soonest) {
		list->timers->soonest = NULL;
		list->timers->known = false;
	}
	timer->list = NULL;
	TAILQ_REMOVE(&list->queue, timer, entry);
	if (TAILQ_EMPTY(&list->queue))
		LIST_REMOVE(list, entry);
}

/* The timer that expires first of all, or NULL. */
static struct timer *
first(struct timers *timers)
{
	struct timer *soonest = NULL;
	struct timer_list *list;

	if (timers->known)
		return timers->soonest;

	LIST_FOREACH (list, &timers->running, entry) {
		struct timer *head = TAILQ_FIRST(&list->queue);
		if (soonest == NULL || head->deadline_ms < soonest->deadline_ms)
			soonest = head;
	}
	timers->soonest = soonest;
	timers->known = true;
	return soonest;
}

int
timers_wait_ms(struct timers *timers, int64_t now_ms)
{
	const struct timer *timer = first(timers);

	if (timer == NULL)
		return -1;
	if (timer->deadline_ms <= now_ms)
		return 0;
	int64_t wait_ms = timer->deadline_ms - now_ms;
	return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

int64_t
timers_late_ms(struct timers *timers, int64_t now_ms)
{
	const struct timer *timer = first(timers);

	if (timer == NULL || timer->deadline_ms >= now_ms)
		return 0;
	return now_ms - timer->deadline_ms;
}

void
timers_run(struct timers *timers, int64_t now_ms)
{
	struct timer *timer;

	while (
	    (timer = first(timers)) != NULL && timer->deadline_ms <= now_ms) {
		struct timer_list *list = timer->list;
		timers_stop(timer);
		list->expired(timer, list->arg);
	}
}
