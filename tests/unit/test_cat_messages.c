/* SPDX-License-Identifier: ISC */
/* What of the input makes a datagram, and the line ends of --crlf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkcat_crlf.h"
#include "clients/preforkcat_messages.h"
#include "clients/preforkcat_options.h"

/* Cuts TEXT, STEP bytes of it at a time; "|" stands behind each message. */
static const char *
cut(const char *text, int64_t size, bool crlf, size_t step)
{
	static char all[256];
	struct messages messages;
	size_t len = strlen(text), n, end = 0;
	const char *data;

	messages_init(&messages, size, crlf);
	for (size_t at = 0; at <= len; at += step) {
		if (at + step > len)
			step = len - at;
		if (step == 0)
			messages_end(&messages);
		else
			messages_add(&messages, text + at, step);
		while (messages_next(&messages, &data, &n)) {
			memcpy(all + end, data, n);
			end += n;
			all[end++] = '|';
		}
		if (step == 0)
			break;
	}
	all[end] = '\0';
	assert_false(messages_too_long(&messages));
	messages_clear(&messages);
	return all;
}

static void
assert_cut(const char *text, int64_t size, bool crlf, const char *expected)
{
	for (size_t step = 1; step <= strlen(text) + 1; step++)
		assert_string_equal(cut(text, size, crlf, step), expected);
}

static void
lines_keep_their_ends(void **state)
{
	(void)state;
	assert_cut("one\ntwo\n", DATAGRAM_LINE, false, "one\n|two\n|");
	assert_cut("one\ntwo", DATAGRAM_LINE, false, "one\n|two|");
	assert_cut("\n\n", DATAGRAM_LINE, false, "\n|\n|");
	assert_cut("a\nb\r\n", DATAGRAM_LINE, true, "a\r\n|b\r\n|");
}

static void
pieces_have_one_size(void **state)
{
	(void)state;
	assert_cut("abcdefg", 3, false, "abc|def|g|");
	assert_cut("abcdef", 3, false, "abc|def|");
	assert_cut("a\nb", 1, false, "a|\n|b|");
	assert_cut("a\nb", 2, true, "a\r|\nb|");
}

static void
all_is_one(void **state)
{
	(void)state;
	assert_cut("one\ntwo\n", DATAGRAM_ALL, false, "one\ntwo\n|");
}

static void
nothing_is_one_empty_message(void **state)
{
	(void)state;
	assert_cut("", DATAGRAM_LINE, false, "|");
	assert_cut("", DATAGRAM_ALL, false, "|");
	assert_cut("", 5, false, "|");
}

static void
what_is_too_long_is_noticed(void **state)
{
	static char part[MESSAGE_MAX / 4];
	struct messages messages;
	const char *data;
	size_t len;

	(void)state;
	messages_init(&messages, DATAGRAM_LINE, false);
	memset(part, 'x', sizeof(part));
	for (int i = 0; i < 4; i++) {
		messages_add(&messages, part, sizeof(part));
		assert_false(messages_next(&messages, &data, &len));
		assert_false(messages_too_long(&messages));
	}
	messages_add(&messages, "x", 1);
	assert_false(messages_next(&messages, &data, &len));
	assert_true(messages_too_long(&messages));
	messages_clear(&messages);
}

static void
line_ends_become_crlf(void **state)
{
	char out[32];
	bool after_cr = false;
	size_t n;

	(void)state;
	n = crlf_copy(out, "a\nb\r\nc\r", 7, &after_cr);
	assert_int_equal(n, 8);
	assert_memory_equal(out, "a\r\nb\r\nc\r", n);
	/* The CR was in the part before. */
	n = crlf_copy(out, "\n\n", 2, &after_cr);
	assert_int_equal(n, 3);
	assert_memory_equal(out, "\n\r\n", n);
	assert_int_equal(crlf_copy(out, "", 0, &after_cr), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_keep_their_ends),
		cmocka_unit_test(pieces_have_one_size),
		cmocka_unit_test(all_is_one),
		cmocka_unit_test(nothing_is_one_empty_message),
		cmocka_unit_test(what_is_too_long_is_noticed),
		cmocka_unit_test(line_ends_become_crlf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
