/* SPDX-License-Identifier: ISC */
/* In which order the addresses of a name are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/client_order.h"

/* "4a 6b": an IPv4 address and an IPv6 address, with a letter each. */
static size_t
read_list(struct endpoint *endpoints, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text += text[2] == '\0' ? 2 : 3) {
		memset(&endpoints[n], 0, sizeof(endpoints[n]));
		endpoints[n].storage.ss_family =
		    text[0] == '4' ? AF_INET : AF_INET6;
		endpoints[n++].length = (socklen_t)text[1];
	}
	return n;
}

static void
assert_list(const struct endpoint *endpoints, size_t n, const char *expected)
{
	char text[64] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%c%c", i == 0 ? "" : " ",
		    endpoints[i].storage.ss_family == AF_INET ? '4' : '6',
		    (char)endpoints[i].length);
	assert_string_equal(text, expected);
}

static void
assert_interleaved(const char *text, const char *expected)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	size_t n = read_list(endpoints, text);

	order_interleave(endpoints, n);
	assert_list(endpoints, n, expected);
}

static void
families_take_turns(void **state)
{
	(void)state;
	assert_interleaved("", "");
	assert_interleaved("4a", "4a");
	assert_interleaved("6a 6b 6c", "6a 6b 6c");
	assert_interleaved("6a 4b", "6a 4b");
	assert_interleaved("6a 6b 4c 4d", "6a 4c 6b 4d");
	assert_interleaved("6a 6b 6c 4d", "6a 4d 6b 6c");
	assert_interleaved("6a 4b 4c 4d", "6a 4b 4c 4d");
	/* What the system prefers comes first. */
	assert_interleaved("4a 4b 6c 6d", "4a 6c 4b 6d");
	assert_interleaved("4a 6b 6c 4d 6e", "4a 6b 4d 6c 6e");
	assert_interleaved("4a 6b 4c 6d", "4a 6b 4c 6d");
}

static void
a_family_is_kept(void **state)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	size_t n = read_list(endpoints, "4a 6b 4c 6d");

	(void)state;
	n = order_keep_family(endpoints, n, AF_UNSPEC);
	assert_list(endpoints, n, "4a 6b 4c 6d");
	n = order_keep_family(endpoints, n, AF_INET6);
	assert_list(endpoints, n, "6b 6d");
	n = order_keep_family(endpoints, n, AF_INET);
	assert_int_equal(n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_take_turns),
		cmocka_unit_test(a_family_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
