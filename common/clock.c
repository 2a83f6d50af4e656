/* SPDX-License-Identifier: ISC */
/*
 * The two clocks of the program. Everything that waits, ages or measures
 * uses the monotonic one, so that a step of the wall clock moves nothing but
 * the stamps of log lines. Used by every process.
 */
#include <string.h>
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

/* Into a field of N digits. */
static void
put_digits(char *at, unsigned number, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		at[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* The day of the Gregorian calendar that is DAYS after 1970-01-01. Years
 * begin in March here, so that the leap day is the last one. */
static void
calendar(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t since_0000 = (uint64_t)(days + 719468);
	uint64_t era = since_0000 / 146097; /* of 400 years */
	unsigned in_era = (unsigned)(since_0000 % 146097);
	unsigned y =
	    (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * y + y / 4 - y / 100);
	unsigned m = (5 * in_year + 2) / 153;

	*day = in_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = (unsigned)(era * 400) + y + (*month <= 2 ? 1 : 0);
}

/* By hand, because gmtime_r(3) may wait for a lock. */
void
clock_format(char *buf, size_t size, int64_t seconds, unsigned milliseconds)
{
	unsigned of_day = (unsigned)(seconds % 86400), year, month, day;
	char text[] = "0000-00-00T00:00:00.000Z";

	calendar(seconds / 86400, &year, &month, &day);
	put_digits(&text[0], year, 4);
	put_digits(&text[5], month, 2);
	put_digits(&text[8], day, 2);
	put_digits(&text[11], of_day / 3600, 2);
	put_digits(&text[14], of_day / 60 % 60, 2);
	put_digits(&text[17], of_day % 60, 2);
	put_digits(&text[20], milliseconds, 3);
	strlcpy(buf, text, size);
}

void
clock_stamp(char *buf, size_t size)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	clock_format(buf, size, ts.tv_sec, (unsigned)(ts.tv_nsec / 1000000));
}
