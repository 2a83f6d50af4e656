/* SPDX-License-Identifier: ISC */
/* The restart policy: when is a dead worker started again? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/restart.h"

#define EXITED(status) ((status) << 8) /* as waitpid(2) encodes it */
#define KILLED(signal) (signal)

#define YOUNG 50 /* ms alive */

static void
first_death_is_answered_at_once(void **state)
{
	struct restart_history history = { 0 };
	int64_t delay = -1;

	(void)state;
	assert_int_equal(
	    restart_decide(&history, KILLED(9), YOUNG, &delay), RESTART_NOW);
	assert_int_equal(delay, 0);
}

static void
young_deaths_wait_doubling_to_the_maximum(void **state)
{
	static const int64_t expected[] = { 100, 200, 400, 800, 1600, 3200,
		6400, 12800, 25600, 30000, 30000 };
	struct restart_history history = { 0 };
	int64_t delay;

	(void)state;
	restart_decide(&history, KILLED(9), YOUNG, &delay);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(
		    restart_decide(&history, EXITED(1), YOUNG, &delay),
		    RESTART_LATER);
		assert_int_equal(delay, expected[i]);
	}
}

static void
health_wipes_the_slate(void **state)
{
	struct restart_history history = { .n_young = 9 };
	int64_t delay;

	(void)state;
	assert_int_equal(
	    restart_decide(&history, KILLED(11), RESTART_HEALTHY_MS, &delay),
	    RESTART_NOW);
	assert_int_equal(
	    restart_decide(&history, KILLED(11), YOUNG, &delay), RESTART_LATER);
	assert_int_equal(delay, RESTART_FIRST_MS);
}

static void
one_millisecond_short_of_health_does_not(void **state)
{
	struct restart_history history = { .n_young = 1 };
	int64_t delay;

	(void)state;
	assert_int_equal(restart_decide(&history, KILLED(11),
			     RESTART_HEALTHY_MS - 1, &delay),
	    RESTART_LATER);
}

static void
status_78_is_never_restarted(void **state)
{
	struct restart_history history = { 0 };
	int64_t delay;

	(void)state;
	assert_int_equal(
	    restart_decide(&history, EXITED(78), YOUNG, &delay), RESTART_NEVER);
	assert_int_equal(
	    restart_decide(&history, EXITED(77), YOUNG, &delay), RESTART_NOW);
}

static void
a_failed_fork_is_not_tried_again_at_once(void **state)
{
	struct restart_history history = { 0 };
	int64_t delay;

	(void)state;
	assert_int_equal(
	    restart_decide(&history, -1, 0, &delay), RESTART_LATER);
	assert_int_equal(delay, RESTART_FIRST_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_death_is_answered_at_once),
		cmocka_unit_test(young_deaths_wait_doubling_to_the_maximum),
		cmocka_unit_test(health_wipes_the_slate),
		cmocka_unit_test(one_millisecond_short_of_health_does_not),
		cmocka_unit_test(status_78_is_never_restarted),
		cmocka_unit_test(a_failed_fork_is_not_tried_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
