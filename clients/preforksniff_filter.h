/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_FILTER_H
#define CLIENTS_PREFORKSNIFF_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

#define FILTER_TEXT_MAX 65536 /* bytes of an expression */

/*
 * Appends to OUT (not terminated) the pcap-filter(7) expression of WORDS, up
 * to a NULL. A word that is an address of ours (tcp://host:port,
 * udp://host:port, see common/address.h) becomes what goes to and comes from
 * it; the others are passed on. Host names are looked up, which BLOCKS.
 * Returns false with a line in WHY; *UNKNOWN_NAME tells whether it was a name
 * that has no address, and not the words that are wrong.
 */
bool filter_make(struct buffer *out, const char *const *words,
    bool *unknown_name, char *why, size_t why_size);

#endif
