/* SPDX-License-Identifier: ISC */
/* Paths that are relative to the file that has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/path.h"

static void
joins(const char *base, const char *path, const char *expected)
{
	char buf[64];

	path_join(base, path, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static void
an_absolute_path_stays(void **state)
{
	(void)state;
	joins("/etc", "/run/x", "/run/x");
	joins(NULL, "x/y", "x/y");
}

static void
a_relative_path_begins_at_the_base(void **state)
{
	(void)state;
	joins("/etc", "x", "/etc/x");
	joins("/", "x", "/x");
	joins("/etc", "a/../b", "/etc/a/../b");
}

static void
dots_at_the_beginning_are_taken_off_the_base(void **state)
{
	(void)state;
	joins("/a/b", "../x", "/a/x");
	joins("/a/b", "./../x", "/a/x");
	joins("/a/b", "../../x", "/x");
	joins("/a/b", "../../../x", "/x");
	joins("/a/b", "..x", "/a/b/..x");
}

static void
the_length_tells_what_did_not_fit(void **state)
{
	char buf[6];

	(void)state;
	assert_int_equal(path_join("/etc", "file", buf, sizeof(buf)), 9);
	assert_string_equal(buf, "/etc/");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absolute_path_stays),
		cmocka_unit_test(a_relative_path_begins_at_the_base),
		cmocka_unit_test(dots_at_the_beginning_are_taken_off_the_base),
		cmocka_unit_test(the_length_tells_what_did_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
