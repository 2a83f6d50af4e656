/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_ORDER_H
#define CLIENTS_CLIENT_ORDER_H

#include <stddef.h>

#include "common/address.h"

/* Keeps those of FAMILY (AF_UNSPEC: all), in their order. Returns how many are
 * left. Pure. */
size_t order_keep_family(struct endpoint *endpoints, size_t n, int family);

/*
 * The order of RFC 8305, section 4, from that of the resolver (RFC 6724): the
 * families take turns, beginning with that of the first; within one the order
 * stays. Pure.
 */
void order_interleave(struct endpoint *endpoints, size_t n);

#endif
