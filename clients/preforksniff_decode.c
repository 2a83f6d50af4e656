/* SPDX-License-Identifier: ISC */
/*
 * The outermost layer of a packet, as the interface has it: Ethernet with
 * VLAN tags, the "cooked" headers of Linux, loopback, or nothing before IP.
 * Runs in preforksniff after it gave up its privileges, on bytes that anybody
 * may have sent.
 */
#include <net/ethernet.h>
#include <pcap/dlt.h>

#include <stdint.h>
#include <string.h>

#include "clients/preforksniff_bytes.h"
#include "clients/preforksniff_decode.h"
#include "clients/preforksniff_ip.h"

#define ETHERTYPE_QINQ	   0x88a8 /* IEEE 802.1ad */
#define ETHERTYPE_QINQ_OLD 0x9100
#define ETHERTYPE_MIN	   1536 /* less is a length: IEEE 802.3 */

static bool
is_vlan(uint16_t protocol)
{
	return protocol == ETHERTYPE_VLAN || protocol == ETHERTYPE_QINQ ||
	    protocol == ETHERTYPE_QINQ_OLD;
}

static bool
pass_vlans(struct packet *packet, struct bytes *at)
{
	struct decode_link *link = &packet->link;

	while (is_vlan(link->protocol)) {
		const uint8_t *tag = bytes_take(packet, at, 4, "VLAN tag");

		if (tag == NULL)
			return false;
		if (link->n_vlans < DECODE_VLANS_MAX)
			link->vlans[link->n_vlans++] = bytes_16(tag) & 0xfff;
		link->protocol = bytes_16(tag + 2);
	}
	return true;
}

static void
decode_arp(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 8, "ARP header");

	if (head == NULL)
		return;
	/* Other kinds than IPv4 on Ethernet are as good as extinct. */
	if (bytes_16(head + 2) != ETHERTYPE_IP || head[4] != 6 || head[5] != 4)
		return;
	const uint8_t *body = bytes_take(packet, &at, 20, "ARP addresses");
	if (body == NULL)
		return;
	packet->network = DECODE_ARP;
	packet->arp.operation = bytes_16(head + 6);
	memcpy(packet->arp.sender_mac, body, 6);
	memcpy(packet->arp.sender, body + 6, 4);
	memcpy(packet->arp.target, body + 16, 4);
	packet->payload = (struct bytes){ 0 };
}

/* What an Ethernet type promises. */
static void
decode_network(struct packet *packet, struct bytes at)
{
	if (!pass_vlans(packet, &at))
		return;
	packet->payload = at;
	packet->network = DECODE_OTHER_NETWORK;
	switch (packet->link.protocol) {
	case ETHERTYPE_IP:
		ip_decode_v4(packet, at);
		break;
	case ETHERTYPE_IPV6:
		ip_decode_v6(packet, at);
		break;
	case ETHERTYPE_ARP:
		decode_arp(packet, at);
		break;
	default:
		if (packet->link.protocol < ETHERTYPE_MIN)
			packet->link.protocol = 0;
	}
}

static void
decode_ethernet(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 14, "Ethernet header");

	if (head == NULL)
		return;
	packet->link.has_macs = true;
	memcpy(packet->link.destination, head, 6);
	memcpy(packet->link.source, head + 6, 6);
	packet->link.protocol = bytes_16(head + 12);
	decode_network(packet, at);
}

static void
decode_cooked(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 16, "cooked header");

	if (head == NULL)
		return;
	packet->link.has_direction = true;
	packet->link.direction = bytes_16(head);
	packet->link.protocol = bytes_16(head + 14);
	decode_network(packet, at);
}

static void
decode_cooked_v2(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 20, "cooked header");

	if (head == NULL)
		return;
	packet->link.has_direction = true;
	packet->link.direction = head[10];
	packet->link.interface = bytes_32(head + 4);
	packet->link.protocol = bytes_16(head);
	decode_network(packet, at);
}

/* IP that says by itself which version it is. */
static void
decode_raw(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_look(packet, &at, 1, "IP header");

	if (head == NULL)
		return;
	packet->link.protocol = *head >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
	decode_network(packet, at);
}

/* The address family of the system that captured. 2 means IPv4 everywhere,
 * IPv6 has a number of its own on each. */
static void
decode_family(struct packet *packet, struct bytes at, uint32_t family)
{
	switch (family) {
	case 2:
		packet->link.protocol = ETHERTYPE_IP;
		break;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		packet->link.protocol = ETHERTYPE_IPV6;
		break;
	}
	decode_network(packet, at);
}

/* In the byte order of the machine that captured: a family is small. */
static void
decode_null(struct packet *packet, struct bytes at)
{
	const uint8_t *head = bytes_take(packet, &at, 4, "loopback header");

	if (head == NULL)
		return;
	uint32_t family = bytes_32(head);
	if (family > UINT16_MAX)
		family = __builtin_bswap32(family);
	decode_family(packet, at, family);
}

static void
decode_v4(struct packet *packet, struct bytes at)
{
	packet->link.protocol = ETHERTYPE_IP;
	decode_network(packet, at);
}

static void
decode_v6(struct packet *packet, struct bytes at)
{
	packet->link.protocol = ETHERTYPE_IPV6;
	decode_network(packet, at);
}

static const struct link_type {
	int type;
	void (*decode)(struct packet *packet, struct bytes at);
} link_types[] = {
	{ DLT_EN10MB, decode_ethernet },
	{ DLT_LINUX_SLL, decode_cooked },
	{ DLT_LINUX_SLL2, decode_cooked_v2 },
	{ DLT_NULL, decode_null },
	{ DLT_LOOP, decode_null },
	{ DLT_RAW, decode_raw },
	{ DLT_IPV4, decode_v4 },
	{ DLT_IPV6, decode_v6 },
};

static const struct link_type *
find_link_type(int type)
{
	for (size_t i = 0; i < sizeof(link_types) / sizeof(*link_types); i++) {
		if (link_types[i].type == type)
			return &link_types[i];
	}
	return NULL;
}

bool
decode_knows(int link_type)
{
	return find_link_type(link_type) != NULL;
}

void
decode_packet(struct packet *packet, int link_type, const void *data,
    size_t captured, size_t length)
{
	const struct link_type *type = find_link_type(link_type);

	memset(packet, 0, sizeof(*packet));
	/* A file may claim fewer on the wire than it has. */
	if (captured > length)
		captured = length;
	packet->wire = (struct bytes){ data, captured, length };
	packet->payload = packet->wire;
	if (type != NULL)
		type->decode(packet, packet->wire);
	if (packet->payload.captured < packet->payload.length)
		bytes_fault(packet, DECODE_TRUNCATED, DECODE_PAYLOAD);
}
