/* SPDX-License-Identifier: ISC */
/* Lists of protocol names, as people write them and as TLS sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clients/client_tls_alpn.h"

static void
assert_wire(const char *text, const char *expected)
{
	unsigned char wire[CLIENT_TLS_ALPN_MAX];
	char why[128] = "";
	size_t len = 0;

	assert_true(client_tls_alpn(text, wire, &len, why, sizeof(why)));
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(wire, expected, len);
}

static void
assert_refused(const char *text, const char *expected)
{
	unsigned char wire[CLIENT_TLS_ALPN_MAX];
	char why[128] = "";
	size_t len = 0;

	assert_false(client_tls_alpn(text, wire, &len, why, sizeof(why)));
	assert_non_null(strstr(why, expected));
}

static void
names_get_their_length(void **state)
{
	(void)state;
	assert_wire("h2", "\002h2");
	assert_wire("h2,http/1.1", "\002h2\010http/1.1");
	assert_wire(" h2 ,\ta b ", "\002h2\003a b");
}

static void
empty_names_are_refused(void **state)
{
	static const char *const texts[] = { "", " ", ",", "h2,", ",h2", "a,,b",
		"a, ,b" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "a name has 1 to 255 bytes");
}

static void
long_ones_fit_or_are_refused(void **state)
{
	char text[1200];
	char wire[1200];

	(void)state;
	memset(text, 'x', 256);
	text[256] = '\0';
	assert_refused(text, "1 to 255");
	text[255] = '\0';
	snprintf(wire, sizeof(wire), "\377%.255s", text);
	assert_wire(text, wire);
	/* Four of 255 are the 1024 bytes that there are. */
	memset(text, 'x', sizeof(text));
	for (size_t i = 1; i < 4; i++)
		text[i * 256 - 1] = ',';
	text[4 * 256 - 1] = '\0';
	snprintf(wire, sizeof(wire), "\377%.255s\377%.255s\377%.255s\377%.255s",
	    text, text, text, text);
	assert_wire(text, wire);
	memcpy(text + 4 * 256 - 1, ",x", 3);
	assert_refused(text, "more than 1024 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_get_their_length),
		cmocka_unit_test(empty_names_are_refused),
		cmocka_unit_test(long_ones_fit_or_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
