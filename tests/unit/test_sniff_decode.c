/* SPDX-License-Identifier: ISC */
/* Packets taken apart: each layer, each length field, each place to be cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pcap/dlt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforksniff_decode.h"

/* Headers as hexadecimal text. IP4() and IP6() take the length fields. */
#define ETHERNET(type) "aaaaaaaaaaaa bbbbbbbbbbbb " type
#define IP4(length, fragment, protocol) \
	"4500" length "0007" fragment "40" protocol "0000 7f000001 7f000002"
#define IP6(length, protocol)              \
	"60000000" length protocol "40"    \
	"00000000000000000000000000000001" \
	"00000000000000000000000000000002"
#define TCP(words)  "9c40 2328 00000001 00000002 " words " 0200 0000 0000"
#define UDP(length) "1388 0035" length "0000"
#define HELLO	    "68656c6c6f"

static struct packet packet;

/* The bytes that TEXT is, in memory of just that size, so that a read beyond
 * is seen by the sanitizers. */
static uint8_t *
bytes_of(const char *text, size_t *size)
{
	uint8_t *data = malloc(strlen(text) / 2 + 1);
	unsigned value;

	assert_non_null(data);
	*size = 0;
	for (; *text != '\0'; text += 2) {
		text += strspn(text, " ");
		if (sscanf(text, "%2x", &value) != 1)
			fail_msg("not hexadecimal: %s", text);
		data[(*size)++] = (uint8_t)value;
	}
	return data;
}

/* The packet stays readable until the next one. */
static void
decode_cut(int link_type, const char *text, size_t captured)
{
	static uint8_t *data;
	size_t size;
	uint8_t *all = bytes_of(text, &size);

	assert_true(captured <= size);
	free(data);
	data = malloc(captured == 0 ? 1 : captured);
	assert_non_null(data);
	memcpy(data, all, captured);
	free(all);
	decode_packet(&packet, link_type, data, captured, size);
}

static void
decode(int link_type, const char *text)
{
	size_t size;

	free(bytes_of(text, &size));
	decode_cut(link_type, text, size);
}

static void
assert_whole(enum decode_network network, enum decode_transport transport,
    const char *payload)
{
	assert_int_equal(packet.fault, DECODE_WHOLE);
	assert_null(packet.fault_part);
	assert_int_equal(packet.network, network);
	assert_int_equal(packet.transport, transport);
	assert_int_equal(packet.payload.length, strlen(payload));
	assert_int_equal(packet.payload.captured, strlen(payload));
	if (*payload != '\0')
		assert_memory_equal(
		    packet.payload.data, payload, strlen(payload));
}

static void
assert_fault(enum decode_fault fault, const char *part)
{
	assert_int_equal(packet.fault, fault);
	assert_string_equal(packet.fault_part, part);
}

static void
assert_malformed(int link_type, const char *text, const char *part)
{
	decode(link_type, text);
	assert_fault(DECODE_MALFORMED, part);
}

/* --- link types ---------------------------------------------------------- */

#define UDP4 IP4("0021", "0000", "11") UDP("000d") HELLO
#define UDP6 IP6("000d", "11") UDP("000d") HELLO

static void
link_types(void **state)
{
	(void)state;
	decode(DLT_EN10MB, ETHERNET("0800") UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	assert_true(packet.link.has_macs);
	assert_int_equal(packet.link.source[0], 0xbb);
	assert_int_equal(packet.link.destination[5], 0xaa);
	decode(DLT_LINUX_SLL, "0004 0304 0006 0000000000000000 0800" UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	assert_int_equal(packet.link.direction, 4);
	decode(DLT_LINUX_SLL2,
	    "86dd 0000 00000007 0304 03 06 0000000000000000" UDP6);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	assert_int_equal(packet.link.interface, 7);
	assert_int_equal(packet.link.direction, 3);
	decode(DLT_IPV4, UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	decode(DLT_IPV6, UDP6);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	decode(DLT_RAW, UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	decode(DLT_RAW, UDP6);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
}

static void
loopback_of_every_system(void **state)
{
	static const char *const families[] = { "0a000000", "18000000",
		"1c000000", "1e000000", "0000000a", "0000001c" };
	char text[256];

	(void)state;
	decode(DLT_NULL, "02000000" UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	decode(DLT_LOOP, "00000002" UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		snprintf(text, sizeof(text), "%s%s", families[i], UDP6);
		decode(DLT_NULL, text);
		assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	}
	decode(DLT_NULL, "07000000" HELLO);
	assert_whole(DECODE_OTHER_NETWORK, DECODE_NO_TRANSPORT, "hello");
}

static void
unknown_link_type(void **state)
{
	(void)state;
	assert_true(decode_knows(DLT_EN10MB));
	assert_false(decode_knows(DLT_USER0));
	decode(DLT_USER0, HELLO);
	assert_whole(DECODE_NO_NETWORK, DECODE_NO_TRANSPORT, "hello");
}

static void
vlans(void **state)
{
	(void)state;
	decode(
	    DLT_EN10MB, ETHERNET("88a8") "f005 8100 0006 8100 0007 0800" UDP4);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	assert_int_equal(packet.link.n_vlans, 2);
	assert_int_equal(packet.link.vlans[0], 5);
	assert_int_equal(packet.link.vlans[1], 6);
	assert_malformed(DLT_EN10MB, ETHERNET("8100") "0001", "VLAN tag");
}

static void
other_networks(void **state)
{
	(void)state;
	decode(DLT_EN10MB, ETHERNET("88cc") HELLO);
	assert_whole(DECODE_OTHER_NETWORK, DECODE_NO_TRANSPORT, "hello");
	assert_int_equal(packet.link.protocol, 0x88cc);
	decode(DLT_EN10MB, ETHERNET("0005") HELLO); /* 802.3: a length */
	assert_whole(DECODE_OTHER_NETWORK, DECODE_NO_TRANSPORT, "hello");
	assert_int_equal(packet.link.protocol, 0);
	decode(DLT_EN10MB,
	    ETHERNET("0806") "0001 0800 06 04 0002 bbbbbbbbbbbb 0a000001"
			     "aaaaaaaaaaaa 0a000002");
	assert_whole(DECODE_ARP, DECODE_NO_TRANSPORT, "");
	assert_int_equal(packet.arp.operation, 2);
	assert_memory_equal(packet.arp.sender, "\12\0\0\1", 4);
	assert_memory_equal(packet.arp.target, "\12\0\0\2", 4);
	assert_malformed(DLT_EN10MB, ETHERNET("0806") "0001 0800 06 04 0002 bb",
	    "ARP addresses");
}

/* --- IPv4 ---------------------------------------------------------------- */

static void
ipv4_header(void **state)
{
	(void)state;
	decode(DLT_RAW, UDP4);
	assert_memory_equal(packet.ip.source, "\177\0\0\1", 4);
	assert_memory_equal(packet.ip.destination, "\177\0\0\2", 4);
	assert_int_equal(packet.ip.ttl, 64);
	assert_int_equal(packet.source_port, 5000);
	assert_int_equal(packet.destination_port, 53);
	assert_false(packet.ip.is_fragment);
	/* Options: a header of 24 bytes. */
	decode(DLT_RAW,
	    "46000025000700004011 0000 7f000001 7f000002 94040000" UDP("000d")
		HELLO);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	/* What Ethernet adds to be long enough is not payload. */
	decode(DLT_EN10MB, ETHERNET("0800") UDP4 "000000000000");
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	/* Length 0: the interface cuts it into packets. */
	decode(DLT_RAW, IP4("0000", "0000", "84") HELLO);
	assert_whole(DECODE_IPV4, DECODE_OTHER_TRANSPORT, "hello");
}

static void
ipv4_malformed(void **state)
{
	(void)state;
	assert_malformed(DLT_IPV4, UDP6, "IPv4 version");
	assert_malformed(
	    DLT_RAW, "44" HELLO HELLO HELLO HELLO, "IPv4 header length");
	assert_malformed(DLT_RAW, IP4("0013", "0000", "11"), "IPv4 length");
	assert_malformed(DLT_RAW, IP4("0022", "0000", "11") UDP("000d") HELLO,
	    "IPv4 length");
	assert_malformed(DLT_RAW, "450000", "IPv4 header");
	assert_malformed(DLT_RAW, "", "IP header");
	/* Options that reach beyond the packet. */
	assert_malformed(DLT_RAW, "4f000014000700004011 0000 7f000001 7f000002",
	    "IPv4 length");
}

static void
ipv4_fragments(void **state)
{
	(void)state;
	/* The first has the header; the rest of the datagram is elsewhere. */
	decode(DLT_RAW, IP4("0021", "2000", "11") UDP("05dc") HELLO);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hello");
	assert_true(packet.ip.is_fragment && packet.ip.more_fragments);
	assert_int_equal(packet.ip.fragment_id, 7);
	assert_int_equal(packet.ip.fragment_offset, 0);
	/* The last has none. */
	decode(DLT_RAW, IP4("0019", "00b9", "11") HELLO);
	assert_whole(DECODE_IPV4, DECODE_FRAGMENT, "hello");
	assert_true(packet.ip.is_fragment);
	assert_false(packet.ip.more_fragments);
	assert_int_equal(packet.ip.fragment_offset, 1480);
	assert_int_equal(packet.source_port, 0);
	/* "Do not fragment" is no fragment. */
	decode(DLT_RAW, IP4("0021", "4000", "11") UDP("000d") HELLO);
	assert_false(packet.ip.is_fragment);
	/* A datagram has at most 65535 bytes. */
	decode(DLT_RAW, IP4("001b", "1fff", "11") HELLO "0000");
	assert_int_equal(packet.fault, DECODE_WHOLE);
	assert_int_equal(packet.payload.length, 7);
	assert_malformed(DLT_RAW, IP4("001c", "1fff", "11") HELLO "000000",
	    "fragment offset");
}

/* --- IPv6 ---------------------------------------------------------------- */

static void
ipv6_header(void **state)
{
	uint8_t address[16];

	(void)state;
	decode(DLT_RAW, UDP6 "0000"); /* and padding */
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	inet_pton(AF_INET6, "::1", address);
	assert_memory_equal(packet.ip.source, address, 16);
	inet_pton(AF_INET6, "::2", address);
	assert_memory_equal(packet.ip.destination, address, 16);
	decode(DLT_RAW, IP6("0000", "3b"));
	assert_whole(DECODE_IPV6, DECODE_NO_TRANSPORT, "");
	assert_malformed(DLT_IPV6, UDP4 UDP4, "IPv6 version");
	assert_malformed(DLT_RAW, "6000", "IPv6 header");
	assert_malformed(
	    DLT_RAW, IP6("000e", "11") UDP("000d") HELLO, "IPv6 length");
}

static void
ipv6_extensions(void **state)
{
	(void)state;
	/* Hop by hop, destination options, routing (16 bytes). */
	decode(DLT_RAW,
	    IP6("002d", "00") "3c00 010400000000"
			      "2b00 010400000000"
			      "1101 000000000000 0000000000000000" UDP("000d")
				  HELLO);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	/* Authentication: its length is in words of 4. */
	decode(DLT_RAW,
	    IP6("0025", "33") "1104 0000 00000000 00000000 00000000 00000000"
			      "00000000" UDP("000d") HELLO);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	assert_malformed(
	    DLT_RAW, IP6("0008", "00") "11ff 000000000000", "IPv6 extension");
	assert_malformed(
	    DLT_RAW, IP6("0004", "00") "11000000", "IPv6 extension");
}

static void
ipv6_fragments(void **state)
{
	(void)state;
	decode(
	    DLT_RAW, IP6("0015", "2c") "1100 0001 00000009" UDP("05dc") HELLO);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	assert_true(packet.ip.is_fragment && packet.ip.more_fragments);
	assert_int_equal(packet.ip.fragment_id, 9);
	decode(DLT_RAW, IP6("000d", "2c") "1100 05a8 00000009" HELLO);
	assert_whole(DECODE_IPV6, DECODE_FRAGMENT, "hello");
	assert_int_equal(packet.ip.fragment_offset, 1448);
	/* What looks like an extension in a later fragment is not one. */
	decode(DLT_RAW, IP6("000d", "2c") "3c00 05a8 00000009" HELLO);
	assert_whole(DECODE_IPV6, DECODE_FRAGMENT, "hello");
	/* RFC 6946: one that is all of its packet. */
	decode(
	    DLT_RAW, IP6("0015", "2c") "1100 0000 00000009" UDP("000d") HELLO);
	assert_whole(DECODE_IPV6, DECODE_UDP, "hello");
	assert_false(packet.ip.is_fragment);
}

/* --- TCP ----------------------------------------------------------------- */

static void
tcp_header(void **state)
{
	(void)state;
	decode(DLT_RAW, IP4("002d", "0000", "06") TCP("5018") HELLO);
	assert_whole(DECODE_IPV4, DECODE_TCP, "hello");
	assert_int_equal(packet.source_port, 40000);
	assert_int_equal(packet.destination_port, 9000);
	assert_int_equal(packet.tcp.sequence, 1);
	assert_int_equal(packet.tcp.acknowledgement, 2);
	assert_int_equal(packet.tcp.flags, DECODE_PSH | DECODE_ACK);
	assert_int_equal(packet.tcp.window, 512);
}

static void
tcp_options(void **state)
{
	(void)state;
	decode(DLT_RAW,
	    IP4("003c", "0000", "06")
		TCP("a002") "020405b4 0402 080a0000000300000004 01 030307");
	assert_whole(DECODE_IPV4, DECODE_TCP, "");
	assert_true(packet.tcp.has_mss && packet.tcp.mss == 1460);
	assert_true(packet.tcp.sack_permitted);
	assert_true(packet.tcp.has_timestamps);
	assert_int_equal(packet.tcp.timestamp, 3);
	assert_int_equal(packet.tcp.timestamp_echo, 4);
	assert_true(packet.tcp.has_scale && packet.tcp.scale == 7);
	decode(DLT_RAW,
	    IP4("0034", "0000", "06") TCP("8010") "0101 050a0000000100000002");
	assert_whole(DECODE_IPV4, DECODE_TCP, "");
	assert_int_equal(packet.tcp.n_sacks, 1);
	assert_int_equal(packet.tcp.sacks[0][0], 1);
	assert_int_equal(packet.tcp.sacks[0][1], 2);
	/* Behind the end of options there may be anything. */
	decode(DLT_RAW, IP4("002c", "0000", "06") TCP("6010") "00ffffff");
	assert_whole(DECODE_IPV4, DECODE_TCP, "");
	/* Of an unknown kind only the length counts. */
	decode(DLT_RAW, IP4("002c", "0000", "06") TCP("6010") "fe04ffff");
	assert_whole(DECODE_IPV4, DECODE_TCP, "");
}

static void
tcp_malformed(void **state)
{
	static const char *const options[] = {
		"02030000", /* a maximum segment size of 1 byte */
		"03020000", /* a window scale of none */
		"04030000", /* SACK permitted, and more */
		"05040000", /* half a SACK block */
		"08040000", /* timestamps of 2 bytes */
		"fe05ffff", /* longer than the header */
		"fe000000", /* shorter than itself */
		"fe010000", /* the same */
		"010101fe", /* no length */
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		snprintf(text, sizeof(text), "%s%s",
		    IP4("002c", "0000", "06") TCP("6010"), options[i]);
		assert_malformed(DLT_RAW, text, "TCP options");
	}
	assert_malformed(DLT_RAW, IP4("0028", "0000", "06") TCP("4010"),
	    "TCP header length");
	assert_malformed(
	    DLT_RAW, IP4("0028", "0000", "06") TCP("6010"), "TCP options");
	assert_malformed(
	    DLT_RAW, IP4("0019", "0000", "06") HELLO, "TCP header");
}

/* --- UDP, ICMP ----------------------------------------------------------- */

static void
udp_length(void **state)
{
	(void)state;
	/* Shorter than IP says: the rest is not of it. */
	decode(DLT_RAW, IP4("0021", "0000", "11") UDP("000b") HELLO);
	assert_whole(DECODE_IPV4, DECODE_UDP, "hel");
	decode(DLT_RAW, IP4("001c", "0000", "11") UDP("0008"));
	assert_whole(DECODE_IPV4, DECODE_UDP, "");
	assert_malformed(
	    DLT_RAW, IP4("0021", "0000", "11") UDP("000e") HELLO, "UDP length");
	assert_malformed(
	    DLT_RAW, IP4("0021", "0000", "11") UDP("0007") HELLO, "UDP length");
	assert_malformed(
	    DLT_RAW, IP4("0021", "0000", "11") UDP("0000") HELLO, "UDP length");
	assert_malformed(
	    DLT_RAW, IP4("0019", "0000", "11") HELLO, "UDP header");
}

static void
icmp(void **state)
{
	(void)state;
	decode(DLT_RAW, IP4("0021", "0000", "01") "08000000 0003 0004" HELLO);
	assert_whole(DECODE_IPV4, DECODE_ICMP, "hello");
	assert_true(packet.icmp.is_echo);
	assert_int_equal(packet.icmp.id, 3);
	assert_int_equal(packet.icmp.sequence, 4);
	decode(DLT_RAW, IP4("0021", "0000", "01") "03030000 00000000" HELLO);
	assert_whole(DECODE_IPV4, DECODE_ICMP, "hello");
	assert_false(packet.icmp.is_echo);
	assert_int_equal(packet.icmp.type, 3);
	assert_int_equal(packet.icmp.code, 3);
	decode(DLT_RAW, IP6("000d", "3a") "80000000 0003 0004" HELLO);
	assert_whole(DECODE_IPV6, DECODE_ICMPV6, "hello");
	assert_true(packet.icmp.is_echo);
	/* 8 is an echo in the one, not in the other. */
	decode(DLT_RAW, IP6("000d", "3a") "08000000 0003 0004" HELLO);
	assert_false(packet.icmp.is_echo);
	assert_malformed(
	    DLT_RAW, IP4("0019", "0000", "01") HELLO, "ICMP header");
}

/* --- cut ----------------------------------------------------------------- */

/* Wherever the capture ends, the packet is truncated, never malformed. */
static void
truncated_anywhere(void **state)
{
	static const char *const packets[] = {
		ETHERNET("8100") "0005 0800" IP4("003d", "0000", "06")
		    TCP("9018") "0101 080a0000000300000004 0101 0000" HELLO,
		ETHERNET("86dd")
		    IP6("001d", "00") "3c00 010400000000"
				      "1100 010400000000" UDP("000d") HELLO,
		ETHERNET("0806") "0001 0800 06 04 0001 bbbbbbbbbbbb 0a000001"
				 "000000000000 0a000002",
		ETHERNET("0800")
		    IP4("0021", "0000", "01") "0800000000030004" HELLO,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		size_t size;

		free(bytes_of(packets[i], &size));
		for (size_t n = 0; n < size; n++) {
			decode_cut(DLT_EN10MB, packets[i], n);
			assert_int_equal(packet.fault, DECODE_TRUNCATED);
		}
		decode(DLT_EN10MB, packets[i]);
		assert_int_equal(packet.fault, DECODE_WHOLE);
	}
}

static void
truncated_payload(void **state)
{
	(void)state;
	decode_cut(DLT_RAW, UDP4, 30);
	assert_fault(DECODE_TRUNCATED, DECODE_PAYLOAD);
	assert_int_equal(packet.payload.captured, 2);
	assert_int_equal(packet.payload.length, 5);
	/* Cut within the options: how much follows is known all the same. */
	decode_cut(DLT_RAW,
	    IP4("0031", "0000", "06") TCP("6018") "01010101" HELLO, 42);
	assert_fault(DECODE_TRUNCATED, "TCP options");
	assert_int_equal(packet.payload.captured, 0);
	assert_int_equal(packet.payload.length, 5);
}

/* A file may say that fewer bytes were on the wire than it has. */
static void
more_than_there_was(void **state)
{
	size_t size;
	uint8_t *data = bytes_of(UDP4, &size);

	(void)state;
	decode_packet(&packet, DLT_RAW, data, size, size - 1);
	assert_fault(DECODE_MALFORMED, "IPv4 length");
	decode_packet(&packet, DLT_RAW, data, size, 0);
	assert_fault(DECODE_MALFORMED, "IP header");
	decode_packet(&packet, DLT_RAW, NULL, 0, 0);
	assert_fault(DECODE_MALFORMED, "IP header");
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_types),
		cmocka_unit_test(loopback_of_every_system),
		cmocka_unit_test(unknown_link_type),
		cmocka_unit_test(vlans),
		cmocka_unit_test(other_networks),
		cmocka_unit_test(ipv4_header),
		cmocka_unit_test(ipv4_malformed),
		cmocka_unit_test(ipv4_fragments),
		cmocka_unit_test(ipv6_header),
		cmocka_unit_test(ipv6_extensions),
		cmocka_unit_test(ipv6_fragments),
		cmocka_unit_test(tcp_header),
		cmocka_unit_test(tcp_options),
		cmocka_unit_test(tcp_malformed),
		cmocka_unit_test(udp_length),
		cmocka_unit_test(icmp),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(truncated_payload),
		cmocka_unit_test(more_than_there_was),
	};

	return cmocka_run_group_tests_name("sniff_decode", tests, NULL, NULL);
}
