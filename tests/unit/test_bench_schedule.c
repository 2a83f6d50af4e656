/* SPDX-License-Identifier: ISC */
/* preforkbench: when the requests of an open loop are due; what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clients/preforkbench_message.h"
#include "clients/preforkbench_schedule.h"

#define SECOND_NS INT64_C(1000000000)
#define START_NS  INT64_C(123456789012345)

static void
requests_are_due_evenly(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, START_NS, 4, 0, 1);
	for (int i = 0; i < 9; i++) {
		assert_int_equal(
		    schedule_due(&schedule), START_NS + i * SECOND_NS / 4);
		schedule_advance(&schedule);
	}
}

/* A third of a second is no whole number: the error does not add up. */
static void
no_error_adds_up(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_init(&schedule, START_NS, 3, 0, 1);
	schedule.next = 3 * UINT64_C(86400) * 365;
	assert_int_equal(schedule_due(&schedule),
	    START_NS + INT64_C(86400) * 365 * SECOND_NS);
	schedule_init(&schedule, START_NS, 999983, 0, 1);
	schedule.next = 999983;
	assert_int_equal(schedule_due(&schedule), START_NS + SECOND_NS);
}

static void
processes_take_turns(void **state)
{
	struct schedule parts[3], whole;

	(void)state;
	schedule_init(&whole, START_NS, 1000, 0, 1);
	for (uint64_t i = 0; i < 3; i++)
		schedule_init(&parts[i], START_NS, 1000, i, 3);
	for (int i = 0; i < 3000; i++) {
		struct schedule *part = &parts[i % 3];

		assert_int_equal(schedule_due(part), schedule_due(&whole));
		schedule_advance(part);
		schedule_advance(&whole);
	}
}

/* By going through them. */
static uint64_t
count_left(struct schedule schedule, int64_t end_ns)
{
	uint64_t n = 0;

	for (; schedule_due(&schedule) < end_ns; n++)
		schedule_advance(&schedule);
	return n;
}

static void
what_is_left_is_what_is_due_before_the_end(void **state)
{
	const uint64_t rates[] = { 1, 2, 3, 7, 1000, 99991 };
	struct schedule schedule;

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (int64_t ms = -1; ms < 1500; ms += 107) {
			int64_t end_ns = START_NS + ms * SECOND_NS / 1000;

			schedule_init(&schedule, START_NS, rates[i], 1, 2);
			assert_int_equal(schedule_left(&schedule, end_ns),
			    count_left(schedule, end_ns));
		}
	}
}

static void
a_stamp_tells_its_number(void **state)
{
	struct message message;

	(void)state;
	assert_true(message_init(&message, 64, 3));
	for (uint32_t serial = 0; serial < MESSAGE_SERIAL_MASK;
	     serial += 4097) {
		message_stamp(&message, 2, serial ^ 0x5a5a5a, serial);
		assert_int_equal(message_serial(message.text + 128), serial);
	}
	/* The number goes round. */
	message_stamp(&message, 0, 0, MESSAGE_SERIAL_MASK + 6);
	assert_int_equal(message_serial(message.text), 5);
	message_clear(&message);
}

static void
messages_differ_by_client_and_number_and_end_a_line(void **state)
{
	struct message message;

	(void)state;
	assert_true(message_init(&message, 20, 3));
	message_stamp(&message, 0, 1, 1);
	message_stamp(&message, 1, 1, 2);
	message_stamp(&message, 2, 2, 1);
	assert_false(message_is(&message, message.text + 20, 0, 20));
	assert_false(message_is(&message, message.text + 40, 0, 20));
	assert_true(message_is(&message, message.text + 28, 8, 12));
	assert_int_equal(message.text[19], '\n');
	message_clear(&message);
}

static void
a_short_message_has_less_of_a_stamp(void **state)
{
	struct message message;

	(void)state;
	for (size_t size = 1; size < 12; size++) {
		assert_true(message_init(&message, size, 2));
		message_stamp(&message, 1, 77, 78);
		assert_int_equal(message.text[size * 2 - 1], '\n');
		assert_int_equal(message.text[size - 1], '\n');
		message_clear(&message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_due_evenly),
		cmocka_unit_test(no_error_adds_up),
		cmocka_unit_test(processes_take_turns),
		cmocka_unit_test(what_is_left_is_what_is_due_before_the_end),
		cmocka_unit_test(a_stamp_tells_its_number),
		cmocka_unit_test(
		    messages_differ_by_client_and_number_and_end_a_line),
		cmocka_unit_test(a_short_message_has_less_of_a_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
