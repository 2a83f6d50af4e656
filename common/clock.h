/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC (clock_gettime(2)). Never blocks. */
int64_t clock_monotonic_ms(void);

/* Microseconds of CLOCK_MONOTONIC, for measuring. Never blocks. */
int64_t clock_monotonic_us(void);

/* SECONDS since 1970 in the form of clock_stamp(). */
void
clock_format(char *buf, size_t size, int64_t seconds, unsigned milliseconds);

/*
 * Writes the wall clock as RFC 3339 in UTC with milliseconds
 * ("2026-11-21T03:55:55.123Z"); BUF needs 32 bytes.
 * Safe in the handler of a signal.
 */
void clock_stamp(char *buf, size_t size);

#endif
