/* SPDX-License-Identifier: ISC */
/* The lists of deadlines: order, restarting, what the loop may sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/timers.h"

static char fired[16];

struct named {
	struct timer timer;
	char name;
};

static void
expired(struct timer *timer, void *arg)
{
	size_t len = strlen(fired);

	(void)arg;
	fired[len] = ((struct named *)timer)->name;
	fired[len + 1] = '\0';
}

/* Starts its own timer anew, as a kept connection does. */
static void
again(struct timer *timer, void *arg)
{
	expired(timer, NULL);
	timers_start(arg, timer, 1000);
}

static struct timers timers;
static struct timer_list fast, slow, never;

static int
setup(void **state)
{
	(void)state;
	fired[0] = '\0';
	timers_init(&timers);
	timers_add_list(&timers, &fast, 10, expired, NULL);
	timers_add_list(&timers, &slow, 100, expired, NULL);
	timers_add_list(&timers, &never, 0, expired, NULL);
	return 0;
}

static void
test_nothing_to_wait_for(void **state)
{
	struct named a = { .name = 'a' };

	(void)state;
	assert_int_equal(timers_wait_ms(&timers, 0), -1);
	timers_start(&never, &a.timer, 0);
	assert_int_equal(timers_wait_ms(&timers, 0), -1);
}

static void
test_expiry(void **state)
{
	struct named a = { .name = 'a' }, b = { .name = 'b' };
	struct named c = { .name = 'c' };

	(void)state;
	timers_start(&slow, &a.timer, 0);
	timers_start(&fast, &c.timer, 0);
	timers_start(&fast, &b.timer, 95);
	assert_int_equal(timers_wait_ms(&timers, 4), 6);
	timers_run(&timers, 9);
	assert_string_equal(fired, "");
	timers_run(&timers, 10);
	assert_string_equal(fired, "c");
	assert_int_equal(timers_wait_ms(&timers, 10), 90);
	assert_int_equal(timers_wait_ms(&timers, 200), 0);
	assert_int_equal(timers_late_ms(&timers, 100), 0);
	assert_int_equal(timers_late_ms(&timers, 200), 100);
	timers_run(&timers, 200);
	assert_string_equal(fired, "cab");
	assert_int_equal(timers_wait_ms(&timers, 200), -1);
}

static void
test_restart_moves_behind(void **state)
{
	struct named a = { .name = 'a' }, b = { .name = 'b' };

	(void)state;
	timers_start(&fast, &a.timer, 0);
	timers_start(&fast, &b.timer, 1);
	timers_start(&fast, &a.timer, 5);
	timers_run(&timers, 12);
	assert_string_equal(fired, "b");
	timers_stop(&a.timer);
	timers_stop(&a.timer);
	timers_run(&timers, 100);
	assert_string_equal(fired, "b");
}

static void
test_moves_between_lists(void **state)
{
	struct named a = { .name = 'a' };

	(void)state;
	timers_start(&fast, &a.timer, 0);
	timers_start(&slow, &a.timer, 0);
	timers_run(&timers, 50);
	assert_string_equal(fired, "");
	assert_int_equal(timers_wait_ms(&timers, 50), 50);
	timers_stop(&a.timer);
}

static void
test_restart_while_expiring(void **state)
{
	struct named a = { .name = 'a' };
	struct timer_list keeping;

	(void)state;
	timers_add_list(&timers, &keeping, 10, again, &keeping);
	timers_start(&keeping, &a.timer, 0);
	timers_run(&timers, 1000);
	assert_string_equal(fired, "a");
	assert_int_equal(timers_wait_ms(&timers, 1000), 10);
	timers_stop(&a.timer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_to_wait_for, setup),
		cmocka_unit_test_setup(test_expiry, setup),
		cmocka_unit_test_setup(test_restart_moves_behind, setup),
		cmocka_unit_test_setup(test_moves_between_lists, setup),
		cmocka_unit_test_setup(test_restart_while_expiring, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
