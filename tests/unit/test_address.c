/* SPDX-License-Identifier: ISC */
/* Addresses: the grammar, its errors, and socket addresses as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "common/address.h"

#define BASE "/etc/preforkd"
#define BEGINNINGS                                           \
	"it must begin with tcp://, tls://, udp://, unix:, " \
	"tls+unix:, unixgram:, fd:// or tls+fd://"

static struct address
parsed(const char *text)
{
	struct address address;
	char why[256] = "";

	if (!address_parse(&address, text, BASE, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return address;
}

static void
reads_as(const char *text, const char *canonical)
{
	const struct address address = parsed(text);
	char buf[ADDRESS_TEXT_MAX];

	assert_string_equal(
	    address_format(&address, buf, sizeof(buf)), canonical);
	const struct address again = parsed(buf);
	assert_true(address_equal(&address, &again));
}

static void
is_itself(const char *text)
{
	reads_as(text, text);
}

static void
good_addresses(void **state)
{
	(void)state;
	is_itself("tcp://127.0.0.1:80");
	is_itself("tcp://*:0");
	is_itself("udp://*:65535");
	is_itself("tcp://www.example.org:80");
	is_itself("tcp://my_host-2.local.:80");
	is_itself("udp://[::1]:53");
	is_itself("tcp://[fe80::1%eth0]:80");
	is_itself("unix:/run/x.sock");
	is_itself("unix:@abstract");
	is_itself("unix:@with/slash:and colon");
	is_itself("unixgram:/run/y.sock");
	is_itself("unixgram:@name");
	is_itself("fd://web");
	is_itself("tls://*:443");
	is_itself("tls://[::1]:853");
	is_itself("tls+unix:/run/x.sock");
	is_itself("tls+unix:@abstract");
	is_itself("tls+fd://web");
}

static void
one_address_has_one_text(void **state)
{
	(void)state;
	reads_as("tcp://[0:0:0:0:0:0:0:1]:80", "tcp://[::1]:80");
	reads_as("tcp://[FE80::0001%lo]:80", "tcp://[fe80::1%lo]:80");
	reads_as("tcp://127.0.0.1:0080", "tcp://127.0.0.1:80");
	reads_as("unix:run/x", "unix:" BASE "/run/x");
	reads_as("unix:../x", "unix:/etc/x");
}

static void
relative_paths_without_a_folder(void **state)
{
	struct address address;
	char why[256];

	(void)state;
	assert_true(address_parse(&address, "unix:x", NULL, why, sizeof(why)));
	assert_string_equal(address.path, "x");
	assert_true(address_parse(&address, "unix:x", "/", why, sizeof(why)));
	assert_string_equal(address.path, "/x");
	assert_true(address_parse(&address, "unix:@x", BASE, why, sizeof(why)));
	assert_string_equal(address.path, "x");
}

static void
bad_addresses(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", BEGINNINGS },
		{ "127.0.0.1:80", BEGINNINGS },
		{ "TCP://*:80", BEGINNINGS },
		{ "tls:/run/x", BEGINNINGS },
		{ "tls+udp://*:53", BEGINNINGS },
		{ "tls+tcp://*:443", BEGINNINGS },
		{ "tls://", "a port is missing: write host:port" },
		{ "tls+unix:", "a path or @name is missing" },
		{ "tcp://", "a port is missing: write host:port" },
		{ "tcp://localhost", "a port is missing: write host:port" },
		{ "tcp://[::1]", "a port is missing: write host:port" },
		{ "tcp://[::1:80", "the ] behind the IPv6 address is missing" },
		{ "tcp://::1:80",
		    "an IPv6 address stands in brackets: [::1]:port" },
		{ "tcp://:80",
		    "host \"\" is not a name, an IPv4 address, an "
		    "IPv6 address in brackets or *" },
		{ "tcp://1.2.3:80",
		    "host \"1.2.3\" is not a name, an IPv4 address, an IPv6 "
		    "address in brackets or *" },
		{ "tcp://300.1.1.1:80",
		    "host \"300.1.1.1\" is not a name, an IPv4 address, an "
		    "IPv6 address in brackets or *" },
		{ "tcp://-x:80",
		    "host \"-x\" is not a name, an IPv4 address, "
		    "an IPv6 address in brackets or *" },
		{ "tcp://a/b:80",
		    "host \"a/b\" is not a name, an IPv4 address, an IPv6 "
		    "address in brackets or *" },
		{ "tcp://[127.0.0.1]:80",
		    "\"[127.0.0.1]\" is not an IPv6 address" },
		{ "tcp://[*]:80", "\"[*]\" is not an IPv6 address" },
		{ "tcp://[::1%]:80", "\"[::1%]\" is not an IPv6 address" },
		{ "tcp://*:", "port \"\" is not a number from 0 to 65535" },
		{ "tcp://*:65536",
		    "port \"65536\" is not a number from 0 to 65535" },
		{ "tcp://*:-1", "port \"-1\" is not a number from 0 to 65535" },
		{ "tcp://*:+1", "port \"+1\" is not a number from 0 to 65535" },
		{ "tcp://*:http",
		    "port \"http\" is not a number from 0 to 65535" },
		{ "unix:", "a path or @name is missing" },
		{ "unixgram:@", "a path or @name is missing" },
		{ "fd://",
		    "a name of 1 to 63 bytes without a colon is needed" },
		{ "fd://a:b",
		    "a name of 1 to 63 bytes without a colon is needed" },
	};
	struct address address;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (address_parse(
			&address, rows[i].text, BASE, why, sizeof(why)))
			fail_msg("%s was taken", rows[i].text);
		assert_string_equal(why, rows[i].why);
	}
}

/* PREFIX and N times C. */
static const char *
long_text(const char *prefix, char c, size_t n)
{
	static char text[8192];
	size_t len = strlen(prefix);

	memcpy(text, prefix, len);
	memset(text + len, c, n);
	text[len + n] = '\0';
	return text;
}

static void
lengths_are_looked_at(void **state)
{
	struct address address;
	char why[256];

	(void)state;
	is_itself(long_text("unix:/", 'x', 106));
	is_itself(long_text("unix:@", 'x', 107));
	is_itself(long_text("fd://", 'x', 63));
	assert_false(address_parse(
	    &address, long_text("unix:/", 'x', 107), BASE, why, sizeof(why)));
	assert_string_equal(
	    why, "the path of the socket has 108 bytes, at most 107 fit");
	assert_false(address_parse(
	    &address, long_text("unix:@", 'x', 108), BASE, why, sizeof(why)));
	assert_string_equal(
	    why, "the path of the socket has 108 bytes, at most 107 fit");
	assert_false(address_parse(
	    &address, long_text("unix:", 'x', 6000), BASE, why, sizeof(why)));
	assert_string_equal(
	    why, "the path of the socket has 6014 bytes, at most 107 fit");
	assert_false(address_parse(
	    &address, long_text("fd://", 'x', 64), BASE, why, sizeof(why)));
}

static void
a_host_of_256_bytes_is_too_long(void **state)
{
	struct address address;
	char text[512], why[256];

	(void)state;
	snprintf(text, sizeof(text), "%s:80", long_text("tcp://", 'x', 255));
	is_itself(text);
	snprintf(text, sizeof(text), "%s:80", long_text("tcp://", 'x', 256));
	assert_false(address_parse(&address, text, BASE, why, sizeof(why)));
	assert_string_equal(why, "the host has more than 255 bytes");
}

static void
equality(void **state)
{
	static const char *const all[] = { "tcp://127.0.0.1:80",
		"udp://127.0.0.1:80", "tcp://127.0.0.1:81", "tcp://[::1]:80",
		"unix:/x", "unixgram:/x", "unix:@/x", "fd:///x" };
	const size_t n = sizeof(all) / sizeof(all[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			const struct address a = parsed(all[i]);
			const struct address b = parsed(all[j]);
			assert_int_equal(address_equal(&a, &b), i == j);
		}
	}
	const struct address plain = parsed("tcp://*:443");
	const struct address secret = parsed("tls://*:443");
	assert_true(address_equal(&plain, &secret));
	const struct address upper = parsed("tcp://LocalHost:80");
	const struct address lower = parsed("tcp://localhost:80");
	assert_true(address_equal(&upper, &lower));
}

static void
kinds(void **state)
{
	static const struct {
		const char *text;
		int type;
		bool inet, lookup;
		size_t endpoints;
	} rows[] = {
		{ "tcp://127.0.0.1:80", SOCK_STREAM, true, false, 1 },
		{ "tcp://[::1]:80", SOCK_STREAM, true, false, 1 },
		{ "tls://localhost:80", SOCK_STREAM, true, true, 0 },
		{ "tls+unix:@x", SOCK_STREAM, false, false, 1 },
		{ "udp://*:80", SOCK_DGRAM, true, false, 2 },
		{ "tcp://localhost:80", SOCK_STREAM, true, true, 0 },
		{ "unix:/x", SOCK_STREAM, false, false, 1 },
		{ "unixgram:@x", SOCK_DGRAM, false, false, 1 },
		{ "fd://x", SOCK_STREAM, false, false, 0 },
	};
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct address address = parsed(rows[i].text);
		assert_int_equal(address_socket_type(&address), rows[i].type);
		assert_int_equal(address_is_inet(&address), rows[i].inet);
		assert_int_equal(
		    address_needs_lookup(&address), rows[i].lookup);
		assert_int_equal(
		    address_endpoints(&address, endpoints), rows[i].endpoints);
	}
}

/* What endpoint_format() says of the N-th endpoint of TEXT. */
static void
endpoint_is(const char *text, size_t n, const char *expected)
{
	const struct address address = parsed(text);
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	char buf[ADDRESS_TEXT_MAX];

	assert_true(address_endpoints(&address, endpoints) > n);
	endpoint_format((const struct sockaddr *)&endpoints[n].storage,
	    endpoints[n].length, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static void
endpoints_as_text(void **state)
{
	(void)state;
	endpoint_is("tcp://127.0.0.1:80", 0, "127.0.0.1:80");
	endpoint_is("tcp://[::1]:80", 0, "[::1]:80");
	endpoint_is("tcp://[fe80::1%1]:80", 0, "[fe80::1%1]:80");
	endpoint_is("tcp://[fe80::1%lo]:80", 0, "[fe80::1%1]:80");
	endpoint_is("tcp://*:80", 0, "0.0.0.0:80");
	endpoint_is("tcp://*:80", 1, "[::]:80");
	endpoint_is("unix:/run/x", 0, "/run/x");
	endpoint_is("unix:@x", 0, "@x");
	endpoint_is("unix:@a\nb", 0, "@a\\nb");
}

static void
an_abstract_name_ends_with_its_length(void **state)
{
	const struct address address = parsed("unix:@ab");
	struct endpoint endpoint;
	const struct sockaddr_un *sun = (const void *)&endpoint.storage;

	(void)state;
	assert_int_equal(address_endpoints(&address, &endpoint), 1);
	assert_int_equal(
	    endpoint.length, offsetof(struct sockaddr_un, sun_path) + 3);
	assert_memory_equal(sun->sun_path, "\0ab", 3);
}

static void
peers_without_a_name(void **state)
{
	const struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const struct sockaddr other = { .sa_family = AF_UNSPEC };
	char buf[ADDRESS_TEXT_MAX];

	(void)state;
	assert_string_equal(endpoint_format((const struct sockaddr *)&sun,
				sizeof(sa_family_t), buf, sizeof(buf)),
	    "unnamed");
	assert_string_equal(
	    endpoint_format((const struct sockaddr *)&sun, 0, buf, sizeof(buf)),
	    "unnamed");
	assert_string_equal(
	    endpoint_format(&other, sizeof(other), buf, sizeof(buf)),
	    "unnamed");
}

static void
peers_are_one_word(void **state)
{
	const struct sockaddr_un path = { AF_UNIX, "/a b\n\x1b\xff\\" };
	const struct sockaddr_un name = { AF_UNIX, "\0 done 0" };
	char buf[ADDRESS_TEXT_MAX];

	(void)state;
	assert_string_equal(endpoint_format((const struct sockaddr *)&path,
				sizeof(path), buf, sizeof(buf)),
	    "/a\\sb\\n\\033\\377\\\\");
	assert_string_equal(
	    endpoint_format((const struct sockaddr *)&name,
		offsetof(struct sockaddr_un, sun_path) + 8, buf, sizeof(buf)),
	    "@\\sdone\\s0");
}

static void
names_are_resolved(void **state)
{
	const struct address address = parsed("tcp://localhost:80");
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	char why[256];

	(void)state;
	size_t n = address_resolve(&address, endpoints, why, sizeof(why));
	assert_in_range(n, 1, ADDRESS_MAX_ENDPOINTS);
	for (size_t i = 1; i < n; i++)
		assert_memory_not_equal(&endpoints[0].storage,
		    &endpoints[i].storage, sizeof(endpoints[0].storage));
}

static void
a_literal_is_resolved_without_asking(void **state)
{
	const struct address address = parsed("tcp://127.0.0.1:80");
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	char why[256];

	(void)state;
	assert_int_equal(
	    address_resolve(&address, endpoints, why, sizeof(why)), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses),
		cmocka_unit_test(one_address_has_one_text),
		cmocka_unit_test(relative_paths_without_a_folder),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(lengths_are_looked_at),
		cmocka_unit_test(a_host_of_256_bytes_is_too_long),
		cmocka_unit_test(equality),
		cmocka_unit_test(kinds),
		cmocka_unit_test(endpoints_as_text),
		cmocka_unit_test(an_abstract_name_ends_with_its_length),
		cmocka_unit_test(peers_without_a_name),
		cmocka_unit_test(peers_are_one_word),
		cmocka_unit_test(names_are_resolved),
		cmocka_unit_test(a_literal_is_resolved_without_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
