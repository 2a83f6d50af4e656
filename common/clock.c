/* SPDX-License-Identifier: ISC */
/*
 * The two clocks of the program. Everything that waits, ages or measures
 * uses the monotonic one, so that a step of the wall clock moves nothing but
 * the stamps of log lines. Used by every process.
 */
#include <stdio.h>
#include <time.h>

#include "common/clock.h"

int64_t
clock_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

void
clock_stamp(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	char date[24];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03dZ", date, (int)(ts.tv_nsec / 1000000));
}
