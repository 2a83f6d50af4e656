/* SPDX-License-Identifier: ISC */
/* The buffer: order, limit, failure that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buffer.h"

static void
bytes_come_out_in_order(void **state)
{
	struct buffer buffer;
	unsigned char next_in = 0, next_out = 0;

	(void)state;
	buffer_init(&buffer, 1 << 20);
	for (int round = 0; round < 2000; round++) {
		unsigned char run[97];
		size_t len = (size_t)(round * 7 % 97);
		for (size_t i = 0; i < len; i++)
			run[i] = next_in++;
		buffer_append(&buffer, run, len);
		size_t take = buffer_length(&buffer) * 2 / 3;
		for (size_t i = 0; i < take; i++)
			assert_int_equal(
			    (unsigned char)buffer_data(&buffer)[i], next_out++);
		if (take > 0)
			buffer_consume(&buffer, take);
	}
	assert_false(buffer.failed);
	buffer_clear(&buffer);
}

static void
the_limit_holds_and_failure_sticks(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 10);
	buffer_text(&buffer, "0123456789");
	assert_false(buffer.failed);
	assert_int_equal(buffer_length(&buffer), 10);
	buffer_text(&buffer, "x");
	assert_true(buffer.failed);
	assert_int_equal(buffer_length(&buffer), 10);
	buffer_consume(&buffer, 10);
	buffer_text(&buffer, "x");
	assert_true(buffer.failed);
	assert_int_equal(buffer_length(&buffer), 0);
	buffer_clear(&buffer);
}

static void
an_empty_buffer_keeps_no_memory(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100000);
	buffer_printf(&buffer, "%050000d", 7);
	assert_int_equal(buffer_length(&buffer), 50000);
	buffer_consume(&buffer, 50000);
	assert_null(buffer.data);
	assert_int_equal(buffer.capacity, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_order),
		cmocka_unit_test(the_limit_holds_and_failure_sticks),
		cmocka_unit_test(an_empty_buffer_keeps_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
