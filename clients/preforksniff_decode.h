/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_DECODE_H
#define CLIENTS_PREFORKSNIFF_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A packet's bytes, taken apart. Pure: no clock, no resolver, no memory of
 * other packets; any bytes may be given. What was taken apart before a fault
 * is there, what comes behind it is zero.
 */

#define DECODE_VLANS_MAX                                                     \
	2		   /* tags that are remembered; more are passed over \
			    */
#define DECODE_SACKS_MAX 4 /* blocks that fit into a TCP header */

/* A part of a packet: so many bytes on the wire, so many of them captured.
 * captured <= length. */
struct bytes {
	const uint8_t *data;
	size_t captured;
	size_t length;
};

#define DECODE_PAYLOAD "payload" /* the part, when only that is cut */

enum decode_fault {
	DECODE_WHOLE = 0,
	DECODE_TRUNCATED, /* the capture ends before the packet does */
	DECODE_MALFORMED, /* the packet contradicts itself */
};

enum decode_network {
	DECODE_NO_NETWORK = 0, /* nothing, or a fault before it */
	DECODE_IPV4,
	DECODE_IPV6,
	DECODE_ARP,
	DECODE_OTHER_NETWORK, /* link.protocol tells which */
};

enum decode_transport {
	DECODE_NO_TRANSPORT = 0,
	DECODE_TCP,
	DECODE_UDP,
	DECODE_ICMP,
	DECODE_ICMPV6,
	DECODE_FRAGMENT,	/* not the first: no header of its own */
	DECODE_OTHER_TRANSPORT, /* ip.protocol tells which */
};

struct decode_link {
	bool has_macs;
	uint8_t source[6], destination[6];
	bool has_direction; /* cooked captures */
	uint16_t direction; /* LINUX_SLL_HOST and so on */
	uint32_t interface; /* its index; 0: not known */
	uint16_t protocol;  /* Ethernet type; 0: it has none */
	uint16_t vlans[DECODE_VLANS_MAX];
	size_t n_vlans;
};

struct decode_ip {
	uint8_t source[16], destination[16]; /* IPv4 in the first four */
	uint8_t ttl;			     /* or hop limit */
	uint8_t protocol;		     /* of what the packet carries */
	bool is_fragment;
	bool more_fragments;
	uint32_t fragment_id;
	uint32_t fragment_offset; /* in bytes */
};

struct decode_arp {
	uint16_t operation;
	uint8_t sender[4], target[4];
	uint8_t sender_mac[6];
};

#define DECODE_FIN 0x01
#define DECODE_SYN 0x02
#define DECODE_RST 0x04
#define DECODE_PSH 0x08
#define DECODE_ACK 0x10
#define DECODE_URG 0x20
#define DECODE_ECE 0x40
#define DECODE_CWR 0x80

struct decode_tcp {
	uint32_t sequence, acknowledgement;
	uint8_t flags;
	uint16_t window, urgent;
	bool has_mss, has_scale, has_timestamps, sack_permitted;
	uint16_t mss;
	uint8_t scale;
	uint32_t timestamp, timestamp_echo;
	uint32_t sacks[DECODE_SACKS_MAX][2];
	size_t n_sacks;
};

struct decode_icmp {
	uint8_t type, code;
	bool is_echo;
	uint16_t id, sequence; /* of an echo */
};

struct packet {
	struct bytes wire; /* all of it */
	struct decode_link link;
	enum decode_network network;
	struct decode_ip ip;
	struct decode_arp arp;
	enum decode_transport transport;
	uint16_t source_port, destination_port; /* TCP, UDP */
	struct decode_tcp tcp;
	struct decode_icmp icmp;
	struct bytes payload; /* behind the last header that was taken apart */
	enum decode_fault fault;
	const char *fault_part; /* "TCP options", static; NULL: whole */
};

/* True when packets of this link type (DLT_...) can be taken apart. */
bool decode_knows(int link_type);

/*
 * Takes a packet of LENGTH bytes apart, of which CAPTURED are at DATA, which
 * must stay there for as long as PACKET is used.
 */
void decode_packet(struct packet *packet, int link_type, const void *data,
    size_t captured, size_t length);

#endif
