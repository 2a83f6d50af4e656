/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_SCHEDULE_H
#define CLIENTS_PREFORKBENCH_SCHEDULE_H

#include <stdint.h>

/*
 * When the requests of an open loop are due: so many a second, evenly, whether
 * those before have been answered or not. Several processes that share a rate
 * take turns. Times are nanoseconds. Pure; nothing adds up, so that no error
 * does.
 */
struct schedule {
	int64_t start_ns;
	uint64_t rate; /* of all processes, a second */
	uint64_t next; /* number of the next request, of all processes */
	uint64_t step; /* processes */
};

/* Process NUMBER, from 0, of STEP ones, which share RATE (1 to 10^9). */
void schedule_init(struct schedule *schedule, int64_t start_ns, uint64_t rate,
    uint64_t number, uint64_t step);

/* When the next request is due. */
int64_t schedule_due(const struct schedule *schedule);

/* The one that was due has been begun. */
void schedule_advance(struct schedule *schedule);

/* How many that have not been begun are due before END_NS. */
uint64_t schedule_left(const struct schedule *schedule, int64_t end_ns);

#endif
