/* SPDX-License-Identifier: ISC */
/* PROXY headers, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkcat_proxy.h"
#include "common/address.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct sockaddr_storage
address(const char *text)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	struct address parsed;
	char why[128];

	assert_true(address_parse(&parsed, text, NULL, why, sizeof(why)));
	assert_int_equal(address_endpoints(&parsed, endpoints), 1);
	return endpoints[0].storage;
}

static size_t
make(char *buf, enum proxy_version version, int type, const char *from,
    const char *to)
{
	struct sockaddr_storage source = address(from);
	struct sockaddr_storage destination = address(to);

	return proxy_header(buf, version, type, &source, &destination);
}

static void
assert_v1(const char *from, const char *to, const char *expected)
{
	char buf[PROXY_HEADER_MAX];
	size_t len = make(buf, PROXY_V1, SOCK_STREAM, from, to);

	assert_int_equal(len, strlen(expected));
	assert_memory_equal(buf, expected, len);
	assert_true(len <= 107);
}

static void
version_1(void **state)
{
	(void)state;
	assert_v1("tcp://127.0.0.1:80", "tcp://192.0.2.255:65535",
	    "PROXY TCP4 127.0.0.1 192.0.2.255 80 65535\r\n");
	assert_v1("tcp://[::1]:80", "tcp://[2001:db8::ff]:443",
	    "PROXY TCP6 ::1 2001:db8::ff 80 443\r\n");
	assert_v1("tcp://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "tcp://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_v1("unix:/from", "unix:/to", "PROXY UNKNOWN\r\n");
	assert_v1("unix:/from", "tcp://127.0.0.1:80", "PROXY UNKNOWN\r\n");
}

static void
version_2_inet(void **state)
{
	char buf[PROXY_HEADER_MAX];
	size_t len = make(buf, PROXY_V2, SOCK_STREAM, "tcp://127.0.0.1:258",
	    "tcp://192.0.2.255:65535");

	(void)state;
	assert_int_equal(len, 28);
	assert_memory_equal(buf,
	    SIGNATURE
	    "\x21\x11\0\x0c\x7f\0\0\x01\xc0\0\x02\xff\x01\x02\xff\xff",
	    len);
	len = make(buf, PROXY_V2, SOCK_DGRAM, "udp://127.0.0.1:258",
	    "udp://192.0.2.255:65535");
	assert_int_equal(len, 28);
	assert_memory_equal(buf, SIGNATURE "\x21\x12\0\x0c", 16);
}

static void
version_2_inet6(void **state)
{
	char buf[PROXY_HEADER_MAX];
	size_t len =
	    make(buf, PROXY_V2, SOCK_STREAM, "tcp://[::1]:1", "tcp://[::2]:2");

	(void)state;
	assert_int_equal(len, 52);
	assert_memory_equal(buf, SIGNATURE "\x21\x21\0\x24", 16);
	assert_memory_equal(buf + 31, "\x01", 1);
	assert_memory_equal(buf + 47, "\x02\0\x01\0\x02", 5);
	make(buf, PROXY_V2, SOCK_DGRAM, "udp://[::1]:1", "udp://[::2]:2");
	assert_int_equal(buf[13], 0x22);
}

static void
version_2_unix(void **state)
{
	char buf[PROXY_HEADER_MAX];
	size_t len = make(buf, PROXY_V2, SOCK_STREAM, "unix:/from", "unix:@to");

	(void)state;
	assert_int_equal(len, 16 + 216);
	assert_memory_equal(buf, SIGNATURE "\x21\x31\0\xd8/from\0", 22);
	assert_memory_equal(buf + 124, "\0to\0", 4);
	make(buf, PROXY_V2, SOCK_DGRAM, "unixgram:/from", "unixgram:@to");
	assert_int_equal(buf[13], 0x32);
	/* What is not of one kind is not known. */
	len =
	    make(buf, PROXY_V2, SOCK_STREAM, "unix:/from", "tcp://127.0.0.1:1");
	assert_int_equal(len, 16);
	assert_memory_equal(buf, SIGNATURE "\x21\0\0\0", 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_2_inet),
		cmocka_unit_test(version_2_inet6),
		cmocka_unit_test(version_2_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
