/* SPDX-License-Identifier: ISC */
/* Numbers with units: what is taken, what is not, and back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/units.h"

#define UNTOUCHED 4711

typedef bool parser(const char *text, int64_t *out, const char **why);

static void
takes(parser *parse, const char *text, int64_t expected)
{
	const char *why = NULL;
	int64_t value = UNTOUCHED;

	if (!parse(text, &value, &why))
		fail_msg("\"%s\" %s", text, why);
	if (value != expected)
		fail_msg("\"%s\" is %lld", text, (long long)value);
}

static void
refuses(parser *parse, const char *text, const char *expected)
{
	const char *why = NULL;
	int64_t value = UNTOUCHED;

	if (parse(text, &value, &why))
		fail_msg("\"%s\" was taken as %lld", text, (long long)value);
	assert_int_equal(value, UNTOUCHED);
	assert_string_equal(why, expected);
}

static void
integers(void **state)
{
	(void)state;
	takes(unit_parse_integer, "0", 0);
	takes(unit_parse_integer, "-20", -20);
	takes(unit_parse_integer, "007", 7);
	takes(unit_parse_integer, "9223372036854775807", INT64_MAX);
	takes(unit_parse_integer, "-9223372036854775808", INT64_MIN);
}

static void
what_is_no_integer(void **state)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1.5",
		"0x10", "1k", "one", "--1", "1\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(unit_parse_integer, bad[i], "is not a whole number");
	refuses(unit_parse_integer, "9223372036854775808", "is too large");
	refuses(unit_parse_integer, "-9223372036854775809", "is too small");
}

static void
durations(void **state)
{
	(void)state;
	takes(unit_parse_duration, "0", 0);
	takes(unit_parse_duration, "0s", 0);
	takes(unit_parse_duration, "250ms", 250);
	takes(unit_parse_duration, "30s", 30000);
	takes(unit_parse_duration, "5m", 300000);
	takes(unit_parse_duration, "2h", 7200000);
	takes(unit_parse_duration, "1d", 86400000);
}

static void
short_durations(void **state)
{
	char buf[24];

	(void)state;
	takes(unit_parse_short_duration, "0", 0);
	takes(unit_parse_short_duration, "50us", 50);
	takes(unit_parse_short_duration, "1ms", 1000);
	takes(unit_parse_short_duration, "2s", 2000000);
	refuses(unit_parse_short_duration, "50",
	    "is not a duration such as 50us, 1ms or 1s");
	refuses(unit_parse_short_duration, "1m",
	    "is not a duration such as 50us, 1ms or 1s");
	assert_string_equal(
	    unit_format_short_duration(1500, buf, sizeof(buf)), "1500us");
	assert_string_equal(
	    unit_format_short_duration(10000, buf, sizeof(buf)), "10ms");
}

static void
what_is_no_duration(void **state)
{
	static const char *const bad[] = { "", "5", "s", "-1s", "1.5s", "5 s",
		"5S", "5min", "1h30m", "1w" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(unit_parse_duration, bad[i],
		    "is not a duration such as 250ms, 30s, 5m, 2h or 1d");
	refuses(unit_parse_duration, "9223372036854775807s", "is too large");
	refuses(unit_parse_duration, "99999999999999999999d", "is too large");
}

static void
sizes(void **state)
{
	(void)state;
	takes(unit_parse_size, "0", 0);
	takes(unit_parse_size, "512", 512);
	takes(unit_parse_size, "64k", 65536);
	takes(unit_parse_size, "1m", 1048576);
	takes(unit_parse_size, "2g", 2147483648);
}

static void
what_is_no_size(void **state)
{
	static const char *const bad[] = { "", "k", "-1", "1K", "1kb", "1t" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(unit_parse_size, bad[i],
		    "is not a size such as 512, 64k, 1m or 2g");
	refuses(unit_parse_size, "8589934592g", "is too large");
}

static void
booleans(void **state)
{
	static const char *const yes[] = { "yes", "on", "true", "1" };
	static const char *const no[] = { "no", "off", "false", "0" };
	const char *why;
	bool value;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		value = false;
		assert_true(unit_parse_boolean(yes[i], &value, &why));
		assert_true(value);
		assert_true(unit_parse_boolean(no[i], &value, &why));
		assert_false(value);
	}
	assert_false(unit_parse_boolean("Yes", &value, &why));
	assert_false(unit_parse_boolean("", &value, &why));
	assert_string_equal(why, "is not a boolean: yes or no");
}

static void
text_is_the_shortest_and_reads_back(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = { { 0, "0" }, { 1, "1ms" }, { 1000, "1s" }, { 90000, "90s" },
		{ 1500, "1500ms" }, { 3600000, "1h" }, { 86400000, "1d" },
		{ 90000000, "25h" } };
	char buf[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unit_format_duration(rows[i].ms, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].text);
		takes(unit_parse_duration, buf, rows[i].ms);
	}
	assert_string_equal(unit_format_size(0, buf, sizeof(buf)), "0");
	assert_string_equal(unit_format_size(1536, buf, sizeof(buf)), "1536");
	assert_string_equal(unit_format_size(65536, buf, sizeof(buf)), "64k");
	assert_string_equal(
	    unit_format_size((int64_t)3 << 30, buf, sizeof(buf)), "3g");
	unit_format_size(INT64_MAX, buf, sizeof(buf));
	takes(unit_parse_size, buf, INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(what_is_no_integer),
		cmocka_unit_test(durations),
		cmocka_unit_test(short_durations),
		cmocka_unit_test(what_is_no_duration),
		cmocka_unit_test(sizes),
		cmocka_unit_test(what_is_no_size),
		cmocka_unit_test(booleans),
		cmocka_unit_test(text_is_the_shortest_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
