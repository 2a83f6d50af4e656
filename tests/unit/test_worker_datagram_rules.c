/* SPDX-License-Identifier: ISC */
/* Which datagrams are answered: a table. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/datagram_rules.h"

static struct sockaddr_storage
address(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&storage, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&storage, &in6, sizeof(in6));
	else
		fail_msg("bad address %s", text);
	return storage;
}

static struct host_address
host(const char *text, bool broadcast)
{
	struct sockaddr_storage sa = address(text, 0);

	return (struct host_address){
		.address = datagram_address((struct sockaddr *)&sa),
		.broadcast = broadcast,
	};
}

static const struct {
	const char *from;
	uint16_t port;
	const char *to;
	bool reserved_too;
	enum datagram_verdict verdict;
} cases[] = {
	{ "192.0.2.9", 40000, "192.0.2.1", false, DATAGRAM_ANSWER },
	{ "2001:db8::9", 40000, "2001:db8::1", false, DATAGRAM_ANSWER },
	{ "192.0.2.9", 1024, "192.0.2.1", false, DATAGRAM_ANSWER },
	/* ports of services */
	{ "192.0.2.9", 0, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.9", 0, "192.0.2.1", true, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.9", 7, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.9", 7, "192.0.2.1", true, DATAGRAM_ANSWER },
	{ "192.0.2.9", 1023, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.9", 2049, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.9", 2049, "192.0.2.1", true, DATAGRAM_ANSWER },
	/* nobody's addresses, and those of many */
	{ "0.0.0.0", 40000, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "0.1.2.3", 40000, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "255.255.255.255", 40000, "192.0.2.1", true, DATAGRAM_BAD_SOURCE },
	{ "192.0.2.255", 40000, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "224.0.0.1", 40000, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "239.1.2.3", 40000, "192.0.2.1", false, DATAGRAM_BAD_SOURCE },
	{ "::", 40000, "2001:db8::1", false, DATAGRAM_BAD_SOURCE },
	{ "ff02::1", 40000, "2001:db8::1", false, DATAGRAM_BAD_SOURCE },
	{ "::ffff:224.0.0.1", 40000, "2001:db8::1", false,
	    DATAGRAM_BAD_SOURCE },
	/* sent to many */
	{ "192.0.2.9", 40000, "255.255.255.255", false, DATAGRAM_BROADCAST },
	{ "192.0.2.9", 40000, "192.0.2.255", false, DATAGRAM_BROADCAST },
	{ "192.0.2.9", 40000, "224.0.0.251", false, DATAGRAM_BROADCAST },
	{ "2001:db8::9", 40000, "ff02::1", false, DATAGRAM_BROADCAST },
	/* our own services, by every address of ours */
	{ "192.0.2.1", 7001, "192.0.2.1", false, DATAGRAM_LOOP },
	{ "192.0.2.1", 7005, "127.0.0.1", true, DATAGRAM_LOOP },
	{ "127.0.0.1", 7001, "127.0.0.1", false, DATAGRAM_LOOP },
	{ "127.0.0.2", 7005, "127.0.0.1", false, DATAGRAM_LOOP },
	{ "::1", 7005, "::1", false, DATAGRAM_LOOP },
	{ "::ffff:127.0.0.1", 7005, "::1", false, DATAGRAM_LOOP },
	{ "2001:db8::1", 7001, "2001:db8::1", false, DATAGRAM_LOOP },
	{ "198.51.100.5", 7005, "198.51.100.5", false, DATAGRAM_LOOP },
	/* another host that uses the same port, and our own clients */
	{ "192.0.2.9", 7001, "192.0.2.1", false, DATAGRAM_ANSWER },
	{ "127.0.0.1", 40000, "127.0.0.1", false, DATAGRAM_ANSWER },
};

static void
test_verdicts(void **state)
{
	static const uint16_t ports[] = { 7001, 7005 };
	const struct host_address hosts[] = { host("127.0.0.1", false),
		host("192.0.2.1", false), host("192.0.2.255", true),
		host("2001:db8::1", false) };
	const struct datagram_rules rules = { ports, 2, hosts, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage from =
		    address(cases[i].from, cases[i].port);
		struct sockaddr_storage to = address(cases[i].to, 7001);
		enum datagram_verdict verdict =
		    datagram_judge(&rules, (struct sockaddr *)&from,
			(struct sockaddr *)&to, cases[i].reserved_too);
		if (verdict != cases[i].verdict)
			fail_msg("%s port %u to %s: %d instead of %d",
			    cases[i].from, cases[i].port, cases[i].to,
			    (int)verdict, (int)cases[i].verdict);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
