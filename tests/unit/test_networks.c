/* SPDX-License-Identifier: ISC */
/* CIDR lists: which are taken, and what lies in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "common/networks.h"

static void
reads_as(const char *text, const char *expected)
{
	struct network_list list;
	char why[160] = "", all[512] = "", one[64];

	if (!networks_parse(&list, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	for (size_t i = 0; i < list.n; i++) {
		strlcat(all, i > 0 ? " " : "", sizeof(all));
		strlcat(all, network_format(&list.items[i], one, sizeof(one)),
		    sizeof(all));
	}
	assert_string_equal(all, expected);
	networks_clear(&list);
	assert_null(list.items);
}

static void
lists(void **state)
{
	(void)state;
	reads_as("", "");
	reads_as(" ,\t", "");
	reads_as("10.0.0.0/8", "10.0.0.0/8");
	reads_as("10.0.0.1", "10.0.0.1");
	reads_as("10.0.0.1/32", "10.0.0.1");
	reads_as("::1, 10.0.0.0/8\t0.0.0.0/0", "::1 10.0.0.0/8 0.0.0.0/0");
	reads_as("2001:0DB8::/32", "2001:db8::/32");
	reads_as("::/0", "::/0");
}

static void
wrong_networks(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "any",
		    "\"any\" is not a network such as 10.0.0.0/8 or "
		    "::1/128" },
		{ "10.0.0/8",
		    "\"10.0.0/8\" is not a network such as "
		    "10.0.0.0/8 or ::1/128" },
		{ "[::1]",
		    "\"[::1]\" is not a network such as 10.0.0.0/8 or "
		    "::1/128" },
		{ "10.0.0.0/",
		    "\"10.0.0.0/\" has no prefix length from 0 to "
		    "32" },
		{ "10.0.0.0/33",
		    "\"10.0.0.0/33\" has no prefix length from 0 "
		    "to 32" },
		{ "10.0.0.0/+8",
		    "\"10.0.0.0/+8\" has no prefix length from 0 "
		    "to 32" },
		{ "10.0.0.0/255.0.0.0",
		    "\"10.0.0.0/255.0.0.0\" has no prefix length from 0 to "
		    "32" },
		{ "::1/129",
		    "\"::1/129\" has no prefix length from 0 to "
		    "128" },
		{ "10.0.0.1/8",
		    "\"10.0.0.1/8\" has bits set beyond its "
		    "prefix" },
		{ "::1/127", "\"::1/127\" has bits set beyond its prefix" },
		{ "::ffff:10.0.0.0/104",
		    "\"::ffff:10.0.0.0/104\" is a network "
		    "of IPv4, write it as such" },
		{ "10.0.0.0/8 x",
		    "\"x\" is not a network such as 10.0.0.0/8 "
		    "or ::1/128" },
	};
	struct network_list list;
	char why[160];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (networks_parse(&list, rows[i].text, why, sizeof(why)))
			fail_msg("%s was taken", rows[i].text);
		assert_string_equal(why, rows[i].why);
		assert_null(list.items);
	}
}

static bool
lies_in(const char *address, const char *text)
{
	struct network_list list;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	char why[160];
	bool v4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;

	if (!v4)
		assert_int_equal(
		    inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	assert_true(networks_parse(&list, text, why, sizeof(why)));
	bool answer = network_list_contains(
	    &list, v4 ? (const void *)&in : (const void *)&in6);
	networks_clear(&list);
	return answer;
}

static void
what_lies_in_a_list(void **state)
{
	(void)state;
	assert_true(lies_in("10.255.255.255", "10.0.0.0/8"));
	assert_false(lies_in("11.0.0.0", "10.0.0.0/8"));
	assert_true(lies_in("192.168.1.127", "192.168.1.0/25"));
	assert_false(lies_in("192.168.1.128", "192.168.1.0/25"));
	assert_true(lies_in("1.2.3.4", "0.0.0.0/0"));
	assert_true(lies_in("1.2.3.4", "1.2.3.4"));
	assert_false(lies_in("1.2.3.5", "1.2.3.4"));
	assert_true(lies_in("2001:db8:7fff::", "2001:db8::/33"));
	assert_false(lies_in("2001:db8:8000::", "2001:db8::/33"));
	assert_true(lies_in("::1", "10.0.0.0/8 ::1"));
}

static void
families_do_not_mix(void **state)
{
	(void)state;
	assert_false(lies_in("10.0.0.1", "::/0"));
	assert_false(lies_in("::1", "0.0.0.0/0"));
	/* As an IPv6 socket shows an IPv4 peer. */
	assert_true(lies_in("::ffff:10.0.0.1", "10.0.0.0/8"));
	assert_false(lies_in("::ffff:10.0.0.1", "::/0"));
}

static void
an_empty_list_and_a_unix_peer_hold_nothing(void **state)
{
	const struct sockaddr peer = { .sa_family = AF_UNIX };
	struct network_list list;
	char why[160];

	(void)state;
	assert_false(lies_in("127.0.0.1", ""));
	assert_true(networks_parse(&list, "0.0.0.0/0 ::/0", why, sizeof(why)));
	assert_false(network_list_contains(&list, &peer));
	networks_clear(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(wrong_networks),
		cmocka_unit_test(what_lies_in_a_list),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(an_empty_list_and_a_unix_peer_hold_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
