/* SPDX-License-Identifier: ISC */
/* preforkbench: the histogram of latencies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkbench_histogram.h"

static int
new_histogram(void **state)
{
	*state = calloc(1, sizeof(struct histogram));
	return *state == NULL ? -1 : 0;
}

static int
free_histogram(void **state)
{
	free(*state);
	return 0;
}

/* Numbers that are the same in each run, of every size. */
static int64_t
some_value(uint64_t i)
{
	uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	return (int64_t)(x % (uint64_t)HISTOGRAM_MAX) >> (i % 40);
}

static void
buckets_lie_side_by_side(void **state)
{
	(void)state;
	assert_int_equal(histogram_least_of(0), 0);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		int64_t least = histogram_least_of(i);
		int64_t most = histogram_most_of(i);

		assert_int_equal(histogram_bucket(least), i);
		assert_int_equal(histogram_bucket(most), i);
		if (i > 0)
			assert_int_equal(least, histogram_most_of(i - 1) + 1);
	}
	assert_int_equal(
	    histogram_most_of(HISTOGRAM_BUCKETS - 1), HISTOGRAM_MAX);
}

static void
the_error_is_bounded_relative_to_the_value(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		int64_t value = some_value(i);
		size_t bucket = histogram_bucket(value);
		int64_t width =
		    histogram_most_of(bucket) - histogram_least_of(bucket);

		assert_true(width == 0 || width * HISTOGRAM_STEPS < value);
	}
}

static void
an_empty_one_tells_nothing(void **state)
{
	struct histogram *histogram = *state;

	assert_int_equal(histogram_percentile(histogram, 0.5), 0);
	assert_true(histogram_mean(histogram) == 0);
	assert_int_equal(histogram_between(histogram, 0, HISTOGRAM_MAX), 0);
}

static void
small_values_are_exact(void **state)
{
	struct histogram *histogram = *state;

	for (int i = 1; i <= 200; i++)
		histogram_add(histogram, i);
	assert_int_equal(histogram_percentile(histogram, 0), 1);
	assert_int_equal(histogram_percentile(histogram, 0.5), 100);
	assert_int_equal(histogram_percentile(histogram, 0.99), 198);
	assert_int_equal(histogram_percentile(histogram, 0.999), 200);
	assert_int_equal(histogram_percentile(histogram, 1), 200);
	assert_true(histogram_mean(histogram) == 100.5);
	assert_int_equal(histogram->min, 1);
	assert_int_equal(histogram->max, 200);
}

static void
one_value_is_every_percentile(void **state)
{
	struct histogram *histogram = *state;
	const double parts[] = { 0, 0.001, 0.5, 0.999, 1 };

	histogram_add(histogram, 1234567);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_int_equal(
		    histogram_percentile(histogram, parts[i]), 1234567);
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

#define N_VALUES 20000

static void
percentiles_are_those_of_the_sorted_values(void **state)
{
	struct histogram *histogram = *state;
	static int64_t values[N_VALUES];

	for (uint64_t i = 0; i < N_VALUES; i++) {
		values[i] = some_value(i);
		histogram_add(histogram, values[i]);
	}
	qsort(values, N_VALUES, sizeof(values[0]), compare);
	for (int i = 1; i <= 1000; i++) {
		int64_t right = values[N_VALUES / 1000 * i - 1];
		int64_t told = histogram_percentile(histogram, i / 1000.0);

		assert_true(told >= right || right == histogram->max);
		assert_true((told - right) * HISTOGRAM_STEPS <= right);
	}
	assert_int_equal(
	    histogram_percentile(histogram, 1), values[N_VALUES - 1]);
}

static void
values_out_of_range_count_as_the_nearest(void **state)
{
	struct histogram *histogram = *state;

	histogram_add(histogram, -5);
	histogram_add(histogram, INT64_MAX);
	assert_int_equal(histogram->n, 2);
	assert_int_equal(histogram->min, 0);
	assert_int_equal(histogram->max, HISTOGRAM_MAX);
	assert_int_equal(histogram_percentile(histogram, 1), HISTOGRAM_MAX);
}

static void
merged_ones_are_as_if_it_were_one(void **state)
{
	struct histogram *whole = *state;
	struct histogram *parts = calloc(4, sizeof(*parts));

	assert_non_null(parts);
	/* The last one stays empty; the first is empty before. */
	for (uint64_t i = 0; i < 3000; i++) {
		histogram_add(whole, some_value(i));
		histogram_add(&parts[1 + i % 2], some_value(i));
	}
	for (int i = 1; i < 4; i++)
		histogram_merge(&parts[0], &parts[i]);
	assert_memory_equal(&parts[0], whole, sizeof(*whole));
	free(parts);
}

static void
whole_buckets_between_two_values_are_counted(void **state)
{
	struct histogram *histogram = *state;

	for (int i = 0; i < 4096; i++)
		histogram_add(histogram, i);
	assert_int_equal(histogram_between(histogram, 0, 1023), 1024);
	assert_int_equal(histogram_between(histogram, 1024, 2047), 1024);
	assert_int_equal(histogram_between(histogram, 4096, 8191), 0);
	assert_int_equal(
	    histogram_between(histogram, 0, HISTOGRAM_MAX), histogram->n);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, new_histogram, free_histogram)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buckets_lie_side_by_side),
		TEST(the_error_is_bounded_relative_to_the_value),
		TEST(an_empty_one_tells_nothing),
		TEST(small_values_are_exact),
		TEST(one_value_is_every_percentile),
		TEST(percentiles_are_those_of_the_sorted_values),
		TEST(values_out_of_range_count_as_the_nearest),
		TEST(merged_ones_are_as_if_it_were_one),
		TEST(whole_buckets_between_two_values_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
