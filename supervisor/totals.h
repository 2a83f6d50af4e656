/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_TOTALS_H
#define SUPERVISOR_TOTALS_H

#include <stdbool.h>

#include "common/counters.h"
#include "supervisor/pool.h"

/*
 * The counters of a service over all workers there ever were. Those of dead
 * workers are added up here, by the name of the service, for the daemon's
 * whole life: a counter never goes back.
 */
struct service_sum {
	uint64_t active; /* gauge: live workers only */
	struct service_counters counters;
};

/* Adds what the worker in SLOT counted, when its process has ended. */
void totals_fold(
    const struct generation *generation, const struct slot *slot, bool lost);

/* Forgets everything, at the end of the daemon. */
void totals_clear(void);

/* The sum over dead and living workers of the service NAME. */
void totals_service(
    const struct pools *pools, const char *name, struct service_sum *sum);

/* The same for the workers of a pool. */
void totals_workers(const struct pool *pool, struct worker_counters *sum);

#endif
