/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_VALUES_H
#define CLIENTS_PREFORKBENCH_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "clients/preforkbench_options.h"

/*
 * What the argument of the option that getopt_long(3) just found (optarg) says.
 * One that cannot be used ends the program: BENCH_USAGE, a line on standard
 * error, in which WHAT is the option.
 */

/* Milliseconds, MIN_MS to a week. */
int64_t value_duration(const char *what, int64_t min_ms);

/* 1 to MAX. */
uint64_t value_number(const char *what, long long max);

/* Bytes. */
size_t value_size(void);

enum exchange value_exchange(void);

/* TLS1_2_VERSION or TLS1_3_VERSION. */
int value_tls_version(void);

void value_sources(struct sources *sources);

#endif
