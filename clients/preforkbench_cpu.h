/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_CPU_H
#define CLIENTS_PREFORKBENCH_CPU_H

#include <sys/types.h>

#include <stdint.h>

/*
 * The CPU time, user and system, in nanoseconds, that process ROOT and its
 * descendants have taken up to now, as /proc tells it; -1 when there is no such
 * process. Those that have ended are in the times of the parents that waited
 * for them, to a tick of the system's clock; those that nobody waited for are
 * missed. Reads as many files as there are processes.
 */
int64_t cpu_of_tree(pid_t root);

#endif
