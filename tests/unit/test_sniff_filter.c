/* SPDX-License-Identifier: ISC */
/* Words of the command line to an expression of libpcap's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "clients/preforksniff_filter.h"

#define HOST(ip, protocol, host, port)                                        \
	"(" ip " and " protocol " and ((src host " host " and src port " port \
	") or (dst host " host " and dst port " port ")))"

static void
becomes(const char *word, const char *expected)
{
	const char *const words[] = { word, NULL };
	struct buffer text;
	bool unknown;
	char why[512] = "";

	buffer_init(&text, FILTER_TEXT_MAX);
	if (!filter_make(&text, words, &unknown, why, sizeof(why)))
		fail_msg("%s: %s", word, why);
	buffer_append(&text, "", 1);
	assert_string_equal(buffer_data(&text), expected);
	buffer_clear(&text);
}

static void
is_refused(const char *word, const char *expected)
{
	const char *const words[] = { word, NULL };
	struct buffer text;
	bool unknown = true;
	char why[512] = "";

	buffer_init(&text, FILTER_TEXT_MAX);
	assert_false(filter_make(&text, words, &unknown, why, sizeof(why)));
	assert_string_equal(why, expected);
	assert_false(unknown);
	buffer_clear(&text);
}

static void
words_are_passed_on(void **state)
{
	const char *const words[] = { "tcp", "port 80", " and\tnot ", "host",
		"::1", NULL };
	char why[64];
	struct buffer text;
	bool unknown;

	(void)state;
	becomes("", "");
	becomes("(tcp)", "(tcp)");
	becomes("))", "))");
	becomes("ether host 00:01:02:03:04:05", "ether host 00:01:02:03:04:05");
	buffer_init(&text, FILTER_TEXT_MAX);
	assert_true(filter_make(&text, words, &unknown, why, sizeof(why)));
	buffer_append(&text, "", 1);
	assert_string_equal(buffer_data(&text), "tcp port 80 and not host ::1");
	buffer_clear(&text);
}

static void
addresses(void **state)
{
	(void)state;
	becomes("tcp://127.0.0.1:9000",
	    "(" HOST("ip", "tcp", "127.0.0.1", "9000") ")");
	becomes("udp://[::0001]:53", "(" HOST("ip6", "udp", "::1", "53") ")");
	becomes("tcp://[fe80::1%lo]:80",
	    "(" HOST("ip6", "tcp", "fe80::1", "80") ")");
	becomes("udp://*:53",
	    "((ip and udp and port 53) or (ip6 and udp and port 53))");
	becomes("tcp://0.0.0.0:80", "((ip and tcp and port 80))");
	becomes("tcp://[::]:80", "((ip6 and tcp and port 80))");
	/* Port 0: any. */
	becomes("tcp://*:0", "((ip and tcp) or (ip6 and tcp))");
	becomes("udp://127.0.0.1:0",
	    "((ip and udp and ((src host 127.0.0.1) or "
	    "(dst host 127.0.0.1))))");
}

static void
addresses_within_words(void **state)
{
	(void)state;
	becomes("not (tcp://0.0.0.0:1 or !tcp://0.0.0.0:2)",
	    "not (((ip and tcp and port 1)) or !((ip and tcp and port 2)))");
}

static void
not_on_a_wire(void **state)
{
	(void)state;
	is_refused("unix:/run/x.sock",
	    "\"unix:/run/x.sock\" is on no wire: only tcp:// and udp:// can be "
	    "seen");
	is_refused("unixgram:/x",
	    "\"unixgram:/x\" is on no wire: only tcp:// and udp:// can be "
	    "seen");
	is_refused("unix:@name",
	    "\"unix:@name\" is on no wire: only tcp:// and udp:// can be seen");
	is_refused("fd://name",
	    "\"fd://name\" is on no wire: only tcp:// and udp:// can be seen");
}

static void
wrong_addresses(void **state)
{
	(void)state;
	is_refused("tcp://127.0.0.1",
	    "\"tcp://127.0.0.1\" is no address: a port is missing: write "
	    "host:port");
	is_refused("icmp://x:1",
	    "\"icmp://x:1\" is no address: it must begin with tcp://, tls://, "
	    "udp://, unix:, tls+unix:, unixgram:, fd:// or tls+fd://");
}

static void
too_long(void **state)
{
	size_t size = FILTER_TEXT_MAX + 1;
	char *word = malloc(size + 1);

	(void)state;
	assert_non_null(word);
	memset(word, 'x', size);
	word[size] = '\0';
	is_refused(word, "the filter is too long: at most 65536 bytes");
	free(word);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_passed_on),
		cmocka_unit_test(addresses),
		cmocka_unit_test(addresses_within_words),
		cmocka_unit_test(not_on_a_wire),
		cmocka_unit_test(wrong_addresses),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("sniff_filter", tests, NULL, NULL);
}
