/* SPDX-License-Identifier: ISC */
/* Counters: adding, buckets, and the size of a slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/counters.h"

static void
adding_adds_every_word(void **state)
{
	struct service_counters from, into;
	uint64_t *word = (uint64_t *)&from;
	const uint64_t *sum = (const uint64_t *)&into;
	size_t n = sizeof(from) / sizeof(*word);

	(void)state;
	memset(&into, 0, sizeof(into));
	for (size_t i = 0; i < n; i++)
		word[i] = i + 1;
	service_counters_add(&into, &from);
	service_counters_add(&into, &from);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sum[i], 2 * (i + 1));
}

static void
a_session_counts_in_the_first_bucket_that_holds_it(void **state)
{
	struct service_counters counters = { 0 };

	(void)state;
	service_counters_session(&counters, 0);
	service_counters_session(&counters, session_bounds_ms[0]);
	service_counters_session(&counters, session_bounds_ms[0] + 1);
	service_counters_session(&counters, INT32_MAX);
	assert_int_equal(counters.session[0], 2);
	assert_int_equal(counters.session[1], 1);
	assert_int_equal(counters.session[SESSION_BUCKETS], 1);
	assert_int_equal(
	    counters.session_ms, 2 * session_bounds_ms[0] + 1 + INT32_MAX);
}

static void
bounds_ascend(void **state)
{
	(void)state;
	for (size_t i = 1; i < SESSION_BUCKETS; i++)
		assert_true(session_bounds_ms[i] > session_bounds_ms[i - 1]);
}

static void
slots_are_whole_pages_that_do_not_overlap(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *region = (char *)(uintptr_t)(16 * page);

	(void)state;
	for (size_t n = 0; n < 100; n++) {
		size_t size = slot_size(n);
		assert_int_equal(size % page, 0);
		assert_true(size >=
		    sizeof(struct slot) + n * sizeof(struct slot_service));
		assert_ptr_equal(slot_at(region, size, 3), region + 3 * size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding_adds_every_word),
		cmocka_unit_test(
		    a_session_counts_in_the_first_bucket_that_holds_it),
		cmocka_unit_test(bounds_ascend),
		cmocka_unit_test(slots_are_whole_pages_that_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
