/* SPDX-License-Identifier: ISC */
/*
 * The rate of an open loop as points in time. Pure.
 */
#include "clients/preforkbench_schedule.h"

#define SECOND_NS UINT64_C(1000000000)

void
schedule_init(struct schedule *schedule, int64_t start_ns, uint64_t rate,
    uint64_t number, uint64_t step)
{
	schedule->start_ns = start_ns;
	schedule->rate = rate;
	schedule->next = number;
	schedule->step = step;
}

static int64_t
due_of(const struct schedule *schedule, uint64_t number)
{
	/* Whole seconds apart, so that nothing overflows. */
	uint64_t seconds = number / schedule->rate;
	uint64_t rest = number % schedule->rate;

	return schedule->start_ns +
	    (int64_t)(seconds * SECOND_NS + rest * SECOND_NS / schedule->rate);
}

int64_t
schedule_due(const struct schedule *schedule)
{
	return due_of(schedule, schedule->next);
}

void
schedule_advance(struct schedule *schedule)
{
	schedule->next += schedule->step;
}

uint64_t
schedule_left(const struct schedule *schedule, int64_t end_ns)
{
	uint64_t low = 0, high = 1;

	if (schedule_due(schedule) >= end_ns)
		return 0;
	/* The least count of which the next is not due before the end. */
	while (
	    due_of(schedule, schedule->next + high * schedule->step) < end_ns)
		high *= 2;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (due_of(schedule, schedule->next + middle * schedule->step) <
		    end_ns)
			low = middle;
		else
			high = middle;
	}
	return high;
}
