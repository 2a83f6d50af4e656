/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_ICMP_H
#define CLIENTS_PREFORKSNIFF_ICMP_H

#include <stdbool.h>
#include <stdint.h>

/* What an ICMP (V6: ICMPv6) message says, as words; NULL when not known. */
const char *icmp_name(bool v6, uint8_t type, uint8_t code);

#endif
