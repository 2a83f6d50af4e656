/* SPDX-License-Identifier: ISC */
/* `workers = auto`: processors, and what a control group's quota means. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/cores.h"
#include "supervisor/pool.h"

/* In place of the C library's: a machine with as many processors. */
static size_t n_processors = 1;

int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	if (size * 8 < n_processors) {
		errno = EINVAL;
		return -1;
	}
	CPU_ZERO(set);
	for (size_t i = 0; i < n_processors; i++)
		CPU_SET(i, set);
	return 0;
}

static void
a_quota_is_rounded_up_to_whole_processors(void **state)
{
	(void)state;
	assert_int_equal(cores_parse_quota("100000 100000"), 1);
	assert_int_equal(cores_parse_quota("150000 100000\n"), 2);
	assert_int_equal(cores_parse_quota("50000 100000"), 1);
	assert_int_equal(cores_parse_quota("400000 100000"), 4);
	assert_true(cores_parse_quota("9223372036854775807 2") > 1);
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

static void
auto_is_never_more_than_there_are_slots(void **state)
{
	struct pool_config config = { .workers = 0 };

	(void)state;
	for (n_processors = 1; n_processors <= 4096; n_processors *= 2)
		assert_in_range(pool_wanted_workers(&config), 1, WORKERS_MAX);
	config.workers = 7;
	assert_int_equal(pool_wanted_workers(&config), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_is_rounded_up_to_whole_processors),
		cmocka_unit_test(no_quota_is_none),
		cmocka_unit_test(there_is_always_one),
		cmocka_unit_test(auto_is_never_more_than_there_are_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
