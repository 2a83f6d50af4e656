/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_REPORT_H
#define CLIENTS_PREFORKBENCH_REPORT_H

#include <stdbool.h>

#include "clients/preforkbench_processes.h"

/* What came of the load, on standard output: as text with a plot of the
 * latencies, or as one line of JSON. False when it cannot be written. */
bool report_text(const struct options *options, const struct outcome *outcome);
bool report_json(const struct options *options, const struct outcome *outcome);

#endif
