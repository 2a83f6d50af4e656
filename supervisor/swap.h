/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SWAP_H
#define SUPERVISOR_SWAP_H

#include <stdbool.h>

#include "common/config.h"
#include "supervisor/listener_set.h"
#include "supervisor/plan.h"

/*
 * A plan, carried out on the pools: new workers beside the old ones, and when
 * all are ready the exchange. Steps of a reload; nothing here blocks.
 */

/* Makes the pools that are new and starts workers for NEXT in all that need
 * them. False with errno: call swap_abandon(). */
bool swap_begin(const struct plan *plan, struct config *next,
    const struct listener_set *listeners);

/* All workers that swap_begin() started are ready. */
bool swap_ready(void);

/* New workers take over, old ones drain. The configuration and listeners in
 * force must be the new ones already. */
void swap_commit(const struct plan *plan);

/* New workers go, what serves is not touched. */
void swap_abandon(void);

/* Pools without any generation are freed. */
void swap_drop_empty_pools(void);

#endif
