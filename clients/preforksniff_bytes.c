/* SPDX-License-Identifier: ISC */
/*
 * Access to the bytes of a packet for the modules that take it apart. Nothing
 * else of preforksniff reads a packet; here is where each length is held
 * against what was captured and what was on the wire.
 */
#include "clients/preforksniff_bytes.h"

void
bytes_fault(struct packet *packet, enum decode_fault fault, const char *part)
{
	if (packet->fault != DECODE_WHOLE)
		return;
	packet->fault = fault;
	packet->fault_part = part;
}

const uint8_t *
bytes_look(
    struct packet *packet, const struct bytes *at, size_t n, const char *part)
{
	if (at->captured >= n)
		return at->data;
	bytes_fault(packet,
	    at->length >= n ? DECODE_TRUNCATED : DECODE_MALFORMED, part);
	return NULL;
}

const uint8_t *
bytes_take(struct packet *packet, struct bytes *at, size_t n, const char *part)
{
	const uint8_t *data = bytes_look(packet, at, n, part);

	if (data == NULL)
		return NULL;
	at->data += n;
	at->captured -= n;
	at->length -= n;
	return data;
}

bool
bytes_limit(struct packet *packet, struct bytes *at, size_t n, const char *part)
{
	if (at->length < n) {
		bytes_fault(packet, DECODE_MALFORMED, part);
		return false;
	}
	at->length = n;
	if (at->captured > n)
		at->captured = n;
	return true;
}

uint16_t
bytes_16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

uint32_t
bytes_32(const uint8_t *data)
{
	return (uint32_t)bytes_16(data) << 16 | bytes_16(data + 2);
}
