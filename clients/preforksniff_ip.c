/* SPDX-License-Identifier: ISC */
/*
 * IPv4 with options and fragments (RFC 791), IPv6 with extension headers (RFC
 * 8200). A length field never reaches beyond the packet, and what is beyond
 * the length field (padding of Ethernet) is not part of it.
 */
#include <netinet/in.h>

#include <string.h>

#include "clients/preforksniff_bytes.h"
#include "clients/preforksniff_ip.h"
#include "clients/preforksniff_transport.h"

#define DATAGRAM_MAX 65535 /* of IP, put together from its fragments */

/* Protocols of extension headers that <netinet/in.h> does not name. */
#define PROTOCOL_HIP   139
#define PROTOCOL_SHIM6 140

static void
decode_carried(struct packet *packet, struct bytes at)
{
	packet->payload = at;
	if (packet->ip.is_fragment &&
	    packet->ip.fragment_offset + at.length > DATAGRAM_MAX) {
		bytes_fault(packet, DECODE_MALFORMED, "fragment offset");
		return;
	}
	if (packet->ip.fragment_offset > 0)
		packet->transport = DECODE_FRAGMENT;
	else
		transport_decode(packet, at);
}

/* --- IPv4 ---------------------------------------------------------------- */

/* The length of the header in bytes; 0 with the fault noted. */
static size_t
header_length_v4(struct packet *packet, const uint8_t *head)
{
	size_t length = (size_t)(head[0] & 15) * 4;

	if (head[0] >> 4 != 4)
		bytes_fault(packet, DECODE_MALFORMED, "IPv4 version");
	else if (length < 20)
		bytes_fault(packet, DECODE_MALFORMED, "IPv4 header length");
	else
		return length;
	return 0;
}

static void
take_fragment_v4(struct decode_ip *ip, const uint8_t *head)
{
	uint16_t word = bytes_16(head + 6);

	ip->more_fragments = (word & 0x2000) != 0;
	ip->fragment_offset = (word & 0x1fff) * 8u;
	ip->is_fragment = ip->more_fragments || ip->fragment_offset > 0;
	ip->fragment_id = bytes_16(head + 4);
}

void
ip_decode_v4(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_look(packet, &at, 20, "IPv4 header");
	struct decode_ip *ip = &packet->ip;

	if (head == NULL)
		return;
	size_t header_length = header_length_v4(packet, head);
	if (header_length == 0)
		return;
	packet->network = DECODE_IPV4;
	memcpy(ip->source, head + 12, 4);
	memcpy(ip->destination, head + 16, 4);
	ip->ttl = head[8];
	ip->protocol = head[9];
	take_fragment_v4(ip, head);
	size_t length = bytes_16(head + 2);
	/* 0: left to the interface, which cuts it into packets (TSO). */
	if (length == 0)
		length = at.length;
	if (length < header_length) {
		bytes_fault(packet, DECODE_MALFORMED, "IPv4 length");
		return;
	}
	if (!bytes_limit(packet, &at, length, "IPv4 length"))
		return;
	if (bytes_take(packet, &at, header_length, "IPv4 options") == NULL)
		return;
	decode_carried(packet, at);
}

/* --- IPv6 ---------------------------------------------------------------- */

static bool
is_extension(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_MH:
	case PROTOCOL_HIP:
	case PROTOCOL_SHIM6:
		return true;
	default:
		return false;
	}
}

static size_t
extension_length(uint8_t protocol, const uint8_t *head)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	if (protocol == IPPROTO_AH)
		return (head[1] + 2u) * 4;
	return (head[1] + 1u) * 8;
}

static void
take_fragment_v6(struct decode_ip *ip, const uint8_t *head)
{
	uint16_t word = bytes_16(head + 2);

	ip->more_fragments = (word & 1) != 0;
	ip->fragment_offset = word & 0xfff8u;
	/* RFC 6946: one that is all of its packet is none. */
	ip->is_fragment = ip->more_fragments || ip->fragment_offset > 0;
	ip->fragment_id = bytes_32(head + 4);
}

/* Each has at least 8 bytes, so this ends. False with the fault noted. */
static bool
pass_extensions(struct packet *packet, struct bytes *at)
{
	struct decode_ip *ip = &packet->ip;

	while (is_extension(ip->protocol) && ip->fragment_offset == 0) {
		const uint8_t *head =
		    bytes_look(packet, at, 8, "IPv6 extension");

		if (head == NULL)
			return false;
		if (bytes_take(packet, at, extension_length(ip->protocol, head),
			"IPv6 extension") == NULL)
			return false;
		if (ip->protocol == IPPROTO_FRAGMENT)
			take_fragment_v6(ip, head);
		ip->protocol = head[0];
	}
	return true;
}

void
ip_decode_v6(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 40, "IPv6 header");
	struct decode_ip *ip = &packet->ip;

	if (head == NULL)
		return;
	if (head[0] >> 4 != 6) {
		bytes_fault(packet, DECODE_MALFORMED, "IPv6 version");
		return;
	}
	packet->network = DECODE_IPV6;
	memcpy(ip->source, head + 8, 16);
	memcpy(ip->destination, head + 24, 16);
	ip->protocol = head[6];
	ip->ttl = head[7];
	size_t length = bytes_16(head + 4);
	/* 0 in one that is too long for the field: a jumbogram (RFC 2675). */
	if (length == 0 && at.length > DATAGRAM_MAX)
		length = at.length;
	if (!bytes_limit(packet, &at, length, "IPv6 length"))
		return;
	packet->payload = at;
	if (pass_extensions(packet, &at))
		decode_carried(packet, at);
}
