/* SPDX-License-Identifier: ISC */
/*
 * TCP with its options (RFC 9293, 7323, 2018), UDP, ICMP, ICMPv6. Checksums
 * are not looked at: on the machine that sends, the interface makes them only
 * after the packet was captured.
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "clients/preforksniff_bytes.h"
#include "clients/preforksniff_transport.h"

/* --- TCP ----------------------------------------------------------------- */

static bool
take_sacks(struct decode_tcp *tcp, const uint8_t *data, size_t length)
{
	if (length < 8 || length % 8 != 0)
		return false;
	for (size_t i = 0; i < length && tcp->n_sacks < DECODE_SACKS_MAX;
	     i += 8) {
		tcp->sacks[tcp->n_sacks][0] = bytes_32(data + i);
		tcp->sacks[tcp->n_sacks][1] = bytes_32(data + i + 4);
		tcp->n_sacks++;
	}
	return true;
}

/* One option with LENGTH bytes of DATA. False when it cannot be so long. */
static bool
take_option(
    struct decode_tcp *tcp, uint8_t kind, const uint8_t *data, size_t length)
{
	switch (kind) {
	case TCPOPT_MAXSEG:
		if (length != 2)
			return false;
		tcp->has_mss = true;
		tcp->mss = bytes_16(data);
		return true;
	case TCPOPT_WINDOW:
		if (length != 1)
			return false;
		tcp->has_scale = true;
		tcp->scale = data[0];
		return true;
	case TCPOPT_SACK_PERMITTED:
		tcp->sack_permitted = true;
		return length == 0;
	case TCPOPT_SACK:
		return take_sacks(tcp, data, length);
	case TCPOPT_TIMESTAMP:
		if (length != 8)
			return false;
		tcp->has_timestamps = true;
		tcp->timestamp = bytes_32(data);
		tcp->timestamp_echo = bytes_32(data + 4);
		return true;
	default:
		return true;
	}
}

/* Options are a kind, a length that counts both, and data; two kinds are a
 * single byte. */
static bool
take_options(struct decode_tcp *tcp, const uint8_t *data, size_t length)
{
	while (length > 0 && *data != TCPOPT_EOL) {
		size_t step = 1;

		if (*data != TCPOPT_NOP) {
			if (length < 2 || data[1] < 2 || data[1] > length)
				return false;
			step = data[1];
			if (!take_option(tcp, *data, data + 2, step - 2))
				return false;
		}
		data += step;
		length -= step;
	}
	return true;
}

static void
decode_tcp(struct packet *packet, struct bytes at)
{
	struct decode_tcp *tcp = &packet->tcp;
	const uint8_t *head = bytes_take(packet, &at, 20, "TCP header");

	if (head == NULL)
		return;
	packet->transport = DECODE_TCP;
	packet->source_port = bytes_16(head);
	packet->destination_port = bytes_16(head + 2);
	tcp->sequence = bytes_32(head + 4);
	tcp->acknowledgement = bytes_32(head + 8);
	tcp->flags = head[13];
	tcp->window = bytes_16(head + 14);
	tcp->urgent = bytes_16(head + 18);
	packet->payload = at;
	size_t header_length = (size_t)(head[12] >> 4) * 4;
	if (header_length < 20) {
		bytes_fault(packet, DECODE_MALFORMED, "TCP header length");
		return;
	}
	size_t length = header_length - 20;
	const uint8_t *options = bytes_take(packet, &at, length, "TCP options");
	if (options == NULL) {
		/* How much follows is known all the same. */
		if (packet->fault == DECODE_TRUNCATED)
			packet->payload =
			    (struct bytes){ NULL, 0, at.length - length };
		return;
	}
	packet->payload = at;
	if (!take_options(tcp, options, length))
		bytes_fault(packet, DECODE_MALFORMED, "TCP options");
}

/* --- UDP ----------------------------------------------------------------- */

static void
decode_udp(struct packet *packet, struct bytes at)
{
	size_t whole = at.length;
	const uint8_t *head = bytes_take(packet, &at, 8, "UDP header");

	if (head == NULL)
		return;
	packet->transport = DECODE_UDP;
	packet->source_port = bytes_16(head);
	packet->destination_port = bytes_16(head + 2);
	packet->payload = at;
	size_t length = bytes_16(head + 4);
	/* 0 in one that is too long for the field (RFC 2675). */
	if (length == 0 && whole > UINT16_MAX)
		length = whole;
	if (length < 8)
		bytes_fault(packet, DECODE_MALFORMED, "UDP length");
	/* The rest of the first fragment is in the others. */
	else if (!packet->ip.more_fragments || length < whole)
		bytes_limit(packet, &at, length - 8, "UDP length");
	packet->payload = at;
}

/* --- ICMP ---------------------------------------------------------------- */

static bool
is_echo(const struct packet *packet, uint8_t type)
{
	if (packet->transport == DECODE_ICMP)
		return type == ICMP_ECHO || type == ICMP_ECHOREPLY;
	return type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
}

static void
decode_icmp(struct packet *packet, struct bytes at,
    enum decode_transport transport, const char *part)
{
	const uint8_t *head = bytes_take(packet, &at, 8, part);

	if (head == NULL)
		return;
	packet->transport = transport;
	packet->icmp.type = head[0];
	packet->icmp.code = head[1];
	packet->payload = at;
	packet->icmp.is_echo = is_echo(packet, head[0]);
	if (!packet->icmp.is_echo)
		return;
	packet->icmp.id = bytes_16(head + 4);
	packet->icmp.sequence = bytes_16(head + 6);
}

void
transport_decode(struct packet *packet, struct bytes at)
{
	packet->payload = at;
	switch (packet->ip.protocol) {
	case IPPROTO_TCP:
		decode_tcp(packet, at);
		break;
	case IPPROTO_UDP:
		decode_udp(packet, at);
		break;
	case IPPROTO_ICMP:
		decode_icmp(packet, at, DECODE_ICMP, "ICMP header");
		break;
	case IPPROTO_ICMPV6:
		decode_icmp(packet, at, DECODE_ICMPV6, "ICMPv6 header");
		break;
	case IPPROTO_NONE:
		break;
	default:
		packet->transport = DECODE_OTHER_TRANSPORT;
	}
}
