/* SPDX-License-Identifier: ISC */
/* "Did you mean ...?": near enough, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/nearest.h"

static const char *
nearest_to(const char *word)
{
	static const char *const words[] = { "listen", "handler", "backlog",
		"idle_timeout", "session_timeout", "user", "log", "log_level" };
	struct nearest nearest = { 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_offer(&nearest, word, words[i]);
	return nearest.name == NULL ? "" : nearest.name;
}

static void
typing_errors(void **state)
{
	(void)state;
	assert_string_equal(nearest_to("listn"), "listen");
	assert_string_equal(nearest_to("listeen"), "listen");
	assert_string_equal(nearest_to("lisTen"), "listen");
	assert_string_equal(nearest_to("lsiten"), "listen");
	assert_string_equal(nearest_to("idle-timeout"), "idle_timeout");
	assert_string_equal(nearest_to("usr"), "user");
	assert_string_equal(nearest_to("loglevel"), "log_level");
	assert_string_equal(nearest_to("sesion_timeuot"), "session_timeout");
}

static void
the_nearest_of_several(void **state)
{
	(void)state;
	assert_string_equal(nearest_to("lo"), "log");
	assert_string_equal(nearest_to("log"), "log");
	assert_string_equal(nearest_to("log_leve"), "log_level");
}

static void
what_is_far_from_all(void **state)
{
	(void)state;
	assert_string_equal(nearest_to("workers"), "");
	assert_string_equal(nearest_to("x"), "");
	assert_string_equal(nearest_to(""), "");
	assert_string_equal(nearest_to("tls"), "");
}

static void
long_words_are_not_looked_at(void **state)
{
	char word[300];
	struct nearest nearest = { 0 };

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	nearest_offer(&nearest, word, word);
	assert_null(nearest.name);
	word[64] = '\0';
	nearest_offer(&nearest, word, word);
	assert_ptr_equal(nearest.name, word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_errors),
		cmocka_unit_test(the_nearest_of_several),
		cmocka_unit_test(what_is_far_from_all),
		cmocka_unit_test(long_words_are_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
