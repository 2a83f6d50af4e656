/* SPDX-License-Identifier: ISC */
/* Answers of the control socket as text: tables, units, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/report.h"

/* The value JSON as text for people, in a static buffer. */
static const char *
text_of(const char *json)
{
	static char text[4096];
	json_t *root = json_loads(json, 0, NULL);
	struct buffer out;

	assert_non_null(root);
	buffer_init(&out, sizeof(text) - 1);
	report_text(root, &out);
	assert_false(out.failed);
	size_t len = buffer_length(&out);
	if (len > 0)
		memcpy(text, buffer_data(&out), len);
	text[len] = '\0';
	buffer_clear(&out);
	json_decref(root);
	return text;
}

static void
an_object_is_lines(void **state)
{
	(void)state;
	assert_string_equal(text_of("{\"state\": \"running\", \"pid\": 7, "
				    "\"ready\": true, \"queue\": null}"),
	    "state  running\n"
	    "pid    7\n"
	    "ready  yes\n"
	    "queue  -\n");
}

static void
an_array_is_a_table(void **state)
{
	(void)state;
	assert_string_equal(
	    text_of("[{\"name\": \"a\", \"count\": 5, \"text\": \"x\"},"
		    " {\"name\": \"longer\", \"count\": 12345678, "
		    "\"text\": \"a longer one\"}]"),
	    "NAME       COUNT  TEXT\n"
	    "a              5  x\n"
	    "longer  12345678  a longer one\n");
}

/* Its alignment does not depend on which row comes first. */
static void
a_column_with_any_number_is_right_aligned(void **state)
{
	(void)state;
	assert_string_equal(
	    text_of("[{\"queue\": null, \"b\": \"\"}, {\"queue\": 17, "
		    "\"b\": \"x\"}]"),
	    "QUEUE  B\n"
	    "    -  \n"
	    "   17  x\n");
}

static void
rows_may_lack_columns_and_have_others(void **state)
{
	(void)state;
	assert_string_equal(text_of("[{\"a\": 1, \"b\": 2}, {\"c\": 3}]"),
	    "A  B\n"
	    "1  2\n"
	    "-  -\n");
}

static void
what_is_empty_is_nothing(void **state)
{
	(void)state;
	assert_string_equal(text_of("[]"), "");
	assert_string_equal(text_of("{}"), "");
	assert_string_equal(text_of("{\"a\": 1, \"rows\": []}"), "a  1\n");
}

static void
tables_follow_the_lines_of_their_object(void **state)
{
	(void)state;
	assert_string_equal(
	    text_of("{\"pools\": [{\"pool\": \"x\"}], \"pid\": 1}"),
	    "pid  1\n"
	    "\n"
	    "pools\n"
	    "POOL\n"
	    "x\n");
}

static void
names_tell_units(void **state)
{
	(void)state;
	assert_string_equal(
	    text_of("{\"uptime_seconds\": 93784, \"lag_ms\": 250, "
		    "\"rss_bytes\": 1572864, \"bytes_in\": 2048, "
		    "\"_ms\": 3}"),
	    "uptime    1d02h\n"
	    "lag       250ms\n"
	    "rss       1.5M\n"
	    "bytes_in  2.0K\n"
	    "_ms       3\n");
	assert_string_equal(
	    text_of("[{\"age_seconds\": 3600}]"), "  AGE\n1h00m\n");
}

static void
durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ms" },
		{ 999, "999ms" },
		{ 1000, "1s" },
		{ 59999, "59s" },
		{ 60000, "1m00s" },
		{ 3599000, "59m59s" },
		{ 3600000, "1h00m" },
		{ 86399000, "23h59m" },
		{ 86400000, "1d00h" },
		{ 400LL * 86400000, "400d00h" },
	};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		report_duration(rows[i].ms, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].text);
	}
}

static void
bytes(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 10188, "9.9K" },
		{ 10240, "10K" },
		{ 1047552, "1023K" },
		{ 1048575, "1.0M" },
		{ 1048576, "1.0M" },
		{ 5LL * 1024 * 1024 * 1024, "5.0G" },
		{ INT64_MAX, "8.0E" },
	};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		report_bytes(rows[i].bytes, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].text);
	}
}

/* A worker may have written anything into its counters. */
static void
hostile_numbers_do_no_harm(void **state)
{
	(void)state;
	assert_string_equal(text_of("{\"n\": -1, \"age_ms\": -5, "
				    "\"rss_bytes\": -1024}"),
	    "n    -1\n"
	    "age  -5\n"
	    "rss  -1024\n");
	text_of("{\"age_seconds\": 9223372036854775807, "
		"\"b_seconds\": -9223372036854775807, "
		"\"c_ms\": 9223372036854775807}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_lines),
		cmocka_unit_test(an_array_is_a_table),
		cmocka_unit_test(a_column_with_any_number_is_right_aligned),
		cmocka_unit_test(rows_may_lack_columns_and_have_others),
		cmocka_unit_test(what_is_empty_is_nothing),
		cmocka_unit_test(tables_follow_the_lines_of_their_object),
		cmocka_unit_test(names_tell_units),
		cmocka_unit_test(durations),
		cmocka_unit_test(bytes),
		cmocka_unit_test(hostile_numbers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
