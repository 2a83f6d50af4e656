/* SPDX-License-Identifier: ISC */
/* The framing of the control socket: what is written is what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/reply.h"

static const char *code, *text;

static enum reply_event
parse(struct reply_parser *parser, const char *line)
{
	static char copy[128];

	snprintf(copy, sizeof(copy), "%s", line);
	code = text = NULL;
	return reply_parse_line(parser, copy, &code, &text);
}

static void
assert_body(const char *body, const char *expected)
{
	struct buffer out;

	buffer_init(&out, 4096);
	reply_append_body(&out, body, strlen(body));
	assert_int_equal(buffer_length(&out), strlen(expected));
	if (*expected != '\0')
		assert_memory_equal(
		    buffer_data(&out), expected, strlen(expected));
	buffer_clear(&out);
}

static void
writes_bodies(void **state)
{
	(void)state;
	assert_body("", "");
	assert_body("one\n", "one\n");
	assert_body("one", "one\n");
	assert_body("one\ntwo", "one\ntwo\n");
	assert_body("\n", "\n");
	assert_body("\n\n", "\n\n");
	assert_body(".", "..\n");
	assert_body(".\n", "..\n");
	assert_body("..\n", "...\n");
	assert_body("a.\n.b\n\n.\nc.d", "a.\n..b\n\n..\nc.d\n");
}

static void
writes_part_of_a_text(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 64);
	reply_append_body(&out, ".ab\ncd", 3);
	reply_append_end(&out);
	assert_int_equal(buffer_length(&out), strlen("..ab\n.\n"));
	assert_memory_equal(buffer_data(&out), "..ab\n.\n", 7);
	buffer_clear(&out);
}

static void
tells_when_it_did_not_fit(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 4);
	reply_append_body(&out, "12345\n", 6);
	reply_append_end(&out);
	assert_true(out.failed);
	buffer_clear(&out);
}

static void
reads_ok(void **state)
{
	struct reply_parser parser = { 0 };

	(void)state;
	assert_int_equal(parse(&parser, "OK"), REPLY_OK);
	assert_string_equal(text, "");
	assert_int_equal(parse(&parser, "."), REPLY_END);

	assert_int_equal(parse(&parser, "OK all  good"), REPLY_OK);
	assert_string_equal(text, "all  good");
	assert_int_equal(parse(&parser, "."), REPLY_END);
	assert_false(parser.in_body);
}

static void
reads_error(void **state)
{
	struct reply_parser parser = { 0 };

	(void)state;
	assert_int_equal(
	    parse(&parser, "ERROR busy a reload is on"), REPLY_ERROR);
	assert_string_equal(code, "busy");
	assert_string_equal(text, "a reload is on");
	assert_int_equal(parse(&parser, "OK is body here"), REPLY_BODY);
	assert_string_equal(text, "OK is body here");
	assert_int_equal(parse(&parser, "."), REPLY_END);

	assert_int_equal(parse(&parser, "ERROR failed"), REPLY_ERROR);
	assert_string_equal(code, "failed");
	assert_string_equal(text, "");
}

static void
reads_body(void **state)
{
	struct reply_parser parser = { .in_body = true };

	(void)state;
	assert_int_equal(parse(&parser, ""), REPLY_BODY);
	assert_string_equal(text, "");
	assert_int_equal(parse(&parser, ".."), REPLY_BODY);
	assert_string_equal(text, ".");
	assert_int_equal(parse(&parser, "..."), REPLY_BODY);
	assert_string_equal(text, "..");
	assert_int_equal(parse(&parser, ".x"), REPLY_BODY);
	assert_string_equal(text, "x");
	assert_int_equal(parse(&parser, "a.b"), REPLY_BODY);
	assert_string_equal(text, "a.b");
	assert_int_equal(parse(&parser, ". "), REPLY_BODY);
	assert_int_equal(parse(&parser, "."), REPLY_END);
}

static void
refuses_what_is_no_reply(void **state)
{
	static const char *const lines[] = { "", ".", "OKAY", "ok", " OK",
		"ERROR", "ERROR ", "ERROR  text", "ERRORS busy",
		"HTTP/1.1 400 Bad Request", "220 mail.example ESMTP" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct reply_parser parser = { 0 };

		assert_int_equal(parse(&parser, lines[i]), REPLY_INVALID);
		assert_false(parser.in_body);
	}
}

/* Every body comes back as it went out. */
static void
round_trip(void **state)
{
	static const char body[] = ".\n..\n\n.a\nb.\n. \nlast";
	struct reply_parser parser = { .in_body = true };
	struct buffer out;
	char read[64] = "";
	char wire[64];
	char *rest = wire;
	char *line;

	(void)state;
	buffer_init(&out, 64);
	reply_append_body(&out, body, strlen(body));
	reply_append_end(&out);
	memcpy(wire, buffer_data(&out), buffer_length(&out));
	wire[buffer_length(&out)] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL &&
	    reply_parse_line(&parser, line, &code, &text) == REPLY_BODY) {
		strcat(read, text);
		strcat(read, "\n");
	}
	assert_false(parser.in_body);
	assert_string_equal(read, ".\n..\n\n.a\nb.\n. \nlast\n");
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_bodies),
		cmocka_unit_test(writes_part_of_a_text),
		cmocka_unit_test(tells_when_it_did_not_fit),
		cmocka_unit_test(reads_ok),
		cmocka_unit_test(reads_error),
		cmocka_unit_test(reads_body),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
