/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_TRANSPORT_H
#define CLIENTS_PREFORKSNIFF_TRANSPORT_H

#include "clients/preforksniff_decode.h"

/* Takes AT apart, which packet->ip.protocol says what it is: TCP, UDP, ICMP or
 * another, into PACKET. */
void transport_decode(struct packet *packet, struct bytes at);

#endif
