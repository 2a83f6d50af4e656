/* SPDX-License-Identifier: ISC */
/*
 * A line a packet: time, interface, addresses, and what its headers say, in
 * words that grep and awk find again; then the payload, sixteen bytes a line.
 * Bytes of a packet reach the terminal as numbers or escaped (vis(3)) only.
 */
#define LIBBSD_OPENBSD_VIS /* which of the two strnvis(3) */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/sll.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <vis.h>

#include "clients/preforksniff_icmp.h"
#include "clients/preforksniff_print.h"

#define BYTES_A_LINE 16

/* --- when and where ------------------------------------------------------ */

static void
print_time(FILE *out, const struct timeval *when)
{
	struct tm tm;
	char text[16];
	time_t seconds = when->tv_sec;

	/* A file may hold any number. */
	if (localtime_r(&seconds, &tm) != NULL &&
	    strftime(text, sizeof(text), "%H:%M:%S", &tm) > 0)
		fputs(text, out);
	else
		fprintf(out, "%jd", (intmax_t)seconds);
	fprintf(out, ".%06ld ", (long)when->tv_usec);
}

static const char *
direction_name(uint16_t direction)
{
	switch (direction) {
	case LINUX_SLL_HOST:
		return "in";
	case LINUX_SLL_BROADCAST:
		return "broadcast";
	case LINUX_SLL_MULTICAST:
		return "multicast";
	case LINUX_SLL_OTHERHOST:
		return "other";
	case LINUX_SLL_OUTGOING:
		return "out";
	default:
		return "?";
	}
}

/* The kernel is asked again only when another interface has its turn. */
static void
print_interface(FILE *out, uint32_t interface, bool named)
{
	static uint32_t last;
	static char name[IF_NAMESIZE], shown[4 * IF_NAMESIZE + 1];

	if (named && (interface != last || shown[0] == '\0')) {
		shown[0] = '\0';
		if (if_indextoname(interface, name) != NULL)
			strnvis(
			    shown, name, sizeof(shown), VIS_WHITE | VIS_OCTAL);
		last = interface;
	}
	if (named && shown[0] != '\0')
		fprintf(out, "%s ", shown);
	else
		fprintf(out, "if%" PRIu32 " ", interface);
}

static void
print_link(FILE *out, const struct decode_link *link, bool named)
{
	if (link->interface != 0)
		print_interface(out, link->interface, named);
	if (link->has_direction)
		fprintf(out, "%s ", direction_name(link->direction));
	for (size_t i = 0; i < link->n_vlans; i++)
		fprintf(out, "vlan %u ", link->vlans[i]);
}

static void
print_mac(FILE *out, const uint8_t *mac)
{
	for (int i = 0; i < 6; i++)
		fprintf(out, "%s%02x", i > 0 ? ":" : "", mac[i]);
}

/* --- addresses ----------------------------------------------------------- */

static void
print_address(FILE *out, const struct packet *packet, const uint8_t *address,
    uint16_t port)
{
	bool has_port =
	    packet->transport == DECODE_TCP || packet->transport == DECODE_UDP;
	bool v6 = packet->network == DECODE_IPV6;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(v6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	if (!has_port)
		fputs(text, out);
	else
		fprintf(
		    out, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "", port);
}

static const char *
protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	case IPPROTO_IGMP:
		return "IGMP";
	case IPPROTO_GRE:
		return "GRE";
	case IPPROTO_ESP:
		return "ESP";
	case IPPROTO_SCTP:
		return "SCTP";
	default:
		return NULL;
	}
}

/* --- TCP, UDP, ICMP ------------------------------------------------------ */

/* As tcpdump has them: the dot is ACK. */
static void
print_flags(FILE *out, uint8_t flags)
{
	static const char letters[] = "FSRP.UEW";

	fputs(" [", out);
	for (int i = 0; i < 8; i++) {
		if (flags & 1 << i)
			fputc(letters[i], out);
	}
	fputs(flags == 0 ? "none]" : "]", out);
}

static void
print_tcp(FILE *out, const struct decode_tcp *tcp)
{
	print_flags(out, tcp->flags);
	fprintf(out, " seq %" PRIu32, tcp->sequence);
	if (tcp->flags & DECODE_ACK)
		fprintf(out, " ack %" PRIu32, tcp->acknowledgement);
	fprintf(out, " win %u", tcp->window);
	if (tcp->flags & DECODE_URG)
		fprintf(out, " urg %u", tcp->urgent);
}

/* " <mss 1460,sackOK,...>", or nothing. */
static void
print_options(FILE *out, const struct decode_tcp *tcp)
{
	const char *before = " <";

	if (tcp->has_mss) {
		fprintf(out, "%smss %u", before, tcp->mss);
		before = ",";
	}
	if (tcp->sack_permitted) {
		fprintf(out, "%ssackOK", before);
		before = ",";
	}
	if (tcp->has_timestamps) {
		fprintf(out, "%sts %" PRIu32 " %" PRIu32, before,
		    tcp->timestamp, tcp->timestamp_echo);
		before = ",";
	}
	if (tcp->has_scale) {
		fprintf(out, "%swscale %u", before, tcp->scale);
		before = ",";
	}
	for (size_t i = 0; i < tcp->n_sacks; i++) {
		fprintf(out, "%ssack %" PRIu32 "-%" PRIu32, before,
		    tcp->sacks[i][0], tcp->sacks[i][1]);
		before = ",";
	}
	if (*before == ',')
		fputc('>', out);
}

static void
print_icmp(FILE *out, const struct packet *packet)
{
	const struct decode_icmp *icmp = &packet->icmp;
	const char *name = icmp_name(
	    packet->transport == DECODE_ICMPV6, icmp->type, icmp->code);

	if (name != NULL)
		fprintf(out, " %s", name);
	if (icmp->is_echo)
		fprintf(out, " id %u seq %u", icmp->id, icmp->sequence);
	else
		fprintf(out, " type %u code %u", icmp->type, icmp->code);
}

/* --- the line ------------------------------------------------------------ */

static void
print_ip(FILE *out, const struct packet *packet)
{
	const struct decode_ip *ip = &packet->ip;
	const char *name = protocol_name(ip->protocol);

	fputs(packet->network == DECODE_IPV6 ? "IPv6 " : "IPv4 ", out);
	print_address(out, packet, ip->source, packet->source_port);
	fputs(" > ", out);
	print_address(out, packet, ip->destination, packet->destination_port);
	if (name != NULL)
		fprintf(out, " %s", name);
	else if (ip->protocol != IPPROTO_NONE)
		fprintf(out, " protocol %u", ip->protocol);
	if (packet->transport == DECODE_TCP)
		print_tcp(out, &packet->tcp);
	else if (packet->transport == DECODE_ICMP ||
	    packet->transport == DECODE_ICMPV6)
		print_icmp(out, packet);
	fprintf(out, " length %zu", packet->payload.length);
	if (packet->transport == DECODE_TCP)
		print_options(out, &packet->tcp);
	if (ip->is_fragment)
		fprintf(out, " fragment id %" PRIu32 " offset %" PRIu32 "%s",
		    ip->fragment_id, ip->fragment_offset,
		    ip->more_fragments ? " more" : "");
}

static void
print_arp(FILE *out, const struct decode_arp *arp)
{
	char sender[INET_ADDRSTRLEN] = "", target[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, arp->sender, sender, sizeof(sender));
	inet_ntop(AF_INET, arp->target, target, sizeof(target));
	switch (arp->operation) {
	case 1:
		fprintf(out, "ARP who has %s? tell %s", target, sender);
		break;
	case 2:
		fprintf(out, "ARP %s is at ", sender);
		print_mac(out, arp->sender_mac);
		break;
	default:
		fprintf(
		    out, "ARP operation %u from %s", arp->operation, sender);
	}
}

static void
print_other(FILE *out, const struct packet *packet)
{
	const struct decode_link *link = &packet->link;

	if (link->has_macs) {
		print_mac(out, link->source);
		fputs(" > ", out);
		print_mac(out, link->destination);
		fputc(' ', out);
	}
	if (link->protocol != 0)
		fprintf(out, "type 0x%04x ", link->protocol);
	fprintf(out, "length %zu", packet->payload.length);
}

static void
print_fault(FILE *out, const struct packet *packet)
{
	if (packet->fault == DECODE_WHOLE)
		return;
	fprintf(out, " [%s: %s",
	    packet->fault == DECODE_MALFORMED ? "malformed" : "truncated",
	    packet->fault_part);
	if (strcmp(packet->fault_part, DECODE_PAYLOAD) == 0)
		fprintf(out, ", %zu of %zu bytes", packet->payload.captured,
		    packet->payload.length);
	fputc(']', out);
}

/* --- payload ------------------------------------------------------------- */

static void
print_hex(FILE *out, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < BYTES_A_LINE; i++) {
		if (i == BYTES_A_LINE / 2)
			fputc(' ', out);
		if (i < n)
			fprintf(out, " %02x", data[i]);
		else
			fputs("   ", out);
	}
}

static void
print_payload(FILE *out, const struct bytes *payload)
{
	char escaped[4 * BYTES_A_LINE + 1];

	for (size_t i = 0; i < payload->captured; i += BYTES_A_LINE) {
		size_t left = payload->captured - i;
		size_t n = left < BYTES_A_LINE ? left : BYTES_A_LINE;

		strvisx(escaped, (const char *)payload->data + i, n,
		    VIS_OCTAL | VIS_CSTYLE | VIS_NL | VIS_TAB);
		fprintf(out, "    %04zx ", i);
		print_hex(out, payload->data + i, n);
		fprintf(out, "  %s\n", escaped);
	}
}

void
print_packet(FILE *out, const struct packet *packet, const struct timeval *when,
    const struct print_style *style)
{
	print_time(out, when);
	print_link(out, &packet->link, style->interfaces_named);
	switch (packet->network) {
	case DECODE_IPV4:
	case DECODE_IPV6:
		print_ip(out, packet);
		break;
	case DECODE_ARP:
		print_arp(out, &packet->arp);
		break;
	case DECODE_NO_NETWORK:
	case DECODE_OTHER_NETWORK:
		print_other(out, packet);
		break;
	}
	print_fault(out, packet);
	fputc('\n', out);
	if (style->payload)
		print_payload(out, &packet->payload);
}
