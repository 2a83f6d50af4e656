/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_BYTES_H
#define CLIENTS_PREFORKSNIFF_BYTES_H

#include <stdbool.h>

#include "clients/preforksniff_decode.h"

/* The only way to a byte of a packet: every length is checked here. */

/* Notes what is wrong with PART of the packet; the first fault stays. */
void
bytes_fault(struct packet *packet, enum decode_fault fault, const char *part);

/*
 * Takes N bytes off the front of AT. Returns where they are, or NULL with the
 * fault noted: truncated when they were on the wire, malformed when not.
 */
const uint8_t *
bytes_take(struct packet *packet, struct bytes *at, size_t n, const char *part);

/* The same without taking them. */
const uint8_t *bytes_look(
    struct packet *packet, const struct bytes *at, size_t n, const char *part);

/* A length field says that AT has N bytes. False with the fault noted when
 * there are fewer on the wire; what is beyond is padding and cut off. */
bool bytes_limit(
    struct packet *packet, struct bytes *at, size_t n, const char *part);

/* Big-endian numbers. */
uint16_t bytes_16(const uint8_t *data);
uint32_t bytes_32(const uint8_t *data);

#endif
