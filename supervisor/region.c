/* SPDX-License-Identifier: ISC */
/*
 * Memory shared between the supervisor and the workers of one generation.
 * Supervisor only. A mapping is hidden from every child (madvise(2),
 * MADV_DONTFORK) but for the moment in which one of its own is forked. Nothing
 * that is read from it is believed: see slot_look().
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/region.h"
#include "worker/worker.h"

/* The one that could not be hidden again after a fork; NULL: all are. */
static struct region *exposed;

static bool
hide(struct region *region)
{
	if (madvise(region->shared, region->size, MADV_DONTFORK) == -1) {
		exposed = region;
		return false;
	}
	if (exposed == region)
		exposed = NULL;
	return true;
}

static void *
map(size_t size, int flags)
{
	void *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return start == MAP_FAILED ? NULL : start;
}

bool
region_map(struct region *region, size_t n_services)
{
	*region = (struct region){ .slot_size = slot_size(n_services),
		.n_services = n_services };
	region->size = region->slot_size * WORKERS_MAX;
	region->shared = map(region->size, MAP_SHARED);
	if (region->shared == NULL)
		return false;
	region->seen = map(region->size, MAP_PRIVATE);
	region->looked = calloc(WORKERS_MAX, sizeof(*region->looked));
	if (region->seen == NULL || region->looked == NULL || !hide(region)) {
		int saved = errno;
		region_unmap(region);
		errno = saved;
		return false;
	}
	/* A child that has a copy of this one does no harm with it. */
	madvise(region->seen, region->size, MADV_DONTFORK);
	return true;
}

void
region_unmap(struct region *region)
{
	if (region->shared != NULL)
		munmap(region->shared, region->size);
	if (region->seen != NULL)
		munmap(region->seen, region->size);
	free(region->looked);
	if (exposed == region)
		exposed = NULL;
	*region = (struct region){ 0 };
}

pid_t
region_fork(struct region *region)
{
	if (exposed != NULL && exposed != region && !hide(exposed))
		return -1;
	if (madvise(region->shared, region->size, MADV_DOFORK) == -1)
		return -1;
	pid_t pid = fork();
	int saved = errno;
	/* Too late for this child, which may have it; the next one must not. */
	if (pid != 0 && !hide(region))
		log_warn("cannot hide counters from workers of other pools, "
			 "which wait for that: %s",
		    strerror(errno));
	errno = saved;
	return pid;
}

const struct slot *
region_look(const struct region *region, size_t slot, uint64_t when)
{
	struct slot *seen = slot_at(region->seen, region->slot_size, slot - 1);

	if (when != 0 && region->looked[slot - 1] == when)
		return seen;
	slot_look(seen, slot_at(region->shared, region->slot_size, slot - 1),
	    region->n_services);
	region->looked[slot - 1] = when;
	return seen;
}

void
region_clear(const struct region *region, size_t slot)
{
	memset(slot_at(region->shared, region->slot_size, slot - 1), 0,
	    region->slot_size);
	memset(slot_at(region->seen, region->slot_size, slot - 1), 0,
	    region->slot_size);
}
