/* SPDX-License-Identifier: ISC */
/* Stamps: our calendar is that of the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"

static void
agrees(int64_t seconds, unsigned milliseconds)
{
	char own[32], theirs[64];
	time_t when = (time_t)seconds;
	struct tm tm;

	clock_format(own, sizeof(own), seconds, milliseconds);
	gmtime_r(&when, &tm);
	strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(theirs + 19, sizeof(theirs) - 19, ".%03uZ", milliseconds);
	assert_string_equal(own, theirs);
}

static void
test_days(void **state)
{
	(void)state;
	/* Each from 1970 to 2400, at changing times of the day. */
	for (int64_t day = 0; day < 157056; day++)
		agrees(day * 86400 + day * 61 % 86400, (unsigned)(day % 1000));
}

static void
test_borders(void **state)
{
	(void)state;
	agrees(0, 0);
	agrees(951782399, 999); /* before 2000-02-29 */
	agrees(951868800, 0);	/* after it */
	agrees(INT32_MAX, 5);
	agrees((int64_t)INT32_MAX + 1, 50);
	agrees(4107542399, 999); /* 2100 has no leap day */
	agrees(4107542400, 0);
}

static void
test_short_buffer(void **state)
{
	char buf[8];

	(void)state;
	clock_format(buf, sizeof(buf), 0, 0);
	assert_string_equal(buf, "1970-01");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
