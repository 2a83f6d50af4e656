/* SPDX-License-Identifier: ISC */
/* What is shown of a packet: the line, the payload, nothing unprintable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/preforksniff_icmp.h"
#include "clients/preforksniff_print.h"

static const struct timeval noon = { .tv_sec = 43200, .tv_usec = 42 };

static void
shows_at(const struct timeval *when, const struct packet *packet, bool payload,
    const char *expected)
{
	const struct print_style style = { .payload = payload };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print_packet(out, packet, when, &style);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void
shows(const struct packet *packet, const char *expected)
{
	shows_at(&noon, packet, false, expected);
}

static struct packet
ipv4(enum decode_transport transport, uint8_t protocol)
{
	return (struct packet){
		.network = DECODE_IPV4,
		.transport = transport,
		.ip = { .source = { 127, 0, 0, 1 },
		    .destination = { 127, 0, 0, 2 },
		    .protocol = protocol },
		.source_port = 40000,
		.destination_port = 9000,
		.payload.length = 5,
	};
}

static void
tcp(void **state)
{
	struct packet packet = ipv4(DECODE_TCP, 6);

	(void)state;
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1:40000 > 127.0.0.2:9000 TCP [none] "
	    "seq 0 win 0 length 5\n");
	packet.tcp = (struct decode_tcp){
		.flags = 0xff,
		.sequence = UINT32_MAX,
		.acknowledgement = 2,
		.window = 3,
		.urgent = 4,
		.has_mss = true,
		.mss = 1460,
		.sack_permitted = true,
		.has_timestamps = true,
		.timestamp = 5,
		.timestamp_echo = 6,
		.has_scale = true,
		.scale = 7,
		.sacks = { { 8, 9 } },
		.n_sacks = 1,
	};
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1:40000 > 127.0.0.2:9000 TCP "
	    "[FSRP.UEW] seq 4294967295 ack 2 win 3 urg 4 length 5 <mss 1460,"
	    "sackOK,ts 5 6,wscale 7,sack 8-9>\n");
}

static void
udp_and_others(void **state)
{
	struct packet packet = ipv4(DECODE_UDP, 17);

	(void)state;
	packet.network = DECODE_IPV6;
	memset(packet.ip.source, 0, 16);
	packet.ip.source[15] = 1;
	packet.ip.destination[0] = 0xfe;
	shows(&packet,
	    "12:00:00.000042 IPv6 [::1]:40000 > [fe00:2::]:9000 UDP length "
	    "5\n");
	packet = ipv4(DECODE_FRAGMENT, 17);
	packet.ip.is_fragment = true;
	packet.ip.more_fragments = true;
	packet.ip.fragment_offset = 1480;
	packet.ip.fragment_id = 9;
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1 > 127.0.0.2 UDP length 5 fragment "
	    "id 9 offset 1480 more\n");
	packet = ipv4(DECODE_OTHER_TRANSPORT, 99);
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1 > 127.0.0.2 protocol 99 length "
	    "5\n");
}

static void
icmp(void **state)
{
	struct packet packet = ipv4(DECODE_ICMP, 1);

	(void)state;
	packet.icmp = (struct decode_icmp){
		.type = 8, .is_echo = true, .id = 1, .sequence = 2
	};
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1 > 127.0.0.2 ICMP echo request id 1 "
	    "seq 2 length 5\n");
	packet.icmp = (struct decode_icmp){ .type = 3, .code = 3 };
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1 > 127.0.0.2 ICMP port unreachable "
	    "type 3 code 3 length 5\n");
	packet.icmp.type = 200;
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1 > 127.0.0.2 ICMP type 200 code 3 "
	    "length 5\n");
	assert_string_equal(icmp_name(true, 1, 4), "port unreachable");
	assert_string_equal(icmp_name(true, 1, 99), "unreachable");
	assert_null(icmp_name(false, 200, 0));
}

static void
link_layer(void **state)
{
	struct packet packet = { .network = DECODE_ARP,
		.arp = { .operation = 1,
		    .sender = { 10, 0, 0, 1 },
		    .target = { 10, 0, 0, 2 },
		    .sender_mac = { 1, 2, 3, 4, 5, 0xab } } };

	(void)state;
	packet.link = (struct decode_link){ .interface = 7,
		.has_direction = true,
		.direction = 4,
		.vlans = { 5, 6 },
		.n_vlans = 2 };
	shows(&packet,
	    "12:00:00.000042 if7 out vlan 5 vlan 6 ARP who has 10.0.0.2? tell "
	    "10.0.0.1\n");
	packet.arp.operation = 2;
	packet.link = (struct decode_link){ 0 };
	shows(
	    &packet, "12:00:00.000042 ARP 10.0.0.1 is at 01:02:03:04:05:ab\n");
	packet = (struct packet){ .network = DECODE_OTHER_NETWORK,
		.link = {
		    .has_macs = true, .protocol = 0x88cc, .source = { 1 } } };
	shows(&packet,
	    "12:00:00.000042 01:00:00:00:00:00 > 00:00:00:00:00:00 type 0x88cc "
	    "length 0\n");
}

static void
faults(void **state)
{
	struct packet packet = ipv4(DECODE_UDP, 17);

	(void)state;
	packet.fault = DECODE_MALFORMED;
	packet.fault_part = "UDP length";
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1:40000 > 127.0.0.2:9000 UDP length "
	    "5 [malformed: UDP length]\n");
	packet.fault = DECODE_TRUNCATED;
	packet.fault_part = DECODE_PAYLOAD;
	packet.payload.captured = 2;
	shows(&packet,
	    "12:00:00.000042 IPv4 127.0.0.1:40000 > 127.0.0.2:9000 UDP length "
	    "5 [truncated: payload, 2 of 5 bytes]\n");
}

static void
payload(void **state)
{
	static const uint8_t bytes[] =
	    "abc\r\n\t\\ \0\033[31m\177\377\302\2330";
	struct packet packet = { .payload = { bytes, 20, 20 } };

	(void)state;
	shows_at(&noon, &packet, true,
	    "12:00:00.000042 length 20\n"
	    "    0000  61 62 63 0d 0a 09 5c 20  00 1b 5b 33 31 6d 7f ff  "
	    "abc\\r\\n\\t\\\\ \\0\\033[31m\\177\\377\n"
	    "    0010  c2 9b 30 00                                       "
	    "\\302\\2330\\0\n");
}

/* A file may claim that a packet came at any time. */
static void
odd_times(void **state)
{
	const struct timeval never = { .tv_sec = INT64_MAX, .tv_usec = -1 };
	const struct packet packet = { 0 };

	(void)state;
	shows_at(
	    &never, &packet, false, "9223372036854775807.-00001 length 0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp),
		cmocka_unit_test(udp_and_others),
		cmocka_unit_test(icmp),
		cmocka_unit_test(link_layer),
		cmocka_unit_test(faults),
		cmocka_unit_test(payload),
		cmocka_unit_test(odd_times),
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests_name("sniff_print", tests, NULL, NULL);
}
