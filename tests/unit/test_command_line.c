/* SPDX-License-Identifier: ISC */
/* Command lines: words as a shell splits them, nothing expanded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/command_line.h"

/* EXPECTED: the words with | between them. */
static void
splits(const char *text, const char *expected)
{
	struct command_line command;
	char why[160] = "", all[256] = "";

	if (!command_line_parse(&command, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	for (size_t i = 0; i < command.n; i++) {
		strlcat(all, i > 0 ? "|" : "", sizeof(all));
		strlcat(all, command.argv[i], sizeof(all));
	}
	assert_string_equal(all, expected);
	assert_null(command.argv[command.n]);
	command_line_clear(&command);
	assert_null(command.argv);
}

static void
refuses(const char *text, const char *expected)
{
	struct command_line command;
	char why[160] = "";

	assert_false(command_line_parse(&command, text, why, sizeof(why)));
	assert_string_equal(why, expected);
	assert_null(command.argv);
}

static void
blanks_separate(void **state)
{
	(void)state;
	splits("cat", "cat");
	splits("  cat\t-n  file ", "cat|-n|file");
}

static void
quotes(void **state)
{
	(void)state;
	splits("a 'b c' d", "a|b c|d");
	splits("a \"b c\" d", "a|b c|d");
	splits("a'b'\"c\"d", "abcd");
	splits("a '' \"\"", "a||");
	splits("'\"' \"'\"", "\"|'");
}

static void
backslashes(void **state)
{
	(void)state;
	splits("a\\ b", "a b");
	splits("\\'a", "'a");
	splits("'a\\b'", "a\\b");
	splits("\"a\\\"b\\\\c\\nd\"", "a\"b\\c\\nd");
}

static void
nothing_is_expanded(void **state)
{
	(void)state;
	splits("echo $HOME * ~ `id` # x | y > z",
	    "echo|$HOME|*|~|`id`|#|x|||y|>|z");
}

static void
what_has_no_end(void **state)
{
	(void)state;
	refuses("a 'b", "a quote or backslash has no end");
	refuses("a \"b", "a quote or backslash has no end");
	refuses("a \"b\\", "a quote or backslash has no end");
	refuses("a b\\", "a quote or backslash has no end");
}

static void
a_word_is_needed(void **state)
{
	(void)state;
	refuses("", "a command line is missing");
	refuses(" \t", "a command line is missing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_separate),
		cmocka_unit_test(quotes),
		cmocka_unit_test(backslashes),
		cmocka_unit_test(nothing_is_expanded),
		cmocka_unit_test(what_has_no_end),
		cmocka_unit_test(a_word_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
