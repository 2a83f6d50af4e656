/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_IP_H
#define CLIENTS_PREFORKSNIFF_IP_H

#include "clients/preforksniff_decode.h"

/* Take the IP packet AT apart, and what it carries, into PACKET: addresses,
 * fragment, payload, transport, faults. */
void ip_decode_v4(struct packet *packet, struct bytes at);
void ip_decode_v6(struct packet *packet, struct bytes at);

#endif
