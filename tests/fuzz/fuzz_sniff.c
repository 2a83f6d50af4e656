/* SPDX-License-Identifier: ISC */
/*
 * Whatever passes an interface: taking it apart stays within its bytes, and
 * what is shown of it is printable. The first byte chooses the link type, the
 * next two are how many bytes more were on the wire than captured.
 */
#include <pcap/dlt.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforksniff_decode.h"
#include "clients/preforksniff_print.h"

#define HEAD 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int link_types[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2,
	DLT_NULL, DLT_LOOP, DLT_RAW, DLT_IPV4, DLT_IPV6, DLT_USER0 };

static void
insist(bool good)
{
	if (!good)
		abort();
}

static void
check_payload(const struct packet *packet, const uint8_t *data, size_t size)
{
	const struct bytes *payload = &packet->payload;

	insist(payload->captured <= payload->length);
	insist(payload->captured == 0 ||
	    (payload->data >= data &&
		payload->captured <= size - (size_t)(payload->data - data)));
	insist((packet->fault == DECODE_WHOLE) == (packet->fault_part == NULL));
	insist(packet->fault != DECODE_WHOLE ||
	    payload->captured == payload->length);
}

static void
check_text(const struct packet *packet)
{
	const struct timeval when = { .tv_sec = 1, .tv_usec = 2 };
	const struct print_style style = { .payload = true };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	insist(out != NULL);
	print_packet(out, packet, &when, &style);
	insist(fclose(out) == 0);
	insist(size > 0 && text[size - 1] == '\n');
	for (size_t i = 0; i < size; i++)
		insist(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;

	if (size < HEAD)
		return 0;
	const int type =
	    link_types[data[0] % (sizeof(link_types) / sizeof(*link_types))];
	size_t more = (size_t)data[1] << 8 | data[2];
	size -= HEAD;
	data += HEAD;
	decode_packet(&packet, type, data, size, size + more);
	check_payload(&packet, data, size);
	check_text(&packet);
	return 0;
}
