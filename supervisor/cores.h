/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CORES_H
#define SUPERVISOR_CORES_H

#include <stddef.h>

/*
 * How many processors this process may really use, at least 1: those of its
 * affinity mask, no more than its control group's quota (cgroups v2 cpu.max,
 * v1 cpu.cfs_quota_us). Reads /proc and /sys, does not block otherwise.
 */
size_t cores_available(void);

/* The quota in processors, rounded up, from the contents of cpu.max
 * ("150000 100000" is 2, "max 100000" is 0 for none). */
size_t cores_parse_quota(const char *cpu_max);

#endif
