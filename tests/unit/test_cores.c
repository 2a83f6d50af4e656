/* SPDX-License-Identifier: ISC */
/* `workers = auto`: what a control group's quota means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/cores.h"

static void
a_quota_is_rounded_up_to_whole_processors(void **state)
{
	(void)state;
	assert_int_equal(cores_parse_quota("100000 100000"), 1);
	assert_int_equal(cores_parse_quota("150000 100000\n"), 2);
	assert_int_equal(cores_parse_quota("50000 100000"), 1);
	assert_int_equal(cores_parse_quota("400000 100000"), 4);
}

static void
no_quota_is_none(void **state)
{
	(void)state;
	assert_int_equal(cores_parse_quota("max 100000"), 0);
	assert_int_equal(cores_parse_quota("-1 100000"), 0);
	assert_int_equal(cores_parse_quota("100000 0"), 0);
	assert_int_equal(cores_parse_quota(""), 0);
	assert_int_equal(cores_parse_quota("junk"), 0);
}

static void
there_is_always_one(void **state)
{
	(void)state;
	assert_true(cores_available() >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_is_rounded_up_to_whole_processors),
		cmocka_unit_test(no_quota_is_none),
		cmocka_unit_test(there_is_always_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
