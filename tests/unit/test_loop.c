/* SPDX-License-Identifier: ISC */
/* The supervisor's loop: order of timers, and what "later" means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/loop.h"

static struct timer timers[3];
static char fired[16];
static int turns, turns_wanted;

static void
begin(int n)
{
	memset(fired, 0, sizeof(fired));
	turns = 0;
	turns_wanted = n;
	assert_int_equal(loop_init(), 0);
}

static void
count_turn(void *arg)
{
	(void)arg;
	if (++turns == turns_wanted)
		loop_stop();
}

static void
note(void *arg)
{
	strncat(fired, arg, sizeof(fired) - strlen(fired) - 1);
}

static void
note_and_set_again(void *arg)
{
	note(arg);
	loop_timer_set(&timers[0], 0, note_and_set_again, arg);
}

static void
timers_fire_in_order_of_expiry(void **state)
{
	static char a[] = "a", b[] = "b", c[] = "c";

	(void)state;
	begin(3);
	loop_timer_set(&timers[0], 20, note, c);
	loop_timer_set(&timers[1], 5, note, b);
	loop_timer_set(&timers[2], 0, note, a);
	loop_run(count_turn, NULL);
	assert_string_equal(fired, "abc");
	loop_close();
}

static void
a_timer_set_in_a_timer_fires_in_a_later_turn(void **state)
{
	static char x[] = "x";

	(void)state;
	begin(3);
	loop_timer_set(&timers[0], 0, note_and_set_again, x);
	loop_run(count_turn, NULL);
	assert_string_equal(fired, "xxx");
	loop_timer_cancel(&timers[0]);
	loop_close();
}

static struct watch watches[2];

static void
unwatch_both(void *arg, uint32_t events)
{
	(void)events;
	note(arg);
	loop_unwatch(&watches[0]);
	loop_unwatch(&watches[1]);
}

/* Both are ready in the same turn; the first to be told removes the other. */
static void
a_watch_that_was_removed_is_not_told(void **state)
{
	static char x[] = "x";
	int ends[2];

	(void)state;
	begin(1);
	assert_int_equal(pipe(ends), 0);
	int copy = dup(ends[0]);
	assert_int_equal(write(ends[1], "1", 1), 1);
	assert_int_equal(
	    loop_watch(&watches[0], ends[0], EPOLLIN, unwatch_both, x), 0);
	assert_int_equal(
	    loop_watch(&watches[1], copy, EPOLLIN, unwatch_both, x), 0);
	loop_run(count_turn, NULL);
	assert_string_equal(fired, "x");
	loop_close();
	close(ends[0]);
	close(ends[1]);
	close(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_of_expiry),
		cmocka_unit_test(a_timer_set_in_a_timer_fires_in_a_later_turn),
		cmocka_unit_test(a_watch_that_was_removed_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
