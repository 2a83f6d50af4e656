/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_REGION_H
#define SUPERVISOR_REGION_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/counters.h"

/*
 * The slots of a generation: memory that its workers write their counters to,
 * and what the supervisor has seen of it. Workers of other generations do not
 * have it, so that none can falsify the counters of another pool.
 */
struct region {
	void *shared; /* WORKERS_MAX slots, with the workers; NULL: none */
	void *seen;   /* the same, private: what could be */
	size_t size;
	size_t slot_size;
	size_t n_services;
	uint64_t
	    *looked; /* when each slot was looked at, as region_look() says */
};

/* Maps slots for N_SERVICES, all zero. False with errno; nothing is mapped
 * then. */
bool region_map(struct region *region, size_t n_services);

/* No process may have it any more but this. Harmless for none. */
void region_unmap(struct region *region);

/*
 * fork(2), and the child has this region and no other. -1 with errno, also when
 * some other region cannot be kept from the child: that is tried again by each
 * call.
 */
pid_t region_fork(struct region *region);

/* What the worker in SLOT (from 1) has counted so far, as far as that can be;
 * see slot_look(). What was seen at the same WHEN (any number but 0) is not
 * looked at again; 0 looks in any case. Valid until the region is unmapped. */
const struct slot *
region_look(const struct region *region, size_t slot, uint64_t when);

/* SLOT begins at zero again. No process may be in it. */
void region_clear(const struct region *region, size_t slot);

#endif
