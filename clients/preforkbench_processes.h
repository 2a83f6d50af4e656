/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_PROCESSES_H
#define CLIENTS_PREFORKBENCH_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/preforkbench_load.h"
#include "clients/preforkbench_result.h"

/* What came of a run. */
struct outcome {
	struct result *result; /* of all processes */
	double seconds;	       /* of the measured part */
	int64_t cpu_ns;	       /* --cpu-of: in that part; -1: not known */
	bool interrupted;      /* by a signal */
	bool process_died;     /* a process of the load, by itself */
};

/*
 * Runs the load towards TARGET in processes of its own, tells how it goes
 * when standard error is a terminal, and fills *OUTCOME, whose result is
 * freed by the end of the program. BLOCKS until it is over or interrupted.
 * False, with a line on standard error, when it cannot begin.
 */
bool processes_run(const struct options *options, const struct target *target,
    struct outcome *outcome);

/* The processes keep their connections until they are let go. BLOCKS: until
 * standard input ends, if --hold says so. */
void processes_let_go(const struct options *options);

#endif
